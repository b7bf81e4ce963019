"""Files to tensors, without ever running code that is in them."""

import io
import json
import pickle
import re
import threading
import warnings
import zipfile
from argparse import Namespace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_safetensors
from torch import Tensor

from pixmend.errors import PixmendError

METADATA = ("family", "config", "card", "optim", "step")
"""What pixmend writes into a safetensors file, each as JSON; foreign metadata is left alone."""

WRAPPERS = (
    *("params_ema", "params-ema", "ema_state_dict", "model_ema", "ema", "g_ema"),
    *("params", "state_dict", "model_state_dict", "model", "generator", "net_g", "net", "weights"),
)
"""Where training codes keep the state dict of a pickled file; of several, averages count before others."""

PREFIXES = ("module.", "_orig_mod.", "ema_model.", "model.", "network.", "net_g.", "netG.", "net.", "generator.")
"""What wrapping modules put before every name."""

_SCALAR = np.float64(0).__reduce__()[0]
HARMLESS = [
    *(Namespace, np.dtype, *map(type, map(np.dtype, "?bBhHiIlLqQefd"))),
    *((_SCALAR, "numpy.core.multiarray.scalar"), (_SCALAR, "numpy._core.multiarray.scalar")),
]
"""Beside tensors and plain containers, what training codes keep in their files; making these runs no code."""

_GLOBAL = re.compile(r"GLOBAL ([\w.]{1,80})\b")
"""How torch says what a file wanted to make that is no tensor."""

_ALLOWING = threading.Lock()
"""What may be unpickled is a setting of the whole process: one file at a time."""

EXPANDED = 2**26
"""Bytes up to which a tensor may repeat fewer values than it has."""

SAFETENSORS_HEADER = 8
"""Bytes that hold the length of the header."""


class Checkpoint(NamedTuple):
    """Tensors by name, the metadata of a safetensors file (empty for the others), and what was taken off on the way."""

    tensors: dict[str, Tensor]
    metadata: dict[str, Any]
    wrapped: tuple[str, ...] = ()


def read(source: Path | bytes) -> Checkpoint:
    """Read a safetensors file or a pickled one (``.pth``, ``.pt``, ``.ckpt``), told apart by their content, on the CPU.

    A pickled file is read with torch's weights-only unpickler; one that holds anything but tensors and plain
    values is refused. Dictionaries around the state dict (``WRAPPERS``) and prefixes that all names share
    (``PREFIXES``) are taken off.

    Raises:
        PixmendError: missing, empty, damaged, or not a checkpoint of tensors alone.
    """
    where = "these bytes" if isinstance(source, bytes) else str(source)
    try:
        if isinstance(source, Path) and not source.is_file():
            what = "is a folder, not a file" if source.is_dir() else "no such file"
            raise PixmendError(f"{where}: {what}")
        start = _start(source)
    except OSError as error:
        raise PixmendError(f"{where[:200]}: cannot be read: {error.strerror or error}") from error
    if not start:
        raise PixmendError(f"{where}: the file is empty")
    if start[SAFETENSORS_HEADER : SAFETENSORS_HEADER + 1] == b"{":
        checkpoint = _read_safetensors(source, where)
    else:
        checkpoint = _read_pickled(source, where)
    for name, tensor in checkpoint.tensors.items():
        if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
            raise PixmendError(f"{where}: {name}: no ordinary tensor: {tensor.dtype}, {tensor.layout}, {tensor.device}")
        if tensor.nbytes > EXPANDED and tensor.nbytes > tensor.untyped_storage().nbytes():
            raise PixmendError(f"{where}: {name}: claims {tensor.nbytes / 1e6:.0f} MB that the file does not hold")
    return checkpoint


def _start(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[: SAFETENSORS_HEADER + 1]
    with source.open("rb") as file:
        return file.read(SAFETENSORS_HEADER + 1)


def _read_safetensors(source: Path | bytes, where: str) -> Checkpoint:
    try:
        if isinstance(source, bytes):
            length = int.from_bytes(source[:SAFETENSORS_HEADER], "little")
            header = json.loads(source[SAFETENSORS_HEADER : SAFETENSORS_HEADER + length])
            tensors, metadata = load_safetensors(source), header.get("__metadata__")
        else:
            with safe_open(source, framework="pt") as file:
                tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
        ours = _ours(metadata or {})
    except (SafetensorError, ValueError, OSError, RecursionError) as error:
        raise PixmendError(f"{where}: not a safetensors file, or a damaged one") from error
    return Checkpoint(tensors, ours) if "family" in ours else Checkpoint(*_without_prefixes(tensors, ours, ()))


def _ours(metadata: dict[str, str]) -> dict[str, Any]:
    """What pixmend wrote; others may use the same words for text of their own."""
    ours = {}
    for key in METADATA:
        try:
            ours |= {key: json.loads(metadata[key])} if key in metadata else {}
        except ValueError:
            if "family" in metadata:
                raise
    return ours


def _unpickled(source: Path | bytes) -> Any:
    """What the file holds. One of today's form is mapped into memory: read where it is used, and not copied.

    Others are opened here, because torch goes by the name of a path where content should decide.
    """
    if isinstance(source, bytes):
        return torch.load(io.BytesIO(source), map_location="cpu", weights_only=True)
    if zipfile.is_zipfile(source) and source.suffix != ".safetensors":
        return torch.load(source, map_location="cpu", weights_only=True, mmap=True)
    with source.open("rb") as file:
        return torch.load(file, map_location="cpu", weights_only=True)


def _read_pickled(source: Path | bytes, where: str) -> Checkpoint:
    try:
        with _ALLOWING, torch.serialization.safe_globals(HARMLESS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, which asks strangers to report files of a newer protocol
            found = _unpickled(source)
    except pickle.UnpicklingError as error:
        code = _GLOBAL.search(str(error))
        what = f"it holds {code[1]}, which could run code" if code else "it holds more than tensors or is damaged"
        raise PixmendError(f"{where}: refused, {what}; ask its maker for a safetensors file of the tensors") from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged file can make the unpickler fail in any way there is
        raise PixmendError(f"{where}: not a checkpoint, or a damaged one") from error
    wrapped: tuple[str, ...] = ()
    for _ in WRAPPERS:  # at most so deep: a dictionary may hold itself
        inner = [key for key in WRAPPERS if isinstance(found, dict) and isinstance(found.get(key), dict) and found[key]]
        if inner:
            found, wrapped = found[inner[0]], (*wrapped, inner[0])
    if not isinstance(found, dict) or not found or not all(isinstance(value, Tensor) for value in found.values()):
        held = ", ".join(map(str, list(found)[:3])) if isinstance(found, dict) else ""
        what = f"a dictionary of {held or 'nothing'}" if isinstance(found, dict) else type(found).__name__
        raise PixmendError(f"{where}: expected a state dict of tensors, got {what}")
    return Checkpoint(*_without_prefixes({str(name): tensor for name, tensor in found.items()}, {}, wrapped))


def _without_prefixes(
    tensors: dict[str, Tensor], metadata: dict[str, Any], wrapped: tuple[str, ...]
) -> tuple[dict[str, Tensor], dict[str, Any], tuple[str, ...]]:
    """Take off the prefixes that all names share, and the counters of averaging wrappers beside them."""
    for _ in range(4):  # wrappers of wrappers
        named = {name: tensor for name, tensor in tensors.items() if not _is_counter(name, tensor)}
        averaged = {name: t for name, t in named.items() if name.startswith("ema_model.")}
        if averaged and all(name.startswith(("ema_model.", "online_model.", "model.")) for name in named):
            named = averaged  # beside the network that it averages
        prefix = next((p for p in PREFIXES if named and all(name.startswith(p) for name in named)), None)
        if prefix is None:
            break
        tensors = {name.removeprefix(prefix): tensor for name, tensor in named.items()}
        wrapped = (*wrapped, prefix)
    return tensors, metadata, wrapped


def _is_counter(name: str, tensor: Tensor) -> bool:
    return tensor.numel() == 1 and name in ("n_averaged", "initted", "step")
