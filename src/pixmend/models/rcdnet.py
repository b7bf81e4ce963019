"""RCDNet, the rain convolutional dictionary network.

Wang, Xie, Zhao, Meng: A Model-driven Deep Neural Network for Single Image Rain Removal (2005.01333, CVPR 2020).
Written from the paper's equations; names are those of the released weights (hongwang01/RCDNet, no licence stated).

O = B + R: the rainy picture is a background and a rain layer, and R = C * M is the sum of rain maps M, each convolved
with its rain kernel of the dictionary C. Every stage is one step of proximal gradient descent on M, then on B, whose
proximal operators are learned networks.

b batch, H and W height and width, N rain maps, D dual channels, k the kernel's side. Pictures are in [0, 255].
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.layers.conv import conv3x3
from pixmend.models.base import Restorer, check_sizes

TASKS = ("dr", "dr_L", "dr_H")
DAMPING = 10
"""Kernels and step sizes act divided by this; stored larger, they change more slowly."""
SHARED = 1
"""The one of the dictionary's copies that all stages use."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RCDNetConfig:
    """Sizes of the network. ``blocks`` counts the residual blocks of one proximal network."""

    stages: int = 17
    maps: int = 32
    dual: int = 32
    """Channels that the background's proximal network hands on from stage to stage, beside the background."""
    blocks: int = 4
    kernel: int = 9
    task: str = "dr"
    """Light and heavy rain have the same shapes: nothing in a file tells them apart."""

    def __post_init__(self) -> None:
        check_sizes("RCDNet", most=64, stages=self.stages, blocks=self.blocks, kernel=self.kernel)
        check_sizes("RCDNet", most=1024, maps=self.maps, dual=self.dual)
        check_sizes("RCDNet", most=512, residual_blocks=self.stages * self.blocks)
        if self.stages < SHARED + 2 or self.kernel % 2 == 0:
            raise PixmendError(
                f"RCDNet has {SHARED + 2} or more stages and an odd kernel, not {self.stages} and {self.kernel}"
            )
        if self.task not in TASKS:
            raise PixmendError(f"RCDNet has the tasks {', '.join(TASKS)}, not {self.task!r}")


VARIANTS = {"rcdnet": RCDNetConfig()}


class Stages(NamedTuple):
    """What the network finds on its way, each (b, 3, H, W): S + 2 backgrounds, of which the first is from before the
    S stages and the last the result, and the rain layer of every stage."""

    backgrounds: tuple[Tensor, ...]
    rain: tuple[Tensor, ...]


class RCDNet(Restorer):
    """The unrolled iteration, M-net and B-net in turn, and a last network that refines B (paper, section 4)."""

    BLOCKS = ("BackgroundProx", "MapsProx")
    UNUSED = ("eta1", "mnet")
    """Parameters and modules of the released files that take no part; nor do the copies of ``conv`` but ``SHARED``."""

    def __init__(self, config: RCDNetConfig) -> None:
        super().__init__()
        self.config = config
        self.tasks = (config.task,)
        self.value_range = 255.0
        stages, maps, dual = config.stages, config.maps, config.dual
        dictionary = (3, maps, config.kernel, config.kernel)
        self.eta1 = nn.Parameter(torch.ones(1))
        self.eta2 = nn.Parameter(torch.full((1,), 5.0))
        self.eta11 = nn.Parameter(torch.ones(stages - 1, 1))
        self.eta12 = nn.Parameter(torch.full((stages - 1, 1), 5.0))
        # Rain only adds light. Kernels of sum 1 on average keep the first steps of descent stable.
        self.weight0 = nn.Parameter(torch.rand(dictionary) * 2 / config.kernel**2)
        self.conv = nn.Parameter(torch.rand(stages - 1, *dictionary) * 2 / config.kernel**2)
        self.w_z_f = nn.Parameter(torch.full((dual, 3, 3, 3), 1 / 9))
        self.tau = nn.Parameter(torch.ones(1))
        self.xnet = BackgroundProx(3 + dual, config.blocks)
        self.mnet = MapsProx(maps, config.blocks)
        self.x_stage = nn.ModuleList(BackgroundProx(3 + dual, config.blocks) for _ in range(stages))
        self.m_stage = nn.ModuleList(MapsProx(maps, config.blocks) for _ in range(stages))
        self.fxnet = BackgroundProx(3 + dual, config.blocks)

    def restore(self, x: Tensor) -> Tensor:
        """(b, 3, H, W) to the last background of the same shape."""
        background = x
        for found, _ in self._unrolled(x):
            background = found
        return background

    def stages(self, x: Tensor) -> Stages:
        """Every stage of (b, 3, H, W) in [0, 1], in [0, 1] too, for a loss over all of them (paper, section 4)."""
        backgrounds, rain = zip(*self._unrolled(x * self.value_range), strict=True)
        return Stages(
            tuple(background / self.value_range for background in backgrounds),
            tuple(layer / self.value_range for layer in rain if layer is not None),
        )

    def _unrolled(self, x: Tensor) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Backgrounds in turn, each with the rain layer that it was made with; the first and the last have none."""
        background, dual = _apart(self.xnet(torch.cat((x, F.conv2d(x, self.w_z_f, padding=1)), dim=1)))
        yield background, None
        kernels = self.conv[SHARED] / DAMPING
        # The first step starts from no rain: from what is above a threshold, with a dictionary of its own.
        maps = self.m_stage[0](_correlate(F.relu(x - background - self.tau), self.weight0 / DAMPING))
        etas = torch.cat((self.eta2[None], self.eta12)) / DAMPING
        for stage in range(self.config.stages):
            rain = _convolve(maps, kernels)
            # B-net: a step towards the picture without its rain.
            background = background - etas[stage] * (background - (x - rain))
            background, dual = _apart(self.x_stage[stage](torch.cat((background, dual), dim=1)))
            yield background, rain
            if stage + 1 < self.config.stages:
                # M-net: a step against the gradient, what the maps explain wrongly as the kernels see it.
                gradient = _correlate(rain - (x - background), kernels)
                maps = self.m_stage[stage + 1](maps - self.eta11[stage] / DAMPING * gradient)
        yield _apart(self.fxnet(torch.cat((background, dual), dim=1)))[0], None


def _convolve(maps: Tensor, kernels: Tensor) -> Tensor:
    """Rain maps (b, N, H, W) and kernels (3, N, k, k) to the rain layer (b, 3, H, W)."""
    return F.conv2d(maps, kernels, padding=kernels.shape[-1] // 2)


def _correlate(layer: Tensor, kernels: Tensor) -> Tensor:
    """The transpose of ``_convolve``: (b, 3, H, W) to (b, N, H, W)."""
    return F.conv_transpose2d(layer, kernels, padding=kernels.shape[-1] // 2)


def _apart(both: Tensor) -> tuple[Tensor, Tensor]:
    """(b, 3 + D, H, W) to the background and the dual channels."""
    return both[:, :3], both[:, 3:]


class ResidualBlocks(nn.ModuleDict):
    """(b, C, H, W) to the same: residual blocks of two convolutions with batch normalisation, a ReLU after each sum."""

    def __init__(self, name: str, channels: int, blocks: int) -> None:
        super().__init__({f"{name}{index + 1}": _branch(channels) for index in range(blocks)})

    def forward(self, x: Tensor) -> Tensor:
        for branch in self.values():
            x = F.relu(x + branch(x))
        return x


class BackgroundProx(ResidualBlocks):
    """The proximal network of the background and the dual channels (paper, section 4)."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__("resx", channels, blocks)


class MapsProx(ResidualBlocks):
    """The proximal network of the rain maps: what is below a learned threshold of each map becomes 0."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__("resm", channels, blocks)
        self.tau = nn.Parameter(torch.full((1, channels, 1, 1), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(super().forward(x) - self.tau)


def _branch(channels: int) -> nn.Sequential:
    return nn.Sequential(
        conv3x3(channels, channels),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        conv3x3(channels, channels),
        nn.BatchNorm2d(channels),
    )
