"""Picture files that grow: rows are packed and appended, and what is appended does not depend on what comes later.

So writing can stop anywhere between two bands, and another process can go on there and make the same file.
C channels with transparency, H and W height and width in pixels.
"""

import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pixmend.errors import PixmendError
from pixmend.image import strips
from pixmend.image.encode import _MODES, _by_pillow, _chunks, warn_of_lost
from pixmend.image.libvips import INSTALL, imported
from pixmend.image.options import FORMATS, WriteOptions
from pixmend.image.picture import Picture
from pixmend.image.png import _TYPES, SIGNATURE, _filtered

GROWING = ("TIFF", "PNG", "JPEG")
"""Formats that are written so."""
Note = dict[str, Any]
"""What JSON can hold of a band that was packed."""


class Growing(Protocol):
    """One file."""

    def start(self) -> bytes:
        """What it begins with."""
        ...

    def resume(self, notes: Sequence[Note]) -> None:
        """Go on after these bands."""
        ...

    def pack(self, rows: NDArray[Any]) -> tuple[bytes, Note]:
        """The bytes of the next rows (h, W, C), uint8 or uint16, and what to remember of them."""
        ...

    def finish(self, path: Path) -> Path:
        """Make a picture file of the one in which all that was returned stands: that one itself, or one beside it.

        Doing it again does no harm.
        """
        ...


def growing(picture: Picture, name: str, *, file_format: str, options: WriteOptions, rows: int) -> Growing:
    """For a picture of which only the shape of the pixels matters; bands come in multiples of ``rows``.

    Raises:
        PixmendError: the format cannot be written so, or JPEG without libvips.
    """
    warn_of_lost(picture, name, file_format)
    if file_format == "TIFF":
        return _Tiff(picture, rows=rows, deflate=options.compression != "none")
    if file_format == "PNG":
        return _Png(picture, name)
    if file_format != "JPEG":
        raise PixmendError(f"{name}: {file_format} cannot be written row by row: use .tif, .png or .jpg")
    if imported() is None:
        raise PixmendError(f"{name}: JPEG row by row needs libvips: {INSTALL}")
    return _Jpeg(picture, name, options=options, rows=rows)


def _samples(picture: Picture) -> int:
    return picture.pixels.shape[0] + (picture.alpha is not None)


class _Tiff:
    """Strips one after another, behind a place that is kept free for the tags, whose length is known."""

    def __init__(self, picture: Picture, *, rows: int, deflate: bool) -> None:
        self._picture, self._rows, self._deflate = picture, rows, deflate
        _, height, width = picture.pixels.shape
        count = -(-height // rows)
        raw = height * width * _samples(picture) * picture.depth // 8
        self._big = raw + raw // 500 + 100 * count > strips._BIG
        self._head = strips._BIG_HEAD if self._big else strips._HEAD
        self._room = len(self._tags([0] * count))
        self._lengths: list[int] = []

    def _tags(self, lengths: Sequence[int]) -> bytes:
        tags = ImageFileDirectory_v2(self._head)
        strips._describe(tags, self._picture, rows=self._rows, depth=self._picture.depth, deflate=self._deflate)
        strips._remember(tags, self._picture)
        offsets = [0, *np.cumsum(lengths[:-1], dtype=np.int64).tolist()]
        for tag, values in ((strips._OFFSETS, offsets), (strips._LENGTHS, lengths)):
            tags.tagtype[tag] = strips._LONG8 if self._big else strips._LONG
            tags[tag] = tuple(values)
        return tags.tobytes(len(self._head))  # which moves the offsets behind itself

    def start(self) -> bytes:
        return self._head + bytes(self._room)

    def resume(self, notes: Sequence[Note]) -> None:
        self._lengths = [length for note in notes for length in note["strips"]]

    def pack(self, rows: NDArray[Any]) -> tuple[bytes, Note]:
        cut = (rows[top : top + self._rows] for top in range(0, len(rows), self._rows))
        packed = [strips._packed(strip, deflate=self._deflate) for strip in cut]
        lengths = [len(strip) for strip in packed]
        self._lengths += lengths
        return b"".join(packed), {"strips": lengths}

    def finish(self, path: Path) -> Path:
        tags = self._tags(self._lengths)
        assert len(tags) == self._room, (len(tags), self._room)
        with path.open("r+b") as file:
            file.seek(len(self._head))
            file.write(tags)
            file.flush()
            os.fsync(file.fileno())
        return path


class _Png:
    """Bands that are deflated by themselves, the first row of each filtered without the one above."""

    def __init__(self, picture: Picture, name: str) -> None:
        self._picture, self._name = picture, name
        self._sum, self._left = 1, picture.pixels.shape[1]

    def start(self) -> bytes:
        _, height, width = self._picture.pixels.shape
        samples = _samples(self._picture)
        header = struct.pack(">IIBBBBB", width, height, self._picture.depth, _TYPES[samples], 0, 0, 0)
        chunks = ((b"IHDR", header), *_chunks(self._picture, self._name), (b"IDAT", b"\x78\x9c"))
        return SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)

    def resume(self, notes: Sequence[Note]) -> None:
        self._sum = notes[-1]["sum"]
        self._left = self._picture.pixels.shape[1] - sum(note["rows"] for note in notes)

    def pack(self, rows: NDArray[Any]) -> tuple[bytes, Note]:
        values = np.ascontiguousarray(rows, rows.dtype.newbyteorder(">")).view(np.uint8).reshape(len(rows), -1)
        step = rows.shape[2] * rows.dtype.itemsize
        first = np.empty((1, values.shape[1] + 1), np.uint8)
        first[:, 0], first[:, 1:] = 1, values[:1]
        first[:, 1 + step :] -= values[:1, :-step]
        filtered = first.tobytes()
        if len(values) > 1:
            filtered += _filtered(values[1:], values[:1], step).tobytes()
        packer = zlib.compressobj(6, wbits=-15, strategy=zlib.Z_FILTERED)
        packed = packer.compress(filtered) + packer.flush(zlib.Z_FULL_FLUSH)
        self._sum = zlib.adler32(filtered, self._sum)
        self._left -= len(rows)
        content = _chunk(b"IDAT", packed)
        if not self._left:  # an empty last block, and the sum of all
            content += _chunk(b"IDAT", b"\x03\0" + self._sum.to_bytes(4)) + _chunk(b"IEND", b"")
        return content, {"sum": self._sum, "rows": len(rows)}

    def finish(self, path: Path) -> Path:
        return path


def _chunk(kind: bytes, body: bytes) -> bytes:
    return b"".join((len(body).to_bytes(4), kind, body, zlib.crc32(body, zlib.crc32(kind)).to_bytes(4)))


class _Jpeg:
    """Rows as they are, which libvips encodes at the end: no row of a JPEG stands by itself."""

    def __init__(self, picture: Picture, name: str, *, options: WriteOptions, rows: int) -> None:
        self._picture, self._name, self._options = picture, name, options
        bare = replace(picture, icc=None, exif=None, xmp=None, dpi=None, place=None)
        self._plain = _Tiff(bare, rows=rows, deflate=False)
        self.start, self.resume, self.pack = self._plain.start, self._plain.resume, self._plain.pack

    def finish(self, path: Path) -> Path:
        vips = imported()
        assert vips is not None
        plain = str(self._plain.finish(path))
        image = vips.Image.new_from_file(plain, access="sequential", fail_on="error", revalidate=True)
        encoded = path.with_name(f"{path.name}.jpg")
        quality = self._options.quality or FORMATS["JPEG"].quality
        with encoded.open("wb") as file:
            target, written = vips.TargetCustom(), _Beheaded(file, self._leading())
            target.on_write(written.write)
            try:
                image.jpegsave_target(target, Q=quality, subsample_mode="off", keep="none")
            except vips.Error as error:
                raise written.error or PixmendError(f"{self._name}: cannot be encoded as JPEG: {error}") from error
            file.flush()
            os.fsync(file.fileno())
        return encoded

    def _leading(self) -> bytes:
        """What a JPEG says before its pixels: profile, EXIF, XMP and resolution, from a tiny one with the same."""
        image = Image.new(_MODES[self._picture.pixels.shape[0]], (8, 8))
        tiny = bytes(_by_pillow(image, self._picture, self._name, file_format="JPEG", options=self._options))
        return tiny[: _end_of_told(tiny)]


class _Beheaded:
    """Writes a JPEG with another beginning, which libvips hands over with the first bytes."""

    def __init__(self, file: BinaryIO, leading: bytes) -> None:
        self._file, self._leading = file, leading
        self.error: OSError | None = None
        """Of the disk; libvips has no words for it."""

    def write(self, content: bytes) -> int:
        """How much was written; none where the disk refuses."""
        rest = content
        if self._leading:
            rest, self._leading = self._leading + content[_end_of_told(content) :], b""
        try:
            self._file.write(rest)
        except OSError as error:
            self.error = error
            return -1
        return len(content)


def _end_of_told(content: bytes) -> int:
    """Where the application's own segments end."""
    at = 2
    while content[at] == 0xFF and (0xE0 <= content[at + 1] <= 0xEF or content[at + 1] == 0xFE):
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    return at
