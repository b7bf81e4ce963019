"""What charts and sheets share: paper, ink, and text that fits."""

from PIL import ImageFont

WIDTH, MARGIN = 1000, 30
INK, FAINT, GRID, PAPER = "#1c2430", "#667085", "#e4e7ec", "#ffffff"


def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own."""
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont), "Pillow's wheels draw text with FreeType"
    return found


def fitted(text: str, size: int, room: float) -> str:
    """As much of the text as fits, in one line whatever a stranger's file is called."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    while len(text) > 4 and font(size).getlength(text) > room:
        text = text.removesuffix("...")[:-1] + "..."
    return text


def wrapped(text: str, room: float) -> list[str]:
    """Lines that fit."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font(13).getlength(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
