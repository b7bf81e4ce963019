"""Files to tensors: colours or grey with transparency, upright. What would be cut is refused with one line.

H and W are height and width in pixels.
"""

import io
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import torch
from PIL import Image, ImageFile, ImageOps
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.image import cmyk, full, pnm, tiff
from pixmend.image.metadata import orientation_of, travelling
from pixmend.image.picture import FilePath, Picture
from pixmend.image.place import notes_of, place_of
from pixmend.image.png import colour_of

PIXEL_LIMIT = 500_000_000
"""A header that promises more pixels than this is refused before anything is decoded."""

READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "PPM")

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".ppm", ".pgm", ".pnm")
"""What the names of picture files in a folder end in; the format of a file is read from its content."""

_ENDINGS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pnm", ".pbm"),
    "BMP": (".bmp", ".dib"),
    "PNG": (".png", ".apng"),
}
_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr", "CMYK")
_TIFF_BITS = 258
_START = 65_536  # bytes in which an AVIF says its depth

logger = logging.getLogger(__name__)


def read_image(path: FilePath) -> Tensor:
    """The colours of a file: (3, H, W), or (1, H, W) if grey, float32 in [0, 1]; transparency is left out.

    Raises:
        PixmendError: as ``read_picture``, and more than 8 bits per channel.
    """
    return read_picture(path, deep=False).pixels


def read_picture(path: FilePath, *, deep: bool = True) -> Picture:
    """Read a whole picture, upright, at its full depth, with transparency, colour profile, EXIF, XMP and resolution.

    The values are those of the file in its own colour space; only print colours (CMYK) are converted, to sRGB. What
    would surprise stands in ``notes``. Without ``deep``, more than 8 bits per channel are refused and of a TIFF only
    grey or RGB is read: for what counts in 8 bits.

    Raises:
        PixmendError: no such file, a folder, empty, not a picture, damaged or cut short, animated, CMYK without a
            profile or another unusual colour mode, numbers other than 8 or 16 bits or 32-bit floats, values that are
            not finite, or larger than ``PIXEL_LIMIT``; TIFF or AVIF of a kind that needs a library that is missing.
    """
    name = os.fspath(path)
    _check_is_file(Path(name))
    with _decoding(name), Path(name).open("rb") as file:
        picture = _whole(file, name) if deep else _shallow(file, name)
    suffix = Path(name).suffix.lower()
    found = picture.format or ""
    if suffix in SUFFIXES and suffix not in _ENDINGS.get(found, (f".{found.lower()}",)):
        picture = replace(picture, notes=(f"is a {found} whatever its name says", *picture.notes))
    return picture


def _whole(file: BinaryIO, name: str) -> Picture:
    head = file.read(32)
    if head[:4] in tiff.HEADS:
        layout = tiff.read_layout(file, name)
        if layout.is_plain:
            picture = _shallow(file, name, pages_known=True)
            return replace(picture, place=place_of(layout), notes=(*picture.notes, *notes_of(layout)))
        _check_size(layout.size, name, channels=layout.samples)
        return full.read_tiff(file, layout, name)
    if known := pnm.header(head + file.read(4096)):
        _check_size(known[1:3], name)
        return full.read_pnm(_all(file))
    bits = _bits(file)
    if bits == 8:
        return _shallow(file, name)
    image = _open_header(file, name, deep=True)
    _check_size((image.height, image.width), name)
    _check_pages(image, name)
    if image.format == "PNG":
        return full.read_png(_all(file), name)
    return full.read_avif(_all(file), image, name, bits=bits)


def _shallow(file: BinaryIO, name: str, *, pages_known: bool = False) -> Picture:
    """What Pillow makes of it, in 8 bits."""
    image = _open_header(file, name)
    _check_header(image, name)
    if not pages_known:
        _check_pages(image, name)
    turn = orientation_of(image) if image.format == "TIFF" else None  # Pillow forgets it with the pixels turned
    image.load()
    turn = turn or orientation_of(image)
    pixels, alpha = _to_tensors(ImageOps.exif_transpose(image), name)
    picture = Picture(pixels=pixels, alpha=alpha, format=image.format, **travelling(image, name, orientation=turn))
    if image.mode == "CMYK":
        return replace(picture, icc=None, notes=(cmyk.NOTE,))
    if image.format == "PNG":
        return replace(picture, colour=colour_of(file))
    return replace(picture, format="JPEG") if image.format == "MPO" else picture


def _all(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


def _bits(file: BinaryIO) -> int:
    """Per channel, by the first bytes of a PNG, PPM or AVIF; 8 of another format. The file is left after 32 bytes."""
    file.seek(0)
    start = file.read(32)
    if start[:1] == b"P":
        start += file.read(4096)
    elif start[4:8] == b"ftyp":
        start += file.read(_START)
    file.seek(32)
    if start[:8] == b"\x89PNG\r\n\x1a\n" and len(start) > 24:
        return max(start[24], 8)
    if known := pnm.header(start):
        return 16 if known[3] > 255 else 8
    if start[4:8] == b"ftyp" and (at := start.find(b"av1C")) >= 0 and len(start) > at + 6:
        flags = start[at + 6]
        return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
    return 8


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


def _open_header(file: BinaryIO, name: str, *, deep: bool = False) -> ImageFile.ImageFile:
    """The picture with its header read and nothing decoded.

    ``Image.open`` would do, but for its limit of 179 megapixels, which moves only for the whole process.
    Pillow must not learn the file's name: it would map the file and garble TIFF pictures stored turned.
    """
    Image.init()
    bits = _bits(file)
    if bits > 16 or (bits > 8 and not deep):
        raise _too_many_bits(name, bits)  # Pillow drops the lower half of each value in silence
    file.seek(0)
    prefix = file.read(32)
    for readable in READABLE:
        factory, accept = Image.OPEN.get(readable, (None, None))
        if factory is not None and accept is not None and accept(prefix) is True:
            file.seek(0)
            image = factory(cast("io.BufferedReader", file), "")
            assert isinstance(image, ImageFile.ImageFile)
            return image
    raise PixmendError(f"{name}: not a picture that can be read: expected {', '.join(READABLE)}")


def _check_header(image: ImageFile.ImageFile, name: str) -> None:
    _check_size((image.height, image.width), name)
    bits = max(getattr(image, "tag_v2", {}).get(_TIFF_BITS, (1,)))
    if bits > 8 or image.mode.startswith(("I", "F")):
        raise _too_many_bits(name, max(bits, 16))
    if image.mode == "CMYK" and not image.info.get("icc_profile"):
        raise cmyk.without_profile(name)
    if image.mode not in _MODES:
        raise PixmendError(f"{name}: colour mode {image.mode} is not supported: convert it to RGB first")


def _check_pages(image: ImageFile.ImageFile, name: str) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # the further frames of a phone's MPO are previews and depth maps
        raise PixmendError(f"{name}: has {frames} frames or pages, expected one still picture: extract one first")


def _check_size(size: tuple[int, int], name: str, *, channels: int = 4) -> None:
    height, width = size
    if width < 1 or height < 1:
        raise PixmendError(f"{name}: {width} x {height} holds no pixels: damaged")
    if width * height * max(channels, 4) > 4 * PIXEL_LIMIT:
        deep = f" of {channels} channels" if channels > 4 else ""
        raise PixmendError(
            f"{name}: {width} x {height} is {width * height / 1e6:.0f} megapixels{deep}, the limit is "
            f"{PIXEL_LIMIT / 1e6:.0f}: cut or shrink it first"
        )


def _too_many_bits(name: str, bits: int) -> PixmendError:
    return PixmendError(f"{name}: {bits} bits per channel, expected 8 here: convert it to 8 bits first")


def _to_tensors(image: Image.Image, name: str) -> tuple[Tensor, Tensor | None]:
    """Colours and transparency of a decoded picture; ``name`` is the file's in the message."""
    if image.mode == "CMYK":
        image = cmyk.in_srgb(image, name)
    grey = image.mode in ("1", "L", "LA", "La")
    transparent = image.has_transparency_data
    mode = ("LA" if transparent else "L") if grey else ("RGBA" if transparent else "RGB")
    values = np.array(image if image.mode == mode else image.convert(mode))
    planes = torch.from_numpy(values.reshape(*values.shape[:2], -1)).permute(2, 0, 1)
    floats = torch.empty(planes.shape).copy_(planes).div_(255)
    return (floats[:-1], floats[-1:]) if transparent else (floats, None)
