"""HAT, the hybrid attention transformer.

Chen, Wang, Zhou, Qiao, Dong: Activating More Pixels in Image Super-Resolution Transformer (2205.04437, CVPR 2023), and
Chen et al.: HAT, Hybrid Attention Transformer for Image Restoration (2309.05239). Written from the papers; names are
those of the released weights (XPixelGroup/HAT, Apache-2.0), Real-HAT's too.

B batch, C channels, H and W height and width in input pixels, s the scale, M the window's side, M_o the overlapping
window's.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.layers.conv import STEPS, PixelShuffleUpsampler, conv3x3
from pixmend.layers.drop_path import DropPath
from pixmend.layers.mlp import Mlp
from pixmend.layers.window import (
    WindowAttention,
    attend,
    merge,
    offsets,
    partition,
    position_bias,
    relative_index,
    shift_masks,
)
from pixmend.models.base import Restorer, check_purpose, check_sizes

MEAN = (0.4488, 0.4371, 0.4040)
"""Of DIV2K."""
FEATURES = 64
"""Channels at the size of the output."""
CONV_SCALE = 0.01
"""What the convolutions beside an attention are scaled by, so that neither disturbs the other (alpha in equation 2)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HATConfig:
    """Sizes of the network. ``depths`` counts the HABs of each group; the windows are sides."""

    dim: int = 180
    depths: tuple[int, ...] = (6,) * 6
    num_heads: int = 6
    window: int = 16
    overlapping_window: int = 24
    """M_o: how far the keys of an overlapping cross-attention reach."""
    compress: int = 3
    """Beta: the convolutions beside an attention go through C / beta channels."""
    squeeze: int = 30
    """The channel attention after them goes through C / squeeze."""
    mlp_ratio: int = 2
    scale: int = 2
    task: str | None = None
    """What it was trained for, where that is not plain super-resolution: sr_real_x4."""
    drop_path: float = 0.1

    def __post_init__(self) -> None:
        check_sizes("HAT", dim=self.dim, num_heads=self.num_heads, mlp_ratio=self.mlp_ratio)
        check_sizes("HAT", most=self.dim, compress=self.compress, squeeze=self.squeeze)
        check_sizes("HAT", most=64, depths=self.depths, overlapping_window=self.overlapping_window)
        check_sizes("HAT", most=self.overlapping_window, window=self.window)
        if self.dim % self.num_heads:
            raise PixmendError(f"HAT: dim {self.dim} does not divide into {self.num_heads} heads")
        if (self.overlapping_window - self.window) % 2:
            raise PixmendError(
                f"HAT: a window of {self.overlapping_window} does not overlap one of {self.window} alike on all sides"
            )
        if type(self.scale) is not int or self.scale not in STEPS or self.scale == 1:
            raise PixmendError(f"HAT enlarges 2, 3, 4 or 8 times, not {self.scale!r}")
        if not isinstance(self.drop_path, int | float) or not 0 <= self.drop_path < 1:
            raise PixmendError(f"HAT: drop_path: expected a number from 0 to 1, got {self.drop_path!r}")
        check_purpose("HAT", self.task, scale=self.scale)


_BASE = HATConfig()
VARIANTS = {
    "hat_s": replace(_BASE, dim=144, compress=24, squeeze=24),
    "hat": _BASE,
    "hat_l": replace(_BASE, depths=(6,) * 12),
}


class Places(NamedTuple):
    """What attention needs to know of where tokens are; the same for every block, whatever the size of the map."""

    window_index: Tensor
    masks: Tensor
    overlap_index: Tensor


class HAT(Restorer):
    """Shallow features, deep features with a skip around them, and reconstruction (paper, figure 4)."""

    mean = MEAN

    def __init__(self, config: HATConfig) -> None:
        super().__init__()
        self.config = config
        self.tasks = (config.task or f"sr_x{config.scale}",)
        self.scale = config.scale
        self.multiple = config.window
        dim, last = config.dim, max(1, sum(config.depths) - 1)
        rates = iter(config.drop_path * index / last for index in range(last + 1))
        self.conv_first = conv3x3(3, dim)
        self.patch_embed = nn.Sequential(OrderedDict(norm=nn.LayerNorm(dim)))
        self.layers = nn.ModuleList(RHAG(config, [next(rates) for _ in range(depth)]) for depth in config.depths)
        self.norm = nn.LayerNorm(dim)
        self.conv_after_body = conv3x3(dim, dim)
        self.conv_before_upsample = nn.Sequential(conv3x3(dim, FEATURES), nn.LeakyReLU())
        self.upsample = PixelShuffleUpsampler(config.scale, FEATURES)
        self.conv_last = conv3x3(FEATURES, 3)
        self.apply(_initialise)

    def restore(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 3, s H, s W)."""
        shallow = self.conv_first(x)
        features = self.conv_after_body(self.deep(shallow)) + shallow
        return self.conv_last(self.upsample(self.conv_before_upsample(features)))

    def deep(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same: all groups, between norms."""
        window, overlapping = self.config.window, self.config.overlapping_window
        places = Places(
            relative_index((window, window), device=x.device),
            shift_masks((window, window), device=x.device).to(x.dtype),
            # The released weights were trained with indices that wrap around the table.
            overlap_index(window, overlapping, device=x.device) % (window + overlapping - 1) ** 2,
        )
        x = self.patch_embed(x.permute(0, 2, 3, 1))
        for group in self.layers:
            x = group(x, places)
        return self.norm(x).permute(0, 3, 1, 2)


def overlap_index(window: int, overlapping: int, *, device: torch.device | None = None) -> Tensor:
    """(M^2, M_o^2): which entry of a bias table is that of an offset of a key in the overlapping window from a query.

    As in the released code the least offset is not 0 but -(M_o - 1): indices begin below 0. Each offset has an entry
    of its own all the same, once they wrap around.
    """
    down, right = offsets((window, window), (overlapping, overlapping), device=device)
    least = window - overlapping + 1
    return (least - down) * (window + overlapping - 1) + least - right


class RHAG(nn.Module):
    """Residual hybrid attention group: blocks, a convolution and a skip around them (paper, section 3.2)."""

    def __init__(self, config: HATConfig, drop_paths: list[float]) -> None:
        super().__init__()
        self.residual_group = BlockGroup(config, drop_paths)
        self.conv = conv3x3(config.dim, config.dim)

    def forward(self, x: Tensor, places: Places) -> Tensor:
        """(B, H, W, C) to the same."""
        return x + self.conv(self.residual_group(x, places).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class BlockGroup(nn.Module):
    """HABs and the OCAB that follows them; a module of its own because the released names have one here."""

    def __init__(self, config: HATConfig, drop_paths: list[float]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            HAB(config, shifted=index % 2 == 1, drop_path=rate) for index, rate in enumerate(drop_paths)
        )
        self.overlap_attn = OCAB(config)

    def forward(self, x: Tensor, places: Places) -> Tensor:
        """(B, H, W, C) to the same."""
        for block in self.blocks:
            x = block(x, places)
        return self.overlap_attn(x, places)


class HAB(nn.Module):
    """Hybrid attention block: attention in windows beside channel attention, then the MLP (paper, equation 2)."""

    def __init__(self, config: HATConfig, *, shifted: bool, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.dim)
        self.attn = WindowAttention(config.dim, config.num_heads, (config.window, config.window), shifted=shifted)
        self.conv_block = CAB(config)
        self.norm2 = nn.LayerNorm(config.dim)
        self.mlp = Mlp(config.dim, config.mlp_ratio * config.dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, places: Places) -> Tensor:
        """(B, H, W, C) to the same."""
        normed = self.norm1(x)
        convolved = self.conv_block(normed.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        x = x + self.drop_path(self.attn(normed, places.window_index, places.masks)) + convolved * CONV_SCALE
        return x + self.drop_path(self.mlp(self.norm2(x)))


class CAB(nn.Module):
    """Channel attention block: two convolutions through few channels, then channel attention (paper, section 3.2)."""

    def __init__(self, config: HATConfig) -> None:
        super().__init__()
        dim, few = config.dim, config.dim // config.compress
        self.cab = nn.Sequential(conv3x3(dim, few), nn.GELU(), conv3x3(few, dim), ChannelAttention(dim, config.squeeze))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        return self.cab(x)


class ChannelAttention(nn.Module):
    """Scale each channel by a gate computed from the means of all, which are over the whole picture."""

    def __init__(self, dim: int, squeeze: int) -> None:
        super().__init__()
        few = dim // squeeze
        self.attention = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(dim, few, 1), nn.ReLU(), nn.Conv2d(few, dim, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        return x * self.attention(x)


class OCAB(nn.Module):
    """Overlapping cross-attention block: queries of a window to keys of the larger one around it (paper, section 3.2).

    Beyond the border keys and values are zero, and no mask leaves them out of the softmax.
    """

    def __init__(self, config: HATConfig) -> None:
        super().__init__()
        self.num_heads, self.window, self.overlapping = config.num_heads, config.window, config.overlapping_window
        entries = (self.window + self.overlapping - 1) ** 2
        self.relative_position_bias_table = nn.Parameter(torch.empty(entries, self.num_heads))
        self.norm1 = nn.LayerNorm(config.dim)
        self.qkv = nn.Linear(config.dim, 3 * config.dim)
        self.proj = nn.Linear(config.dim, config.dim)
        self.norm2 = nn.LayerNorm(config.dim)
        self.mlp = Mlp(config.dim, config.mlp_ratio * config.dim)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: Tensor, places: Places) -> Tensor:
        """(B, H, W, C) to the same."""
        height, width, dim = x.shape[1:]
        q, kv = self.qkv(self.norm1(x)).split((dim, 2 * dim), -1)
        q = partition(q, (self.window, self.window))
        k, v = self.around_windows(kv).chunk(2, -1)
        bias = position_bias(self.relative_position_bias_table, places.overlap_index)
        attended = merge(attend(q, k, v, num_heads=self.num_heads, bias=bias), height, width)
        x = x + self.proj(attended)
        return x + self.mlp(self.norm2(x))

    def around_windows(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to the overlapping windows (windows, B, M_o, M_o, C), zero beyond the border."""
        border = (self.overlapping - self.window) // 2
        x = F.pad(x, (0, 0, border, border, border, border))
        windows = x.unfold(1, self.overlapping, self.window).unfold(2, self.overlapping, self.window)
        return rearrange(windows, "b m n c u v -> (m n) b u v c")


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
