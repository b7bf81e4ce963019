"""Pixel by pixel: peak signal-to-noise ratio and mean absolute error."""

import math
from collections.abc import Callable

from torch import Tensor

from pixmend.metrics.luma import Luma
from pixmend.metrics.pair import BAND, cropped, cropped_mask, levels


def psnr(a: Tensor, b: Tensor, *, border: int, luma: Luma, round8: bool, mask: Tensor | None = None) -> float:
    """10 log10(255^2 / mean squared error) in dB, over all channels at once; ``inf`` for identical pictures.

    Pictures are (3, H, W) or (1, H, W) in [0, 1]; ``border`` pixels are left out on each side; ``round8``
    clamps and rounds both to 8 bit first; ``luma`` says which values are compared; only values where ``mask``,
    (1, H, W) or the pictures' shape, is 1 and not 0 count. Computed in float64.

    Raises:
        PixmendError: shapes differ or are no pictures, or the border or the mask leaves nothing.

    The peak is 255 for the luma too, although it only spans 16 .. 235: every published table does so, and a
    full-range luma scores 20 log10(255/219) = 1.32 dB less.
    """
    error = _mean(a, b, Tensor.square, border=border, luma=luma, round8=round8, mask=mask)
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def mae(a: Tensor, b: Tensor, *, border: int, luma: Luma, round8: bool) -> float:
    """Mean absolute difference over all channels, 0 for identical pictures and at most 1; else as ``psnr``.

    Source: the tables of defocus deblurring (DPDD).
    """
    return _mean(a, b, Tensor.abs, border=border, luma=luma, round8=round8, mask=None) / 255


def _mean(
    a: Tensor,
    b: Tensor,
    penalty: Callable[[Tensor], Tensor],
    *,
    border: int,
    luma: Luma,
    round8: bool,
    mask: Tensor | None,
) -> float:
    """Mean penalty of the differences of levels, 0 .. 255."""
    first, second = cropped(a, b, border=border, luma=luma, smallest=1)
    weight = cropped_mask(mask, a, border=border, luma=luma)
    total, count = 0.0, 0.0
    for x, y, w in zip(*(rows.split(BAND, dim=1) for rows in (first, second, weight)), strict=True):
        difference = levels(x, luma=luma, round8=round8) - levels(y, luma=luma, round8=round8)
        if mask is None:
            total += penalty(difference).sum().item()
            count += difference.numel()
        else:
            total += (penalty(difference) * w).sum().item()
            count += w.expand_as(difference).sum().item()
    return total / count
