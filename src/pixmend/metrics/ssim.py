"""Structural similarity (Wang, Bovik, Sheikh and Simoncelli 2004)."""

import torch
from torch import Tensor

from pixmend.metrics.luma import Luma
from pixmend.metrics.pair import BAND, cropped, levels

_WINDOW = 11
_SIGMA = 1.5
_C1 = (0.01 * 255) ** 2
_C2 = (0.03 * 255) ** 2


def ssim(a: Tensor, b: Tensor, *, border: int, luma: Luma, round8: bool) -> float:
    """Mean structural similarity, 1 for identical pictures; per channel, then the mean of the channels.

    Gaussian window of 11 x 11 pixels and standard deviation 1.5, where it fits inside the picture; K1 = 0.01,
    K2 = 0.03, range 255. Arguments and errors as ``psnr``, but the border must leave 11 x 11 pixels.
    Computed in float64.

    Source: equation 13 of the paper and its ``ssim_index.m``, version 1.0, which BasicSR, SwinIR, HAT, EDT
    and Restormer's deraining script reproduce. MATLAB's built-in ``ssim`` (the GoPro and HIDE tables) is
    another implementation, whose numbers are not comparable.
    """
    a, b = cropped(a, b, border=border, luma=luma, smallest=_WINDOW)
    overlap = _WINDOW - 1
    total, count = 0.0, 0
    for top in range(0, a.shape[1] - overlap, BAND):
        rows = slice(top, top + BAND + overlap)
        x, y = (levels(image[:, rows], luma=luma, round8=round8) for image in (a, b))
        similarity = _map(x, y)
        total += similarity.sum().item()
        count += similarity.numel()
    return total / count


def _map(x: Tensor, y: Tensor) -> Tensor:
    """(C, H, W) twice to the similarity at every position of the window, (C, H - 10, W - 10).

    The two variances only ever occur as their sum, so four windowed means are enough: x, y, x^2 + y^2, xy.
    """
    mean_x, mean_y, squares, products = _windowed(torch.stack([x, y, x * x + y * y, x * y]))
    mean_product = mean_x * mean_y
    mean_squares = mean_x.square().add_(mean_y.square())
    covariance = products - mean_product
    variances = squares - mean_squares
    numerator = (2 * mean_product + _C1).mul_(2 * covariance + _C2)
    return numerator.div_((mean_squares + _C1).mul_(variances + _C2))


def _windowed(maps: Tensor) -> Tensor:
    """Gaussian means of (..., H, W) where the window fits: down the columns, then along the rows.

    Eleven shifted sums are several times faster than ``conv2d``, which has no fast path for float64.
    """
    distance = torch.arange(_WINDOW, dtype=torch.float64) - _WINDOW // 2
    weights = torch.exp(-distance.square() / (2 * _SIGMA**2))
    weights /= weights.sum()
    for dim in (-2, -1):
        length = maps.shape[dim] - _WINDOW + 1
        mean = torch.zeros_like(maps.narrow(dim, 0, length))
        for shift, weight in enumerate(weights.tolist()):
            mean.add_(maps.narrow(dim, shift, length), alpha=weight)
        maps = mean
    return maps
