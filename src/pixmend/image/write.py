"""Tensors to files: at the depth of the picture, checked before the work, complete or not there at all.

C channels, H and W height and width in pixels.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.files import beside, not_writable, replace
from pixmend.image.encode import encoded
from pixmend.image.metadata import lasting_xmp, resized_exif, resized_xmp
from pixmend.image.options import AS_IS, FORMATS, WriteOptions, check_fits, fitting_format
from pixmend.image.picture import Depth, FilePath, Picture
from pixmend.image.provenance import with_provenance

_DTYPES = {8: np.uint8, 16: np.uint16, 32: np.float32}


def write_image(path: FilePath, image: Tensor) -> None:
    """Write (1, H, W) or (3, H, W) floats, clamped to [0, 1], to a file whose name says the format, with 8 bits.

    Raises:
        PixmendError: as ``write_picture``.
    """
    shape = tuple(image.shape)
    if len(shape) != 3 or shape[0] not in (1, 3) or 0 in shape:
        raise PixmendError(f"{os.fspath(path)}: expected a picture (1 or 3, H, W), got shape {shape}")
    write_picture(path, Picture(pixels=image))


def write_picture(
    path: FilePath,
    picture: Picture,
    *,
    options: WriteOptions = AS_IS,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write a picture to a file whose name says the format, replacing what was there in one step.

    Values are clamped to [0, 1] and rounded, halves up; with ``ranges`` they go back to what they were in the file
    that was read. JPEG is quality 95 without chroma subsampling, TIFF is deflated. What the format cannot hold of
    profile, EXIF and XMP is left out with a warning. ``provenance``, how the picture was made, is for
    ``read_provenance``; BMP and PPM cannot hold it.

    Raises:
        PixmendError: as ``check_output``; not (C, H, W), or transparency of another size; a value that is not
            finite; the encoder or the disk refuses.
    """
    name = os.fspath(path)
    shape = tuple(picture.pixels.shape)
    if len(shape) != 3 or 0 in shape:
        raise PixmendError(f"{name}: expected a picture (C, H, W), got shape {shape}")
    if picture.alpha is not None and picture.alpha.shape != (1, *shape[1:]):
        got = tuple(picture.alpha.shape)
        raise PixmendError(f"{name}: expected transparency of (1, {shape[1]}, {shape[2]}), got shape {got}")
    if picture.ranges is not None and len(picture.ranges) != shape[0]:
        raise PixmendError(f"{name}: expected a range for each of {shape[0]} channels, got {len(picture.ranges)}")
    depth = options.depth or picture.depth
    found = check_output(
        path,
        size=(shape[1], shape[2]),
        alpha=picture.alpha is not None,
        channels=shape[0],
        depth=picture.depth,
        options=options,
    )
    made = provenance if FORMATS[found].metadata else None
    ready = _ready(picture, depth=depth, options=options, provenance=made)
    replace(Path(path), encoded(ready, name, file_format=found, options=options, bands=_Bands(ready, name)))


def check_output(
    path: FilePath,
    *,
    size: tuple[int, int],
    alpha: bool,
    channels: int = 3,
    depth: Depth = 8,
    options: WriteOptions = AS_IS,
) -> str:
    """The format a picture of this (height, width) would be written in here; to be asked before the work.

    Raises:
        PixmendError: the name's ending is no known format or not the one asked for, the format cannot hold this
            size, transparency, number of channels or depth, an option has no effect there, or the folder is missing
            or cannot be written to.
    """
    target = Path(path)
    found = fitting_format(str(target), target.suffix, options)
    deep = options.depth or depth
    check_fits(str(target), found, size=size, alpha=alpha, channels=channels, depth=deep)
    if target.suffix.lower() in (".ppm", ".pgm") and (target.suffix.lower() == ".pgm") != (channels == 1):
        raise PixmendError(f"{target}: .pgm is grey and .ppm in colour, the picture is the other: use .pnm for either")
    if target.is_dir():
        raise PixmendError(f"{target}: is a folder, expected the name of a file to write")
    if not target.parent.is_dir():
        raise PixmendError(f"{target}: {target.parent} is not an existing folder: create it first")
    _check_writable(target)
    return found


def _ready(picture: Picture, *, depth: Depth, options: WriteOptions, provenance: Mapping[str, Any] | None) -> Picture:
    """The picture with what its file will hold: the size in EXIF and XMP, nothing that is to be stripped."""
    height, width = picture.pixels.shape[1:]
    exif = None if options.strip else picture.exif
    xmp = None if options.strip else lasting_xmp(picture.xmp)
    exif = resized_exif(exif, width=width, height=height, dpi=picture.dpi) if exif else None
    xmp = resized_xmp(xmp, width=width, height=height) if xmp else None
    if provenance is not None:
        xmp = with_provenance(xmp, provenance)
    ranges, place = picture.ranges, picture.place
    if depth != picture.depth:
        ranges, place = None, place and place.without_values()
    return changed(picture, exif=exif, xmp=xmp, depth=depth, ranges=ranges, place=place)


class _Bands:
    """The rows of a picture as they are stored, some at a time, so that writing needs no second copy in floats."""

    def __init__(self, picture: Picture, name: str) -> None:
        self._picture = picture
        self._name = name

    def __call__(self, rows: int) -> Iterator[NDArray[Any]]:
        """So many rows at a time, (h, W, C) with transparency last."""
        picture = self._picture
        planes = [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha]
        for top in range(0, picture.pixels.shape[1], rows):
            band = torch.cat([plane[:, top : top + rows].detach().float().cpu() for plane in planes])
            if not band.isfinite().all():
                raise PixmendError(f"{self._name}: not written: the picture holds values that are not finite")
            yield _stored(band.clamp(0, 1), picture.depth, picture.ranges).transpose(1, 2, 0)


def _stored(band: Tensor, depth: Depth, ranges: tuple[tuple[float, float], ...] | None) -> NDArray[Any]:
    highest = 1 if depth == 32 else 2**depth - 1
    if ranges is None:
        values = band.mul_(highest) if depth != 32 else band
    else:
        colours = len(ranges)
        lows, spans = (torch.tensor(column)[:, None, None] for column in zip(*_spans(ranges), strict=True))
        values = torch.cat([band[:colours] * spans + lows, band[colours:] * highest])
    return (values if depth == 32 else values.add_(0.5).floor_()).numpy().astype(_DTYPES[depth])


def _spans(ranges: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    return [(low, high - low) for low, high in ranges]


def _check_writable(target: Path) -> None:
    """Try it: permissions alone say nothing of read-only disks and quotas, nor to the superuser."""
    probe = beside(target)
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise not_writable(target, error) from error
