"""How a picture is to be stored, and what each format can hold.

C channels without transparency, H and W height and width in pixels.
"""

from dataclasses import dataclass, replace
from typing import Literal

from pixmend.errors import PixmendError
from pixmend.image.picture import Depth

WRITABLE = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".avif": "AVIF",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".pnm": "PPM",
}
"""Output formats by the end of the file's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Holds:
    """What fits into files of one format."""

    depths: tuple[Depth, ...] = (8,)
    alpha: bool = True
    metadata: bool = True
    """Colour profile, EXIF and XMP."""
    side: int | None = None
    """Most pixels along a side."""
    quality: int | None = None
    """Of 100, unless another is asked for; None where nothing is lost."""
    lossless: bool = False
    """Whether nothing may be lost on request."""


FORMATS = {
    "PNG": Holds(depths=(8, 16)),
    "TIFF": Holds(depths=(8, 16, 32)),
    "JPEG": Holds(alpha=False, side=65_535, quality=95),
    "WEBP": Holds(side=16_383, quality=95, lossless=True),
    "AVIF": Holds(side=65_535, quality=90, lossless=True),
    "BMP": Holds(alpha=False, metadata=False),
    "PPM": Holds(depths=(8, 16), alpha=False, metadata=False),
}
_DEEP = {16: ".png or .tif", 32: ".tif"}


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteOptions:
    """How a picture is stored; what is None is as the format and the picture would have it.

    Raises:
        PixmendError: a value out of range.
    """

    format: str | None = None
    """``PNG``, ``JPEG``, ``WEBP``, ``TIFF``, ``AVIF``, ``BMP`` or ``PPM``; else what the name ends in."""
    quality: int | None = None
    """1 to 100, of JPEG, WebP and AVIF."""
    lossless: bool = False
    """Every value as it is, also under transparency: WebP and AVIF, which lose some else."""
    depth: Depth | None = None
    """Bits per channel; else the picture's own."""
    compression: Literal["deflate", "none"] | None = None
    """Of TIFF; else ``deflate``. Both lose nothing."""
    strip: bool = False
    """Leave out EXIF with the place and XMP; the colour profile stays, for the colours are wrong without it."""

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in FORMATS:
            raise PixmendError(f"format: expected one of {', '.join(FORMATS)}, got {self.format!r}")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise PixmendError(f"quality: expected 1 to 100, got {self.quality}")
        if self.quality is not None and self.lossless:
            raise PixmendError("quality and lossless exclude each other: give one of them")
        if self.depth not in (None, 8, 16, 32):
            raise PixmendError(f"depth: expected 8, 16 or 32 bits per channel, got {self.depth}")
        if self.compression not in (None, "deflate", "none"):
            raise PixmendError(f"compression: expected 'deflate' or 'none', got {self.compression!r}")

    def fitting(self, suffix: str) -> "WriteOptions":
        """Without the settings that the format of such a name does not have, where files of several are made."""
        found = self.format or WRITABLE.get(suffix.lower(), "")
        if found not in FORMATS:
            return self
        return replace(
            self,
            quality=self.quality if _knows(found, "quality") else None,
            lossless=self.lossless and _knows(found, "lossless"),
            compression=self.compression if _knows(found, "compression") else None,
        )


AS_IS = WriteOptions()


def fitting_format(name: str, suffix: str, options: WriteOptions) -> str:
    """The format of a file whose name ends so.

    Raises:
        PixmendError: the ending is none, or another than the format asked for; an option that has no effect there.
    """
    by_name = WRITABLE.get(suffix.lower())
    found = options.format or by_name
    if found is None:
        raise PixmendError(f"{name}: cannot tell the output format: end the name in {', '.join(WRITABLE)}")
    if by_name not in (None, found):
        raise PixmendError(f"{name}: {found} is asked for and the name says {by_name}: change one of them")
    asked = {
        "quality": options.quality is not None,
        "lossless": options.lossless,
        "compression": options.compression is not None,
    }
    for option in (option for option, given in asked.items() if given):
        knowing = [other for other in FORMATS if _knows(other, option)]
        if found not in knowing:
            raise PixmendError(f"{name}: {found} has no setting {option}, only {', '.join(knowing)}: leave it out")
    return found


def _knows(found: str, option: str) -> bool:
    holds = FORMATS[found]
    return {"quality": holds.quality is not None, "lossless": holds.lossless, "compression": found == "TIFF"}[option]


def fitting_suffix(wanted: str, *, alpha: bool, channels: int, depth: Depth) -> str:
    """The ending wanted if its format can hold such a picture; else ``.png``, else ``.tif``."""
    for suffix in (wanted, ".png"):
        found = WRITABLE.get(suffix.lower(), "")
        holds = FORMATS.get(found)
        if holds and depth in holds.depths and holds.alpha >= alpha and (channels in (1, 3) or found == "TIFF"):
            return suffix
    return ".tif"


def check_fits(name: str, found: str, *, size: tuple[int, int], alpha: bool, channels: int, depth: Depth) -> None:
    """Refuse what the format cannot hold, before any work.

    Raises:
        PixmendError: the format cannot hold this (height, width), transparency, number of channels or depth.
    """
    holds = FORMATS[found]
    height, width = size
    if holds.side is not None and max(size) > holds.side:
        raise PixmendError(
            f"{name}: {found} holds at most {holds.side} pixels a side, got {width} x {height}: use .png or .tif"
        )
    if alpha and not holds.alpha:
        raise PixmendError(f"{name}: {found} cannot store transparency: use .png, .webp or .tif")
    if channels not in (1, 3) and found != "TIFF":
        raise PixmendError(f"{name}: {found} cannot store {channels} channels, only 1 or 3: use .tif")
    if depth not in holds.depths:
        kinds = " or ".join(map(str, holds.depths))
        raise PixmendError(
            f"{name}: {found} holds {kinds} bits per channel, the picture has {depth}: "
            f"use {_DEEP.get(depth, '.png')}, or ask for a depth of {holds.depths[-1]}"
        )
