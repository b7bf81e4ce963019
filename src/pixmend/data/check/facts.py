"""What is known of one picture after it was decoded once: small enough to keep for a hundred thousand of them.

C channels, H and W height and width in pixels.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixmend.data.check.damage import Damage, find_damage, table_quality
from pixmend.data.check.signature import Signature, signature
from pixmend.errors import PixmendError
from pixmend.image import read_picture

Pixels = NDArray[np.uint8]

_ENDINGS = {
    ".png": ("PNG",),
    ".jpg": ("JPEG",),
    ".jpeg": ("JPEG",),
    ".webp": ("WEBP",),
    ".tif": ("TIFF",),
    ".tiff": ("TIFF",),
    ".bmp": ("BMP",),
    ".gif": ("GIF",),
}
_WEIGHTS = (np.float32(0.299), np.float32(0.587), np.float32(0.114))


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """One picture, as found."""

    path: Path
    size: tuple[int, int]
    """Width and height in pixels."""
    format: str
    """Of the content, whatever the name says."""
    file_hash: bytes
    pixel_hash: bytes
    signature: Signature
    damage: Damage
    quality: int | None
    """Of a JPEG file, from its table."""
    spread: float
    """Standard deviation of the luma, of 255."""
    mean: float
    clipped: tuple[float, float]
    """The shares of black (at most 2 of 255) and of white (at least 253) pixels."""
    border: tuple[int, int, int, int]
    """Rows and columns of one colour at top, bottom, left and right."""
    stored: str
    """``grey``, ``colour`` or, for three equal channels, ``grey as colour``."""
    transparent: bool

    @property
    def misnamed(self) -> bool:
        """Whether the name promises another format."""
        return self.format not in _ENDINGS.get(self.path.suffix.lower(), (self.format,))


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A file that could not be decoded."""

    path: Path
    reason: str


def find_facts(path: Path) -> tuple[Facts, Pixels] | Unreadable:
    """Decode a file; also its pixels (C, H, W), to be dropped soon."""
    try:
        picture = read_picture(path, deep=False)
        content = hashlib.sha256(path.read_bytes()).digest()
        quality = _table_quality(path) if picture.format == "JPEG" else None
    except (PixmendError, OSError) as error:
        return Unreadable(path=path, reason=str(error).removeprefix(f"{path}: "))
    except MemoryError:
        return Unreadable(path=path, reason="too large for the memory that is left")
    pixels = (picture.pixels.numpy() * 255 + 0.5).astype(np.uint8)
    luma = to_luma(pixels)
    grey = pixels.shape[0] == 1
    same = not grey and bool((pixels[0] == pixels[1]).all() and (pixels[0] == pixels[2]).all())
    facts = Facts(
        path=path,
        size=(pixels.shape[2], pixels.shape[1]),
        format=picture.format or "",
        file_hash=content,
        pixel_hash=hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).data).digest(),
        signature=signature(luma),
        damage=find_damage(luma),
        quality=quality,
        spread=float(luma.std()),
        mean=float(luma.mean()),
        clipped=(float((luma <= 2).mean()), float((luma >= 253).mean())),
        border=_border(pixels),
        stored="grey" if grey else "grey as colour" if same else "colour",
        transparent=picture.alpha is not None and float(picture.alpha.min()) < 1,
    )
    return facts, pixels


def to_luma(pixels: Pixels) -> NDArray[np.float32]:
    """(C, H, W) bytes to (H, W), JPEG's full-range luma in 0 .. 255."""
    if pixels.shape[0] == 1:
        return pixels[0].astype(np.float32)
    red, green, blue = (weight * plane for weight, plane in zip(_WEIGHTS, pixels, strict=True))
    return red + green + blue


def _table_quality(path: Path) -> int | None:
    from PIL import Image

    with Image.open(path) as image:
        tables = getattr(image, "quantization", {})
    return table_quality(list(tables[0])) if 0 in tables else None


def _border(pixels: Pixels) -> tuple[int, int, int, int]:
    """Lines of one colour from each side; all of them count for a picture of one colour."""
    tops = _flat_lines(pixels, axis=2)
    lefts = _flat_lines(pixels, axis=1)
    return (*tops, *lefts)


def _flat_lines(pixels: Pixels, *, axis: int) -> tuple[int, int]:
    """How many lines at the start and at the end hold one colour each, the same one in all of them."""
    counts = []
    lines = pixels if axis == 2 else pixels.swapaxes(1, 2)
    for ordered in (lines, lines[:, ::-1]):
        colour = ordered[:, :1, :1]
        number = 0
        while number < ordered.shape[1] and bool((ordered[:, number : number + 1] == colour).all()):
            number += 1
        counts.append(number)
    return counts[0], counts[1]
