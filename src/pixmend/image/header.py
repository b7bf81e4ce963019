"""What the header of a picture file tells: its size and its kind, nothing decoded."""

import os

from PIL import Image

from pixmend.errors import PixmendError
from pixmend.image.options import WRITABLE
from pixmend.image.picture import FilePath

_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")


def shape_of(path: FilePath) -> tuple[int, int, int]:
    """(channels, height, width) as stored, before any turning EXIF asks for; channels are 1 or 3.

    Raises:
        PixmendError: no such file, or not a picture.
    """
    try:
        with Image.open(os.fspath(path)) as image:
            width, height = image.size
            return (1 if image.mode in _GREY else 3), height, width
    except Exception as error:  # a damaged file can raise nearly anything from inside a decoder
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PixmendError(f"{os.fspath(path)}: the header cannot be read ({reason})") from error


def suffix_of(path: FilePath) -> str:
    """What a file of this content is called in the end, ``.jpg``; ``.png`` of one that Pillow does not know."""
    try:
        with Image.open(os.fspath(path)) as image:
            found = image.format
    except Exception:  # as above; reading it as a whole will tell what is wrong
        return ".png"
    return next((suffix for suffix, name in WRITABLE.items() if name == found), ".png")
