"""RCAN, the residual channel attention network.

Zhang, Li, Li, Wang, Zhong, Fu: Image Super-Resolution Using Very Deep Residual Channel Attention Networks (1807.02758,
ECCV 2018). Written from the paper; names are those of the authors' released weights (yulunzhang/RCAN, no licence
stated). Those of BasicSR (Apache-2.0) are read as well.

B batch, H and W height and width in input pixels, s the scale.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from pixmend.layers.conv import PixelShuffleUpsampler, conv3x3
from pixmend.layers.rcab import ResidualGroups
from pixmend.models.base import Restorer
from pixmend.models.residual_groups import ResidualGroupsConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class RCANConfig(ResidualGroupsConfig):
    """Sizes of the network."""


VARIANTS = {"rcan": RCANConfig()}


class RCAN(Restorer):
    """Residual in residual: blocks in groups, groups in a trunk, a skip around each (paper, figure 2)."""

    BLOCKS = ("RCAB",)
    value_range = 255.0

    def __init__(self, config: RCANConfig) -> None:
        super().__init__()
        self.config = config
        self.tasks = (f"sr_x{config.scale}",)
        self.scale = config.scale
        self.mean = config.mean
        features = config.features
        self.head = nn.Sequential(conv3x3(3, features))
        self.body = ResidualGroups(features, groups=config.groups, blocks=config.blocks, reduction=config.reduction)
        self.tail = nn.Sequential(PixelShuffleUpsampler(config.scale, features), conv3x3(features, 3))

    def restore(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 3, s H, s W)."""
        shallow = self.head(x)
        return self.tail(self.body(shallow) + shallow)
