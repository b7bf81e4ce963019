"""TIFF files of any depth and number of channels, with all that can stand in their tags.

C channels with transparency, H and W height and width in pixels.
"""

import io
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pixmend.image.metadata import CAMERA, PLACE, RESOLUTION_UNIT, X_RESOLUTION, Y_RESOLUTION, as_stored
from pixmend.image.picture import Picture

_STRIP = 1 << 20
"""Bytes of a strip before compression; it is the least that a reader has to decode."""
_BIG = (1 << 32) - (1 << 24)
_HEAD, _BIG_HEAD = b"II*\0" + struct.pack("<L", 8), b"II+\0" + struct.pack("<HHQ", 8, 0, 16)
_LONG, _LONG8, _UNDEFINED, _BYTE = 4, 16, 7, 1
_OFFSETS, _LENGTHS = 273, 279


def strip_rows(*, width: int, channels: int, depth: int) -> int:
    """Rows of a strip."""
    return max(1, _STRIP * 8 // (width * channels * depth))


def written(
    strips: Iterable[NDArray[Any]], picture: Picture, *, rows: int, depth: int, deflate: bool
) -> bytes | memoryview:
    """A TIFF of these strips (rows, W, C), uint8, uint16 or float32; BigTIFF if it is longer than 4 GB.

    Deflated integers are differences to the left neighbour, which is what a predictor of 2 means.
    """
    packed = [_packed(strip, deflate=deflate) for strip in strips]
    lengths = [len(strip) for strip in packed]
    big = sum(lengths) > _BIG
    tags = ImageFileDirectory_v2(_BIG_HEAD if big else _HEAD)
    _describe(tags, picture, rows=rows, depth=depth, deflate=deflate)
    _remember(tags, picture)
    for tag, values in ((_OFFSETS, [0, *np.cumsum(lengths[:-1], dtype=np.int64).tolist()]), (_LENGTHS, lengths)):
        tags.tagtype[tag] = _LONG8 if big else _LONG
        tags[tag] = tuple(values)
    file = io.BytesIO()
    file.write(_BIG_HEAD if big else _HEAD)
    file.write(tags.tobytes(file.tell()))  # which moves the offsets behind itself
    for strip in packed:
        file.write(strip)
    return file.getbuffer()


def _packed(strip: NDArray[Any], *, deflate: bool) -> bytes:
    little = np.ascontiguousarray(strip, strip.dtype.newbyteorder("<"))
    if not deflate:
        return little.tobytes()
    if strip.dtype != np.float32:
        little = little.copy()
        little[:, 1:] -= little[:, :-1].copy()
    return zlib.compress(little.tobytes(), 6)


def _describe(tags: ImageFileDirectory_v2, picture: Picture, *, rows: int, depth: int, deflate: bool) -> None:
    """How the strips are to be understood."""
    channels, height, width = picture.pixels.shape
    samples = channels + (picture.alpha is not None)
    tags[256], tags[257], tags[277], tags[278] = width, height, samples, rows
    tags[258] = (depth,) * samples
    tags[259] = 8 if deflate else 1
    tags[262] = 2 if channels == 3 else 1
    tags[284] = 1
    if deflate and depth != 32:
        tags[317] = 2
    further = 0 if channels in (1, 3) else channels - 1
    if extra := (0,) * further + (2,) * (picture.alpha is not None):  # of no known meaning, and transparency
        tags[338] = extra
    tags[339] = (3 if depth == 32 else 1,) * samples


def _remember(tags: ImageFileDirectory_v2, picture: Picture) -> None:
    """What is not pixels."""
    if picture.exif:
        exif = Image.Exif()
        exif.load(picture.exif)
        for tag, value in exif.items():
            if tag not in (CAMERA, PLACE):
                tags[tag] = as_stored(value)
        for folder in (CAMERA, PLACE):
            if content := exif.get_ifd(folder):
                tags[folder] = {tag: as_stored(value) for tag, value in content.items()}
    if picture.place is not None:
        _, height, width = picture.pixels.shape
        for tag, kind, value in picture.place.fitted((height, width)).tags:
            tags.tagtype[tag] = kind
            tags[tag] = as_stored(value)
    if picture.dpi:
        tags[X_RESOLUTION], tags[Y_RESOLUTION], tags[RESOLUTION_UNIT] = *picture.dpi, 2
    for tag, kind, content in ((34675, _UNDEFINED, picture.icc), (700, _BYTE, picture.xmp)):
        if content:
            tags.tagtype[tag] = kind
            tags[tag] = content
