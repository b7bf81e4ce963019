"""TIFF of 16 bits, floats or several channels: what its tags say, and its values.

C channels, H and W height and width in pixels.
"""

import io
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pixmend.errors import PixmendError
from pixmend.image.libvips import INSTALL, decoded

HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""The last two are BigTIFF."""
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _SUBFILE = 256, 257, 258, 262, 277, 254
_EXTRA, _NUMBERS = 338, 339
_COMPRESSION, _PREDICTOR, _PLANES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT = 259, 317, 284, 278, 322, 323
_LIGHT = (0, 1, 2)
"""White is 0, black is 0, RGB."""
_WHITE_IS_0, _FLOATS, _SEPARATE = 0, 3, 2
_UNPACKED = (1, 8, 32773, 32946)
"""Compressions that tifffile undoes by itself: none, deflate, PackBits, deflate by its old number."""
_TILE_SIDE = 16_384
_DENSEST = 60_000
"""More values than this do not come out of a byte, whatever the compression."""
PREMULTIPLIED, _APART = 1, 2
_PAGES = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """What the tags of a TIFF say of its first picture."""

    size: tuple[int, int]
    """(H, W)."""
    bits: int
    samples: int
    alpha: int
    """0 without, 1 with colours multiplied by it, 2 with it apart."""
    floats: bool
    photometric: int
    tags: ImageFileDirectory_v2
    head: bytes

    @property
    def channels(self) -> int:
        return self.samples - bool(self.alpha)

    @property
    def is_plain(self) -> bool:
        """Whether Pillow reads all that there is in it."""
        if self.photometric not in _LIGHT:
            return self.bits <= 8
        return self.bits <= 8 and not self.floats and self.channels in (1, 3)

    @property
    def is_separate(self) -> bool:
        """Whether the channels are stored one after another."""
        return self.samples > 1 and self.tag(_PLANES) == _SEPARATE

    @property
    def is_usual(self) -> bool:
        """Whether all decoders agree on it; libvips mixes separate channels up and divides colours by alpha."""
        return not self.is_separate and self.alpha != PREMULTIPLIED and self.photometric != _WHITE_IS_0

    def tag(self, tag: int, otherwise: int = 1) -> int:
        """Of a tag of one number."""
        return _numbers(self.tags, tag, (otherwise,))[0]

    def folder(self, file: BinaryIO, tag: int) -> Mapping[int, Any]:
        """The tags in a folder of tags, EXIF's camera and place."""
        at = self.tags.get(tag)
        return _folder(file, self.head, at, group=tag) if isinstance(at, int) and at else {}


def read_layout(file: BinaryIO, name: str) -> Layout:
    """The tags of the first picture, if it is the only one and can be kept.

    Raises:
        PixmendError: several pages; numbers or colours of a kind that cannot be kept.
    """
    file.seek(0)
    head = file.read(16)
    head = head if head[2:3] == b"+" or head[3:4] == b"+" else head[:8]
    tags = _folder(file, head, None)
    bits = _numbers(tags, _BITS, (1,))
    kinds = _numbers(tags, _NUMBERS, (1,))
    samples = _numbers(tags, _SAMPLES, (1,))[0]
    photometric = _numbers(tags, _PHOTOMETRIC, (1,))[0]
    (width,), (height,) = (_numbers(tags, tag, (0,)) for tag in (_WIDTH, _HEIGHT))
    layout = Layout(
        size=(height, width),
        bits=max(bits),
        samples=samples,
        alpha=_alpha(samples, _numbers(tags, _EXTRA, ())),
        floats=_FLOATS in kinds,
        photometric=photometric,
        tags=tags,
        head=head,
    )
    _check(layout, name, kinds)
    if pages := _further_pages(file, head, tags):
        raise PixmendError(f"{name}: has {pages + 1} frames or pages, expected one still picture: extract one first")
    return layout


def _alpha(samples: int, extra: tuple[int, ...]) -> int:
    if samples not in (2, 4):
        return 0
    kind = extra[0] if extra else _APART  # so Pillow, where the tag that should be there is not
    return kind if kind in (PREMULTIPLIED, _APART) else 0 if kind == 0 else _APART


def _check(layout: Layout, name: str, kinds: tuple[int, ...]) -> None:
    if layout.is_plain:
        return
    if layout.photometric not in _LIGHT:
        raise PixmendError(f"{name}: {layout.bits} bits per channel of print or other colours: convert it to RGB first")
    if set(kinds) <= {1} and layout.bits in (8, 16):
        return
    if set(kinds) == {_FLOATS} and layout.bits == 32:
        return
    kind = {1: "without sign", 2: "with sign", 3: "floating"}.get(kinds[0], f"of kind {kinds[0]}")
    expected = "8 or 16 bits without sign or 32 bits floating"
    raise PixmendError(f"{name}: numbers of {layout.bits} bits {kind}, expected {expected}: convert it first")


def _further_pages(file: BinaryIO, head: bytes, first: ImageFileDirectory_v2) -> int:
    """Pictures after the first; smaller copies of it and masks are none."""
    count, at, seen = 0, first.next, set()
    while at and at not in seen and len(seen) < _PAGES:
        seen.add(at)
        page = _folder(file, head, at)
        count += not _numbers(page, _SUBFILE, (0,))[0] & 5 and bool(page)
        at = page.next
    return count


def _folder(file: BinaryIO, head: bytes, at: int | None, group: int | None = None) -> ImageFileDirectory_v2:
    folder = ImageFileDirectory_v2(head, group=group)
    file.seek(folder.next if at is None else at)
    folder.next = 0  # stays if it is cut short
    folder.load(file)
    return folder


def _numbers(tags: Mapping[int, Any], tag: int, otherwise: tuple[int, ...]) -> tuple[int, ...]:
    value = tags.get(tag, otherwise)
    return tuple(int(number) for number in (value if isinstance(value, tuple) else (value,))) or otherwise


def read_values(content: bytes, layout: Layout, name: str) -> NDArray[Any]:
    """All values (H, W, samples), uint8, uint16 or float32, black 0, alpha last if there is one, as stored.

    Raises:
        PixmendError: nobody here can decode them, or decodes something else than the tags say.
    """
    _check_segments(layout, content, name)
    values = _by_tifffile(content, layout)
    if values is None and layout.is_usual:
        values = decoded(content, loader="tiffload_buffer")
    if values is None and layout.is_usual:
        values = _by_opencv(content)
    if values is None:
        raise PixmendError(f"{name}: this kind of TIFF needs {_missing(layout)}")
    dtype = np.float32 if layout.floats else np.uint16 if layout.bits == 16 else np.uint8
    if values.shape != (*layout.size, layout.samples) or values.dtype != dtype:
        raise PixmendError(f"{name}: decoded to {values.dtype} of {values.shape}, not what its header says")
    return values


def _missing(layout: Layout) -> str:
    if layout.tag(_COMPRESSION) in _UNPACKED and layout.tag(_PREDICTOR) in (1, 2):
        return "tifffile: pip install tifffile"
    return f"libvips: {INSTALL}" if layout.is_usual else "another compression: store it with deflate or none"


def _check_segments(layout: Layout, content: bytes, name: str) -> None:
    """Whether there is a strip or tile for every pixel: what is missing decoders leave black without a word."""
    height, width = layout.size
    offsets, lengths = (324, 325) if 324 in layout.tags else (273, 279)
    tall, wide, most = layout.tag(_ROWS, height), width, width
    if _TILE_WIDTH in layout.tags or offsets == 324:
        tall, wide, most = layout.tag(_TILE_HEIGHT), layout.tag(_TILE_WIDTH), _TILE_SIDE
    if not 0 < wide <= most or tall < 1 or (most == _TILE_SIDE and tall > most):
        raise PixmendError(f"{name}: damaged, nothing was decoded (tiles of {wide} x {tall} pixels)")
    expected = -(-height // tall) * -(-width // wide) * (layout.samples if layout.is_separate else 1)
    starts, sizes = (_numbers(layout.tags, tag, ()) for tag in (offsets, lengths))
    here = all(start + size <= len(content) and size for start, size in zip(starts, sizes, strict=False))
    bits = 8 * sum(sizes) * (_DENSEST if layout.tag(_COMPRESSION) != 1 else 1)
    if not len(starts) == len(sizes) == expected or not here or height * width * layout.samples * layout.bits > bits:
        raise PixmendError(f"{name}: damaged or cut short, nothing was decoded (a strip or tile is not there)")


def _by_tifffile(content: bytes, layout: Layout) -> NDArray[Any] | None:
    """First, for it alone takes channels stored one after another as they are."""
    if layout.tag(_COMPRESSION) not in _UNPACKED or layout.tag(_PREDICTOR) not in (1, 2):
        return None
    try:
        from tifffile import TiffFile
    except ImportError:
        return None
    if not (told := logging.getLogger("tifffile")).handlers:
        told.addHandler(logging.NullHandler())  # what it says of damaged files is ours to say
    with TiffFile(io.BytesIO(content)) as file:
        page = file.pages.first
        if math.prod(page.shape) != math.prod(layout.size) * layout.samples:
            return None
        values = np.asarray(page.asarray(maxworkers=1))
    shape = (*layout.size, layout.samples)
    if layout.is_separate:
        values = values.reshape(layout.samples, *layout.size).transpose(1, 2, 0)
    values = values.reshape(shape).astype(values.dtype.newbyteorder("="))
    if layout.photometric == _WHITE_IS_0 and not layout.floats:
        values[..., 0] = np.iinfo(values.dtype).max - values[..., 0]
    return values


def _by_opencv(content: bytes) -> NDArray[Any] | None:
    try:
        import cv2
    except ImportError:
        return None
    try:
        values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if values is None:
        return None
    if values.ndim == 2:
        return values[..., None]
    return values[..., [2, 1, 0, 3][: values.shape[2]]] if values.shape[2] in (3, 4) else None
