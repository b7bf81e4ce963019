"""RDN, the residual dense network.

Zhang, Tian, Kong, Zhong, Fu: Residual Dense Network for Image Super-Resolution (1802.08797, CVPR 2018). Written from
the paper; names are those of EDSR-PyTorch (MIT) and of the code that grew from it. Unlike the other networks there it
subtracts no mean.

B batch, G0 features, G growth, H and W height and width in input pixels, s the scale.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.layers.conv import conv3x3
from pixmend.models.base import Restorer, check_sizes

STEPS = {2: (2,), 3: (3,), 4: (2, 2)}
"""The steps by which each scale is reached."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RDNConfig:
    """Sizes of the network, G0, G, D and C in the paper; ``layers`` counts the convolutions of one block."""

    features: int = 64
    growth: int = 64
    blocks: int = 16
    layers: int = 8
    scale: int = 2

    def __post_init__(self) -> None:
        check_sizes("RDN", most=1024, features=self.features, growth=self.growth)
        check_sizes("RDN", most=64, blocks=self.blocks, layers=self.layers)
        if type(self.scale) is not int or self.scale not in STEPS:
            raise PixmendError(f"RDN enlarges 2, 3 or 4 times, not {self.scale!r}")


VARIANTS = {"rdn": RDNConfig()}


class RDN(Restorer):
    """Dense blocks, the outputs of all of them fused, and pixel shuffle at the end (paper, figure 2)."""

    BLOCKS = ("ResidualDenseBlock",)
    value_range = 255.0

    def __init__(self, config: RDNConfig) -> None:
        super().__init__()
        self.config = config
        self.tasks = (f"sr_x{config.scale}",)
        self.scale = config.scale
        features = config.features
        self.SFENet1 = conv3x3(3, features)
        self.SFENet2 = conv3x3(features, features)
        self.RDBs = nn.ModuleList(
            ResidualDenseBlock(features, config.growth, config.layers) for _ in range(config.blocks)
        )
        self.GFF = nn.Sequential(nn.Conv2d(config.blocks * features, features, 1), conv3x3(features, features))
        self.UPNet = _upsampler(config)

    def restore(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 3, s H, s W)."""
        shallow = self.SFENet1(x)
        x, blocks = self.SFENet2(shallow), []
        for block in self.RDBs:
            x = block(x)
            blocks.append(x)
        return self.UPNet(self.GFF(torch.cat(blocks, dim=1)) + shallow)


def _upsampler(config: RDNConfig) -> nn.Sequential:
    """(B, G0, H, W) to (B, 3, s H, s W): pixel shuffle in steps, which leave G channels."""
    parts: list[nn.Module] = []
    width = config.features
    for step in STEPS[config.scale]:
        parts += [conv3x3(width, config.growth * step**2), nn.PixelShuffle(step)]
        width = config.growth
    return nn.Sequential(*parts, conv3x3(width, 3))


class ResidualDenseBlock(nn.Module):
    """(B, G0, H, W) to the same: dense layers, their outputs fused by a 1 x 1 convolution, a skip (section 3.2)."""

    def __init__(self, features: int, growth: int, layers: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(*(DenseLayer(features + index * growth, growth) for index in range(layers)))
        self.LFF = nn.Conv2d(features + layers * growth, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.LFF(self.convs(x))


class DenseLayer(nn.Module):
    """(B, C, H, W) to (B, C + G, H, W): what came in, and G new features of it."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(conv3x3(channels, growth), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(x)], dim=1)
