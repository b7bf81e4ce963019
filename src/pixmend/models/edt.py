"""EDT, the encoder-decoder-based transformer.

Li, Lu, Qian, Lu, Jia: On Efficient Transformer-Based Image Pre-training for Low-Level Vision (2112.10175, IJCAI 2023).
Written from the paper; names are those of the released weights (fenglinglwb/EDT, no licence stated) but for
``heads.sr_x2`` where they have ``head_sr_x2``. The convolutional heads and tails are in ``edt_branches``; ``edt_p`` is
pixmend's own smaller size, for the weights that ship with it.

B batch, H and W height and width in body tokens, C body channels, F head features, (u, v) the window.
"""

import math
import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.layers.conv import conv3x3
from pixmend.layers.drop_path import DropPath
from pixmend.layers.window import Window, attend, merge, partition, shift_mask
from pixmend.models.base import MultiTask, Restorer, check_sizes
from pixmend.models.edt_branches import Head, ResidualTail, ShuffleTail

MEAN = (0.4488, 0.4371, 0.4040)
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
        if not 0 <= self.drop_path < 1 or self.upsampler not in get_args(Upsampler):
            raise PixmendError(
                f"EDT: drop_path {self.drop_path} or upsampler {self.upsampler!r} is not one it can have"
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

    def __init__(self, config: EDTConfig) -> None:
        super().__init__()
        self.config = config
        self.tasks = config.tasks
        sizes = (config.features, config.dim)
        self.heads = nn.ModuleDict({task: Head(*sizes, halve=_halves(config, task)) for task in config.tasks})
        self.body = Body(config)
        self.tails = nn.ModuleDict({task: _tail(config, task) for task in config.tasks})
        self.apply(_initialise)

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

    mean = MEAN

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


class Body(nn.Module):
    """Stages of window blocks, each with an identity skip; unlike SwinIR's there is no convolution inside a stage."""

    def __init__(self, config: EDTConfig) -> None:
        super().__init__()
        last = max(1, sum(config.depths) - 1)
        rates = iter(config.drop_path * index / last for index in range(last + 1))
        self.patch_embed = nn.Sequential(OrderedDict(norm=nn.LayerNorm(config.dim)))
        self.layers = nn.ModuleList()
        for depth in config.depths:
            blocks = [Block(config, shifted=index % 2 == 1, drop_path=next(rates)) for index in range(depth)]
            self.layers.append(Stage(blocks))
        self.norm = nn.LayerNorm(config.dim)
        self.conv_after_body = conv3x3(config.dim, config.dim)
        self.window = config.window

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same; H and W are multiples of both sides of the window."""
        height, width = x.shape[2:]
        masks = [shift_mask(height, width, window, half(window)).to(x) for window in crosswise(self.window)]
        tokens = self.patch_embed(x.permute(0, 2, 3, 1))
        for stage in self.layers:
            tokens = stage(tokens, masks)
        return self.conv_after_body(self.norm(tokens).permute(0, 3, 1, 2)) + x


def crosswise(window: Window) -> tuple[Window, Window]:
    """The window of each half of the channels: lying and standing."""
    return window, (window[1], window[0])


def half(window: Window) -> Window:
    """How far a shifted window is shifted."""
    return window[0] // 2, window[1] // 2


class Stage(nn.Module):
    """Blocks and an identity skip around them."""

    def __init__(self, blocks: list["Block"]) -> None:
        super().__init__()
        self.residual_group = BlockGroup(blocks)

    def forward(self, x: Tensor, masks: list[Tensor]) -> Tensor:
        """(B, H, W, C) to the same."""
        return x + self.residual_group(x, masks)


class BlockGroup(nn.Module):
    """Blocks one after another; a module of its own because the released names have one here."""

    def __init__(self, blocks: list["Block"]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, masks: list[Tensor]) -> Tensor:
        """(B, H, W, C) to the same."""
        for block in self.blocks:
            x = block(x, masks)
        return x


class Block(nn.Module):
    """Attention in crosswise windows, half the channels lying and half standing, then the convolving MLP."""

    def __init__(self, config: EDTConfig, *, shifted: bool, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.dim)
        self.qkv = nn.Linear(config.dim, 3 * config.dim)
        self.attns = nn.ModuleList(
            WindowAttention(config.dim // 2, config.num_heads, window, shifted=shifted)
            for window in crosswise(config.window)
        )
        self.proj = nn.Linear(config.dim, config.dim)
        self.norm2 = nn.LayerNorm(config.dim)
        self.mlp = ConvMlp(config.dim, config.mlp_ratio * config.dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, masks: list[Tensor]) -> Tensor:
        """(B, H, W, C) to the same."""
        halves = self.qkv(self.norm1(x)).unflatten(-1, (3, 2, -1)).unbind(-2)
        mixed = [attend_to(qkv, mask) for attend_to, qkv, mask in zip(self.attns, halves, masks, strict=True)]
        x = x + self.drop_path(self.proj(torch.cat(mixed, dim=-1)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class WindowAttention(nn.Module):
    """Window attention whose position comes from a depthwise convolution of the values (LePE), not from a bias.

    Each half of the channels has all the heads, so a head is dim / 2 / num_heads wide.
    """

    def __init__(self, dim: int, num_heads: int, window: Window, *, shifted: bool) -> None:
        super().__init__()
        self.lepe = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.num_heads, self.window, self.shifted = num_heads, window, shifted

    def forward(self, qkv: Tensor, mask: Tensor) -> Tensor:
        """(B, H, W, 3, C / 2) to (B, H, W, C / 2)."""
        height, width = qkv.shape[1:3]
        down, right = half(self.window) if self.shifted else (0, 0)
        if self.shifted:
            qkv = qkv.roll((-down, -right), (1, 2))
        q, k, v = (partition(part, self.window) for part in qkv.unbind(3))
        out = attend(q, k, v, num_heads=self.num_heads, bias=mask if self.shifted else None)
        position = self.lepe(v.flatten(0, 1).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).unflatten(0, v.shape[:2])
        out = merge(out + position, height, width)
        return out.roll((down, right), (1, 2)) if self.shifted else out


class ConvMlp(nn.Module):
    """Two linear layers with a depthwise 5 x 5 convolution between them (the paper's anti-blocking feed-forward)."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.dwconv = nn.Conv2d(hidden, hidden, 5, padding=2, groups=hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to the same."""
        x = F.gelu(self.fc1(x))
        return self.fc2(F.gelu(self.dwconv(x.permute(0, 3, 1, 2))).permute(0, 2, 3, 1))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
