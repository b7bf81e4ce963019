"""A picture in memory, and the part of its EXIF that stays true when the pixels change."""

import os
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

FilePath = str | os.PathLike[str]

# Description, make, model, resolution, software, date, artist and copyright. The other tags of the first
# folder describe how one file stores its pixels (TIFF keeps strip offsets there), wrong in any other file.
_KEPT = (270, 271, 272, 282, 283, 296, 305, 306, 315, 33432)
_CAMERA, _PLACE, _INTEROP = 34665, 34853, 40965  # folders; the last holds a position in the old file
_WIDTH, _HEIGHT = 40962, 40963


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture and what travels with it from file to file."""

    pixels: Tensor
    """(C, H, W) float32 in [0, 1]; C is 3 (RGB) or 1 (grey)."""
    alpha: Tensor | None = None
    """(1, H, W) float32 in [0, 1], 1 opaque."""
    icc: bytes | None = None
    """The colour profile, as found."""
    exif: bytes | None = None
    """Camera, date, place and rights; the orientation is already applied to the pixels."""
    format: str | None = None
    """Pillow's name of the file's format: ``JPEG``, ``PNG``, ..."""


def lasting_exif(found: Image.Exif) -> bytes | None:
    """What EXIF says about the scene, without what it says about the file: orientation, layout, thumbnail."""
    kept = Image.Exif()
    kept.update({tag: found[tag] for tag in _KEPT if tag in found})
    for folder in (_CAMERA, _PLACE):
        content = {tag: value for tag, value in found.get_ifd(folder).items() if tag != _INTEROP}
        if content:
            kept[folder] = content
    return kept.tobytes() if len(kept) else None


def resized_exif(exif: bytes, *, width: int, height: int) -> bytes:
    """The same EXIF for a picture of another size."""
    kept = Image.Exif()
    kept.load(exif)
    camera = kept.get_ifd(_CAMERA)
    camera.update({tag: side for tag, side in ((_WIDTH, width), (_HEIGHT, height)) if tag in camera})
    return kept.tobytes()
