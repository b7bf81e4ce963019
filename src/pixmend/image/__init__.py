"""Files to tensors and back: the only room that knows pixels, colour modes and file formats."""

from pixmend.image.deep import read_deep, read_upper
from pixmend.image.header import shape_of
from pixmend.image.picture import Picture
from pixmend.image.read import PIXEL_LIMIT, READABLE, SUFFIXES, read_image, read_picture
from pixmend.image.write import WRITABLE, check_output, write_image, write_picture

__all__ = [
    "PIXEL_LIMIT",
    "READABLE",
    "SUFFIXES",
    "WRITABLE",
    "Picture",
    "check_output",
    "read_deep",
    "read_image",
    "read_picture",
    "read_upper",
    "shape_of",
    "write_image",
    "write_picture",
]
