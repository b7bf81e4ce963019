"""What files of EDSR-PyTorch and of the code that grew from it (RCAN, HAN, IPT, BasicSR) have in common.

They hold the mean shift as two 1 x 1 convolutions, ``sub_mean`` before the head and ``add_mean`` after the tail. Some
of that code meant to freeze them and did not, so that a file may hold trained ones, near what they began as.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.models.base import DIV2K
from pixmend.weights.families.tensors import renamed, shape_of

WHITE = 255.0
NAMES = tuple(f"{shift}.{leaf}" for shift in ("sub_mean", "add_mean") for leaf in ("weight", "bias"))
DRIFT = 0.25
"""How far a trained mean shift may be from the identity and, in parts of white, from DIV2K's mean."""


def renamed_modules(tensors: Mapping[str, Tensor], modules: Mapping[str, str]) -> dict[str, Tensor]:
    """The tensors with their modules' names replaced, each by the one it is mapped to.

    Raises:
        PixmendError: two tensors would have one name.
    """

    def new_name(name: str) -> str:
        module, _, leaf = name.rpartition(".")
        return f"{modules[module]}.{leaf}" if module in modules else name

    return renamed(tensors, new_name)


def mean_shift(mean: tuple[float, ...]) -> dict[str, Tensor]:
    """The convolutions that subtract a mean and add it again, as they began."""
    offset = torch.tensor(mean) * WHITE
    identity = torch.eye(len(mean))[..., None, None]
    return {
        "sub_mean.weight": identity,
        "sub_mean.bias": -offset,
        "add_mean.weight": identity.clone(),
        "add_mean.bias": offset,
    }


def mean_of(tensors: Mapping[str, Tensor]) -> tuple[float, ...]:
    """The mean, in [0, 1], that a file subtracts; DIV2K's if it holds none, or no values (meta tensors).

    Raises:
        PixmendError: what it holds is no mean shift of values up to 255.
    """
    weight, bias = _affine(tensors, "sub_mean", -torch.tensor(DIV2K, dtype=torch.float64) * WHITE)
    mean = torch.linalg.solve(weight, -bias) / WHITE
    held = tensors.get("sub_mean.bias")
    precision = 1e-6 if held is None or held.dtype.itemsize > 2 else torch.finfo(held.dtype).eps
    for written in (DIV2K, tuple(round(value, 4) for value in mean.tolist())):
        if torch.allclose(mean, torch.tensor(written, dtype=torch.float64), rtol=precision, atol=1e-6):
            return written
    return tuple(mean.tolist())


def check_div2k(mean: tuple[float, ...]) -> None:
    """BasicSR's files do not hold the mean: its networks have DIV2K's.

    Raises:
        PixmendError: it is another.
    """
    if mean != DIV2K:
        raise PixmendError(f"BasicSR's files are of networks with the mean {DIV2K}, and this one has {mean}")


def without_mean_shift(tensors: Mapping[str, Tensor], *, head: str, tail: str) -> dict[str, Tensor]:
    """The tensors but for the mean shift; what a trained one does beyond the mean goes into the head and the tail.

    With W and b of ``sub_mean``, W x + b is W (x - m) for the mean m = -b / W, and W can be the head's: its padding
    comes after both. What ``add_mean`` does beyond adding m can be the tail's.

    Raises:
        PixmendError: what it holds is no mean shift of values up to 255.
    """
    mean = torch.tensor(mean_of(tensors), dtype=torch.float64) * WHITE
    before, _ = _affine(tensors, "sub_mean", -mean)
    after, added = _affine(tensors, "add_mean", mean)
    kept = {name: tensor for name, tensor in tensors.items() if name not in NAMES}
    if _equal(before, torch.eye(3)) and _equal(after, torch.eye(3)) and _equal(added, mean):
        return kept
    names = (f"{head}.weight", f"{tail}.weight", f"{tail}.bias")
    for name, rank, dim in zip(names, (4, 4, 1), (1, 0, 0), strict=True):
        if shape_of(kept, name, rank=rank)[dim] != 3:
            raise PixmendError(f"{name}: expected 3 colours, got {(*kept[name].shape,)}")
    first, last, bias = (kept[name] for name in names)
    trained = (
        torch.einsum("ocij,cd->odij", first.double(), before).to(first.dtype),
        torch.einsum("dc,coij->doij", after, last.double()).to(last.dtype),
        (after @ bias.double() + added - mean).to(bias.dtype),
    )
    return {**kept, **dict(zip(names, trained, strict=True))}


def _affine(tensors: Mapping[str, Tensor], name: str, offset: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (3, 3) and bias (3,) of a mean shift in double precision: the identity and ``offset`` where not held.

    Raises:
        PixmendError: no values of the file are near enough to a mean shift's.
    """
    identity = torch.eye(3, dtype=torch.float64)
    weight, bias = (tensors.get(f"{name}.{leaf}") for leaf in ("weight", "bias"))
    for held in (weight, bias):
        if held is not None and not held.is_floating_point():
            raise PixmendError(f"{name}: expected floats, got {held.dtype}")
    weight = identity[..., None, None] if weight is None or weight.is_meta else weight.double()
    bias = offset if bias is None or bias.is_meta else bias.double()
    if weight.shape != (3, 3, 1, 1) or bias.shape != (3,):
        raise PixmendError(
            f"{name}: expected shapes (3, 3, 1, 1) and (3,), got {(*weight.shape,)} and {(*bias.shape,)}"
        )
    weight = weight[..., 0, 0]
    if not bool(((weight - identity).abs() <= DRIFT).all()) or not bool(((bias - offset).abs() <= DRIFT * WHITE).all()):
        raise PixmendError(f"{name}: is neither the constant of this network nor one trained from it")
    return weight, bias


def _equal(held: Tensor, constant: Tensor) -> bool:
    return torch.allclose(held.double(), constant.double(), rtol=1e-6, atol=1e-6)
