"""Files of 16 bits per channel, for the one benchmark that is scored on them. Needs the extra ``evaluate``.

C channels, H and W height and width in pixels.
"""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.image.picture import FilePath
from pixmend.image.read import PIXEL_LIMIT, read_image

_PNG, _TIFF = b"\x89PNG\r\n\x1a\n", (b"II*\0", b"MM\0*")


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
    if not Path(name).is_file() or not _may_be_deep(Path(name)):
        return None
    try:
        import cv2
    except ImportError as error:
        raise PixmendError(
            f'{name}: reading 16 bits per channel needs OpenCV: pip install "pixmend[evaluate]"'
        ) from error
    # Not imread: it knows no path with letters outside the system's own alphabet on Windows.
    values = cv2.imdecode(np.fromfile(name, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)
    if values is None:
        raise PixmendError(f"{name}: damaged or cut short, nothing was decoded")
    if values.dtype != np.uint16:
        return None
    colours = values[None] if values.ndim == 2 else values[..., ::-1].transpose(2, 0, 1)
    return torch.from_numpy(colours.astype(np.int32))


def _may_be_deep(path: Path) -> bool:
    """Whether the header says 16 bits, and a size within the limit."""
    with path.open("rb") as file:
        head = file.read(25)
    if head[:8] == _PNG and len(head) == 25:
        width, height = int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
        return head[24] == 16 and width * height <= PIXEL_LIMIT
    if head[:4] not in _TIFF:
        return False
    try:
        with Image.open(path) as image:
            bits = getattr(image, "tag_v2", {}).get(258, (8,))
            return max(bits) == 16 and image.size[0] * image.size[1] <= PIXEL_LIMIT
    except Exception:  # whatever a broken header makes the decoder raise
        return False
