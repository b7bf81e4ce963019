"""PNG of 16 bits per channel, which Pillow reads with half of its bits and does not write.

C channels with transparency, H and W height and width in pixels.
"""

import io
import os
import struct
import zlib
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

Levels = NDArray[np.uint16]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = 33
"""Bytes of the signature and the first chunk."""
_HALVES = {2: ("RGB", "RGB;16B", "RGB;16L"), 6: ("RGBA", "RGBA;16B", "RGBA;16L")}
"""By colour type: the mode, and how its decoder is told which byte of each value to take."""
_DISGUISES = {0: 4, 4: 6}
"""Colour types by their twins of 8 bits, with twice the channels and so the same bytes in the same filters."""
_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_COLOUR = {b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}
"""Chunks about colours, but for the profile, and the bytes that each has."""
_SRGB_CODE, _SRGB_GAMMA, _NEAR = b"\x01\x0d", 45_455, 1000
_SRGB_CORNERS = (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
"""White, red, green and blue, x and y of each, and the gamma, in 100,000ths."""


def read_levels(content: bytes) -> tuple[Levels, ImageFile.ImageFile]:
    """All values (H, W, C) of a PNG of 16 bits, and Pillow's picture for what else is in the file.

    A transparent colour becomes a channel. Colours are decoded twice, once for the upper and once for the lower
    bytes: twice the time, no other library.
    """
    kind = content[25]
    if kind in _DISGUISES:
        image = _opened(_disguised(content, _DISGUISES[kind]))
        image.load()
        pairs = np.array(image)
        levels = _joined(pairs[..., 0::2], pairs[..., 1::2])
    else:
        mode, upper, lower = _HALVES[kind]
        image = _decoded(content, mode, upper)
        levels = _joined(np.array(image), np.array(_decoded(content, mode, lower)))
    clear = _opened(content).info.get("transparency")
    if clear is not None and kind in (0, 2):
        levels = np.concatenate([levels, _opaque(levels, clear)], axis=-1)
    return levels, image


def _joined(upper: NDArray[np.uint8], lower: NDArray[np.uint8]) -> Levels:
    levels = upper.astype(np.uint16)
    levels <<= 8
    levels |= lower
    return levels


def _opaque(levels: Levels, clear: int | tuple[int, ...]) -> Levels:
    """The channel that is 0 where the pixel has the colour that stands for transparent."""
    differs = (levels != np.asarray(clear, np.uint16)).any(axis=-1, keepdims=True)
    return np.where(differs, np.uint16(65535), np.uint16(0))


def _opened(content: bytes) -> ImageFile.ImageFile:
    factory, _ = Image.OPEN["PNG"]
    image = factory(io.BytesIO(content), "")
    assert isinstance(image, ImageFile.ImageFile)
    return image


def _decoded(content: bytes, mode: str, raw: str) -> ImageFile.ImageFile:
    image = _opened(content)
    image._mode = mode
    image.tile = [tile._replace(args=raw) for tile in image.tile]
    image.load()
    return image


def _disguised(content: bytes, kind: int) -> bytes:
    """The same file with 8 bits and another colour type in its header."""
    header = b"".join((content[12:24], bytes([8, kind]), content[26:29]))
    return b"".join((content[:12], header, zlib.crc32(header).to_bytes(4), content[33:]))


def colour_of(file: BinaryIO) -> tuple[tuple[bytes, bytes], ...]:
    """What stands before the pixels of a PNG about how values become light, name and content of each chunk."""
    file.seek(len(SIGNATURE))
    found: dict[bytes, bytes] = {}
    while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
        length, kind = int.from_bytes(head[:4]), head[4:]
        if _COLOUR.get(kind) == length and kind not in found:
            found[kind], length = file.read(length), 0
        file.seek(length + 4, os.SEEK_CUR)
    return tuple(found.items())


def is_srgb(colour: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether these chunks say what is taken for granted where there is none."""
    told = dict(colour)
    if code := told.get(b"cICP"):  # which goes before the others
        return code[:2] == _SRGB_CODE
    if b"sRGB" in told:
        return True
    gamma = int.from_bytes(told.get(b"gAMA", _SRGB_GAMMA.to_bytes(4)))
    corners = struct.unpack(">8I", told[b"cHRM"]) if b"cHRM" in told else _SRGB_CORNERS
    near = all(abs(a - b) <= _NEAR for a, b in zip(corners, _SRGB_CORNERS, strict=True))
    return near and abs(gamma - _SRGB_GAMMA) <= _NEAR


def write_levels(bands: Iterable[Levels], *, size: tuple[int, int], chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A PNG file of 16 bits of these rows (h, W, C) from the top, with chunks (name, content) before the pixels.

    ``size`` is (H, W). Each row gets the filter whose remainders are smallest, as the PNG specification advises.
    """
    file, packer, above = io.BytesIO(), zlib.compressobj(6, strategy=zlib.Z_FILTERED), None
    packed = []
    channels = 1
    for band in bands:
        channels = band.shape[2]
        rows = np.ascontiguousarray(band, ">u2").view(np.uint8).reshape(band.shape[0], -1)
        above = np.zeros_like(rows[:1]) if above is None else above
        packed.append(packer.compress(_filtered(rows, above, 2 * channels).tobytes()))
        above = rows[-1:].copy()
    packed.append(packer.flush())
    header = struct.pack(">IIBBBBB", size[1], size[0], 16, _TYPES[channels], 0, 0, 0)
    file.write(SIGNATURE)
    for name, body in ((b"IHDR", header), *chunks, *((b"IDAT", part) for part in packed if part), (b"IEND", b"")):
        file.write(_chunk(name, body))
    return file.getvalue()


def with_chunks(content: bytes | memoryview, chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The PNG with these chunks right behind its header."""
    return b"".join((content[:_HEADER], *(_chunk(*chunk) for chunk in chunks), content[_HEADER:]))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _filtered(rows: NDArray[np.uint8], above: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Rows with the number of a filter in front; ``step`` is the bytes of a pixel."""
    up = np.concatenate([above, rows[:-1]])
    left, corner = (np.pad(plane, ((0, 0), (step, 0)))[:, : plane.shape[1]] for plane in (rows, up))
    mean = ((left.astype(np.uint16) + up) >> 1).astype(np.uint8)
    guesses = (left, up, mean, _paeth(left, up, corner))
    remainders = [rows - guess for guess in guesses]
    costs = np.stack([np.abs(remainder.view(np.int8).astype(np.int16)).sum(axis=1) for remainder in remainders])
    best = costs.argmin(axis=0)
    chosen = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    chosen[:, 0] = best + 1
    for number, remainder in enumerate(remainders):
        chosen[best == number, 1:] = remainder[best == number]
    return chosen


def _paeth(left: NDArray[np.uint8], up: NDArray[np.uint8], corner: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of the three neighbours the one nearest to left + up - corner; ties go in this order."""
    a, b, c = (plane.astype(np.int16) for plane in (left, up, corner))
    to_left, to_up, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))
