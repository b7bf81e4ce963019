"""How much memory a network works in, measured instead of guessed."""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ALLOCATOR_FACTOR = 1.4
"""Peak resident memory over the peak of live tensors: what the allocator and the kernels take besides.

Measured on the CPU with EDT at 192 to 480 pixels a side: 1.05 to 1.24 for super-resolution, where memory
matters, 1.35 to 1.5 for denoising, which needs a fifth of it.
"""


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

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._follow(tensor.untyped_storage())
        return result

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata  # one per storage, shared by its views
        if key not in self.sizes and storage.nbytes() > 0:
            self.sizes[key] = storage.nbytes()
            self.live += storage.nbytes()
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._release, key)

    def _release(self, key: int) -> None:
        self.live -= self.sizes.pop(key)
