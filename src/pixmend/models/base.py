"""The contract of every network: a picture of any size in, a picture of exactly that size times the scale out.

B batch, C channels, H and W height and width in pixels, s scale. Pictures are RGB float in [0, 1].
"""

import torch
from torch import Tensor, nn

from pixmend.errors import PixmendError


class Restorer(nn.Module):
    """A network that restores pictures. Subclasses write ``restore`` and state facts; callers never branch on family.

    ``forward`` checks the input, extends it at the right and bottom by reflection to the next ``multiple`` of both
    sides, moves it to the network's own mean and value range, and undoes all three. The output is not clamped.
    """

    scale: int = 1
    """Output pixels per input pixel along each side."""
    multiple: int = 1
    """``restore`` takes heights and widths that are multiples of this."""
    in_channels: int = 3
    value_range: float = 1.0
    """The network's own white: 1 or 255."""
    mean: Tensor
    """Buffer (in_channels, 1, 1), subtracted before and added after, in [0, 1]."""

    def __init__(self, mean: tuple[float, ...] = (0.0, 0.0, 0.0)) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) in [0, 1] to (B, C', s H, s W); H, W >= 1."""
        height, width = check_batch(x, self.in_channels)
        x = extend_to_multiple(x, self.multiple)
        y = self.restore((x - self.mean) * self.value_range) / self.value_range + self.mean
        return y[..., : height * self.scale, : width * self.scale]

    def restore(self, x: Tensor) -> Tensor:
        """The network itself: sides are multiples of ``multiple``; mean subtracted; in its own value range."""
        raise NotImplementedError

    def select(self, task: str | None) -> "Restorer":
        """The same network for one of its tasks; a network with a single task has nothing to select."""
        if task is not None:
            raise PixmendError(f"{type(self).__name__} has one task and needs no name, got task {task!r}")
        return self


def check_batch(x: Tensor, channels: int) -> tuple[int, int]:
    """Height and width of a batch, or an error that names the shape.

    Raises:
        PixmendError: not (B, C, H, W) with the network's channels, H, W >= 1 and a floating dtype.
    """
    if x.dim() != 4 or x.shape[1] != channels or 0 in x.shape[2:]:
        raise PixmendError(f"expected a batch (B, {channels}, H, W) with H, W >= 1, got shape {tuple(x.shape)}")
    if not x.is_floating_point():
        raise PixmendError(f"expected floats in [0, 1], got {x.dtype}: divide 8-bit values by 255 first")
    return x.shape[2], x.shape[3]


def extend_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Extend the right and bottom of (..., H, W) by reflection to the next multiple, nothing where it already is one.

    Unlike ``F.pad`` the mirror is folded as often as needed, so that a 1 x 1 picture can fill a window.
    """
    for dim in (-2, -1):
        size = x.shape[dim]
        target = -(-size // multiple) * multiple
        if target != size:
            x = x.index_select(dim, _reflected(size, target).to(x.device))
    return x


def _reflected(size: int, target: int) -> Tensor:
    """Indices 0 .. target - 1 folded into 0 .. size - 1, the border not repeated."""
    period = max(1, 2 * size - 2)
    folded = torch.arange(target) % period
    return torch.minimum(folded, period - folded) if size > 1 else folded


class MultiTask(nn.Module):
    """One body, and a head and a tail for each task. ``select`` gives the network of one task as a ``Restorer``."""

    tasks: tuple[str, ...]

    def forward(self, x: Tensor, task: str | None = None) -> Tensor:
        """(B, C, H, W) in [0, 1] to the task's (B, C, s H, s W); ``task`` may be left out where there is only one."""
        return self.select(task)(x)

    def select(self, task: str | None = None) -> Restorer:
        """The network of one task; it shares all parameters with this one.

        Raises:
            PixmendError: no such task, or several tasks and none named.
        """
        raise NotImplementedError

    def check_task(self, task: str | None) -> str:
        """The task's name, filled in where there is only one, or an error that lists what there is."""
        if task is None and len(self.tasks) == 1:
            return self.tasks[0]
        if task not in self.tasks:
            what = "a task must be named" if task is None else f"no task {task!r}"
            raise PixmendError(f"{what}: this network has {', '.join(self.tasks)}")
        return task
