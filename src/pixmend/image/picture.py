"""A picture in memory: pixels, transparency, and what travels with them from file to file."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from torch import Tensor

if TYPE_CHECKING:
    from pixmend.image.place import Place

FilePath = str | os.PathLike[str]

Depth = Literal[8, 16, 32]
"""Bits per channel of a file: 8 and 16 are whole numbers, 32 are floats."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture and what travels with it from file to file."""

    pixels: Tensor
    """(C, H, W) float32 in [0, 1]; C is 3 (RGB) or 1 (grey), or what a TIFF of several channels has."""
    alpha: Tensor | None = None
    """(1, H, W) float32 in [0, 1], 1 opaque; the colours are not multiplied by it."""
    icc: bytes | None = None
    """The colour profile, as found; the pixels are values of its space."""
    exif: bytes | None = None
    """Camera, date, place and rights; the orientation is already applied to the pixels."""
    format: str | None = None
    """Pillow's name of the file's format: ``JPEG``, ``PNG``, ..."""
    depth: Depth = 8
    """Of the file, and of the one to be written unless told otherwise."""
    ranges: tuple[tuple[float, float], ...] | None = None
    """What 0 and 1 stand for in each channel of the file; None for no light and full light."""
    xmp: bytes | None = None
    """Rights, labels and edits, as found but upright."""
    dpi: tuple[float, float] | None = None
    """Pixels per inch on paper, across and down."""
    colour: tuple[tuple[bytes, bytes], ...] = ()
    """What a PNG says of its colours beside or instead of a profile: names and contents of chunks, as found."""
    place: "Place | None" = None
    """Where on the map a GeoTIFF lies."""
    notes: tuple[str, ...] = ()
    """What the reader has to tell: a wrong ending of the name, print colours converted."""
