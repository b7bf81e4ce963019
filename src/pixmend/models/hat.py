"""HAT, the hybrid attention transformer.

Chen, Wang, Zhou, Qiao, Dong: Activating More Pixels in Image Super-Resolution Transformer (2205.04437, CVPR 2023), and
Chen et al.: HAT, Hybrid Attention Transformer for Image Restoration (2309.05239). Written from the papers; names are
those of the released weights (XPixelGroup/HAT, Apache-2.0), Real-HAT's too. What HAT has beside Swin's attention in
windows is in ``hat_attention``.

B batch, C channels, H and W height and width in input pixels, s the scale, M the window's side, M_o the overlapping
window's.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.layers.conv import PixelShuffleUpsampler, conv3x3
from pixmend.layers.drop_path import DropPath, drop_path_rates
from pixmend.layers.group import BlockGroup
from pixmend.layers.initial import initialise
from pixmend.layers.mlp import Mlp
from pixmend.layers.window import WindowAttention, relative_index, shift_masks
from pixmend.models.base import DIV2K, Restorer, check_drop_path, check_purpose, check_scale, check_sizes
from pixmend.models.hat_attention import CAB, OCAB, overlap_index

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
        check_scale("HAT", self.scale)
        check_drop_path("HAT", self.drop_path)
        check_purpose("HAT", self.task, scale=self.scale)


_BASE = HATConfig()
VARIANTS = {
    "hat_s": replace(_BASE, dim=144, compress=24, squeeze=24),
    "hat": _BASE,
    "hat_l": replace(_BASE, depths=(6,) * 12),
}


class HAT(Restorer):
    """Shallow features, deep features with a skip around them, and reconstruction (paper, figure 4)."""

    BLOCKS = ("HAB", "OCAB")
    mean = DIV2K

    def __init__(self, config: HATConfig) -> None:
        super().__init__()
        self.config = config
        self.tasks = (config.task or f"sr_x{config.scale}",)
        self.scale = config.scale
        self.multiple = config.window
        dim = config.dim
        self.conv_first = conv3x3(3, dim)
        self.patch_embed = nn.Sequential(OrderedDict(norm=nn.LayerNorm(dim)))
        self.layers = nn.ModuleList(RHAG(config, rates) for rates in drop_path_rates(config.depths, config.drop_path))
        self.norm = nn.LayerNorm(dim)
        self.conv_after_body = conv3x3(dim, dim)
        self.conv_before_upsample = nn.Sequential(conv3x3(dim, FEATURES), nn.LeakyReLU())
        self.upsample = PixelShuffleUpsampler(config.scale, FEATURES)
        self.conv_last = conv3x3(FEATURES, 3)
        self.apply(initialise)

    def restore(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 3, s H, s W)."""
        shallow = self.conv_first(x)
        features = self.conv_after_body(self.deep(shallow)) + shallow
        return self.conv_last(self.upsample(self.conv_before_upsample(features)))

    def deep(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same: all groups, between norms."""
        window, overlapping = self.config.window, self.config.overlapping_window
        # Where tokens are is the same for every block, whatever the size of the map.
        places = (
            relative_index((window, window), device=x.device),
            shift_masks((window, window), device=x.device).to(x.dtype),
            # The released weights were trained with indices that wrap around the table.
            overlap_index(window, overlapping, device=x.device) % (window + overlapping - 1) ** 2,
        )
        x = self.patch_embed(x.permute(0, 2, 3, 1))
        for group in self.layers:
            x = group(x, *places)
        return self.norm(x).permute(0, 3, 1, 2)


class RHAG(nn.Module):
    """Residual hybrid attention group: blocks, a convolution and a skip around them (paper, section 3.2)."""

    def __init__(self, config: HATConfig, drop_paths: list[float]) -> None:
        super().__init__()
        self.residual_group = HybridGroup(config, drop_paths)
        self.conv = conv3x3(config.dim, config.dim)

    def forward(self, x: Tensor, *places: Tensor) -> Tensor:
        """(B, H, W, C) to the same."""
        return x + self.conv(self.residual_group(x, *places).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class HybridGroup(BlockGroup):
    """HABs and the OCAB that follows them."""

    def __init__(self, config: HATConfig, drop_paths: list[float]) -> None:
        super().__init__(HAB(config, shifted=index % 2 == 1, drop_path=rate) for index, rate in enumerate(drop_paths))
        self.overlap_attn = OCAB(
            config.dim,
            num_heads=config.num_heads,
            window=config.window,
            overlapping=config.overlapping_window,
            hidden=config.mlp_ratio * config.dim,
        )

    def forward(self, x: Tensor, *places: Tensor) -> Tensor:
        """(B, H, W, C) to the same; the windows' index and masks, then the index of the overlapping ones."""
        *inside, overlap = places
        return self.overlap_attn(super().forward(x, *inside), overlap)


class HAB(nn.Module):
    """Hybrid attention block: attention in windows beside channel attention, then the MLP (paper, equation 2)."""

    def __init__(self, config: HATConfig, *, shifted: bool, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.dim)
        self.attn = WindowAttention(config.dim, config.num_heads, (config.window, config.window), shifted=shifted)
        self.conv_block = CAB(config.dim, compress=config.compress, squeeze=config.squeeze)
        self.norm2 = nn.LayerNorm(config.dim)
        self.mlp = Mlp(config.dim, config.mlp_ratio * config.dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, index: Tensor, masks: Tensor) -> Tensor:
        """(B, H, W, C) to the same."""
        normed = self.norm1(x)
        convolved = self.conv_block(normed.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        x = x + self.drop_path(self.attn(normed, index, masks)) + convolved * CONV_SCALE
        return x + self.drop_path(self.mlp(self.norm2(x)))
