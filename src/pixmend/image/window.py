"""Part of a picture, decoded without what lies below it: training looks at one small square of each.

H and W are height and width in pixels.
"""

import io
import zlib
from collections.abc import Callable
from typing import BinaryIO

import torch
from PIL import ImageOps
from PIL.ImageFile import ImageFile
from torch import Tensor

from pixmend.image.deep import deep_levels, deep_size
from pixmend.image.read import _check_header, _check_pages, _decoding, _open_header, _to_tensors

Box = tuple[int, int, int, int]
"""Top, left, height, width."""

_ORIENTATION = 0x0112
_TURNING = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
"""What a PNG that is to be shown turned contains somewhere."""


def stored_size(file: BinaryIO, name: str) -> tuple[int, int]:
    """(H, W) from the header, as stored: turning by EXIF may swap them. Nothing is decoded.

    Raises:
        PixmendError: as ``read_picture`` for what a header tells; ``name`` is the file's in the message.
    """
    with _decoding(name):
        if size := deep_size(file):
            return size
        file.seek(0)
        image = _open_header(file, name)
        _check_header(image, name)
        _check_pages(image, name)
        return image.size[1], image.size[0]


def read_window(content: bytes, name: str, choose: Callable[[int, int], Box]) -> Tensor:
    """The box (3, height, width), uint8, that ``choose(H, W)`` names of the upright picture in these bytes.

    The values are those of ``read_image``, as 8 bits and with grey in three channels. Of a JPEG or PNG the rows below
    the box are not decoded, so damage there goes unnoticed, unless the file is cut short. A PNG or TIFF of 16 bits is
    decoded whole, and what comes is uint16.

    Raises:
        PixmendError: as ``read_picture``, but for 16 bits, which need OpenCV.
    """
    if deep_size(io.BytesIO(content)) and (levels := deep_levels(content, name)) is not None:
        top, left, height, width = choose(levels.shape[1], levels.shape[2])
        box = levels[:, top : top + height, left : left + width]
        return box.expand(3, -1, -1).to(torch.uint16)
    with _decoding(name):
        image = _opened(content, name)
        if _may_turn(image, content):
            image.load()
            upright = ImageOps.exif_transpose(image)
            top, left, height, width = choose(upright.height, upright.width)
        else:
            top, left, height, width = choose(image.height, image.width)
            shorter = _shortened(image, content, top + height)
            upright = _opened(shorter, name) if shorter else image
            upright.load()
        pixels, _ = _to_tensors(upright.crop((left, top, left + width, top + height)), name)
        return (pixels.expand(3, -1, -1) * 255).round_().to(torch.uint8)


def _opened(content: bytes, name: str) -> ImageFile:
    image = _open_header(io.BytesIO(content), name)
    _check_header(image, name)
    _check_pages(image, name)
    return image


def _may_turn(image: ImageFile, content: bytes) -> bool:
    if image.format == "PNG":  # whose EXIF may follow the pixels: asking Pillow for it decodes them all
        return any(mark in content for mark in _TURNING)
    return image.getexif().get(_ORIENTATION, 1) != 1


def _shortened(image: ImageFile, content: bytes, bottom: int) -> bytes | None:
    """The file with a height in its header that ends soon after row ``bottom``; None where that saves nothing.

    Both formats store rows from the top, and their decoders stop at the height. The end of the file is looked for
    first: one that was cut short is to fail whatever part of it is asked for.
    """
    if image.format == "JPEG" and b"\xff\xd9" in content[-65536:]:
        return _shorter_jpeg(content, image.height, bottom)
    if image.format == "PNG" and b"IEND" in content[-64:]:
        return _shorter_png(content, image.height, bottom)
    return None


def _shorter_jpeg(content: bytes, height: int, bottom: int) -> bytes | None:
    """Cut a whole block below ``bottom``: colour at half resolution is interpolated from the block's first row."""
    at = 2
    while content[at] == 0xFF and at + 4 < len(content):
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4])
        if marker == 0xFF:  # a byte of padding
            at += 1
        elif marker in (0xC0, 0xC1, 0xC2):  # the frame of a Huffman-coded picture, progressive or not
            block = 8 * max(content[at + 11 + 3 * part] & 15 for part in range(content[at + 9]))
            rows = (-(-bottom // block) + 1) * block
            stored = int.from_bytes(content[at + 5 : at + 7])
            if rows >= height or stored != height:
                return None
            return b"".join((content[: at + 5], rows.to_bytes(2), content[at + 7 :]))
        elif (0xC3 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker in (0xD9, 0xDA):
            return None
        else:
            at += 2 + length
    return None


def _shorter_png(content: bytes, height: int, bottom: int) -> bytes | None:
    interlaced = content[28]
    if interlaced or bottom >= height:
        return None
    header = b"".join((content[12:20], bottom.to_bytes(4), content[24:29]))
    return b"".join((content[:12], header, zlib.crc32(header).to_bytes(4), content[33:]))
