"""How much memory a network works in, measured instead of guessed.

B batch, C channels, h and w height and width in pixels.
"""

import time
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pixmend.models.base import Restorer

PROBE = 32
"""Least side of the small picture on which memory and time are measured; a second one is twice as wide."""

ALLOCATOR_FACTOR, GAPS = 1.2, 40_000_000
"""Resident memory over live tensors, and so many bytes besides: the allocator leaves gaps between them.

Measured with glibc, which gives every piece of 32 MB and more back at once and keeps gaps between smaller ones, and
tiles of 192 pixels: of 36 processes 35 held at most within a quarter of what is foretold with it
(``benchmarks/forecast.py``).
"""

_CONVOLUTIONS = (torch.ops.aten.convolution.default, torch.ops.aten.conv2d.default, torch.ops.aten.conv2d.padding)


@dataclass(frozen=True, kw_only=True, slots=True)
class Footprint:
    """What a network takes of memory and time for tiles of so many pixels, all of a batch together."""

    fixed: float
    """Bytes whatever the size: weights in another precision, what libraries take for themselves."""
    per_pixel: float
    """Bytes."""
    seconds: float
    """For a pixel. Of a small tile: larger ones take from a third less to a third more."""

    def at(self, pixels: int) -> int:
        """Bytes at the worst moment."""
        return round(self.fixed + self.per_pixel * pixels)


def measure_footprint(network: Restorer, *, device: torch.device, precision: str) -> Footprint:
    """Run a network on two small pictures of noise and draw the line through what they take; the second is timed.

    The tensors alive grow with the pixels, and not always from nothing. What is measured is the memory of live
    tensors, and what convolutions on the CPU hide, with the share that resident memory is larger by.
    """
    side = network.fixed_size or -(-PROBE // network.multiple) * network.multiple
    noise = torch.rand(2, network.in_channels, side, side, generator=torch.Generator().manual_seed(0)).to(device)
    wide = noise if network.fixed_size else torch.cat(list(noise), dim=-1)[None]
    peaks, seconds = [], 0.0
    for probe in (noise[:1], wide):
        start = time.perf_counter()
        with _LiveMemory() as memory:
            forward(network, probe, precision=precision).flatten()[:1].tolist()  # waits for a GPU
        seconds = time.perf_counter() - start
        peaks.append(memory.peak)
    pixels = side**2
    slope = max(0, peaks[1] - peaks[0])
    fixed = max(0, peaks[0] - slope)
    return Footprint(
        fixed=ALLOCATOR_FACTOR * fixed + GAPS * (device.type == "cpu"),
        per_pixel=ALLOCATOR_FACTOR * slope / pixels,
        seconds=seconds / (2 * pixels),
    )


@torch.inference_mode()
def forward(network: Restorer, x: Tensor, *, precision: str) -> Tensor:
    """The network on (B, C, H, W) where it lies, multiplying in this precision; float32 comes out."""
    lower = torch.autocast(x.device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()
    with lower:
        return network(x).float()


def bytes_per_pixel(run: Callable[[Tensor], Tensor], probe: Tensor) -> int:
    """Peak working memory of ``run`` on ``probe`` (1, C, h, w), in bytes per input pixel.

    Activations of the networks here grow with the number of pixels, so one small probe speaks for all sizes.
    """
    with _LiveMemory() as memory:
        run(probe)
    return round(memory.peak * ALLOCATOR_FACTOR / (probe.shape[-2] * probe.shape[-1]))


class _LiveMemory(TorchDispatchMode):
    """Follows the storage of every tensor made inside it, from its birth to its release."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self.sizes: dict[int, int] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Otherwise the first operation loads PyTorch's compiler: seconds, and 100 MB."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._follow(tensor.untyped_storage())
        self.peak = max(self.peak, self.live + _hidden(func, args, result))
        return result

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata  # one per storage, shared by its views
        if key not in self.sizes and storage.nbytes() > 0:
            self.sizes[key] = storage.nbytes()
            self.live += storage.nbytes()
            weakref.finalize(storage, self._release, key)

    def _release(self, key: int) -> None:
        self.live -= self.sizes.pop(key)


def _hidden(func: object, args: Any, result: Any) -> int:
    """Bytes that a convolution takes on the CPU for a moment: oneDNN copies to a layout of its own.

    As measured: the larger of input and output; in bfloat16 both, with kernels of a pixel, which in float32 are taken
    as they are.
    """
    if func not in _CONVOLUTIONS or result.device.type != "cpu":
        return 0
    picture, kernel = args[:2]
    if kernel.shape[-1] > 1:
        return max(picture.nbytes, result.nbytes)
    return picture.nbytes + result.nbytes if picture.dtype == torch.bfloat16 else 0
