"""RGB to the one channel that super-resolution, deraining and JPEG tables are scored on.

C channels, H and W height and width, R rows, all in pixels.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from torch import Tensor

from pixmend.errors import PixmendError

Luma = Literal["rgb", "bt601", "bt601_rounded", "ipt", "full_range"]
"""The values a metric compares.

``rgb`` all channels as they are. ``bt601`` MATLAB's ``rgb2ycbcr`` of doubles, ``bt601_rounded`` of uint8
pictures. ``ipt`` the same to three decimals, with IPT's own weights. ``full_range`` the luma of JPEG and YIQ,
0 .. 255 instead of 16 .. 235, which lowers every PSNR by 1.32 dB.
"""

_STUDIO = (65.481 / 255, 128.553 / 255, 24.966 / 255, 16.0)
_LUMAS: Mapping[Luma, tuple[float, float, float, float]] = MappingProxyType(
    {
        "bt601": _STUDIO,
        "bt601_rounded": _STUDIO,
        "ipt": (65.738 / 256, 129.057 / 256, 25.064 / 256, 16.0),
        "full_range": (0.299, 0.587, 0.114, 0.0),
    }
)
"""Red, green, blue and offset, for values in 0 .. 255."""

_HALF = 0.5 + 1e-9
"""194 of the 16,777,216 colours have a luma of exactly half a level; the excess sends all of them up."""


def bt601(image: Tensor) -> Tensor:
    """Studio-range luma Y of (3, H, W) or grey (1, H, W) in [0, 1]: (1, H, W) float64 from 16/255 to 235/255.

    Grey is taken as three equal channels, as the super-resolution test sets store it, so it is scaled to the
    studio range too and scores 1.32 dB higher than on its own values.

    Raises:
        PixmendError: not (1, H, W) or (3, H, W).

    Source: ITU-R BT.601 as MATLAB's ``rgb2ycbcr`` computes it on doubles.
    """
    return _checked_luma(image, "bt601")


def bt601_rounded(image: Tensor) -> Tensor:
    """``bt601`` rounded to whole 255ths, halves upwards, as MATLAB's ``rgb2ycbcr`` does for uint8 pictures.

    The rounding costs up to about 0.1 dB, more the better the picture is.
    """
    return _checked_luma(image, "bt601_rounded")


def luma_of(values: Tensor, luma: Luma) -> Tensor:
    """(3, R, W) or grey (1, R, W) float64 in 0 .. 255 to luma, (1, R, W) in 0 .. 255; ``luma`` is not ``rgb``."""
    red, green, blue = values if values.shape[0] == 3 else values.expand(3, -1, -1)
    red_weight, green_weight, blue_weight, offset = _LUMAS[luma]
    y = (red * red_weight).add_(green, alpha=green_weight).add_(blue, alpha=blue_weight).add_(offset)
    return (y.add_(_HALF).floor_() if luma == "bt601_rounded" else y)[None]


def _checked_luma(image: Tensor, luma: Luma) -> Tensor:
    """``luma_of`` of one picture in [0, 1], in [0, 1] too."""
    if image.dim() != 3 or image.shape[0] not in (1, 3):
        raise PixmendError(f"luma: expected (3, H, W) or grey (1, H, W), got {tuple(image.shape)}")
    return luma_of(image.double() * 255, luma).div_(255)
