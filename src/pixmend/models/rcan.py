"""RCAN, the residual channel attention network.

Zhang, Li, Li, Wang, Zhong, Fu: Image Super-Resolution Using Very Deep Residual Channel Attention Networks (1807.02758,
ECCV 2018). Written from the paper; names are those of the authors' released weights (yulunzhang/RCAN, no licence
stated). Those of BasicSR (Apache-2.0) are read as well.

B batch, H and W height and width in input pixels, s the scale.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.layers.conv import PixelShuffleUpsampler, conv3x3
from pixmend.layers.rcab import ResidualGroup
from pixmend.models.base import Restorer, check_sizes

MEAN = (0.4488, 0.4371, 0.4040)
"""Of DIV2K."""
SCALES = (2, 3, 4, 8)


@dataclass(frozen=True, kw_only=True, slots=True)
class RCANConfig:
    """Sizes of the network. ``blocks`` counts those of one group; ``reduction`` is the squeeze of the attention."""

    groups: int = 10
    blocks: int = 20
    features: int = 64
    reduction: int = 16
    scale: int = 2
    mean: tuple[float, ...] = MEAN

    def __post_init__(self) -> None:
        check_sizes("RCAN", features=self.features)
        check_sizes("RCAN", most=64, groups=self.groups, blocks=self.blocks)
        check_sizes("RCAN", most=1024, blocks_in_all=self.groups * self.blocks)
        check_sizes("RCAN", most=self.features, reduction=self.reduction)
        if type(self.scale) is not int or self.scale not in SCALES:
            raise PixmendError(f"RCAN enlarges 2, 3, 4 or 8 times, not {self.scale!r}")
        if len(self.mean) != 3 or not all(isinstance(m, int | float) and 0 <= m <= 1 for m in self.mean):
            raise PixmendError(f"RCAN: mean: expected three numbers from 0 to 1, got {self.mean!r}")


VARIANTS = {"rcan": RCANConfig()}


class RCAN(Restorer):
    """Residual in residual: blocks in groups, groups in a trunk, a skip around each (paper, figure 2)."""

    def __init__(self, config: RCANConfig) -> None:
        super().__init__()
        self.config = config
        self.tasks = (f"sr_x{config.scale}",)
        self.scale = config.scale
        self.value_range = 255.0
        self.mean = config.mean
        features = config.features
        self.head = nn.Sequential(conv3x3(3, features))
        groups = (
            ResidualGroup(features, blocks=config.blocks, reduction=config.reduction) for _ in range(config.groups)
        )
        self.body = nn.Sequential(*groups, conv3x3(features, features))
        self.tail = nn.Sequential(PixelShuffleUpsampler(config.scale, features), conv3x3(features, 3))

    def restore(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 3, s H, s W)."""
        shallow = self.head(x)
        return self.tail(self.body(shallow) + shallow)
