"""The transformer half of EDT, which all tasks share.

Source: 2112.10175, section 3.1 and the supplement. B batch, H and W height and width in tokens, C channels, (u, v) the
window.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixmend.layers.conv import conv3x3
from pixmend.layers.drop_path import DropPath, drop_path_rates
from pixmend.layers.group import BlockGroup
from pixmend.layers.window import Window, attend, merge, partition, shift_mask


class Body(nn.Module):
    """Stages of window blocks, each with an identity skip; unlike SwinIR's there is no convolution inside a stage."""

    def __init__(
        self,
        dim: int,
        *,
        depths: tuple[int, ...],
        num_heads: int,
        window: Window,
        hidden: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.patch_embed = nn.Sequential(OrderedDict(norm=nn.LayerNorm(dim)))
        self.layers = nn.ModuleList()
        for rates in drop_path_rates(depths, drop_path):
            blocks = [
                Block(dim, num_heads=num_heads, window=window, hidden=hidden, shifted=index % 2 == 1, drop_path=rate)
                for index, rate in enumerate(rates)
            ]
            self.layers.append(Stage(blocks))
        self.norm = nn.LayerNorm(dim)
        self.conv_after_body = conv3x3(dim, dim)
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same; H and W are multiples of both sides of the window."""
        height, width = x.shape[2:]
        masks = [shift_mask(height, width, window, half(window)).to(x) for window in crosswise(self.window)]
        tokens = self.patch_embed(x.permute(0, 2, 3, 1))
        for stage in self.layers:
            tokens = stage(tokens, *masks)
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

    def forward(self, x: Tensor, *masks: Tensor) -> Tensor:
        """(B, H, W, C) to the same."""
        return x + self.residual_group(x, *masks)


class Block(nn.Module):
    """Attention in crosswise windows, half the channels lying and half standing, then the convolving MLP."""

    def __init__(
        self, dim: int, *, num_heads: int, window: Window, hidden: int, shifted: bool, drop_path: float
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attns = nn.ModuleList(
            WindowAttention(dim // 2, num_heads, sides, shifted=shifted) for sides in crosswise(window)
        )
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = ConvMlp(dim, hidden)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, *masks: Tensor) -> Tensor:
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
