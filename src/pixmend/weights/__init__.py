"""Weights: which there are, and how to read and write them safely."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixmend import models
from pixmend.errors import PixmendError
from pixmend.models import EDTConfig, MultiTask
from pixmend.weights import edt
from pixmend.weights.read import Checkpoint, read
from pixmend.weights.write import write_weights

__all__ = ["BUNDLED", "Checkpoint", "load", "read", "write_weights"]

BUNDLED = Path(__file__).with_name("bundled")
"""The weights that ship with the package, ``<name>.safetensors``; ``default`` is the one for everyday use."""


def load(source: str | Path, *, tasks: tuple[str, ...] | None = None) -> MultiTask:
    """The network of a weight file, ready to restore (eval mode, float32, on the CPU).

    ``source`` is ``default``, a file that pixmend wrote, or a released file of a known family; sizes and tasks are
    read from the file. ``tasks`` keeps only some of a multi-task file's heads and tails. Every tensor is accounted
    for: loading is strict.

    Raises:
        PixmendError: no such weights, an unsafe or damaged file, an unknown family, or tensors that do not fit.
    """
    path = _find(source)
    checkpoint = read(path)
    config, tensors = _interpret(checkpoint, path)
    if tasks is not None:
        config, tensors = _keep(config, tensors, tasks=tasks)
    with torch.device("meta"):
        network = models.build(config)
    _check_names(network, tensors, path)
    network.load_state_dict(tensors, assign=True)
    return network.float().requires_grad_().eval()


def card(source: str | Path) -> dict[str, Any]:
    """What a file that pixmend wrote says of itself: name, data, licence, scores; empty for others."""
    return read(_find(source)).metadata.get("card", {})


def _find(source: str | Path) -> Path:
    bundled = BUNDLED / f"{source}.safetensors"
    if bundled.is_file():
        return bundled
    if isinstance(source, str) and source in models.VARIANTS:
        raise PixmendError(f"{source} is a size, not weights: pixmend.create makes it with random ones")
    path = Path(source).expanduser()
    if not path.exists() and path.suffix == "":
        names = ", ".join(sorted(file.stem for file in BUNDLED.glob("*.safetensors")))
        raise PixmendError(f"no weights are called {str(source)!r}, and no file is: there is {names}, or give a file")
    return path


def _interpret(checkpoint: Checkpoint, path: Path) -> tuple[EDTConfig, dict[str, Tensor]]:
    tensors, metadata = checkpoint
    if "family" in metadata:
        if metadata["family"] != "edt":
            raise PixmendError(f"{path}: family {metadata['family']!r} is not known to this version of pixmend")
        return _config(metadata["config"], path), tensors
    if not edt.is_official(tensors):
        first = ", ".join(list(tensors)[:3])
        raise PixmendError(f"{path}: not a file of a family pixmend knows (EDT); its tensors begin {first}")
    return edt.config_of(tensors), edt.from_official(tensors)


def _config(plain: dict[str, Any], path: Path) -> EDTConfig:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    try:
        return EDTConfig(**fields)
    except TypeError as error:
        raise PixmendError(f"{path}: its configuration does not fit this version of pixmend: {error}") from error


def _keep(
    config: EDTConfig, tensors: Mapping[str, Tensor], *, tasks: tuple[str, ...]
) -> tuple[EDTConfig, dict[str, Tensor]]:
    """A multi-task file reduced to some of its tasks: configuration and tensors, in our names."""
    for task in tasks:
        if task not in config.tasks:
            raise PixmendError(f"no task {task!r}: these weights have {', '.join(config.tasks)}")
    kept = tuple(f"{part}.{task}." for part in ("heads", "tails") for task in tasks)
    return replace(config, tasks=tasks), {
        name: tensor for name, tensor in tensors.items() if name.startswith(("body.", *kept))
    }


def _check_names(network: torch.nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    got = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in [*expected, *got]:
        if expected.get(name) != got.get(name):
            raise PixmendError(
                f"{path}: {name}: expected {expected.get(name, 'nothing')}, got {got.get(name, 'nothing')}"
            )
