"""What files say besides pixels, and which part of it stays true when the pixels change.

EXIF is a tree of numbered tags, XMP a text in XML. Orientation and size can stand in both.
"""

import logging
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from PIL import Image

# Description, make, model, resolution, software, date, artist and copyright. The other tags of the first
# folder describe how one file stores its pixels (TIFF keeps strip offsets there), wrong in any other file.
_KEPT = (270, 271, 272, 282, 283, 296, 305, 306, 315, 33432)
CAMERA, PLACE, _INTEROP = 34665, 34853, 40965  # folders; the last holds a position in the old file
_WIDTH, _HEIGHT = 40962, 40963
ORIENTATION = 274
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, _CENTIMETRE = 282, 283, 296, 3

_VALUE = rb'(\s*(?:=\s*["\']|>)\s*)\d+'
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation)" + _VALUE)
_XMP_WIDTH = re.compile(rb"(exif:PixelXDimension|tiff:ImageWidth)" + _VALUE)
_XMP_HEIGHT = re.compile(rb"(exif:PixelYDimension|tiff:ImageLength)" + _VALUE)
_XMP_ELSEWHERE = re.compile(rb"xmpNote:HasExtendedXMP\s*=\s*(\"[^\"]*\"|'[^']*')")
_XMP_MOST = 8_000_000

logger = logging.getLogger(__name__)


def travelling(image: Image.Image, name: str, *, orientation: int) -> dict[str, Any]:
    """Profile, EXIF, XMP and resolution of a picture that Pillow has decoded, as ``Picture`` has them."""
    found: Mapping[int, Any] = {}
    with suppress(Exception):  # of what is malformed, kept_exif says so
        found = image.getexif()
    exif = kept_exif(image.getexif, lambda tag: image.getexif().get_ifd(tag), name)
    dpi = found_dpi(image.info, found)
    return {
        "icc": image.info.get("icc_profile"),
        "exif": exif,
        "xmp": lasting_xmp(image.info.get("xmp")),
        "dpi": (dpi[1], dpi[0]) if dpi and orientation >= 5 else dpi,
    }


def kept_exif(
    found: Callable[[], Mapping[int, Any]], folder: Callable[[int], Mapping[int, Any]], name: str
) -> bytes | None:
    """As ``lasting_exif``; None with a warning if it is malformed."""
    try:
        return lasting_exif(found(), folder)
    except Exception as error:  # cameras write odd values; the pixels are sound all the same
        logger.warning("%s: its EXIF is malformed and will not be carried over (%s)", name, error)
        return None


def lasting_exif(found: Mapping[int, Any], folder: Callable[[int], Mapping[int, Any]]) -> bytes | None:
    """What EXIF says about the scene, without what it says about the file: orientation, layout, thumbnail."""
    kept = Image.Exif()
    kept.update({tag: found[tag] for tag in _KEPT if tag in found})
    for place in (CAMERA, PLACE):
        content = {tag: value for tag, value in folder(place).items() if tag != _INTEROP}
        if content:
            kept[place] = content
    return _packed(kept) if len(kept) else None


class _Letters(str):
    """Text of EXIF, read as Latin-1 whatever it is: it becomes its bytes again, where Pillow writes question marks."""

    def encode(self, encoding: str = "ascii", errors: str = "replace") -> bytes:
        return super().encode("latin-1", errors)


def as_stored(value: Any) -> Any:
    """A value of EXIF that Pillow writes as it was."""
    return _Letters(value) if isinstance(value, str) else value


def _packed(exif: Image.Exif) -> bytes:
    folders = (
        exif[tag] if isinstance(exif[tag], dict) else exif.get_ifd(tag) for tag in (CAMERA, PLACE) if tag in exif
    )
    for tags in (exif, *folders):
        tags.update({tag: as_stored(value) for tag, value in tags.items() if isinstance(value, str)})
    return exif.tobytes()


def orientation_of(image: Image.Image) -> int:
    """1 to 8; 1 of EXIF that cannot be read."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # as in travelling, which says so
        return 1
    return found if found in range(1, 9) else 1


def resized_exif(exif: bytes, *, width: int, height: int, dpi: tuple[float, float] | None = None) -> bytes:
    """The same EXIF for an upright picture of another size; the resolution, if it holds one, is the one given."""
    kept = Image.Exif()
    kept.load(exif)
    if kept.pop(ORIENTATION, 1) != 1:
        kept[ORIENTATION] = 1
    if dpi and X_RESOLUTION in kept:
        kept[X_RESOLUTION], kept[Y_RESOLUTION], kept[RESOLUTION_UNIT] = *dpi, 2
    camera = kept.get_ifd(CAMERA)
    camera.update({tag: side for tag, side in ((_WIDTH, width), (_HEIGHT, height)) if tag in camera})
    return _packed(kept)


def exif_with_dpi(exif: bytes | None, dpi: tuple[float, float]) -> bytes:
    """The same EXIF with the resolution in it, for formats that have no other place for it."""
    kept = Image.Exif()
    if exif:
        kept.load(exif)
    kept[X_RESOLUTION], kept[Y_RESOLUTION], kept[RESOLUTION_UNIT] = *dpi, 2
    return _packed(kept)


def lasting_xmp(found: object) -> bytes | None:
    """XMP for upright pixels and without thumbnails; None if it is no text of a sensible length.

    Its orientation is set to 1 even where EXIF had its own: readers without EXIF would turn the picture again.
    """
    xmp = found.encode() if isinstance(found, str) else found
    if not isinstance(xmp, bytes) or not xmp.strip(b"\0 \n") or len(xmp) > _XMP_MOST:
        return None
    xmp = _XMP_ORIENTATION.sub(rb"\g<1>\g<2>1", xmp.rstrip(b"\0"))
    for element in (b"xmp:Thumbnails", b"xap:Thumbnails"):
        xmp = _without(xmp, b"<%s>" % element, b"</%s>" % element)
    return _XMP_ELSEWHERE.sub(b"", xmp)


def _without(text: bytes, start: bytes, end: bytes) -> bytes:
    """Not by a regular expression: a stranger's text could make one search for hours."""
    kept, at = [], 0
    while (first := text.find(start, at)) >= 0 and (last := text.find(end, first)) >= 0:
        kept.append(text[at:first])
        at = last + len(end)
    return b"".join((*kept, text[at:]))


def resized_xmp(xmp: bytes, *, width: int, height: int) -> bytes:
    """The same XMP for a picture of another size."""
    xmp = _XMP_WIDTH.sub(rb"\g<1>\g<2>%d" % width, xmp)
    return _XMP_HEIGHT.sub(rb"\g<1>\g<2>%d" % height, xmp)


def found_dpi(info: Mapping[Any, Any], exif: Mapping[int, Any]) -> tuple[float, float] | None:
    """Pixels per inch, by the format's own field or else by EXIF; None of nonsense."""
    try:
        if "dpi" in info:
            across, down = (float(value) for value in info["dpi"])
        elif X_RESOLUTION in exif and Y_RESOLUTION in exif and exif.get(RESOLUTION_UNIT, 2) in (2, _CENTIMETRE):
            inch = 2.54 if exif.get(RESOLUTION_UNIT) == _CENTIMETRE else 1
            across, down = (float(exif[tag]) * inch for tag in (X_RESOLUTION, Y_RESOLUTION))
        else:
            return None
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    sane = all(1 < value < 1e6 for value in (across, down))  # Pillow says 1 where a TIFF says nothing
    return (across, down) if sane else None
