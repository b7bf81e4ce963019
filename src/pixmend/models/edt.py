"""EDT, the encoder-decoder-based transformer.

Li, Lu, Qian, Lu, Jia: On Efficient Transformer-Based Image Pre-training for Low-Level Vision (2112.10175, IJCAI 2023).
Written from the paper; names are those of the released weights (fenglinglwb/EDT, no licence stated) but for
``heads.sr_x2`` where they have ``head_sr_x2``. The body is in ``edt_body``, the heads and tails in ``edt_branches``;
``edt_p`` is pixmend's own smaller size, for the weights that ship with it.

B batch, H and W height and width in input pixels, h and w in body tokens, C body channels, s the scale.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.layers.initial import initialise
from pixmend.layers.window import Window
from pixmend.models.base import DIV2K, MultiTask, Restorer, check_drop_path, check_sizes
from pixmend.models.edt_body import Body
from pixmend.models.edt_branches import Head, ResidualTail, ShuffleTail

TASK = re.compile(r"sr_x[234]|dn_g\d+|dr_[LH]")

Upsampler = Literal["pixelshuffle", "pixelshuffledirect"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EDTConfig:
    """Sizes of the network. ``depths`` counts the blocks of each stage; ``window`` lies, and stands crosswise."""

    tasks: tuple[str, ...]
    features: int
    dim: int
    depths: tuple[int, ...]
    num_heads: int
    window: Window = (6, 24)
    mlp_ratio: int = 2
    upsampler: Upsampler = "pixelshuffle"
    downsample: bool = True
    """Denoising and deraining work at a quarter of the size; the SF form (False) keeps full size."""
    drop_path: float = 0.1

    def __post_init__(self) -> None:
        for task in self.tasks:
            if not isinstance(task, str) or not TASK.fullmatch(task):
                raise PixmendError(f"EDT has tasks like sr_x2, dn_g25, dr_L, not {task!r}")
        if not 0 < len(self.tasks) <= 64 or len(set(self.tasks)) != len(self.tasks):
            raise PixmendError(f"EDT needs from 1 to 64 different tasks, got {self.tasks[:8]}")
        check_sizes("EDT", features=self.features, dim=self.dim, num_heads=self.num_heads, mlp_ratio=self.mlp_ratio)
        check_sizes("EDT", most=64, depths=self.depths, window=self.window)
        if len(self.window) != 2:
            raise PixmendError(f"EDT: window: expected two sides, got {self.window}")
        if self.dim % (2 * self.num_heads):
            raise PixmendError(f"EDT: dim {self.dim} does not divide into two halves of {self.num_heads} heads")
        check_drop_path("EDT", self.drop_path)
        if self.upsampler not in get_args(Upsampler):
            raise PixmendError(
                f"EDT: upsampler: expected one of {', '.join(get_args(Upsampler))}, got {self.upsampler!r}"
            )


_BASE = EDTConfig(tasks=("sr_x2",), features=32, dim=180, depths=(6,) * 6, num_heads=6)
VARIANTS = {
    "edt_p": replace(_BASE, features=8, dim=48, depths=(4,) * 2, num_heads=2, window=(4, 16), drop_path=0.0),
    "edt_t": replace(_BASE, features=8, dim=60, depths=(6,) * 4, upsampler="pixelshuffledirect"),
    "edt_s": replace(_BASE, features=16, dim=120, depths=(6,) * 5),
    "edt_b": _BASE,
    "edt_b_sf": replace(_BASE, downsample=False),
    "edt_l": replace(_BASE, features=64, dim=240, depths=(6,) * 12, num_heads=8),
}


class EDT(MultiTask):
    """Heads to a shared transformer body to tails with skips from the heads (paper, figure 2)."""

    BLOCKS = ("Block",)

    def __init__(self, config: EDTConfig) -> None:
        super().__init__()
        self.config = config
        self.tasks = config.tasks
        sizes = (config.features, config.dim)
        self.heads = nn.ModuleDict({task: Head(*sizes, halve=_halves(config, task)) for task in config.tasks})
        self.body = Body(
            config.dim,
            depths=config.depths,
            num_heads=config.num_heads,
            window=config.window,
            hidden=config.mlp_ratio * config.dim,
            drop_path=config.drop_path,
        )
        self.tails = nn.ModuleDict({task: _tail(config, task) for task in config.tasks})
        self.apply(initialise)

    def select(self, task: str | None = None) -> Restorer:
        return Branch(self, self.check_task(task))

    def reduction(self, task: str) -> int:
        """Input pixels per body token along each side."""
        return 4 if _halves(self.config, task) else 1

    def together(self, pictures: dict[str, Tensor]) -> dict[str, Tensor]:
        """Every task in one pass through the body, as EDT trains (paper, section 3.3).

        Pictures are (B, 3, H, W) in [0, 1], whose sides must be multiples already and give the same body size
        for every task: 48 for super-resolution beside 192 for the tasks that work at a quarter of the size.
        """
        branches = {task: Branch(self, task) for task in pictures}
        shifted = {task: picture - branches[task].mean_of(picture) for task, picture in pictures.items()}
        encoded = {task: branch.encode(shifted[task]) for task, branch in branches.items()}
        features = self.body(torch.cat([features for features, _ in encoded.values()]))
        parts = features.split([features.shape[0] for features, _ in encoded.values()])
        return {
            task: branch.decode(part, encoded[task][1], shifted[task]) + branch.mean_of(part)
            for (task, branch), part in zip(branches.items(), parts, strict=True)
        }


class Branch(Restorer):
    """EDT for one task: shares every parameter with the network it was selected from."""

    BLOCKS = EDT.BLOCKS
    mean = DIV2K

    def __init__(self, edt: EDT, task: str) -> None:
        super().__init__()
        self.edt, self.task = edt, task
        self.tasks = (task,)
        self.scale = int(task[-1]) if task.startswith("sr") else 1
        self.multiple = math.lcm(*edt.config.window) * edt.reduction(task)
        self.train(edt.training)

    def encode(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, 3, H, W) to body features and the skips for the tail."""
        return self.edt.heads[self.task](x)

    def decode(self, features: Tensor, skips: list[Tensor], x: Tensor) -> Tensor:
        """Body features (B, C, h, w), the skips and the input (B, 3, H, W) to a picture (B, 3, s H, s W)."""
        return self.edt.tails[self.task](features, skips, x)

    def restore(self, x: Tensor) -> Tensor:
        features, skips = self.encode(x)
        return self.decode(self.edt.body(features), skips, x)


def _halves(config: EDTConfig, task: str) -> bool:
    """Whether the task's head halves the size twice."""
    return config.downsample and not task.startswith("sr")


def _tail(config: EDTConfig, task: str) -> nn.Module:
    if not task.startswith("sr"):
        return ResidualTail(config.features, config.dim, enlarge=_halves(config, task))
    direct = config.upsampler == "pixelshuffledirect"
    return ShuffleTail(config.features, config.dim, scale=int(task[-1]), direct=direct)
