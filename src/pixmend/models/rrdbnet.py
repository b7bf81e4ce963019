"""RRDBNet, the network of residual in residual dense blocks: the generator of ESRGAN and of what came after it.

Wang, Yu, Wu, Gu, Liu, Dong, Loy, Qiao, Tang: ESRGAN, Enhanced Super-Resolution Generative Adversarial Networks
(1809.00219, ECCV workshops 2018), and Wang, Xie, Dong, Shan: Real-ESRGAN (2107.10833, ICCV workshops 2021). Written
from the papers; names are those of BasicSR (Apache-2.0). Those of the first releases, and of BSRGAN, are read as well.

B batch, F features, G growth, H and W height and width in input pixels, s the scale, u the unshuffling.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.layers.conv import conv3x3
from pixmend.models.base import Restorer, check_purpose, check_sizes

SLOPE = 0.2
"""Of the leaky ReLU."""
RESIDUAL = 0.2
"""What a branch is scaled by before it is added, else so many of them do not train (ESRGAN, section 3.1)."""
UNSHUFFLED = (1, 2, 4)


@dataclass(frozen=True, kw_only=True, slots=True)
class RRDBNetConfig:
    """Sizes of the network. It always works towards a 2^steps-fold picture, and makes its input smaller for less."""

    features: int = 64
    growth: int = 32
    blocks: int = 23
    scale: int = 4
    steps: int = 2
    """Enlargements by 2 at the end. Two, but in old files, which have log2(scale)."""
    channels: int = 3
    task: str | None = None
    """What it was trained for, where that is not plain super-resolution: sr_real_x4."""

    def __post_init__(self) -> None:
        check_sizes("RRDBNet", features=self.features, growth=self.growth)
        check_sizes("RRDBNet", most=64, blocks=self.blocks)
        check_sizes("RRDBNet", most=4, channels=self.channels)
        if type(self.steps) is not int or not 0 <= self.steps <= 3:
            raise PixmendError(f"RRDBNet: steps: expected a whole number from 0 to 3, got {self.steps!r}")
        scales = [2**self.steps // factor for factor in UNSHUFFLED if factor <= 2**self.steps]
        if type(self.scale) is not int or self.scale not in scales:
            listed = ", ".join(map(str, scales))
            raise PixmendError(f"RRDBNet: scale: {self.steps} steps reach {listed}, not {self.scale!r}")
        check_purpose("RRDBNet", self.task, scale=self.scale)

    @property
    def unshuffle(self) -> int:
        """Input pixels, along each side, that become channels of one."""
        return 2**self.steps // self.scale


VARIANTS = {
    "rrdbnet": RRDBNetConfig(),
    "rrdbnet_6b": RRDBNetConfig(blocks=6),
}


class RRDBNet(Restorer):
    """Blocks at the size of the input, then nearest-neighbour enlargement with convolutions (ESRGAN, figure 3)."""

    BLOCKS = ("RRDB",)

    def __init__(self, config: RRDBNetConfig) -> None:
        super().__init__()
        self.config = config
        enlarges = (f"sr_x{config.scale}",) if config.scale > 1 else ()
        self.tasks = (config.task,) if config.task else enlarges
        self.scale = config.scale
        self.multiple = config.unshuffle
        self.in_channels = self.out_channels = config.channels
        features = config.features
        self.conv_first = conv3x3(config.channels * config.unshuffle**2, features)
        self.body = nn.Sequential(*(RRDB(features, config.growth) for _ in range(config.blocks)))
        self.conv_body = conv3x3(features, features)
        for step in range(1, config.steps + 1):
            self.add_module(f"conv_up{step}", conv3x3(features, features))
        self.conv_hr = conv3x3(features, features)
        self.conv_last = conv3x3(features, config.channels)

    def restore(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, s H, s W); H and W multiples of u."""
        shallow = self.conv_first(F.pixel_unshuffle(x, self.config.unshuffle))
        x = shallow + self.conv_body(self.body(shallow))
        for step in range(1, self.config.steps + 1):
            conv = self.get_submodule(f"conv_up{step}")
            x = _leaky(conv(F.interpolate(x, scale_factor=2, mode="nearest")))
        return self.conv_last(_leaky(self.conv_hr(x)))


class RRDB(nn.Module):
    """(B, F, H, W) to the same: three dense blocks and a scaled skip around them (ESRGAN, section 3.1)."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = ResidualDenseBlock(features, growth)
        self.rdb2 = ResidualDenseBlock(features, growth)
        self.rdb3 = ResidualDenseBlock(features, growth)

    def forward(self, x: Tensor) -> Tensor:
        return x + RESIDUAL * self.rdb3(self.rdb2(self.rdb1(x)))


class ResidualDenseBlock(nn.Module):
    """(B, F, H, W) to the same: five convolutions that each see all features before them, and a scaled skip."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(features, growth)
        self.conv2 = conv3x3(features + growth, growth)
        self.conv3 = conv3x3(features + 2 * growth, growth)
        self.conv4 = conv3x3(features + 3 * growth, growth)
        self.conv5 = conv3x3(features + 4 * growth, features)
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4, self.conv5):
            nn.init.kaiming_normal_(conv.weight)
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)
            with torch.no_grad():
                conv.weight *= 0.1  # smaller than usual, which eases training (ESRGAN, section 3.1)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat([seen, _leaky(conv(seen))], dim=1)
        return x + RESIDUAL * self.conv5(seen)


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE)
