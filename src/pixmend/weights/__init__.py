"""Weights: which there are, and how to get, read and write them safely."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixmend import models
from pixmend.errors import PixmendError
from pixmend.models import Network
from pixmend.weights.families import FORMATS
from pixmend.weights.open import BUNDLED, Opened, bundled, find, open_weights
from pixmend.weights.read import Checkpoint, read
from pixmend.weights.write import write_weights

__all__ = [
    "BUNDLED",
    "Checkpoint",
    "Opened",
    "bundled",
    "card",
    "load",
    "network_of",
    "open_weights",
    "read",
    "write_weights",
]


def load(source: str | Path | bytes, *, tasks: tuple[str, ...] | None = None) -> Network:
    """The network of a weight file, ready to restore (eval mode, float32, on the CPU).

    ``source`` is the name of bundled weights or of fetched ones, the path of a file that pixmend wrote or of a
    released one of a known family, or such a file's bytes. Family, sizes and tasks are read from the tensors; only
    the purpose that they do not tell (one that denoises looks like one that derains) is taken from a released
    file's name. ``tasks`` keeps only some of a multi-task file's heads and tails. Every tensor is accounted for:
    loading is strict.

    Raises:
        PixmendError: no such weights, an unsafe or damaged file, an unknown family, or tensors that do not fit.
    """
    opened = open_weights(source)
    if tasks is not None:
        return network_of(opened, tasks=tasks)
    return _filled(opened.network, opened.tensors)  # building a large network takes as long as reading it: once will do


def network_of(opened: Opened, *, tasks: tuple[str, ...] | None = None) -> Network:
    """The network of an opened file, as ``load`` gives it; it holds the opened tensors, not copies of them."""
    config, tensors = opened.config, opened.tensors
    if tasks is not None:
        _check_tasks(opened, tasks)
        select = getattr(FORMATS[opened.family], "select_tasks", None)
        config, tensors = (config, tensors) if select is None else select(config, tensors, tuple(tasks))
    with torch.device("meta"):
        network = models.build(config)
    return _filled(network, tensors)


def _filled(network: Network, tensors: Mapping[str, Tensor]) -> Network:
    network.load_state_dict(tensors, assign=True)
    return network.float().requires_grad_().eval()


def _check_tasks(opened: Opened, tasks: tuple[str, ...]) -> None:
    if isinstance(tasks, str):
        raise PixmendError(f"tasks is a tuple of names, got the text {tasks!r}")
    known = opened.network.tasks
    for task in tasks:
        if task not in known:
            raise PixmendError(f"{opened.where}: no task {task!r}: it has {', '.join(known) or 'one without a name'}")


def card(source: str | Path) -> dict[str, Any]:
    """What a file that pixmend wrote says of itself: name, data, licence, scores; empty for others."""
    found = read(find(source)).metadata.get("card")
    return found if isinstance(found, dict) else {}
