"""Weights: which there are, and how to read and write them safely."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixmend import models
from pixmend.errors import PixmendError
from pixmend.models import EDT, EDTConfig
from pixmend.weights import edt
from pixmend.weights.read import Checkpoint, read
from pixmend.weights.write import write_weights

__all__ = ["BUNDLED", "Checkpoint", "card", "load", "read", "write_weights"]

BUNDLED = Path(__file__).with_name("bundled")
"""The weights that ship with the package, ``<name>.safetensors``; ``default`` is the one for everyday use."""


def load(source: str | Path, *, tasks: tuple[str, ...] | None = None) -> EDT:
    """The network of a weight file, ready to restore (eval mode, float32, on the CPU).

    ``source`` is ``default``, a file that pixmend wrote, or a released file of a known family; sizes and tasks are
    read from the file. ``tasks`` keeps only some of a multi-task file's heads and tails. Every tensor is accounted
    for: loading is strict.

    Raises:
        PixmendError: no such weights, an unsafe or damaged file, an unknown family, or tensors that do not fit.
    """
    path = _find(source)
    config, tensors = _interpret(read(path), path)
    with torch.device("meta"):
        network = models.build(config)
    _check_tensors(network, tensors, path)
    network.load_state_dict(tensors, assign=True)
    if tasks is not None:
        network = _keep(network, tasks)
    return network.float().requires_grad_().eval()


def card(source: str | Path) -> dict[str, Any]:
    """What a file that pixmend wrote says of itself: name, data, licence, scores; empty for others."""
    found = read(_find(source)).metadata.get("card")
    return found if isinstance(found, dict) else {}


def _find(source: str | Path) -> Path:
    bundled = BUNDLED / f"{source}.safetensors"
    if bundled.parent == BUNDLED and bundled.is_file():
        return bundled
    if isinstance(source, str) and source in models.VARIANTS:
        raise PixmendError(f"{source} is a size, not weights: pixmend.create makes it with random ones")
    path = Path(source)
    if not path.exists() and path.suffix == "":
        names = ", ".join(sorted(file.stem for file in BUNDLED.glob("*.safetensors")))
        raise PixmendError(f"no weights are called {str(source)!r}, and no file is: there is {names}, or give a file")
    return path


def _interpret(checkpoint: Checkpoint, path: Path) -> tuple[EDTConfig, dict[str, Tensor]]:
    """What network the tensors are of, and the tensors in our names."""
    tensors, metadata = checkpoint
    try:
        if "family" in metadata:
            return _config(metadata), tensors
        if not edt.is_official(tensors):
            first = ", ".join(list(tensors)[:3])
            raise PixmendError(f"not a file of a family pixmend knows (EDT); its tensors begin {first}")
        return edt.config_of(tensors), edt.from_official(tensors)
    except PixmendError as error:
        raise PixmendError(f"{path}: {error}") from error


def _config(metadata: Mapping[str, Any]) -> EDTConfig:
    family, plain = metadata["family"], metadata.get("config")
    if family != "edt":
        raise PixmendError(f"family {family!r} is not known to this version of pixmend")
    if not isinstance(plain, dict):
        raise PixmendError(f"its configuration is {plain!r}, not one of an EDT")
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    try:
        return EDTConfig(**fields)
    except TypeError as error:
        raise PixmendError(f"its configuration does not fit this version of pixmend: {error}") from error


def _keep(network: EDT, tasks: tuple[str, ...]) -> EDT:
    """The same network with only some of its tasks; it shares their tensors."""
    for task in tasks:
        network.check_task(task)
    kept = ("body.", *(f"{part}.{task}." for part in ("heads", "tails") for task in tasks))
    with torch.device("meta"):
        smaller = models.build(replace(network.config, tasks=tuple(tasks)))
    state = {name: tensor for name, tensor in network.state_dict().items() if name.startswith(kept)}
    smaller.load_state_dict(state, assign=True)
    return smaller


def _check_tensors(network: torch.nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Names, shapes and kinds, all of them; nothing is dropped or made up."""
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name in [*expected, *tensors]:
        tensor = tensors.get(name)
        got = None if tensor is None else tuple(tensor.shape)
        if expected.get(name) != got:
            raise PixmendError(f"{path}: {name}: expected {expected.get(name, 'nothing')}, got {got or 'nothing'}")
        if tensor is not None and (
            not tensor.is_floating_point() or tensor.layout != torch.strided or tensor.device.type != "cpu"
        ):
            raise PixmendError(f"{path}: {name}: expected ordinary floats, got {tensor.dtype} on {tensor.device}")
