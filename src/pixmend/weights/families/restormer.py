"""Released Restormer files (swz30/Restormer), whose names are ours."""

import math
import re
from collections.abc import Collection, Mapping

from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.models.restormer import Restormer, RestormerConfig
from pixmend.weights.families.tensors import counts, shape_of

LAYOUTS = ("restormer",)
REQUIRED = {
    "patch_embed.proj.weight",
    "encoder_level1.0.attn.temperature",
    "encoder_level1.0.attn.qkv_dwconv.weight",
    "encoder_level1.0.ffn.project_in.weight",
    "latent.0.attn.temperature",
    "reduce_chan_level3.weight",
    "refinement.0.norm1.body.weight",
    "output.weight",
}
PARTS = {
    *("patch_embed", "encoder_level1", "down1_2", "encoder_level2", "down2_3", "encoder_level3", "down3_4", "latent"),
    *("up4_3", "reduce_chan_level3", "decoder_level3", "up3_2", "reduce_chan_level2", "decoder_level2", "up2_1"),
    *("decoder_level1", "refinement", "skip_conv", "output"),
}
"""All that a Restormer has. PromptIR, DRSformer and others that grew from it have more."""
LEVELS = ("encoder_level1", "encoder_level2", "encoder_level3", "latent")
SKIP = "skip_conv.weight"
"""In the file of dual-pixel deblurring alone."""
PROJECTION = re.compile(r".+\.ffn\.project_out\.weight")
EXPANSION = 2.66
"""Of every released file, where it gives the hidden channels found; other factors can give the same."""


def layout_of(names: Collection[str]) -> str | None:
    """The layout of a released Restormer file, if these are its names."""
    known = REQUIRED.issubset(names) and PARTS.issuperset(name.partition(".")[0] for name in names)
    return LAYOUTS[0] if known else None


def config_of(tensors: Mapping[str, Tensor]) -> RestormerConfig:
    """Read the configuration off the names and shapes of a released file.

    The task leaves no trace, but for the dual-pixel network, which has only the one.

    Raises:
        PixmendError: not all of a released network is there, or not in a shape it can have.
    """
    dim, in_channels = shape_of(tensors, "patch_embed.proj.weight", rank=4)[:2]
    dual_pixel = SKIP in tensors
    return RestormerConfig(
        dim=dim,
        num_blocks=tuple(counts(tensors, rf"{level}\.(\d+)\.") for level in LEVELS),
        num_refinement_blocks=counts(tensors, r"refinement\.(\d+)\."),
        heads=tuple(shape_of(tensors, f"{level}.0.attn.temperature", rank=3)[0] for level in LEVELS),
        ffn_expansion=_expansion(tensors),
        layer_norm="WithBias" if "encoder_level1.0.norm1.body.bias" in tensors else "BiasFree",
        in_channels=in_channels,
        out_channels=shape_of(tensors, "output.weight", rank=4)[0],
        dual_pixel=dual_pixel,
        task="defocus_dual" if dual_pixel else None,
    )


def from_official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released file's names to ours, which are the same."""
    return dict(tensors)


def to_official(restormer: Restormer, layout: str = LAYOUTS[0]) -> dict[str, Tensor]:
    """Our names to a released file's, which are the same."""
    del layout  # there is one
    return restormer.state_dict()


def _expansion(tensors: Mapping[str, Tensor]) -> float:
    """The factor, with as few decimals as may be, that gives the hidden channels of every feed-forward network.

    Raises:
        PixmendError: there is none.
    """
    sizes = {shape_of(tensors, name, rank=4)[:2] for name in tensors if PROJECTION.fullmatch(name)}
    if sizes and min(map(min, sizes)) > 0:
        least = max(hidden / channels for channels, hidden in sizes)
        for factor in (EXPANSION, *(math.ceil(least * 10**digits) / 10**digits for digits in range(7))):
            if all(int(channels * factor) == hidden for channels, hidden in sizes):
                return factor
    found = ", ".join(f"{hidden} of {channels}" for channels, hidden in sorted(sizes)[:8])
    raise PixmendError(f"a Restormer whose hidden channels, {found or 'none'}, no one factor gives")
