"""What the machine offers: the device, its memory, and how it says that the memory is full."""

import math
import sys

import torch

from pixmend.errors import PixmendError
from pixmend.infer.memory import free

CPU_TILE = 192
"""Larger tiles are slower on the CPU: their tensors are so large that memory is mapped anew for each of them."""
CPU_CELLS, CPU_WORK = 10, 320_000_000
"""Cells of the grid along a side, and bytes of its work, up to which a tile is larger where the grid is wide: such
networks see far and work on a shrunk picture, so that larger tiles are both closer to the whole and as fast
(``benchmarks/seams.py``)."""

KINDS = ("cpu", "cuda", "mps", "xpu")
"""Devices that compute; torch has others that only pretend to, such as meta."""

FREE_SHARE = 0.7
"""Of the memory that is free: the rest is for other programs, and for what was not foreseen."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether it says that memory is full; the CPU allocator says so with a plain RuntimeError."""
    told = str(error).lower()
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or "not enough memory" in told or "can't allocate" in told


def find_device(name: str) -> torch.device:
    """The device of this name, tried; ``auto`` is the GPU if CUDA finds one, and else the CPU.

    Raises:
        PixmendError: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        if name.partition(":")[0] not in KINDS:
            raise NotImplementedError(f"expected one of {', '.join(KINDS)}")
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise PixmendError(f"device {name!r} cannot be used on this machine: try auto or cpu") from error
    return device


def default_memory(device: torch.device) -> int:
    """Bytes that work may take on it: a share of what is free on the GPU, or in the machine and the container."""
    left = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free()
    return int(left * FREE_SHARE)


def largest_tile(device: torch.device, *, multiple: int, bytes_per_pixel: float) -> int:
    """Side of the largest tile worth computing at once on it."""
    if device.type != "cpu":
        return sys.maxsize
    room = math.isqrt(round(CPU_WORK / max(1.0, bytes_per_pixel)))
    return max(CPU_TILE, min(CPU_CELLS * multiple, room))
