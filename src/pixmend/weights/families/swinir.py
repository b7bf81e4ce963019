"""Released SwinIR files (JingyunLiang/SwinIR), whose names are ours; they hold index tables and shift masks as well."""

import math
import re
from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.layers.window import relative_index, shift_mask
from pixmend.models.swinir import SwinIR, SwinIRConfig, Upsampler
from pixmend.weights.families.tensors import (
    TABLE,
    depths_of,
    has_body,
    mlp_ratio_of,
    scale_of,
    shape_of,
    table_of,
    without,
)

LAYOUTS = ("swinir",)
REQUIRED = {"conv_first.weight", "patch_embed.norm.weight", TABLE}
LAYER = re.compile(
    r"layers\.\d{1,3}\.(conv\.([024]\.)?(weight|bias)|residual_group\.blocks\.\d{1,3}\."
    r"(attn_mask|attn\.relative_position_(bias_table|index)|(norm[12]|attn\.(qkv|proj)|mlp\.fc[12])\.(weight|bias)))"
)
"""All that a body holds."""
INDEX, MASK = ".attn.relative_position_index", ".attn_mask"
JPEG_WINDOW = 7
"""The window of the weights that work on 0 to 255, and of no other."""


def layout_of(names: Collection[str]) -> str | None:
    """The layout of a released SwinIR file, if these are its names."""
    return LAYOUTS[0] if has_body(names, required=REQUIRED, pattern=LAYER, prefix="layers.") else None


def config_of(tensors: Mapping[str, Tensor]) -> SwinIRConfig:
    """Read the configuration off the names and shapes of a released file.

    Raises:
        PixmendError: not all of a network is there, or not in a shape it can have.
    """
    dim, in_channels = shape_of(tensors, "conv_first.weight", rank=4)[:2]
    side, num_heads = table_of(tensors, TABLE)
    window = (side + 1) // 2
    upsampler, scale = _upsampler(tensors, in_channels)
    return SwinIRConfig(
        dim=dim,
        depths=depths_of(tensors),
        num_heads=num_heads,
        window=window,
        mlp_ratio=mlp_ratio_of(tensors, dim),
        upsampler=upsampler,
        scale=scale,
        three_convs="conv_after_body.0.weight" in tensors,
        in_channels=in_channels,
        value_range=255.0 if window == JPEG_WINDOW else 1.0,
    )


def _upsampler(tensors: Mapping[str, Tensor], channels: int) -> tuple[Upsampler, int]:
    """The kind of upsampler and the scale."""
    if "conv_up1.weight" in tensors:
        return "nearest+conv", 4 if "conv_up2.weight" in tensors else 2
    if "upsample.0.weight" not in tensors:
        return "none", 1
    if "conv_before_upsample.0.weight" in tensors:
        return "pixelshuffle", scale_of(tensors, "upsample")
    shuffled = shape_of(tensors, "upsample.0.weight", rank=4)[0]
    return "pixelshuffledirect", math.isqrt(shuffled // max(1, channels))


def from_official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released file without its index tables and shift masks, which may be for any training size.

    Raises:
        PixmendError: one of them is not what follows from the configuration.
    """
    window = config_of(tensors).window
    index = relative_index((window, window))
    masks = [name for name in tensors if name.endswith(MASK)]
    constants = {name: index for name in tensors if name.endswith(INDEX)}
    if masks:
        constants |= dict.fromkeys(masks, _mask_like(tensors, masks[0], window))
    return without(tensors, constants)


def _mask_like(tensors: Mapping[str, Tensor], name: str, window: int) -> Tensor:
    """The mask for as many windows as this one has, of a square feature map."""
    windows, *tokens = shape_of(tensors, name, rank=3)
    if tokens != [window**2, window**2]:
        raise PixmendError(f"{name}: expected windows of {window} x {window}, got {(windows, *tokens)}")
    return _mask(math.isqrt(windows) * window, window, device=tensors[name].device)


def _mask(size: int, window: int, *, device: torch.device | None = None) -> Tensor:
    """(windows, N, N) for a square feature map."""
    return shift_mask(size, size, (window, window), (window // 2, window // 2), device=device).squeeze(1)


def to_official(swinir: SwinIR, layout: str = LAYOUTS[0]) -> dict[str, Tensor]:
    """The released names are ours; index tables are put back, and shift masks for the size it was trained with.

    Of classical super-resolution that is the size of the weights trained with DF2K, 64; with DIV2K alone it was 48.
    """
    del layout  # there is one
    config = swinir.config
    size = 128 if config.upsampler == "none" else 64
    mask = _mask(size // config.window * config.window, config.window)
    index = relative_index((config.window, config.window))
    constants = {}
    for stage, depth in enumerate(config.depths):
        blocks = [f"layers.{stage}.residual_group.blocks.{block}" for block in range(depth)]
        constants |= {block + INDEX: index for block in blocks} | {block + MASK: mask for block in blocks[1::2]}
    return constants | swinir.state_dict()
