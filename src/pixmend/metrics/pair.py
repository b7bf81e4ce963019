"""What the metrics share: checking a pair of pictures and turning rows of it into the values to compare.

C channels, H and W height and width in pixels, R rows of a band. A band fits the processor's cache, which
makes the metrics several times faster than whole pictures would be, and lets pictures be of any size.
"""

from typing import get_args

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.metrics.luma import Luma, luma_of

BAND = 32
"""Rows scored at a time."""


def cropped(a: Tensor, b: Tensor, *, border: int, luma: Luma, smallest: int) -> tuple[Tensor, Tensor]:
    """Both pictures without ``border`` pixels on each side, at least ``smallest`` pixels high and wide.

    Raises:
        PixmendError: shapes differ, are not (1, H, W) or (3, H, W) or too small; not floats; unknown luma.
    """
    shapes = f"got {tuple(a.shape)} and {tuple(b.shape)}"
    if a.shape != b.shape:
        raise PixmendError(f"metrics: expected two pictures of one shape, {shapes}")
    if a.dim() != 3 or a.shape[0] not in (1, 3):
        raise PixmendError(f"metrics: expected pictures (3, H, W) or (1, H, W), {shapes}: score a batch one by one")
    if not (a.is_floating_point() and b.is_floating_point()):
        raise PixmendError(f"metrics: expected floats in [0, 1], got {a.dtype} and {b.dtype}: divide 8-bit by 255")
    if luma not in get_args(Luma):
        raise PixmendError(f"metrics: unknown luma {luma!r}: expected one of {', '.join(get_args(Luma))}")
    if border < 0 or min(a.shape[1:]) - 2 * border < smallest:
        raise PixmendError(
            f"metrics: expected a border of 0 or more that leaves {smallest} x {smallest} pixels, "
            f"got {border} on pictures of shape {tuple(a.shape)}"
        )
    return inner(a.detach(), border), inner(b.detach(), border)


def cropped_mask(mask: Tensor | None, picture: Tensor, *, border: int, luma: Luma) -> Tensor:
    """The weight of every value of ``picture``: (1, H, W) or (C, H, W) float64 without ``border`` pixels.

    Without a mask, ones. ``picture`` is as it was before the border was left out.

    Raises:
        PixmendError: not (1, H, W), nor of the picture's shape where all its channels are compared; all zero.
    """
    whole = (1, *picture.shape[1:])
    if mask is None:
        return inner(torch.ones((), dtype=torch.float64, device=picture.device).expand(whole), border)
    if mask.shape != whole and not (luma == "rgb" and mask.shape == picture.shape):
        raise PixmendError(f"metrics: expected a mask {whole} for luma {luma}, got {tuple(mask.shape)}")
    mask = inner(mask, border).double()
    if not mask.any():
        raise PixmendError("metrics: the mask is 0 at every pixel that is compared: nothing is left to score")
    return mask


def inner(image: Tensor, border: int) -> Tensor:
    """(C, H, W) without ``border`` pixels on each side."""
    return image[:, border : image.shape[1] - border, border : image.shape[2] - border]


def levels(image: Tensor, *, luma: Luma, round8: bool) -> Tensor:
    """(C, R, W) in [0, 1] to the values compared, (C or 1, R, W) float64 in 0 .. 255.

    ``round8`` clamps and rounds to 8 bit with the arithmetic of ``pixmend.write_image``, so that a picture
    and the file made of it score the same.
    """
    if round8:
        values = image.float().clamp(0, 1).mul_(255).add_(0.5).floor_().double()
    else:
        values = image.double() * 255
    return values if luma == "rgb" else luma_of(values, luma)
