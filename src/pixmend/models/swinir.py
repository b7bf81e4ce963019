"""SwinIR, image restoration by shifted windows.

Liang, Cao, Sun, Zhang, Van Gool, Timofte: SwinIR, Image Restoration Using Swin Transformer (2108.10257, ICCV workshops
2021). Written from the paper; names are those of the released weights (JingyunLiang/SwinIR, Apache-2.0).

B batch, C channels of the body, I of the picture, H and W height and width in input pixels, s the scale.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.layers.conv import PixelShuffleUpsampler, conv3x3
from pixmend.layers.drop_path import DropPath, drop_path_rates
from pixmend.layers.group import BlockGroup
from pixmend.layers.initial import initialise
from pixmend.layers.mlp import Mlp
from pixmend.layers.window import WindowAttention, relative_index, shift_masks
from pixmend.models.base import DIV2K, Restorer, check_drop_path, check_purpose, check_sizes

FEATURES = 64
"""Channels at the size of the output."""
SLOPE = 0.2
"""Of the leaky ReLU, but for the one before the upsampler, which has PyTorch's 0.01."""

Upsampler = Literal["pixelshuffle", "pixelshuffledirect", "nearest+conv", "none"]
SCALES = {"pixelshuffle": (2, 3, 4, 8), "pixelshuffledirect": (2, 3, 4), "nearest+conv": (2, 4), "none": (1,)}


@dataclass(frozen=True, kw_only=True, slots=True)
class SwinIRConfig:
    """Sizes of the network. ``depths`` counts the layers (STL) of each block (RSTB); ``window`` is a side."""

    dim: int = 180
    depths: tuple[int, ...] = (6,) * 6
    num_heads: int = 6
    window: int = 8
    mlp_ratio: int = 2
    upsampler: Upsampler = "pixelshuffle"
    scale: int = 2
    three_convs: bool = False
    """Three convolutions through a quarter of the channels end each block and the body, where others have one."""
    in_channels: int = 3
    value_range: float = 1.0
    task: str | None = None
    """What it was trained for, where ``upsampler`` and ``scale`` do not say: dn_g25, jpeg_q40."""
    drop_path: float = 0.1

    def __post_init__(self) -> None:
        check_sizes("SwinIR", dim=self.dim, num_heads=self.num_heads, mlp_ratio=self.mlp_ratio)
        check_sizes("SwinIR", most=64, depths=self.depths)
        check_sizes("SwinIR", most=32, window=self.window)
        check_sizes("SwinIR", most=4, in_channels=self.in_channels)
        if self.dim % self.num_heads:
            raise PixmendError(f"SwinIR: dim {self.dim} does not divide into {self.num_heads} heads")
        if type(self.three_convs) is not bool or (self.three_convs and self.dim < 4):
            raise PixmendError(f"SwinIR: dim {self.dim} cannot have three_convs {self.three_convs!r}")
        if (
            self.upsampler not in get_args(Upsampler)
            or self.scale not in SCALES[self.upsampler]
            or type(self.scale) is not int
        ):
            raise PixmendError(f"SwinIR: upsampler {self.upsampler!r} cannot have scale {self.scale!r}")
        if self.value_range not in (1, 255):
            raise PixmendError(f"SwinIR: value_range: expected 1 or 255, got {self.value_range!r}")
        check_drop_path("SwinIR", self.drop_path)
        check_purpose("SwinIR", self.task, scale=self.scale)


_BASE = SwinIRConfig()
_SAME_SIZE = replace(_BASE, upsampler="none", scale=1)
_JPEG = replace(_SAME_SIZE, window=7, value_range=255.0)  # JPEG's blocks are 8 x 8: no window matches one
_REAL = replace(_BASE, upsampler="nearest+conv", scale=4)
VARIANTS = {
    "swinir": _BASE,
    "swinir_light": replace(_BASE, dim=60, depths=(6,) * 4, upsampler="pixelshuffledirect"),
    "swinir_real": _REAL,
    "swinir_real_l": replace(_REAL, dim=240, depths=(6,) * 9, num_heads=8, three_convs=True),
    "swinir_dn": _SAME_SIZE,
    "swinir_dn_grey": replace(_SAME_SIZE, in_channels=1),
    "swinir_jpeg": _JPEG,
    "swinir_jpeg_grey": replace(_JPEG, in_channels=1),
}


class SwinIR(Restorer):
    """Shallow features, deep features with a skip around them, and reconstruction (paper, figure 2)."""

    BLOCKS = ("STL",)

    def __init__(self, config: SwinIRConfig) -> None:
        super().__init__()
        self.config = config
        self.tasks = _tasks(config)
        self.scale = config.scale
        self.multiple = config.window
        self.in_channels = self.out_channels = config.in_channels
        self.value_range = config.value_range
        self.mean = DIV2K if config.in_channels == 3 else ()
        dim = config.dim
        self.conv_first = conv3x3(config.in_channels, dim)
        self.patch_embed = nn.Sequential(OrderedDict(norm=nn.LayerNorm(dim)))
        self.layers = nn.ModuleList(RSTB(config, rates) for rates in drop_path_rates(config.depths, config.drop_path))
        self.norm = nn.LayerNorm(dim)
        self.conv_after_body = _convolution(config)
        if config.upsampler in ("pixelshuffle", "nearest+conv"):
            self.conv_before_upsample = nn.Sequential(conv3x3(dim, FEATURES), nn.LeakyReLU())
        if config.upsampler == "pixelshuffle":
            self.upsample = PixelShuffleUpsampler(config.scale, FEATURES)
        elif config.upsampler == "pixelshuffledirect":
            self.upsample = nn.Sequential(
                conv3x3(dim, config.in_channels * config.scale**2), nn.PixelShuffle(config.scale)
            )
        elif config.upsampler == "nearest+conv":
            self.conv_up1 = conv3x3(FEATURES, FEATURES)
            if config.scale == 4:
                self.conv_up2 = conv3x3(FEATURES, FEATURES)
            self.conv_hr = conv3x3(FEATURES, FEATURES)
        if config.upsampler != "pixelshuffledirect":
            self.conv_last = conv3x3(dim if config.upsampler == "none" else FEATURES, config.in_channels)
        self.apply(initialise)

    def restore(self, x: Tensor) -> Tensor:
        """(B, I, H, W) to (B, I, s H, s W)."""
        shallow = self.conv_first(x)
        features = self.conv_after_body(self.deep(shallow)) + shallow
        if self.config.upsampler == "none":
            return x + self.conv_last(features)
        if self.config.upsampler == "pixelshuffledirect":
            return self.upsample(features)
        features = self.conv_before_upsample(features)
        if self.config.upsampler == "pixelshuffle":
            return self.conv_last(self.upsample(features))
        features = _enlarge(features, self.conv_up1)
        if self.scale == 4:
            features = _enlarge(features, self.conv_up2)
        return self.conv_last(F.leaky_relu(self.conv_hr(features), SLOPE))

    def deep(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same: all blocks, between norms."""
        window = (self.config.window, self.config.window)
        index = relative_index(window, device=x.device)
        masks = shift_masks(window, device=x.device).to(x.dtype)
        x = self.patch_embed(x.permute(0, 2, 3, 1))
        for block in self.layers:
            x = block(x, index, masks)
        return self.norm(x).permute(0, 3, 1, 2)


def _tasks(config: SwinIRConfig) -> tuple[str, ...]:
    """The task said, or else the one that all released weights of this upsampler are for, where that is one."""
    if config.task is not None:
        return (config.task,)
    if config.upsampler == "none":
        return ()
    return (f"sr_real_x{config.scale}" if config.upsampler == "nearest+conv" else f"sr_x{config.scale}",)


def _enlarge(features: Tensor, conv: nn.Module) -> Tensor:
    """(B, 64, H, W) to (B, 64, 2 H, 2 W)."""
    return F.leaky_relu(conv(F.interpolate(features, scale_factor=2.0, mode="nearest")), SLOPE)


def _convolution(config: SwinIRConfig) -> nn.Module:
    """(B, C, H, W) to the same: what ends a block and the body."""
    if not config.three_convs:
        return conv3x3(config.dim, config.dim)
    few = config.dim // 4
    first, middle, last = conv3x3(config.dim, few), nn.Conv2d(few, few, 1), conv3x3(few, config.dim)
    return nn.Sequential(first, nn.LeakyReLU(SLOPE), middle, nn.LeakyReLU(SLOPE), last)


class RSTB(nn.Module):
    """Residual Swin Transformer block: layers, a convolution and a skip around them (paper, section 3.2)."""

    def __init__(self, config: SwinIRConfig, drop_paths: list[float]) -> None:
        super().__init__()
        layers = (STL(config, shifted=index % 2 == 1, drop_path=rate) for index, rate in enumerate(drop_paths))
        self.residual_group = BlockGroup(layers)
        self.conv = _convolution(config)

    def forward(self, x: Tensor, index: Tensor, masks: Tensor) -> Tensor:
        """(B, H, W, C) to the same."""
        return x + self.conv(self.residual_group(x, index, masks).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class STL(nn.Module):
    """Swin Transformer layer: attention in windows, every other one shifted, then the MLP (paper, equations 8, 9)."""

    def __init__(self, config: SwinIRConfig, *, shifted: bool, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.dim)
        self.attn = WindowAttention(config.dim, config.num_heads, (config.window, config.window), shifted=shifted)
        self.norm2 = nn.LayerNorm(config.dim)
        self.mlp = Mlp(config.dim, config.mlp_ratio * config.dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, index: Tensor, masks: Tensor) -> Tensor:
        """(B, H, W, C) to the same."""
        x = x + self.drop_path(self.attn(self.norm1(x), index, masks))
        return x + self.drop_path(self.mlp(self.norm2(x)))
