"""Files to tensors, without ever running code that is in them."""

import json
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from pixmend.errors import PixmendError

METADATA = ("family", "config", "card", "optim", "step")
"""What pixmend writes into a safetensors file, each as JSON; foreign metadata is left alone."""

WRAPPERS = ("params_ema", "params", "state_dict", "model")
"""Where training codes keep the state dict of a pickled file, the first of them that is there."""


class Checkpoint(NamedTuple):
    """Tensors by name, and the metadata of a safetensors file (empty for the others)."""

    tensors: dict[str, Tensor]
    metadata: dict[str, Any]


def read(path: Path) -> Checkpoint:
    """Read a ``.safetensors``, ``.pth``, ``.pt`` or ``.ckpt`` file on the CPU.

    A pickled file is read with torch's weights-only unpickler; one that holds anything but tensors and plain
    containers is refused. ``WRAPPERS`` around the state dict are taken off.

    Raises:
        PixmendError: missing, empty, damaged, or not a checkpoint of tensors alone.
    """
    if not path.is_file():
        raise PixmendError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise PixmendError(f"{path}: the file is empty")
    return _read_safetensors(path) if path.suffix == ".safetensors" else Checkpoint(_read_pickled(path), {})


def _read_safetensors(path: Path) -> Checkpoint:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            metadata = {key: json.loads(value) for key, value in metadata.items() if key in METADATA}
            return Checkpoint({name: file.get_tensor(name) for name in file.keys()}, metadata)  # noqa: SIM118
    except (SafetensorError, ValueError, OSError, RecursionError) as error:
        raise PixmendError(f"{path}: not a safetensors file, or a damaged one") from error


def _read_pickled(path: Path) -> dict[str, Tensor]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise PixmendError(
            f"{path}: refused, it holds more than tensors or is damaged; ask its maker for a safetensors file"
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged file can make the unpickler fail in any way there is
        raise PixmendError(f"{path}: not a checkpoint, or a damaged one") from error
    for _ in WRAPPERS:  # at most so deep: a dictionary may hold itself
        inner = [key for key in WRAPPERS if isinstance(found, dict) and isinstance(found.get(key), dict)]
        found = found[inner[0]] if inner else found
    if not isinstance(found, dict) or not found or not all(isinstance(value, Tensor) for value in found.values()):
        raise PixmendError(f"{path}: expected a state dict of tensors, got {type(found).__name__}")
    return {str(name): tensor for name, tensor in found.items()}
