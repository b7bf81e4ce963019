"""Released HAT files (XPixelGroup/HAT), Real-HAT's too, whose names are ours; they hold two index tables as well."""

import re
from collections.abc import Collection, Mapping

from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.layers.window import relative_index
from pixmend.models.hat import HAT, HATConfig
from pixmend.models.hat_attention import overlap_index
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

LAYOUTS = ("hat",)
OVERLAP_TABLE = "layers.0.residual_group.overlap_attn.relative_position_bias_table"
CAB = "layers.0.residual_group.blocks.0.conv_block.cab"
REQUIRED = {"conv_first.weight", "patch_embed.norm.weight", TABLE, OVERLAP_TABLE, f"{CAB}.0.weight"}
LAYER = re.compile(
    r"layers\.\d{1,3}\.(conv\.(weight|bias)|residual_group\.(overlap_attn|blocks\.\d{1,3})\."
    r"((attn\.)?relative_position_bias_table|conv_block\.cab\.([02]|3\.attention\.[13])\.(weight|bias)|"
    r"(norm[12]|attn\.qkv|attn\.proj|qkv|proj|mlp\.fc[12])\.(weight|bias)))"
)
"""All that a body holds."""


def layout_of(names: Collection[str]) -> str | None:
    """The layout of a released HAT file, if these are its names."""
    return LAYOUTS[0] if has_body(names, required=REQUIRED, pattern=LAYER, prefix="layers.") else None


def config_of(tensors: Mapping[str, Tensor]) -> HATConfig:
    """Read the configuration off the names and shapes of a released file.

    Raises:
        PixmendError: not all of a network is there, or not in a shape it can have.
    """
    dim = shape_of(tensors, "conv_first.weight", rank=4)[0]
    side, num_heads = table_of(tensors, TABLE)
    window = (side + 1) // 2
    return HATConfig(
        dim=dim,
        depths=depths_of(tensors),
        num_heads=num_heads,
        window=window,
        overlapping_window=table_of(tensors, OVERLAP_TABLE)[0] + 1 - window,
        compress=_divisor(tensors, f"{CAB}.0.weight", dim),
        squeeze=_divisor(tensors, f"{CAB}.3.attention.1.weight", dim),
        mlp_ratio=mlp_ratio_of(tensors, dim),
        scale=scale_of(tensors, "upsample"),
    )


def _divisor(tensors: Mapping[str, Tensor], name: str, dim: int) -> int:
    """The whole number that ``dim`` was divided by, rounding down, to get this many channels.

    Raises:
        PixmendError: there is none.
    """
    channels = shape_of(tensors, name, rank=4)[0]
    divisor = dim // max(1, channels)
    if divisor == 0 or dim // divisor != channels:
        raise PixmendError(f"{name}: {channels} channels are no whole part of {dim}")
    return divisor


def from_official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released file without its index tables.

    Raises:
        PixmendError: one of them is not what follows from the configuration.
    """
    return without(tensors, _indices(config_of(tensors)))


def to_official(hat: HAT, layout: str = LAYOUTS[0]) -> dict[str, Tensor]:
    """The released names are ours; the index tables are put back."""
    del layout  # there is one
    return _indices(hat.config) | hat.state_dict()


def _indices(config: HATConfig) -> dict[str, Tensor]:
    return {
        "relative_position_index_SA": relative_index((config.window, config.window)),
        "relative_position_index_OCA": overlap_index(config.window, config.overlapping_window),
    }
