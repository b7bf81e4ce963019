"""What the families' formats have in common: reading sizes off tensors, and checking what a file need not hold.

A file's index tables, shift masks and mean-shift convolutions follow from its configuration. They may be missing;
where they are there, they must be what they follow to, or the file is of another network than it seems.
"""

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from pixmend.errors import PixmendError


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


def unique(named: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors by their new names.

    Raises:
        PixmendError: two of them have one name.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in named:
        if name in found:
            raise PixmendError(f"{name}: the file holds this tensor twice, by two names")
        found[name] = tensor
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


def mean_shift(mean: tuple[float, ...], *, value_range: float) -> dict[str, Tensor]:
    """The frozen 1 x 1 convolutions of EDSR-PyTorch and what descends from it: subtract a mean, and add it again."""
    offset = torch.tensor(mean) * value_range
    identity = torch.eye(len(mean))[..., None, None]
    return {
        "sub_mean.weight": identity,
        "sub_mean.bias": -offset,
        "add_mean.weight": identity.clone(),
        "add_mean.bias": offset,
    }
