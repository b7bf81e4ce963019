"""Files to tensors: 8-bit RGB and grey with transparency, upright. Everything else is refused with one line.

H and W are height and width in pixels.
"""

import io
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFile, ImageOps
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.image.picture import FilePath, Picture, lasting_exif

PIXEL_LIMIT = 500_000_000
"""A header that promises more pixels than this is refused before anything is decoded."""

READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif")
"""What the names of picture files in a folder end in; the format of a file is read from its content."""

_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr")
_TIFF_BITS = 258

logger = logging.getLogger(__name__)


def read_image(path: FilePath) -> Tensor:
    """The colours of a file: (3, H, W), or (1, H, W) if grey, float32 in [0, 1]; transparency is left out.

    Raises:
        PixmendError: as ``read_picture``.
    """
    return read_picture(path).pixels


def read_picture(path: FilePath) -> Picture:
    """Read a whole picture, upright, with transparency, colour profile and EXIF.

    Raises:
        PixmendError: no such file, a folder, empty, not a picture, damaged or cut short, animated, CMYK or
            another unusual colour mode, more than 8 bits per channel, or larger than ``PIXEL_LIMIT``.
    """
    name = os.fspath(path)
    _check_is_file(Path(name))
    with _decoding(name), Path(name).open("rb") as file:
        image = _open_header(file, name)
        _check_header(image, name)
        image.load()
        pixels, alpha = _to_tensors(ImageOps.exif_transpose(image))
        icc = image.info.get("icc_profile")
        file_format = "JPEG" if image.format == "MPO" else image.format
        return Picture(pixels=pixels, alpha=alpha, icc=icc, exif=_exif(image, name), format=file_format)


def _check_is_file(path: Path) -> None:
    if path.is_dir():
        raise PixmendError(f"{path}: is a folder, expected one picture file")
    if not path.exists():
        raise PixmendError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise PixmendError(f"{path}: the file is empty (0 bytes)")


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Turn whatever a broken file makes the decoders raise into one line that names the file."""
    try:
        yield
    except (PixmendError, MemoryError):
        raise
    except PermissionError as error:
        raise PixmendError(f"{name}: cannot be read: {error.strerror}") from error
    except Image.DecompressionBombError as error:  # some decoders ask for Pillow's own, smaller limit again
        raise PixmendError(f"{name}: too large for the decoder of its format: convert it to PNG first") from error
    except Exception as error:  # a damaged file can raise nearly anything from inside a decoder
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PixmendError(f"{name}: damaged or cut short, nothing was decoded ({reason})") from error


def _open_header(file: io.BufferedReader, name: str) -> ImageFile.ImageFile:
    """The picture with its header read and nothing decoded.

    ``Image.open`` would do, but for its limit of 179 megapixels, which moves only for the whole process.
    Pillow must not learn the file's name: it would map the file and garble TIFF pictures stored turned.
    """
    Image.init()
    prefix = file.read(32)
    for readable in READABLE:
        factory, accept = Image.OPEN[readable]
        if accept is None or accept(prefix) is True:
            file.seek(0)
            image = factory(file, "")
            if image.format == "PNG" and prefix[24] > 8:
                raise _too_many_bits(name, prefix[24])  # Pillow drops the lower half of each value in silence
            return image
    raise PixmendError(f"{name}: not a picture that can be read: expected {', '.join(READABLE)}")


def _check_header(image: ImageFile.ImageFile, name: str) -> None:
    width, height = image.size
    if width * height > PIXEL_LIMIT:
        raise PixmendError(
            f"{name}: {width} x {height} is {width * height / 1e6:.0f} megapixels, the limit is "
            f"{PIXEL_LIMIT / 1e6:.0f}: cut or shrink it first"
        )
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # the further frames of a phone's MPO are previews and depth maps
        raise PixmendError(f"{name}: has {frames} frames or pages, expected one still picture: extract one first")
    bits = max(getattr(image, "tag_v2", {}).get(_TIFF_BITS, (1,)))
    if bits > 8 or image.mode.startswith(("I", "F")):
        raise _too_many_bits(name, max(bits, 16))
    if image.mode == "CMYK":
        raise PixmendError(f"{name}: is CMYK (print colours): convert it to RGB first")
    if image.mode not in _MODES:
        raise PixmendError(f"{name}: colour mode {image.mode} is not supported: convert it to RGB first")


def _too_many_bits(name: str, bits: int) -> PixmendError:
    return PixmendError(f"{name}: {bits} bits per channel not supported yet: convert it to 8 bits first")


def _to_tensors(image: Image.Image) -> tuple[Tensor, Tensor | None]:
    """Colours and transparency of a decoded picture."""
    grey = image.mode in ("1", "L", "LA", "La")
    transparent = image.has_transparency_data
    mode = ("LA" if transparent else "L") if grey else ("RGBA" if transparent else "RGB")
    values = np.array(image if image.mode == mode else image.convert(mode))
    planes = torch.from_numpy(values.reshape(*values.shape[:2], -1)).permute(2, 0, 1)
    floats = torch.empty(planes.shape).copy_(planes).div_(255)
    return (floats[:-1], floats[-1:]) if transparent else (floats, None)


def _exif(image: ImageFile.ImageFile, name: str) -> bytes | None:
    try:
        return lasting_exif(image.getexif())
    except Exception as error:  # cameras write odd values; the pixels are sound all the same
        logger.warning("%s: its EXIF is malformed and will not be carried over (%s)", name, error)
        return None
