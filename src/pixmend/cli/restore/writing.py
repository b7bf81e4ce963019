"""How ``pixmend restore`` stores results: the format, and the name where none is given."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixmend.image import Picture, WriteOptions
    from pixmend.infer.part import Box


def write_options(
    format: str | None, *, quality: int | None, lossless: bool, depth: int | None, strip: bool
) -> "WriteOptions":
    """What was asked for.

    Raises:
        PixmendError: no such format, or as ``WriteOptions``.
    """
    from pixmend.errors import PixmendError
    from pixmend.image import WRITABLE, WriteOptions

    if depth not in (None, 8, 16, 32):
        raise PixmendError(f"--depth: expected 8, 16 or 32 bits per channel, got {depth}")
    found = None if format is None else WRITABLE.get(f".{format.lower().removeprefix('.')}")
    if format is not None and found is None:
        raise PixmendError(f"--format {format}: expected one of {', '.join(end[1:] for end in WRITABLE)}")
    return WriteOptions(format=found, quality=quality, lossless=lossless, depth=depth, strip=strip)


def default_name(picture: Path, words: list[str], before: "Picture", options: "WriteOptions") -> Path:
    """``photo_derained_dn25_x2.jpg`` beside ``photo.jpg``; PNG or TIFF where its format cannot hold the result.

    The picture is known to be a file, and the tasks to be tasks: a folder has no name to begin with.
    """
    from pixmend.image import WRITABLE, fitting_suffix

    if options.format is not None:  # refused later if it cannot hold the result: what was asked for is not changed
        suffix = next(end for end, name in WRITABLE.items() if name == options.format)
    else:
        depth = options.depth or before.depth
        alpha, channels = before.alpha is not None, len(before.pixels)
        suffix = fitting_suffix(picture.suffix, alpha=alpha, channels=channels, depth=depth)
    return picture.with_name("_".join([picture.stem, *words]) + suffix)


def crop(text: str | None) -> "Box | None":
    """What ``--crop`` means; whether the picture is as large is for later.

    Raises:
        PixmendError: it is not four numbers, or a part without pixels.
    """
    from pixmend.errors import PixmendError
    from pixmend.infer.part import Box

    if text is None:
        return None
    numbers = [part.strip() for part in text.split(",")]
    if not all(number.isdecimal() and len(number) < 10 for number in numbers) or len(numbers) != 4:
        raise PixmendError(f"--crop: expected left, top, width and height such as 200,100,128,128, got {text[:40]!r}")
    left, top, width, height = map(int, numbers)
    return Box(left=left, top=top, width=width, height=height)
