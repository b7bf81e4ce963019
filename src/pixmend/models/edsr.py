"""EDSR, the enhanced deep residual network.

Lim, Son, Kim, Nah, Lee: Enhanced Deep Residual Networks for Single Image Super-Resolution (1707.02921, CVPR workshops
2017). Written from the paper; names are those of the weights BasicSR released (Apache-2.0). Those of EDSR-PyTorch
(MIT) are read as well.

B batch, F features, H and W height and width in input pixels, s the scale.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.layers.conv import PixelShuffleUpsampler, conv3x3
from pixmend.models.base import DIV2K, Restorer, check_mean, check_scale, check_sizes


@dataclass(frozen=True, kw_only=True, slots=True)
class EDSRConfig:
    """Sizes of the network. ``res_scale`` shrinks what each block adds; wide networks do not train without."""

    features: int
    blocks: int
    res_scale: float
    scale: int = 2
    mean: tuple[float, ...] = DIV2K

    def __post_init__(self) -> None:
        check_sizes("EDSR", features=self.features)
        check_sizes("EDSR", most=256, blocks=self.blocks)
        check_scale("EDSR", self.scale)
        check_mean("EDSR", self.mean)
        if not isinstance(self.res_scale, int | float) or not 0 < self.res_scale <= 1:
            raise PixmendError(f"EDSR: res_scale: expected a number above 0 and up to 1, got {self.res_scale!r}")


VARIANTS = {
    "edsr_baseline": EDSRConfig(features=64, blocks=16, res_scale=1.0),
    "edsr": EDSRConfig(features=256, blocks=32, res_scale=0.1),
}


class EDSR(Restorer):
    """Residual blocks at the size of the input, and pixel shuffle at the end (paper, figure 3)."""

    BLOCKS = ("ResidualBlock",)
    value_range = 255.0

    def __init__(self, config: EDSRConfig) -> None:
        super().__init__()
        self.config = config
        self.tasks = (f"sr_x{config.scale}",)
        self.scale = config.scale
        self.mean = config.mean
        self.conv_first = conv3x3(3, config.features)
        self.body = nn.Sequential(*(ResidualBlock(config.features, config.res_scale) for _ in range(config.blocks)))
        self.conv_after_body = conv3x3(config.features, config.features)
        self.upsample = PixelShuffleUpsampler(config.scale, config.features)
        self.conv_last = conv3x3(config.features, 3)

    def restore(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 3, s H, s W)."""
        shallow = self.conv_first(x)
        deep = self.conv_after_body(self.body(shallow)) + shallow
        return self.conv_last(self.upsample(deep))


class ResidualBlock(nn.Module):
    """(B, F, H, W) to the same: a residual block without normalisation, whose branch is scaled (section 3.1)."""

    def __init__(self, features: int, res_scale: float) -> None:
        super().__init__()
        self.conv1 = conv3x3(features, features)
        self.conv2 = conv3x3(features, features)
        self.res_scale = res_scale

    def forward(self, x: Tensor) -> Tensor:
        return x + self.res_scale * self.conv2(F.relu(self.conv1(x)))
