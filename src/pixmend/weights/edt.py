"""Released EDT files (fenglinglwb/EDT): flat state dicts, whose names and shapes say what network they are of."""

import re
from collections.abc import Mapping

from torch import Tensor

from pixmend.layers.window import shift_mask
from pixmend.models.edt import EDT, EDTConfig, crosswise, half

BRANCH = re.compile(r"^(head|tail)_((?:sr|dn|dr)_\w+)\.")
"""A head or tail in a released file, ``head_sr_x2.``, which is ``heads.sr_x2.`` here."""
OUR_BRANCH = re.compile(r"^(head|tail)s\.(\w+)\.")
BLOCK = re.compile(r"body\.layers\.(\d+)\.residual_group\.blocks\.\d+\.norm1\.weight")
MASK = re.compile(r"\.attn_mask_[hv]$")


def is_official(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the names are those of a released EDT file."""
    return any(BRANCH.match(name) for name in tensors) and "body.patch_embed.norm.weight" in tensors


def config_of(tensors: Mapping[str, Tensor]) -> EDTConfig:
    """Read the configuration off the names and shapes of a released file (fenglinglwb/EDT, a flat state dict).

    The number of heads leaves no trace in the tensors; it is that of the paper's size with this width.
    """
    tasks = tuple(dict.fromkeys(found[2] for name in tensors if (found := BRANCH.match(name)) and found[1] == "head"))
    stages = [int(found[1]) for name in tensors if (found := BLOCK.match(name))]
    first, last = tensors[f"head_{tasks[0]}.0.weight"], tensors[f"head_{tasks[0]}.3.weight"]
    hidden = tensors["body.layers.0.residual_group.blocks.0.mlp.fc1.weight"].shape[0]
    direct = any(name.startswith("tail_sr") for name in tensors) and not any(
        re.match(r"tail_sr_x\d\.3\.weight", name) for name in tensors
    )
    return EDTConfig(
        tasks=tasks,
        features=first.shape[0],
        dim=last.shape[0],
        depths=tuple(stages.count(stage) for stage in sorted(set(stages))),
        num_heads=8 if last.shape[0] == 240 else 6,
        mlp_ratio=hidden // last.shape[0],
        upsampler="pixelshuffledirect" if direct else "pixelshuffle",
        downsample=any(".conv_down." in name for name in tensors) or all(task.startswith("sr") for task in tasks),
    )


def from_official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released file's names to ours. The shift masks, which follow from the configuration, are left out."""
    renamed = {BRANCH.sub(r"\1s.\2.", name): tensor for name, tensor in tensors.items()}
    return {name: tensor for name, tensor in renamed.items() if not MASK.search(name)}


def to_official(edt: EDT) -> dict[str, Tensor]:
    """Our names to a released file's, with the shift masks for the published training size put back."""
    config = edt.config
    tensors = {OUR_BRANCH.sub(r"\1_\2.", name): t for name, t in edt.state_dict().items()}
    size = 48 if config.downsample else 144
    for letter, window in zip("hv", crosswise(config.window), strict=True):
        mask = shift_mask(size, size, window, half(window)).squeeze(1)
        for stage, depth in enumerate(config.depths):
            for block in range(1, depth, 2):
                tensors[f"body.layers.{stage}.residual_group.blocks.{block}.attn_mask_{letter}"] = mask
    return tensors
