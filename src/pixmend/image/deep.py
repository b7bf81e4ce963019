"""Files of 16 bits per channel, for the one data set that is trained and scored on them. Needs OpenCV.

C channels, H and W height and width in pixels.
"""

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.image.picture import FilePath
from pixmend.image.read import PIXEL_LIMIT, read_image

_PNG, _TIFF = b"\x89PNG\r\n\x1a\n", (b"II*\0", b"MM\0*")
_BITS, _PHOTOMETRIC, _INK = 258, 262, 5
"""Of TIFF: two tags, and the value of the second that means CMYK."""


def read_deep(path: FilePath) -> Tensor:
    """The colours of a file at its full depth: (3, H, W), or (1, H, W) if grey, float32 in [0, 1].

    A PNG or TIFF of 16 bits is its values over 65535; a file of 8 bits is what ``read_image`` makes of it.

    Raises:
        PixmendError: as ``read_image``, but for the depth; OpenCV is not installed and the file has 16 bits.
    """
    levels = _sixteen_bits(path)
    return read_image(path) if levels is None else levels.double().div_(65535).float()


def read_upper(path: FilePath) -> Tensor:
    """As ``read_deep``, but of 16 bits only the upper eight: value // 256, over 255.

    That is what ``cv2.imread(path)`` makes of a PNG of 16 bits, and so what scripts without
    ``IMREAD_UNCHANGED`` are scored on. A quarter of all values is one level off rounding, down in the shadows and up
    in the lights. (Colours of a TIFF OpenCV rounds.)

    Raises:
        PixmendError: as ``read_deep``.
    """
    levels = _sixteen_bits(path)
    return read_image(path) if levels is None else (levels >> 8).float().div_(255)


def _sixteen_bits(path: FilePath) -> Tensor | None:
    """The values of a file of 16 bits, (C, H, W) int32; None for any other, of which ``read_image`` says what it is."""
    name = os.fspath(path)
    if not Path(name).is_file():
        return None
    with Path(name).open("rb") as file:
        if deep_size(file) is None:
            return None
        file.seek(0)
        return deep_levels(file.read(), name)


def deep_levels(content: bytes, name: str) -> Tensor | None:
    """The values, (C, H, W) int32, of the file in these bytes, whose header says 16 bits; None if it has not so many.

    Raises:
        PixmendError: damaged, or OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise PixmendError(
            f'{name}: reading 16 bits per channel needs OpenCV: pip install "pixmend[evaluate]"'
        ) from error
    # Not imread: it knows no path with letters outside the system's own alphabet on Windows.
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)
    if values is None:
        raise PixmendError(f"{name}: damaged or cut short, nothing was decoded")
    if values.dtype != np.uint16:
        return None
    colours = values[None] if values.ndim == 2 else values[..., ::-1].transpose(2, 0, 1)
    return torch.from_numpy(colours.astype(np.int32))


def deep_size(file: BinaryIO) -> tuple[int, int] | None:
    """(H, W) by the header of a PNG or TIFF of 16 bits; None of anything else, and of one past the limit."""
    head = file.read(25)
    if head[:8] == _PNG and len(head) == 25:
        deep, width, height = head[24] == 16, int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    elif head[:4] in _TIFF:
        deep, width, height = _tiff(file)
    else:
        return None
    return (height, width) if deep and 0 < width * height <= PIXEL_LIMIT else None


def _tiff(file: BinaryIO) -> tuple[bool, int, int]:
    """Whether all channels have 16 bits and are of light, not ink; width, height."""
    try:
        file.seek(0)
        image = Image.open(file)
        tags = getattr(image, "tag_v2", {})
        deep = set(tags.get(_BITS, (8,))) == {16} and tags.get(_PHOTOMETRIC) != _INK
        return deep and getattr(image, "n_frames", 1) == 1, *image.size
    except Exception:  # whatever a broken header makes the decoder raise
        return False, 0, 0
