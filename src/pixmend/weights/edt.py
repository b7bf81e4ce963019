"""Released EDT files (fenglinglwb/EDT): flat state dicts, whose names and shapes say what network they are of."""

import re
from collections.abc import Mapping

from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.layers.window import shift_mask
from pixmend.models.edt import EDT, EDTConfig, crosswise, half

BRANCH = re.compile(r"^(head|tail)_((?:sr|dn|dr)_\w+)\.")
"""A head or tail in a released file, ``head_sr_x2.``, which is ``heads.sr_x2.`` here."""
OUR_BRANCH = re.compile(r"^(head|tail)s\.(\w+)\.")
BLOCK = re.compile(r"body\.layers\.(\d{1,3})\.residual_group\.blocks\.\d{1,3}\.norm1\.weight")
SHUFFLED = re.compile(r"tail_sr_x\d\.3\.weight")
HEADS = {60: 6, 120: 6, 180: 6, 240: 8}
"""Heads of the released sizes by their width."""
WINDOW = (6, 24)
MASK = re.compile(r"\.attn_mask_[hv]$")


def is_official(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the names are those of a released EDT file."""
    return any(BRANCH.match(name) for name in tensors) and "body.patch_embed.norm.weight" in tensors


def config_of(tensors: Mapping[str, Tensor]) -> EDTConfig:
    """Read the configuration off the names and shapes of a released file.

    The number of heads and the window leave no trace in the parameters: they are those of the released size of
    this width, and a width that was never released is refused.

    Raises:
        PixmendError: not all of a released network is there, or not in a shape it can have.
    """
    tasks = tuple(dict.fromkeys(found[2] for name in tensors if (found := BRANCH.match(name)) and found[1] == "head"))
    if not tasks:
        raise PixmendError("an EDT file without a head")
    features = _shape(tensors, f"head_{tasks[0]}.0.weight", rank=4)[0]
    dim = _shape(tensors, f"head_{tasks[0]}.3.weight", rank=4)[0]
    if dim not in HEADS:
        widths = ", ".join(map(str, HEADS))
        raise PixmendError(f"an EDT of width {dim}: its heads are not in the file, and only {widths} were released")
    stages = [int(found[1]) for name in tensors if (found := BLOCK.match(name))]
    hidden = _shape(tensors, "body.layers.0.residual_group.blocks.0.mlp.fc1.weight", rank=2)[0]
    for name, tensor in tensors.items():
        if MASK.search(name) and tensor.shape[1:] != (WINDOW[0] * WINDOW[1],) * 2:
            raise PixmendError(f"{name}: expected windows of {WINDOW[0]} x {WINDOW[1]}, got {tuple(tensor.shape)}")
    shuffled = any(SHUFFLED.match(name) for name in tensors) or not any(task.startswith("sr") for task in tasks)
    return EDTConfig(
        tasks=tasks,
        features=features,
        dim=dim,
        depths=tuple(stages.count(stage) for stage in sorted(set(stages))),
        num_heads=HEADS[dim],
        window=WINDOW,
        mlp_ratio=hidden // dim,
        upsampler="pixelshuffle" if shuffled else "pixelshuffledirect",
        downsample=any(".conv_down." in name for name in tensors) or all(task.startswith("sr") for task in tasks),
    )


def _shape(tensors: Mapping[str, Tensor], name: str, *, rank: int) -> tuple[int, ...]:
    """The shape of a tensor that a released file must have."""
    tensor = tensors.get(name)
    if tensor is None or tensor.dim() != rank:
        got = "nothing" if tensor is None else tuple(tensor.shape)
        raise PixmendError(f"{name}: expected a tensor of {rank} dimensions, got {got}")
    return tuple(tensor.shape)


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
