"""Tensors to files: 8 bits per channel, checked before the work, complete or not there at all.

H and W are height and width in pixels.
"""

import io
import logging
import os
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.files import beside, not_writable, replace
from pixmend.image.picture import FilePath, Picture, resized_exif

WRITABLE = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
"""Output formats by the end of the file's name."""

_SIDE_LIMITS = {"JPEG": 65_535, "WEBP": 16_383}
_OPAQUE = ("JPEG", "BMP")
_BARE = ("BMP",)  # holds neither colour profile nor EXIF
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}
_ROWS = 256  # rows turned to bytes at a time, so that writing needs no second copy of the picture in floats

logger = logging.getLogger(__name__)


def write_image(path: FilePath, image: Tensor) -> None:
    """Write (1, H, W) or (3, H, W) floats, clamped to [0, 1], to a file whose name says the format.

    Raises:
        PixmendError: as ``write_picture``.
    """
    write_picture(path, Picture(pixels=image))


def write_picture(path: FilePath, picture: Picture) -> None:
    """Write a picture to a file whose name says the format, replacing what was there in one step.

    Values are clamped to [0, 1] and rounded to 8 bits, halves up. JPEG is quality 95 without chroma
    subsampling, TIFF uncompressed. EXIF that the format cannot hold (64 KB in JPEG) is left out with a warning.

    Raises:
        PixmendError: as ``check_output``; not (1 or 3, H, W), or transparency of another size; a value that is not
            finite; the encoder or the disk refuses.
    """
    shape = tuple(picture.pixels.shape)
    if len(shape) != 3 or shape[0] not in (1, 3) or 0 in shape:
        raise PixmendError(f"{os.fspath(path)}: expected a picture (1 or 3, H, W), got shape {shape}")
    if picture.alpha is not None and picture.alpha.shape != (1, *shape[1:]):
        got = tuple(picture.alpha.shape)
        raise PixmendError(f"{os.fspath(path)}: expected transparency of (1, {shape[1]}, {shape[2]}), got shape {got}")
    file_format = check_output(path, size=(shape[1], shape[2]), alpha=picture.alpha is not None)
    options = dict(_OPTIONS.get(file_format, {}))
    if picture.icc and file_format not in _BARE:
        options["icc_profile"] = picture.icc
    if picture.exif and file_format not in _BARE:
        options["exif"] = resized_exif(picture.exif, width=shape[2], height=shape[1])
    image = _to_pillow(picture, os.fspath(path))
    replace(Path(path), _encoded(image, os.fspath(path), file_format=file_format, options=options))


def check_output(path: FilePath, *, size: tuple[int, int], alpha: bool) -> str:
    """The format a picture of this (height, width) would be written in here; to be asked before the work.

    Raises:
        PixmendError: the name's ending is no known format, the format cannot hold this size or transparency,
            or the folder is missing or cannot be written to.
    """
    target = Path(path)
    file_format = WRITABLE.get(target.suffix.lower())
    if file_format is None:
        raise PixmendError(f"{target}: cannot tell the output format: end the name in {', '.join(WRITABLE)}")
    height, width = size
    limit = _SIDE_LIMITS.get(file_format)
    if limit is not None and max(size) > limit:
        raise PixmendError(
            f"{target}: {file_format} holds at most {limit} pixels a side, got {width} x {height}: use .png or .tif"
        )
    if alpha and file_format in _OPAQUE:
        raise PixmendError(f"{target}: {file_format} cannot store transparency: use .png, .webp or .tif")
    if target.is_dir():
        raise PixmendError(f"{target}: is a folder, expected the name of a file to write")
    if not target.parent.is_dir():
        raise PixmendError(f"{target}: {target.parent} is not an existing folder: create it first")
    _check_writable(target)
    return file_format


def _to_pillow(picture: Picture, name: str) -> Image.Image:
    planes = [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha]
    height, width = picture.pixels.shape[1:]
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[sum(plane.shape[0] for plane in planes)]
    image = Image.new(mode, (width, height))
    for top in range(0, height, _ROWS):
        rows = torch.cat([plane[:, top : top + _ROWS].detach().float().cpu() for plane in planes])
        if not rows.isfinite().all():
            raise PixmendError(f"{name}: not written: the picture holds values that are not finite")
        values = rows.clamp(0, 1).mul_(255).add_(0.5).floor_().to(torch.uint8).permute(1, 2, 0)
        strip = Image.frombytes(mode, (width, rows.shape[1]), values.contiguous().numpy().tobytes())
        image.paste(strip, (0, top))
    return image


def _encoded(image: Image.Image, name: str, *, file_format: str, options: dict[str, Any]) -> memoryview:
    """The bytes of the file, in memory: Pillow loses the reason of a failed write to a real one (a full disk, say)."""
    file = io.BytesIO()
    try:
        image.save(file, format=file_format, **options)
    except (ValueError, SyntaxError, OSError) as error:
        if "exif" not in options:
            raise PixmendError(f"{name}: cannot be encoded as {file_format}: {error}") from error
        logger.warning("%s: written without its EXIF, which %s cannot hold (%s)", name, file_format, error)
        bare = {key: value for key, value in options.items() if key != "exif"}
        return _encoded(image, name, file_format=file_format, options=bare)
    return file.getbuffer()


def _check_writable(target: Path) -> None:
    """Try it: permissions alone say nothing of read-only disks and quotas, nor to the superuser."""
    probe = beside(target)
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise not_writable(target, error) from error
