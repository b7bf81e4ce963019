"""Structural similarity (Wang, Bovik, Sheikh and Simoncelli 2004), in the three implementations tables use.

C channels, H and W height and width, R rows of a band, all in pixels.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.metrics.luma import Luma
from pixmend.metrics.pair import BAND, cropped, cropped_mask, levels

SSIMKind = Literal["wang", "matlab", "uniform"]
"""Whose SSIM.

``wang`` the paper's own ``ssim_index.m``: super-resolution, denoising, deraining, RealBlur. ``matlab``
MATLAB's built-in ``ssim``: GoPro, HIDE, SIDD. ``uniform`` scikit-image's default: DPDD.
"""

_C1 = (0.01 * 255) ** 2
_C2 = (0.03 * 255) ** 2


@dataclass(frozen=True, kw_only=True, slots=True)
class _Window:
    weights: tuple[float, ...]
    """Along each side, from one end to the other."""
    replicate: bool = False
    """Centred on every pixel, the border pixels repeated outwards, and over the channels like a third side;
    else only where it fits."""
    correction: float = 1.0
    """What variances and the covariance are multiplied by."""


def _gaussian(radius: int, sigma: float) -> tuple[float, ...]:
    weights = torch.exp(-torch.arange(-radius, radius + 1, dtype=torch.float64).square() / (2 * sigma**2))
    return tuple((weights / weights.sum()).tolist())


_WINDOWS: Mapping[SSIMKind, _Window] = MappingProxyType(
    {
        "wang": _Window(weights=_gaussian(5, 1.5)),
        "matlab": _Window(weights=_gaussian(5, 1.5), replicate=True),
        "uniform": _Window(weights=(1 / 7,) * 7, correction=49 / 48),
    }
)


def ssim(
    a: Tensor, b: Tensor, *, kind: SSIMKind, border: int, luma: Luma, round8: bool, mask: Tensor | None = None
) -> float:
    """Mean structural similarity, 1 for identical pictures. K1 = 0.01, K2 = 0.03, range 255; in float64.

    - ``wang``: Gaussian window of 11 x 11 pixels and standard deviation 1.5, where it fits inside the picture;
      per channel, then the mean of the channels.
    - ``matlab``: the same window centred on every pixel, border pixels repeated outwards. RGB is taken as a
      volume, so the window is 11 x 11 x 11 and the differences between the channels count as structure: on
      photographs .961 where ``wang`` gives .950.
    - ``uniform``: plain means over 7 x 7 pixels where they fit, variances divided by 48 instead of 49; per
      channel, then the mean.

    Other arguments as ``psnr``; with a mask, the mean over the windows whose centre it keeps.

    Raises:
        PixmendError: as ``psnr``; the border leaves less than one window (``matlab``: nothing); unknown kind.

    Source: equation 13 of the paper and its ``ssim_index.m``, version 1.0, which BasicSR, SwinIR, HAT, EDT
    and Restormer's deraining script reproduce; MATLAB's documentation of ``ssim``; scikit-image's
    ``structural_similarity``.
    """
    if kind not in _WINDOWS:
        raise PixmendError(f"ssim: unknown kind {kind!r}: expected one of {', '.join(get_args(SSIMKind))}")
    window = _WINDOWS[kind]
    size = len(window.weights)
    first, second = cropped(a, b, border=border, luma=luma, smallest=1 if window.replicate else size)
    margin = 0 if window.replicate else size // 2
    weight = cropped_mask(mask, a, border=border + margin, luma=luma)
    if window.replicate:
        first, second = (_extended(image, size // 2) for image in (first, second))
    maps = _similarities(first, second, window, luma=luma, round8=round8)
    if mask is None:
        total, count = map(sum, zip(*((part.sum().item(), part.numel()) for part in maps), strict=True))
        return total / count
    return _masked_mean(maps, weight)


def _masked_mean(maps: Iterator[Tensor], weight: Tensor) -> float:
    """Mean of the maps' rows weighed by (1 or C, H, W), per channel and then of the channels."""
    parts = [(part * rows).sum((1, 2)) for part, rows in zip(maps, weight.split(BAND, dim=1), strict=True)]
    return (sum(parts) / weight.sum((1, 2))).mean().item()


def _similarities(a: Tensor, b: Tensor, window: _Window, *, luma: Luma, round8: bool) -> Iterator[Tensor]:
    """The similarity at every position of the window, (C or 1, R, W), band by band downwards.

    Everything large is allocated once: the memory of a band, given back and asked for again, costs as much
    time as the arithmetic. What was yielded is overwritten by the next band.
    """
    overlap = len(window.weights) - 1
    height, width = a.shape[1:]
    channels = a.shape[0] if luma == "rgb" else 1
    maps, columns, means = (
        torch.empty(4, channels, rows, wide, dtype=torch.float64, device=a.device)
        for rows, wide in ((BAND + overlap, width), (BAND, width), (BAND, width - overlap))
    )

    def fill(target: Tensor, rows: slice) -> None:
        x, y = (levels(image[:, rows], luma=luma, round8=round8) for image in (a, b))
        _fill(target, x, y, window)

    fill(maps[:, :, BAND:], slice(0, overlap))
    for top in range(overlap, height, BAND):
        rows = min(BAND, height - top)
        maps[:, :, :overlap] = maps[:, :, BAND:]
        fill(maps[:, :, overlap : overlap + rows], slice(top, top + rows))
        yield _similarity(_windowed(maps, columns[:, :, :rows], means[:, :, :rows], window.weights), window)


def _fill(target: Tensor, x: Tensor, y: Tensor, window: _Window) -> None:
    """x, y, x^2 + y^2 and xy of (C, R, W) into (4, C, R, W), mixed over the channels where the window does so.

    The two variances only ever occur as their sum, so four maps are enough.
    """
    target[0], target[1] = x, y
    torch.mul(x, x, out=target[2]).addcmul_(y, y)
    torch.mul(x, y, out=target[3])
    if window.replicate and x.shape[0] > 1:
        mix = _across_channels(window.weights, x.shape[0]).to(x.device)
        target.copy_(torch.einsum("kc,mcrw->mkrw", mix, target))


def _windowed(maps: Tensor, columns: Tensor, means: Tensor, weights: tuple[float, ...]) -> Tensor:
    """Weighted means of (4, C, R + overlap, W) into ``means``, (4, C, R, W - overlap), by way of ``columns``.

    Shifted sums are several times faster than ``conv2d``, which has no fast path for float64.
    """
    for dim, source, target in ((-2, maps, columns), (-1, columns, means)):
        length = target.shape[dim]
        torch.mul(source.narrow(dim, 0, length), weights[0], out=target)
        for shift, weight in enumerate(weights[1:], start=1):
            target.add_(source.narrow(dim, shift, length), alpha=weight)
    return means


def _similarity(means: Tensor, window: _Window) -> Tensor:
    """Equation 13 of the windowed means, (4, C, R, W) to (C, R, W); overwrites them."""
    mean_x, mean_y, squares, products = means
    mean_product = mean_x * mean_y
    mean_squares = mean_x.square_().addcmul_(mean_y, mean_y)
    covariance = products.sub_(mean_product).mul_(window.correction)
    variances = squares.sub_(mean_squares).mul_(window.correction)
    numerator = mean_product.mul_(2).add_(_C1).mul_(covariance.mul_(2).add_(_C2))
    return numerator.div_(mean_squares.add_(_C1).mul_(variances.add_(_C2)))


def _across_channels(weights: tuple[float, ...], channels: int) -> Tensor:
    """(K, C): what channel C adds to channel K when the window runs over channels and repeats the outer ones."""
    mix = torch.zeros(channels, channels, dtype=torch.float64)
    radius = len(weights) // 2
    for channel in range(channels):
        for offset, weight in enumerate(weights, start=-radius):
            mix[channel, min(max(channel + offset, 0), channels - 1)] += weight
    return mix


def _extended(image: Tensor, margin: int) -> Tensor:
    """(C, H, W) with its border pixels repeated ``margin`` times on each side."""
    rows, columns = (torch.arange(-margin, size + margin).clamp(0, size - 1) for size in image.shape[1:])
    return image[:, rows[:, None], columns]
