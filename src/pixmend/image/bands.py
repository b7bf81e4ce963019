"""Pictures larger than memory, read some rows at a time: PNG, JPEG and TIFF of 8 or 16 bits, grey or in colour.

C channels, H and W height and width in pixels.
"""

import io
import mmap
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import torch
from numpy.typing import NDArray

from pixmend.errors import PixmendError
from pixmend.image import tiff
from pixmend.image.full import _ICC, _XMP, _bytes
from pixmend.image.libvips import INSTALL, imported
from pixmend.image.metadata import ORIENTATION, found_dpi, kept_exif, lasting_xmp, orientation_of, travelling
from pixmend.image.picture import FilePath, Picture
from pixmend.image.place import notes_of, place_of
from pixmend.image.png import SIGNATURE, colour_of
from pixmend.image.read import _check_is_file, _decoding, _open_header

ROWS = 64
"""Of a band."""
_WHOLE = 50_000_000
"""Pixels of a picture that its decoder has to hold whole: progressive JPEG takes 6 bytes of each, interlaced PNG 8."""
_SEGMENT = 100_000_000
"""Bytes of a compressed strip, which is read whole."""
_DEPTHS = {"uchar": 8, "ushort": 16}
_DTYPES = {8: np.uint8, 16: np.uint16}
_KINDS = {SIGNATURE: "PNG", b"\xff\xd8": "JPEG"}
_TOLD = 64_000_000  # bytes of what a PNG says besides pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class Banded:
    """A picture file that is read in bands."""

    path: Path
    picture: Picture
    """All but the values: ``pixels`` and ``alpha`` have their shapes and take no memory."""
    turn: int
    """The orientation in EXIF, 1 to 8, which ``rows`` undoes."""

    @property
    def size(self) -> tuple[int, int]:
        """(H, W), upright."""
        return self.picture.pixels.shape[1], self.picture.pixels.shape[2]

    @property
    def channels(self) -> int:
        """1 or 3, without transparency."""
        return self.picture.pixels.shape[0]

    def rows(self) -> Iterator[NDArray[Any]]:
        """Bands (h, W, C) of the upright picture from its top, uint8 or uint16, transparency last.

        Raises:
            PixmendError: the file is damaged from some row on, or has changed.
        """
        height, width = self.size
        with self._reading() as read:
            for top in range(0, height, ROWS):
                yield read(0, top, width, min(ROWS, height - top))

    def part(self, *, left: int, top: int, width: int, height: int) -> Picture:
        """A part of the picture with all that travels with it, as ``read_picture`` gives it.

        Raises:
            PixmendError: as ``rows``.
        """
        with self._reading() as read:
            values = torch.from_numpy(read(left, top, width, height).astype(np.float32))
        values = values.permute(2, 0, 1) / (2**self.picture.depth - 1)
        alpha = None if self.picture.alpha is None else values[-1:].contiguous()
        place = self.picture.place and self.picture.place.cut(left=left, top=top, size=(height, width))
        return replace(self.picture, pixels=values[: self.channels].contiguous(), alpha=alpha, place=place)

    @contextmanager
    def _reading(self) -> Iterator[Callable[[int, int, int, int], NDArray[Any]]]:
        """A function of left, top, width and height that gives (h, w, C)."""
        row = 0
        try:
            image = _opened(self.path, turn=self.turn, kind=self.picture.format)
            samples = self.channels + (self.picture.alpha is not None)
            if (image.height, image.width, image.bands) != (*self.size, samples):
                raise PixmendError(f"{self.path}: has changed while it was read: run again")
            region = imported().Region.new(image)  # type: ignore[union-attr]

            def read(left: int, top: int, width: int, height: int) -> NDArray[Any]:
                nonlocal row
                row = top
                content = region.fetch(left, top, width, height)
                return np.frombuffer(content, _DTYPES[self.picture.depth]).reshape(height, width, samples)

            yield read
        except _vips_error() as error:
            reason = " ".join(str(error).split())
            raise PixmendError(f"{self.path}: damaged or cut short at row {row} or later ({reason})") from error


def open_bands(path: FilePath) -> Banded:
    """The header of a picture file, and all in it but the values.

    Values, profile, EXIF, XMP and resolution are those of ``read_picture``. There is no limit to the size, but for
    progressive JPEG and interlaced PNG, which cannot be decoded row by row. A picture that is to be turned by a
    quarter or upside down is decoded to a temporary file first, unless it is a TIFF of tiles.

    Raises:
        PixmendError: no such file, damaged, another format, floats or several channels, print colours, transparency
            that is multiplied into the colours, several pages, or libvips is missing.
    """
    file_path = Path(os.fspath(path))
    name = str(file_path)
    _check_is_file(file_path)
    if imported() is None:
        raise PixmendError(f"{name}: to read it row by row needs libvips: {INSTALL}")
    with _decoding(name), file_path.open("rb") as file:
        head = file.read(8)
        kind = "TIFF" if head[:4] in tiff.HEADS else _KINDS.get(head, _KINDS.get(head[:2]))
        if kind is None:
            raise PixmendError(f"{name}: only PNG, JPEG and TIFF are read row by row: convert it to one of them")
        found, turn = _told_by_tiff(file, name) if kind == "TIFF" else _told(file, name, png=kind == "PNG")
        image = _opened(file_path, turn=1, kind=kind)
        depth, has_alpha = _check(image, name)
        width, height = (image.height, image.width) if turn >= 5 else (image.width, image.height)
        nothing = torch.zeros(())
        picture = Picture(
            pixels=nothing.expand(image.bands - has_alpha, height, width),
            alpha=nothing.expand(1, height, width) if has_alpha else None,
            depth=depth,
            format=kind,
            **found,
        )
    return Banded(path=file_path, picture=picture, turn=turn)


def _vips_error() -> type[Exception]:
    vips = imported()
    return OSError if vips is None else vips.Error


def _opened(path: Path, *, turn: int, kind: str | None) -> Any:
    """libvips' picture, upright, nothing decoded; from the top only where that is the order it is stored in."""
    vips = imported()
    assert vips is not None
    access = "sequential" if turn in (1, 2) else "random"
    unlimited = {"unlimited": True} if kind == "TIFF" else {}  # it counts a strip of 50 MB as an attack
    image = vips.Image.new_from_file(str(path), access=access, fail_on="error", revalidate=True, **unlimited)
    if turn >= 5:
        image = image.rot90() if turn in (5, 6) else image.rot270()
    if turn == 3:
        return image.rot180()
    if turn == 4:
        return image.flipver()
    return image.fliphor() if turn in (2, 5, 7) else image


def _check(image: Any, name: str) -> tuple[Any, bool]:
    """Depth, and whether there is transparency."""
    if image.interpretation == "cmyk" or image.bands > 4:
        raise PixmendError(
            f"{name}: only grey and RGB can be read row by row, not print colours: convert it to RGB first"
        )
    depth = _DEPTHS.get(image.format)
    if depth is None:
        raise PixmendError(f"{name}: only 8 and 16 bits can be read row by row, not {image.format}: convert it first")
    multiscan = "jpeg-multiscan" in image.get_fields() and image.get("jpeg-multiscan")
    interlaced = "interlaced" in image.get_fields() and image.get("interlaced")
    if (multiscan or interlaced) and image.width * image.height > _WHOLE:
        kind = "progressive JPEG" if multiscan else "interlaced PNG"
        raise PixmendError(f"{name}: {kind} is not stored row by row: store it plain, or as TIFF, first")
    return depth, image.bands in (2, 4)


def _told(file: BinaryIO, name: str, *, png: bool) -> tuple[dict[str, Any], int]:
    """What a PNG or JPEG says besides its pixels, and its orientation."""
    image = _open_header(io.BytesIO(_without_pixels(file)) if png else file, name, deep=True)
    turn = orientation_of(image)
    colour = {"colour": colour_of(file)} if png else {}
    return travelling(image, name, orientation=turn) | colour, turn


def _without_pixels(file: BinaryIO) -> bytes:
    """The same PNG with a single pixel: Pillow decodes them all to get at EXIF that may lie behind them."""
    header = b"\0\0\0\1\0\0\0\1\x08\0\0\0\0"
    chunks = [(b"IHDR", header)]
    file.seek(33)
    size = os.fstat(file.fileno()).st_size
    while len(head := file.read(8)) == 8:
        length, kind = int.from_bytes(head[:4]), head[4:]
        if kind in (b"iCCP", b"pHYs", b"iTXt", b"tEXt", b"zTXt", b"eXIf", b"gAMA", b"cHRM", b"sRGB") and length < _TOLD:
            chunks.append((kind, file.read(length)))
            file.seek(4, os.SEEK_CUR)
        else:
            file.seek(length + 4, os.SEEK_CUR)
        if kind == b"IEND" or file.tell() > size:
            break
    chunks += [(b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    told = (len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4) for kind, body in chunks)
    return SIGNATURE + b"".join(told)


def _told_by_tiff(file: BinaryIO, name: str) -> tuple[dict[str, Any], int]:
    """What a TIFF says besides its pixels, and its orientation.

    Raises:
        PixmendError: a kind that libvips and others do not agree on, or a strip or tile that is not there.
    """
    layout = tiff.read_layout(file, name)
    if not layout.is_usual or layout.floats or layout.channels not in (1, 3):
        kind = "multiplied transparency, separate channels, floats or several channels"
        raise PixmendError(f"{name}: TIFF with {kind} cannot be read row by row: store it as plain RGB first")
    with _mapped(file) as content:
        tiff._check_segments(layout, content, name)
    largest = max(tiff._numbers(layout.tags, 325 if 324 in layout.tags else 279, (0,)))
    if largest > _SEGMENT and layout.tag(259) != 1:
        raise PixmendError(f"{name}: has strips of {largest / 1e6:.0f} MB: store it in tiles or smaller strips first")
    tags = layout.tags
    turn = tags.get(ORIENTATION, 1)
    turn = turn if turn in range(1, 9) else 1
    dpi = found_dpi({}, tags)
    return {
        "icc": _bytes(tags.get(_ICC)),
        "xmp": lasting_xmp(_bytes(tags.get(_XMP))),
        "exif": kept_exif(lambda: tags, lambda tag: layout.folder(file, tag), name),
        "dpi": (dpi[1], dpi[0]) if dpi and turn >= 5 else dpi,
        "place": place_of(layout),
        "notes": notes_of(layout),
    }, turn


@contextmanager
def _mapped(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of the file, none of them read."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield cast("bytes", content)
