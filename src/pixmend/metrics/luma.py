"""RGB to the one channel that super-resolution and deraining tables are scored on.

C channels, H and W height and width in pixels.
"""

from typing import Literal

from torch import Tensor

from pixmend.errors import PixmendError

Luma = Literal["rgb", "bt601", "bt601_rounded"]
"""The values a metric compares: all channels as they are, or one of the two lumas below."""


def bt601(image: Tensor) -> Tensor:
    """Studio-range luma Y of (3, H, W) or grey (1, H, W) in [0, 1]: (1, H, W) float64 from 16/255 to 235/255.

    Grey is taken as three equal channels, as the super-resolution test sets store it, so it is scaled to the
    studio range too and scores 1.32 dB higher than on its own values.

    Raises:
        PixmendError: not (1, H, W) or (3, H, W).

    Source: ITU-R BT.601 as MATLAB's ``rgb2ycbcr`` computes it on doubles.
    """
    if image.dim() != 3 or image.shape[0] not in (1, 3):
        raise PixmendError(f"luma: expected (3, H, W) or grey (1, H, W), got {tuple(image.shape)}")
    red, green, blue = image.double() if image.shape[0] == 3 else image.double().expand(3, -1, -1)
    luma = (red * 65.481).add_(green, alpha=128.553).add_(blue, alpha=24.966).add_(16)
    return luma.div_(255)[None]


def bt601_rounded(image: Tensor) -> Tensor:
    """``bt601`` rounded to whole 255ths, halves upwards, as MATLAB's ``rgb2ycbcr`` does for uint8 pictures.

    The rounding costs up to about 0.1 dB, more the better the picture is.
    """
    return bt601(image).mul_(255).add_(0.5).floor_().div_(255)
