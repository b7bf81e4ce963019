"""Files to tensors and back: the only room that knows pixels, colour modes and file formats."""

from pixmend.image.alpha import bled
from pixmend.image.deep import read_deep, read_upper
from pixmend.image.header import shape_of, suffix_of
from pixmend.image.options import WRITABLE, WriteOptions, fitting_suffix
from pixmend.image.picture import Depth, Picture
from pixmend.image.provenance import provenance_in, read_provenance
from pixmend.image.read import PIXEL_LIMIT, READABLE, SUFFIXES, read_image, read_picture
from pixmend.image.write import check_output, write_image, write_picture

__all__ = [
    "PIXEL_LIMIT",
    "READABLE",
    "SUFFIXES",
    "WRITABLE",
    "Depth",
    "Picture",
    "WriteOptions",
    "bled",
    "check_output",
    "fitting_suffix",
    "provenance_in",
    "read_deep",
    "read_image",
    "read_picture",
    "read_provenance",
    "read_upper",
    "shape_of",
    "suffix_of",
    "write_image",
    "write_picture",
]
