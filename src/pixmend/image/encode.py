"""The bytes of a picture file in each format that can be written.

C channels with transparency, H and W height and width in pixels.
"""

import io
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from pixmend.errors import PixmendError
from pixmend.image import png, pnm, strips
from pixmend.image.libvips import INSTALL, imported
from pixmend.image.metadata import exif_with_dpi
from pixmend.image.options import FORMATS, WriteOptions
from pixmend.image.picture import Picture
from pixmend.image.png import is_srgb

Bands = Callable[[int], Iterator[NDArray[Any]]]
"""The stored rows (h, W, C) of a picture from the top, so many at a time."""
_ROWS = 256
_XMP = b"XML:com.adobe.xmp"
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_INCH = 0.0254

logger = logging.getLogger(__name__)


def encoded(
    picture: Picture, name: str, *, file_format: str, options: WriteOptions, bands: Bands
) -> bytes | memoryview:
    """The bytes of the file, in memory: encoders lose the reason of a failed write to a real one (a full disk, say).

    Raises:
        PixmendError: the encoder refuses, or lossless AVIF without libvips.
    """
    if not FORMATS[file_format].metadata:
        picture = _bare(picture, name, file_format)
    warn_of_lost(picture, name, file_format)
    channels, height, width = picture.pixels.shape
    samples = channels + (picture.alpha is not None)
    if file_format == "TIFF":
        deflate = options.compression != "none"
        rows = strips.strip_rows(width=width, channels=samples, depth=picture.depth)
        return strips.written(bands(rows), picture, rows=rows, depth=picture.depth, deflate=deflate)
    if file_format == "PPM":
        return pnm.written(bands(_ROWS), size=(height, width), channels=channels, depth=picture.depth)
    if picture.depth == 16:
        return png.write_levels(bands(_ROWS), size=(height, width), chunks=_chunks(picture, name))
    image = _to_pillow(bands, size=(width, height), samples=samples)
    if file_format == "AVIF" and options.lossless:
        return _lossless_avif(image, picture, name)
    content = _by_pillow(image, picture, name, file_format=file_format, options=options)
    return png.with_chunks(content, picture.colour) if file_format == "PNG" and picture.colour else content


def warn_of_lost(picture: Picture, name: str, file_format: str) -> None:
    """Say what only one format holds, and this is another."""
    shown_otherwise = not is_srgb(picture.colour) and not (picture.icc and b"cICP" not in dict(picture.colour))
    if file_format != "PNG" and shown_otherwise:
        kinds = ", ".join(kind.decode() for kind, _ in picture.colour)
        logger.warning("%s: will be shown as sRGB, which its colours are not: only PNG holds its %s", name, kinds)
    if file_format != "TIFF" and picture.place is not None:
        logger.warning("%s: written without its place on the map, which only TIFF holds", name)


def _bare(picture: Picture, name: str, file_format: str) -> Picture:
    parts = {"colour profile": picture.icc, "EXIF": picture.exif, "XMP": picture.xmp}
    lost = [part for part, content in parts.items() if content]
    if lost:
        logger.warning("%s: written without its %s, which %s cannot hold", name, ", ".join(lost), file_format)
    return replace(picture, icc=None, exif=None, xmp=None)


def _to_pillow(bands: Bands, *, size: tuple[int, int], samples: int) -> Image.Image:
    mode = _MODES[samples]
    image, top = Image.new(mode, size), 0
    for band in bands(_ROWS):
        rows = np.ascontiguousarray(band)
        image.paste(Image.frombytes(mode, (size[0], len(rows)), rows.tobytes()), (0, top))
        top += len(rows)
    return image


def _by_pillow(
    image: Image.Image, picture: Picture, name: str, *, file_format: str, options: WriteOptions
) -> memoryview:
    file = io.BytesIO()
    settings = _settings(picture, name, file_format, options)
    try:
        image.save(file, format=file_format, **settings)
    except (ValueError, SyntaxError, OSError, OverflowError, KeyError) as error:
        for part, content in (("exif", picture.exif), ("xmp", picture.xmp)):
            if content and _too_long(part, content, file_format, error):
                told = part.upper()
                logger.warning("%s: written without its %s, which %s cannot hold (%s)", name, told, file_format, error)
                less = replace(picture, **{part: None})
                return _by_pillow(image, less, name, file_format=file_format, options=options)
        raise PixmendError(f"{name}: cannot be encoded as {file_format}: {error}") from error
    return file.getbuffer()


def _too_long(part: str, content: bytes, file_format: str, error: Exception) -> bool:
    """Whether this is what the encoder refused: JPEG tells, and holds 64 KB of each."""
    return file_format == "JPEG" and len(content) > 65_000 and part in str(error).lower()


def _settings(picture: Picture, name: str, file_format: str, options: WriteOptions) -> dict[str, Any]:
    """What Pillow is told besides the pixels."""
    settings: dict[str, Any] = {}
    if (quality := options.quality or FORMATS[file_format].quality) is not None:
        settings["quality"] = quality
    if file_format == "JPEG":
        settings["subsampling"] = 0
    if file_format == "AVIF":
        settings["subsampling"] = "4:4:4"
    if file_format == "WEBP":
        settings["exact"] = options.lossless
        settings["lossless"] = options.lossless
    exif = picture.exif
    if picture.dpi and file_format in ("WEBP", "AVIF"):
        exif = exif_with_dpi(exif, picture.dpi)
    elif picture.dpi:
        settings["dpi"] = picture.dpi
    if picture.icc:
        settings["icc_profile"] = picture.icc
    if exif:
        settings["exif"] = exif
    if picture.xmp and file_format == "PNG":
        if (text := _text(picture.xmp, name)) is not None:
            settings["pnginfo"] = PngImagePlugin.PngInfo()
            settings["pnginfo"].add_itxt(_XMP.decode(), text)
    elif picture.xmp:
        settings["xmp"] = picture.xmp
    return settings


def _text(xmp: bytes, name: str) -> str | None:
    try:
        return xmp.decode()
    except UnicodeDecodeError as error:
        logger.warning("%s: written without its XMP, which is no UTF-8 text (%s)", name, error)
        return None


def _chunks(picture: Picture, name: str) -> Iterator[tuple[bytes, bytes]]:
    """What Pillow writes into a PNG besides the pixels, for ours."""
    import zlib

    yield from picture.colour
    if picture.icc:
        yield b"iCCP", b"ICC Profile\0\0" + zlib.compress(picture.icc)
    if picture.dpi:
        across, down = (round(value / _INCH) for value in picture.dpi)
        yield b"pHYs", across.to_bytes(4) + down.to_bytes(4) + b"\1"
    if picture.xmp and _text(picture.xmp, name) is not None:
        yield b"iTXt", _XMP + b"\0\0\0\0\0" + picture.xmp
    if picture.exif:
        yield b"eXIf", picture.exif.removeprefix(b"Exif\0\0")


def _lossless_avif(image: Image.Image, picture: Picture, name: str) -> bytes:
    """By libvips, for Pillow always stores luma and chroma, which rounds colours."""
    vips = imported()
    if vips is None:
        raise PixmendError(f"{name}: lossless AVIF needs libvips: {INSTALL}")
    mode = "RGBA" if picture.alpha is not None else "RGB"
    values = np.array(image.convert(mode))
    height, width, samples = values.shape
    raw = vips.Image.new_from_memory(values.tobytes(), width, height, samples, "uchar").copy(interpretation="srgb")
    raw = raw.copy()
    exif = exif_with_dpi(picture.exif, picture.dpi) if picture.dpi else picture.exif
    for field, content in (("icc-profile-data", picture.icc), ("exif-data", exif), ("xmp-data", picture.xmp)):
        if content:
            raw.set_type(vips.GValue.blob_type, field, content)
    try:
        return raw.heifsave_buffer(compression="av1", lossless=True, keep="all")
    except vips.Error as error:
        reason = " ".join(str(error).split())
        raise PixmendError(f"{name}: cannot be encoded as AVIF: {reason}") from error
