"""PSNR-B: peak signal-to-noise ratio that also counts the blocks of JPEG (Yim and Bovik 2011)."""

import math

from torch import Tensor

from pixmend.metrics.luma import Luma
from pixmend.metrics.pair import cropped, levels

_BLOCK = 8


def psnr_b(restored: Tensor, true: Tensor, *, border: int, luma: Luma, round8: bool) -> float:
    """10 log10(1 / (mean squared error + blocking)) in dB per channel, then the mean of the channels.

    Arguments as ``psnr``, but the border must leave 16 x 16 pixels, and the two are not interchangeable: the
    blocking is that of ``restored`` alone, on a grid of 8 x 8 pixels that begins where the border ends.

    Raises:
        PixmendError: shapes differ or are no pictures, or the border leaves less than 16 x 16 pixels.

    Source: "Quality assessment of deblocked images", as SwinIR's ``utils/util_calculate_psnr_ssim.py`` computes
    it. Where a side is no multiple of 8, one block border more is looked across than is divided by; the
    published tables do so, and so does this.
    """
    restored, true = cropped(restored, true, border=border, luma=luma, smallest=2 * _BLOCK)
    x, y = (levels(image, luma=luma, round8=round8).div_(255) for image in (restored, true))
    errors = [(first - second).square().mean().item() + _blocking(first) for first, second in zip(x, y, strict=True)]
    return sum(math.inf if error == 0 else -10 * math.log10(error) for error in errors) / len(errors)


def _blocking(channel: Tensor) -> float:
    """Blocking effect factor of (H, W): how much more the borders of blocks differ than other neighbours do."""
    height, width = channel.shape
    across, down = channel.diff(dim=1).square(), channel.diff(dim=0).square()
    at_borders = (across[:, _BLOCK - 1 :: _BLOCK].sum() + down[_BLOCK - 1 :: _BLOCK].sum()).item()
    elsewhere = (across.sum() + down.sum()).item() - at_borders
    borders = height * (width // _BLOCK - 1) + width * (height // _BLOCK - 1)
    others = height * (width - 1) + width * (height - 1) - borders
    excess = at_borders / borders - elsewhere / others
    return max(excess, 0.0) * math.log2(_BLOCK) / math.log2(min(height, width))
