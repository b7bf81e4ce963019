"""What the families' formats have in common: reading sizes off names and shapes, renaming, and checking constants.

A file's index tables, shift masks and mean-shift convolutions follow from its configuration. They may be missing;
where they are there, they must be what they follow to, or the file is of another network than it seems.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.layers.conv import STEPS

FIRST = "layers.0.residual_group.blocks.0"
"""The first block of the networks that grew from Swin Transformer: SwinIR, HAT and, below ``body.``, EDT."""
TABLE = f"{FIRST}.attn.relative_position_bias_table"


def shape_of(tensors: Mapping[str, Tensor], name: str, *, rank: int) -> tuple[int, ...]:
    """The shape of a tensor that a released file must have.

    Raises:
        PixmendError: it is not there, or has another number of dimensions.
    """
    tensor = tensors.get(name)
    if tensor is None or tensor.dim() != rank:
        got = "nothing" if tensor is None else tuple(tensor.shape)
        raise PixmendError(f"{name}: expected a tensor of {rank} dimensions, got {got}")
    return tuple(tensor.shape)


def counts(names: Mapping[str, Tensor], pattern: str) -> int:
    """How many different numbers the one group of the pattern takes at the beginning of the names."""
    found = re.compile(pattern)
    return len({match[1] for name in names if (match := found.match(name))})


def has_body(names: Collection[str], *, required: set[str], pattern: re.Pattern[str], prefix: str = "body.") -> bool:
    """Whether these are a network's names: all that it needs, and none under the prefix but those of the pattern.

    The second tells a network from those that grew from it, which put more into their bodies.
    """
    body = (name for name in names if name.startswith(prefix))
    return required.issubset(names) and all(pattern.fullmatch(name) for name in body)


def scale_of(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """The scale of a pixel-shuffle upsampler.

    Raises:
        PixmendError: it is not there or not one of a known scale.
    """
    channels_out, channels_in = shape_of(tensors, f"{prefix}.0.weight", rank=4)[:2]
    number = sum(f"{prefix}.{index}.weight" in tensors for index in (0, 2, 4))
    for scale, steps in STEPS.items():
        if len(steps) == number and channels_out == steps[0] ** 2 * channels_in:
            return scale
    raise PixmendError(f"{prefix}.0.weight: {channels_in} to {channels_out} channels in {number} steps give no scale")


def depths_of(names: Collection[str], *, prefix: str = "") -> tuple[int, ...]:
    """How many transformer blocks each stage has."""
    block = re.compile(re.escape(prefix) + r"layers\.(\d{1,3})\.residual_group\.blocks\.\d{1,3}\.norm1\.weight")
    stages = [int(found[1]) for name in names if (found := block.fullmatch(name))]
    return tuple(stages.count(stage) for stage in sorted(set(stages)))


def mlp_ratio_of(tensors: Mapping[str, Tensor], dim: int, *, prefix: str = "") -> int:
    """How much wider the hidden layer of the transformer's MLPs is.

    Raises:
        PixmendError: there is no MLP.
    """
    return shape_of(tensors, f"{prefix}{FIRST}.mlp.fc1.weight", rank=2)[0] // max(1, dim)


def table_of(tensors: Mapping[str, Tensor], name: str) -> tuple[int, int]:
    """Side of the square of offsets that a bias table has entries for, and its heads.

    Raises:
        PixmendError: there is no such table, or it is not of a square.
    """
    entries, heads = shape_of(tensors, name, rank=2)
    side = math.isqrt(entries)
    if side**2 != entries:
        raise PixmendError(f"{name}: {entries} entries are not those of a square window")
    return side, heads


def renamed(tensors: Mapping[str, Tensor], new_name: Callable[[str], str]) -> dict[str, Tensor]:
    """The tensors by their new names.

    Raises:
        PixmendError: two of them would have one name.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        new = new_name(name)
        if new in found:
            raise PixmendError(f"{name}: the file holds this tensor twice, by two names")
        found[new] = tensor
    return found


def without(tensors: Mapping[str, Tensor], constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors but for those constants, which are checked where the file holds them.

    Raises:
        PixmendError: a constant of the file is not what follows from its configuration.
    """
    for name, constant in constants.items():
        held = tensors.get(name)
        if held is None or held.is_meta or constant.is_meta:
            continue
        rounded = constant.to(held.dtype).double()  # a file of half precision holds what is nearest to it
        if held.shape != constant.shape or not torch.allclose(held.double(), rounded, rtol=1e-4, atol=1e-4):
            raise PixmendError(f"{name}: is not the constant of this network: the file is of a variant of it")
    return {name: tensor for name, tensor in tensors.items() if name not in constants}
