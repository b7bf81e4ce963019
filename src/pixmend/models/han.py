"""HAN, the holistic attention network.

Niu, Wen, Ren, Zhang, Yang, Wang, Zhang, Cao, Shen: Single Image Super-Resolution via a Holistic Attention Network
(2008.08767, ECCV 2020). Written from the paper; names are those of the released weights (wwlCape/HAN, no licence
stated). The trunk is RCAN's.

B batch, F features, N the groups and the convolution after them, H and W height and width in input pixels, s the scale.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pixmend.layers.conv import PixelShuffleUpsampler, conv3x3
from pixmend.layers.rcab import ResidualGroups
from pixmend.models.base import Restorer
from pixmend.models.residual_groups import ResidualGroupsConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class HANConfig(ResidualGroupsConfig):
    """Sizes of the network."""


VARIANTS = {"han": HANConfig()}


class HAN(Restorer):
    """RCAN's trunk, attention over what its groups give, and attention over channels and space (paper, figure 2)."""

    BLOCKS = ("RCAB",)
    value_range = 255.0

    def __init__(self, config: HANConfig) -> None:
        super().__init__()
        self.config = config
        self.tasks = (f"sr_x{config.scale}",)
        self.scale = config.scale
        self.mean = config.mean
        features = config.features
        self.head = nn.Sequential(conv3x3(3, features))
        self.body = ResidualGroups(features, groups=config.groups, blocks=config.blocks, reduction=config.reduction)
        self.la = LayerAttention()
        self.last_conv = conv3x3((config.groups + 1) * features, features)
        self.csa = ChannelSpatialAttention()
        self.last = conv3x3(2 * features, features)
        self.tail = nn.Sequential(PixelShuffleUpsampler(config.scale, features), conv3x3(features, 3))

    def restore(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 3, s H, s W)."""
        shallow = deep = self.head(x)
        layers = []
        for part in self.body:
            deep = part(deep)
            layers.append(deep)
        # The released last_conv has the deepest layer first.
        holistic = self.last_conv(self.la(torch.stack(layers[::-1], dim=1)).flatten(1, 2))
        return self.tail(self.last(torch.cat((self.csa(deep), holistic), dim=1)) + shallow)


class LayerAttention(nn.Module):
    """(B, N, F, H, W) to the same: to each layer, a mixture of all of them (paper, section 3.2).

    As in the released code, and against the paper's formula, products count with a minus: a layer takes most of
    those least like itself. Products are over the whole picture, so that no tile of it gives the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        layers = x.flatten(2)
        alike = layers @ layers.transpose(1, 2)
        mixture = (-alike).softmax(-1) @ layers
        return x + self.gamma * mixture.view_as(x)


class ChannelSpatialAttention(nn.Module):
    """(B, F, H, W) to the same: a gate for every value, from its neighbours in space and among the channels (3.3)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 1, 3, padding=1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        gate = self.conv(x.unsqueeze(1)).squeeze(1).sigmoid()
        return x + self.gamma * gate * x
