"""Files that Pillow would cut to 8 bits or three channels: PNG, TIFF, AVIF and PPM with all that is in them.

C channels, H and W height and width in pixels.
"""

import io
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.image import pnm
from pixmend.image.libvips import INSTALL, decoded
from pixmend.image.metadata import ORIENTATION, found_dpi, kept_exif, lasting_xmp, orientation_of, travelling
from pixmend.image.picture import Picture
from pixmend.image.place import notes_of, place_of
from pixmend.image.png import colour_of, read_levels
from pixmend.image.tiff import PREMULTIPLIED, Layout, read_values

_ICC, _XMP = 34675, 700


def read_png(content: bytes, name: str) -> Picture:
    """A PNG of 16 bits."""
    levels, image = read_levels(content)
    pixels, alpha = _split(levels, has_alpha=levels.shape[2] in (2, 4))
    turn = orientation_of(image)
    found = travelling(image, name, orientation=turn)
    found["colour"] = colour_of(io.BytesIO(content))
    picture = Picture(pixels=pixels / 65535, alpha=_over(alpha, 65535), depth=16, format="PNG", **found)
    return _upright(picture, turn)


def read_avif(content: bytes, image: Image.Image, name: str, *, bits: int) -> Picture:
    """An AVIF of 10 or 12 bits, which libvips decodes upright and shifted to 16."""
    values = decoded(content, loader="heifload_buffer")
    if values is None or values.dtype != np.uint16:
        raise PixmendError(f"{name}: AVIF of {bits} bits per channel needs libvips: {INSTALL}")
    pixels, alpha = _split(values >> (16 - bits), has_alpha=values.shape[2] in (2, 4))
    highest = 2**bits - 1
    found = travelling(image, name, orientation=orientation_of(image))
    return Picture(pixels=pixels / highest, alpha=_over(alpha, highest), depth=16, format="AVIF", **found)


def read_pnm(content: bytes) -> Picture:
    """A PPM or PGM of any highest value."""
    values, highest = pnm.read_values(content)
    pixels, _ = _split(values, has_alpha=False)
    return Picture(pixels=pixels / highest, depth=16 if highest > 255 else 8, format="PPM")


def read_tiff(file: BinaryIO, layout: Layout, name: str) -> Picture:
    """A TIFF of 16 bits, floats, or any number of channels.

    Raises:
        PixmendError: values that are not finite; as ``read_values``.
    """
    file.seek(0)
    values = read_values(file.read(), layout, name)
    pixels, alpha = _split(values, has_alpha=bool(layout.alpha))
    if not pixels.isfinite().all():
        raise PixmendError(f"{name}: holds values that are not finite (NaN or infinite): fill them first")
    highest = 1 if layout.floats else 2**layout.bits - 1
    alpha = _over(alpha, highest)
    ranges = _ranges(pixels, floats=layout.floats)
    pixels = pixels / highest if ranges is None else _within(pixels, ranges)
    if alpha is not None and layout.alpha == PREMULTIPLIED:
        pixels = torch.where(alpha > 0, pixels / alpha.clamp_min(1e-6), pixels).clamp_(0, 1)
    tags = layout.tags
    turn = tags.get(ORIENTATION, 1)
    turn = turn if turn in range(1, 9) else 1
    dpi = found_dpi({}, tags)
    picture = Picture(
        pixels=pixels,
        alpha=alpha,
        depth=32 if layout.floats else 16 if layout.bits == 16 else 8,
        ranges=ranges,
        format="TIFF",
        icc=_bytes(tags.get(_ICC)),
        xmp=lasting_xmp(_bytes(tags.get(_XMP))),
        exif=kept_exif(lambda: tags, lambda tag: layout.folder(file, tag), name),
        dpi=(dpi[1], dpi[0]) if dpi and turn >= 5 else dpi,
        place=place_of(layout),
        notes=notes_of(layout),
    )
    return _upright(picture, turn)


def _ranges(values: Tensor, *, floats: bool) -> tuple[tuple[float, float], ...] | None:
    """What is to become 0 and 1: nothing of an ordinary picture; else least and greatest value of each channel.

    Three channels of floats share theirs, for else their colours would shift.
    """
    if len(values) in (1, 3):
        low, high = (float(value) for value in values.aminmax())
        return ((low, high),) * len(values) if floats and (low < 0 or high > 1) else None
    return tuple((float(plane.min()), float(plane.max())) for plane in values)


def _within(values: Tensor, ranges: tuple[tuple[float, float], ...]) -> Tensor:
    lows, spans = (torch.tensor(column)[:, None, None] for column in zip(*((a, b - a) for a, b in ranges), strict=True))
    return ((values - lows) / torch.where(spans > 0, spans, torch.ones(()))).clamp_(0, 1)


def _split(values: NDArray[Any], *, has_alpha: bool) -> tuple[Tensor, Tensor | None]:
    """Values (H, W, C) as floats (C, H, W), and the last channel by itself."""
    planes = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1), np.float32))
    return (planes[:-1], planes[-1:]) if has_alpha else (planes, None)


def _over(alpha: Tensor | None, highest: int) -> Tensor | None:
    return None if alpha is None else (alpha / highest).clamp_(0, 1)


def _bytes(value: object) -> bytes | None:
    if isinstance(value, tuple) and all(isinstance(number, int) and 0 <= number < 256 for number in value):
        return bytes(value)
    return value if isinstance(value, bytes) else None


def _upright(picture: Picture, orientation: int) -> Picture:
    """What the camera did to the picture, undone."""
    if orientation == 1:
        return picture
    alpha = None if picture.alpha is None else _turned(picture.alpha, orientation)
    return replace(picture, pixels=_turned(picture.pixels, orientation), alpha=alpha)


def _turned(planes: Tensor, orientation: int) -> Tensor:
    if orientation >= 5:
        planes = planes.transpose(1, 2)
    flips = {2: (2,), 3: (1, 2), 4: (1,), 5: (), 6: (2,), 7: (1, 2), 8: (1,)}[orientation]
    return planes.flip(flips).contiguous()
