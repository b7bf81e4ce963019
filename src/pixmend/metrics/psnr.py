"""Peak signal-to-noise ratio."""

import math

from torch import Tensor

from pixmend.metrics.luma import Luma
from pixmend.metrics.pair import BAND, cropped, levels


def psnr(a: Tensor, b: Tensor, *, border: int, luma: Luma, round8: bool) -> float:
    """10 log10(255^2 / mean squared error) in dB, over all channels at once; ``inf`` for identical pictures.

    Pictures are (3, H, W) or (1, H, W) in [0, 1]; ``border`` pixels are left out on each side; ``round8``
    clamps and rounds both to 8 bit first; ``luma`` says which values are compared. Computed in float64.

    Raises:
        PixmendError: shapes differ or are no pictures, or the border leaves nothing.

    The peak is 255 for the luma too, although it only spans 16 .. 235: every published table does so, and a
    full-range luma scores 20 log10(255/219) = 1.32 dB less.
    """
    a, b = cropped(a, b, border=border, luma=luma, smallest=1)
    total, count = 0.0, 0
    for first, second in zip(a.split(BAND, dim=1), b.split(BAND, dim=1), strict=True):
        difference = levels(first, luma=luma, round8=round8) - levels(second, luma=luma, round8=round8)
        total += difference.square().sum().item()
        count += difference.numel()
    return math.inf if total == 0 else 10 * math.log10(255**2 * count / total)
