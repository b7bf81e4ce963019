"""The sizes of RCAN (1807.02758), and of HAN, which took its trunk over."""

from dataclasses import dataclass

from pixmend.models.base import DIV2K, check_mean, check_scale, check_sizes


@dataclass(frozen=True, kw_only=True, slots=True)
class ResidualGroupsConfig:
    """``blocks`` counts those of one group; ``reduction`` is the squeeze of the attention."""

    groups: int = 10
    blocks: int = 20
    features: int = 64
    reduction: int = 16
    scale: int = 2
    mean: tuple[float, ...] = DIV2K

    def __post_init__(self) -> None:
        family = type(self).__name__.removesuffix("Config")
        check_sizes(family, features=self.features)
        check_sizes(family, most=64, groups=self.groups, blocks=self.blocks)
        check_sizes(family, most=1024, blocks_in_all=self.groups * self.blocks)
        check_sizes(family, most=self.features, reduction=self.reduction)
        check_scale(family, self.scale)
        check_mean(family, self.mean)
