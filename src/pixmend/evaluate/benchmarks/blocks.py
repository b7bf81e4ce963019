"""The validation blocks of SIDD, which come as two MATLAB files instead of pictures. Needs the extra ``evaluate``."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixmend.errors import PixmendError

NOISY, CLEAN = "ValidationNoisyBlocksSrgb", "ValidationGtBlocksSrgb"
"""Both the names of the files, without ``.mat``, and of the arrays in them."""


def blocks_in(path: Path) -> tuple[int, int]:
    """How many scenes a file holds, and how many blocks of each; only its header is read.

    Raises:
        PixmendError: SciPy is not installed; not a MATLAB file of version 5 to 7 with an array
            (scenes, blocks, height, width, 3) of uint8 that is called as the file.
    """
    try:
        held = {name: (shape, kind) for name, shape, kind in _scipy(path).whosmat(path)}
    except Exception as error:
        raise _refusal(path, error) from error
    shape, kind = held.get(path.stem, ((), "nothing"))
    if len(shape) != 5 or shape[4] != 3 or kind != "uint8":
        raise PixmendError(
            f"{path}: expected {path.stem} of uint8 (scenes, blocks, height, width, 3), got {kind} {tuple(shape)}"
        )
    return shape[0], shape[1]


def read_block(path: Path, block: tuple[int, int]) -> Tensor:
    """One block, (3, H, W) float32 in [0, 1].

    The last two files stay in memory, 252 MB each: a file is compressed as a whole, so that one block costs as much
    as all of them.

    Raises:
        PixmendError: as ``blocks_in``; the file is damaged.
    """
    state = path.stat()
    values = _loaded(path, state.st_mtime_ns, state.st_size)[block]
    return torch.from_numpy(values.copy()).permute(2, 0, 1).float().div_(255)


@lru_cache(maxsize=2)
def _loaded(path: Path, changed: int, size: int) -> Any:
    """The whole array of a file; time and size make a rewritten one another file."""
    try:
        return _scipy(path).loadmat(path, variable_names=[path.stem])[path.stem]
    except Exception as error:
        raise _refusal(path, error) from error


def _scipy(path: Path) -> Any:
    try:
        import scipy.io
    except ImportError as error:
        raise PixmendError(f'{path}: reading MATLAB files needs SciPy: pip install "pixmend[evaluate]"') from error
    return scipy.io


def _refusal(path: Path, error: Exception) -> PixmendError:
    if isinstance(error, PixmendError):
        return error
    reason = " ".join(str(error).split()) or type(error).__name__
    return PixmendError(f"{path}: not a MATLAB file of version 5 to 7, or damaged ({reason})")
