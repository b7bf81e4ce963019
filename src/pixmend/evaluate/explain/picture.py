"""An explanation as a picture: each way to score a dot on one axis, the protocol's and the expected one lines."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from pixmend.evaluate.explain.explanation import Explanation, Number

_WIDTH, _MARGIN, _NAMES, _VALUES = 1200, 30, 560, 80
_ROW, _TOP = 20, 118
_INK, _FAINT, _GRID, _PAPER = "#1c2430", "#667085", "#e4e7ec", "#ffffff"
_OWN, _OTHER, _MENDED, _EXPECTED = "#2f6fde", "#98a2b3", "#12873d", "#c4320a"
_STEPS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    name: str
    psnr: float
    colour: str


def draw(explanation: Explanation) -> Image.Image:
    """PSNR by every choice from the highest down, and with the mistakes undone, 1200 pixels wide.

    The axis shows only the range the values are in; lengths from its left end mean nothing.
    """
    rows = _rows(explanation)
    answer = next((one for one in explanation.answers if one.measure == "PSNR"), None)
    expected = answer.expected if answer else None
    notes = _wrapped(explanation.verdict)
    bottom = _TOP + _ROW * len(rows)
    image = Image.new("RGB", (_WIDTH, bottom + 64 + 20 * len(notes)), _PAPER)
    pen = ImageDraw.Draw(image)
    title = f"{explanation.restored} against {explanation.true}"
    pen.text((_MARGIN, 22), _shortened(title, _WIDTH - 2 * _MARGIN, 20), _INK, _font(20))
    _legend(pen, explanation, expected)
    low, high, step = _axis([row.psnr for row in rows] + ([] if expected is None else [expected]))
    for index in range(round((high - low) / step) + 1):
        x = _x(low + index * step, (low, high))
        pen.line((x, _TOP - 6, x, bottom), _GRID)
        pen.text((x, bottom + 6), f"{low + index * step:g}", _FAINT, _font(13), anchor="ma")
    for value, colour in ((explanation.psnr, _OWN), (expected, _EXPECTED)):
        if value is not None and math.isfinite(value):
            x = _x(value, (low, high))
            pen.line((x, _TOP - 6, x, bottom), colour, 2 if colour == _EXPECTED else 1)
    for index, row in enumerate(rows):
        _draw_row(pen, row, _TOP + index * _ROW + _ROW // 2, (low, high))
    for index, line in enumerate(notes):
        pen.text((_MARGIN, bottom + 44 + 20 * index), line, _FAINT, _font(13))
    return image


def _rows(explanation: Explanation) -> list[_Row]:
    own, *others = explanation.numbers
    found = [_Row(name=explanation.protocol, psnr=own.psnr, colour=_OWN)]
    found += [_Row(name=", ".join(one.differences), psnr=one.psnr, colour=_OTHER) for one in others]
    mended: Sequence[Number] = [one for one in explanation.undone if one.choice == own.choice]
    found += [
        _Row(name=f"{explanation.protocol}, {', '.join(one.differences)}", psnr=one.psnr, colour=_MENDED)
        for one in mended
    ]
    found += [_Row(name=", ".join(one.differences), psnr=one.psnr, colour=_MENDED) for one in explanation.spoiled]
    return sorted(found, key=lambda row: -row.psnr)


def _legend(pen: ImageDraw.ImageDraw, explanation: Explanation, expected: float | None) -> None:
    left = float(_MARGIN)
    entries = [(_OWN, f"{explanation.protocol}: {explanation.psnr:.2f} dB"), (_OTHER, "scored otherwise")]
    if explanation.undone or explanation.spoiled:
        entries.append((_MENDED, "a mistake undone or made"))
    if expected is not None:
        entries.append((_EXPECTED, f"expected: {expected:g} dB"))
    for colour, text in entries:
        pen.ellipse((left, 70, left + 10, 80), colour)
        pen.text((left + 17, 67), text, _FAINT, _font(13))
        left += 45 + _font(13).getlength(text)
    pen.text((_WIDTH - _MARGIN, 67), "PSNR in dB", _FAINT, _font(13), anchor="ra")


def _draw_row(pen: ImageDraw.ImageDraw, row: _Row, middle: int, axis: tuple[float, float]) -> None:
    x = _x(row.psnr, axis)
    ink = _INK if row.colour == _OTHER else row.colour
    pen.text((_MARGIN + _NAMES - 14, middle), _shortened(row.name, _NAMES - 20, 12), ink, _font(12), anchor="rm")
    pen.ellipse((x - 4, middle - 4, x + 4, middle + 4), row.colour)
    pen.text((_WIDTH - _MARGIN, middle), f"{row.psnr:.3f}", ink, _font(12), anchor="rm")


def _axis(values: list[float]) -> tuple[float, float, float]:
    """Start, end and step of the axis: at most ten whole steps around the finite values."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    span = max(max(finite) - min(finite), 0.1)
    step = next((step for step in _STEPS if span / step <= 8), _STEPS[-1])
    low = math.floor(min(finite) / step) * step
    return low, max(math.ceil(max(finite) / step) * step, low + step), step


def _x(value: float, axis: tuple[float, float]) -> float:
    """Where a value stands; an infinite one at the end of the axis."""
    low, high = axis
    left, right = _MARGIN + _NAMES, _WIDTH - _MARGIN - _VALUES
    return left + (right - left) * (min(max(value, low), high) - low) / (high - low)


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow's wheels draw text with FreeType"
    return font


def _shortened(text: str, width: int, size: int) -> str:
    while _font(size).getlength(text) > width:
        text = text.removesuffix("...")[:-1] + "..."
    return text


def _wrapped(text: str) -> list[str]:
    """Lines that fit between the margins."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if _font(13).getlength(longer) <= _WIDTH - 2 * _MARGIN:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
