"""The contract of every network: a picture of any size in, a picture of exactly that size times the scale out.

B batch, C channels, H and W height and width in pixels, s scale. Pictures are RGB float in [0, 1].
"""

import re
from typing import ClassVar

import torch
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.layers.conv import STEPS
from pixmend.layers.tiles import place_tiles, tiled
from pixmend.tasks import scale_of

DIV2K = (0.4488, 0.4371, 0.4040)
"""Mean of that data set's pictures, which most networks subtract."""
WINDOW_OVERLAP = 20
"""Least overlap of the windows that a network of fixed size sees of a larger picture, at most half a window.

Measured on a small IPT: from 20 on, blended windows score no less and leave no more of a trace than windows every 12
pixels of which the inner half is averaged, the official plan, which computes nearly five times as many
(``benchmarks/ipt_windows.py``).
"""

_TASK = re.compile(r"[a-z][A-Za-z0-9_]{0,31}", re.ASCII)


class Restorer(nn.Module):
    """A network that restores pictures. Subclasses write ``restore`` and state facts; callers never branch on family.

    ``forward`` checks the input, extends it at the right and bottom by reflection to the next ``multiple`` of both
    sides, moves it to the network's own mean and value range, and undoes all three. The output is not clamped.
    """

    BLOCKS: ClassVar[tuple[str, ...]] = ()
    """Classes of the modules that its depth is made of, which ``blocks_of`` finds."""
    tasks: tuple[str, ...] = ()
    """What the network does, as far as anybody said; at most one name unless it is a ``MultiTask``."""
    scale: int = 1
    """Output pixels per input pixel along each side."""
    multiple: int = 1
    """``restore`` takes heights and widths that are multiples of this."""
    fixed_size: int | None = None
    """``restore`` takes this height and width alone; ``forward`` then cuts overlapping windows and blends them."""
    in_channels: int = 3
    out_channels: int = 3
    value_range: float = 1.0
    """The network's own white: 1 or 255."""
    mean: tuple[float, ...] = ()
    """In [0, 1], one of each channel, subtracted before and added after; empty where the network has none."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) in [0, 1] to (B, C', s H, s W); H, W >= 1."""
        height, width = check_batch(x, self.in_channels)
        if self.fixed_size is not None:
            return self._in_windows(x, self.fixed_size)
        y = self._restore_shifted(extend_to_multiple(x, self.multiple))
        return y[..., : height * self.scale, : width * self.scale]

    def _restore_shifted(self, x: Tensor) -> Tensor:
        """``restore`` between moving to the network's own range and back."""
        if not self.mean:
            return self.restore(x * self.value_range) / self.value_range
        mean = self.mean_of(x)
        return self.restore((x - mean) * self.value_range) / self.value_range + mean

    def _in_windows(self, x: Tensor, size: int) -> Tensor:
        """Windows of the only size the network takes, all of a row in one batch, blended where they overlap."""
        height, width = x.shape[-2:]
        x = extend_to(x, max(height, size), max(width, size))
        tiles = place_tiles((x.shape[-2], x.shape[-1]), tile=size, overlap=window_overlap(size), multiple=1)

        def run(windows: Tensor) -> Tensor:
            return self._restore_shifted(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])

        # Over the whole overlap, as measured for WINDOW_OVERLAP: the mean of two looks is better than one.
        y = torch.cat(list(tiled(run, x, tiles=tiles, scale=self.scale, ramp=1.0)), dim=-2)
        return y[..., : height * self.scale, : width * self.scale]

    def restore(self, x: Tensor) -> Tensor:
        """The network itself: sides are multiples of ``multiple``; mean subtracted; in its own value range."""
        raise NotImplementedError

    def mean_of(self, x: Tensor) -> Tensor:
        """``mean`` as (C, 1, 1), of the kind of ``x``; no buffer, so that nothing is to be moved or loaded."""
        return x.new_tensor(self.mean).view(-1, 1, 1)

    def reduction(self, task: str) -> int:
        """Input pixels per token of the body along each side, which is how patches for training are measured."""
        return 1

    def select(self, task: str | None) -> "Restorer":
        """The same network for one of its tasks, which for a network with a single task is all of it.

        Raises:
            PixmendError: another task than the network's; the name of one whose task nobody said.
        """
        if task is None or task in self.tasks:
            return self
        does = f"this network does {self.tasks[0]}" if self.tasks else "this network has one task and needs no name"
        raise PixmendError(f"no task {task!r}: {does}")


def blocks_of(network: "Restorer | MultiTask") -> list[nn.Module]:
    """The modules that the network's depth is made of, in its order: what training recomputes, compiles, shards and
    freezes one by one."""
    return [module for module in network.modules() if type(module).__name__ in network.BLOCKS]


def window_overlap(size: int) -> int:
    """The overlap of windows of this size."""
    return min(WINDOW_OVERLAP, size // 2)


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


def check_sizes(family: str, *, most: int = 4096, **sizes: object) -> None:
    """Configurations come from files of strangers, too: nothing may be built from an absurd one.

    Raises:
        PixmendError: a size, or one of a tuple of sizes, is not a whole number from 1 to ``most``.
    """
    for name, value in sizes.items():
        values = value if isinstance(value, tuple) else (value,)
        if not 0 < len(values) <= 64 or not all(type(size) is int and 1 <= size <= most for size in values):
            raise PixmendError(f"{family}: {name}: expected whole numbers from 1 to {most}, got {value!r}")
        if len(values) > 1 and sum(values) > 4 * most:
            raise PixmendError(f"{family}: {name}: expected {4 * most} in all at most, got {sum(values)}")


def check_scale(family: str, scale: object) -> None:
    """One that a ``PixelShuffleUpsampler`` enlarges by.

    Raises:
        PixmendError: it is not 2, 3, 4 or 8.
    """
    if type(scale) is not int or scale not in STEPS or scale == 1:
        raise PixmendError(f"{family} enlarges 2, 3, 4 or 8 times, not {scale!r}")


def check_mean(family: str, mean: tuple[object, ...]) -> None:
    """The mean of a colour picture.

    Raises:
        PixmendError: it is not three numbers from 0 to 1.
    """
    if len(mean) != 3 or not all(isinstance(part, int | float) and 0 <= part <= 1 for part in mean):
        raise PixmendError(f"{family}: mean: expected three numbers from 0 to 1, got {mean!r}")


def check_drop_path(family: str, probability: object) -> None:
    """How often the last residual branch is dropped in training.

    Raises:
        PixmendError: it is no number from 0 up to, and without, 1.
    """
    if not isinstance(probability, int | float) or not 0 <= probability < 1:
        raise PixmendError(f"{family}: drop_path: expected a number from 0 to 1, got {probability!r}")


def check_purpose(family: str, task: object, *, scale: int) -> None:
    """The name of a task from a file, which is None or one that fits the network's scale.

    Raises:
        PixmendError: no such name, or one of another scale.
    """
    if task is None:
        return
    if not isinstance(task, str) or not _TASK.fullmatch(task):
        raise PixmendError(f"{family}: task: expected a name such as sr_x4, dn_g25, deblur, got {task!r}")
    if scale_of(task) != scale:
        raise PixmendError(f"{family}: task: {task} enlarges {scale_of(task)} times, and the network {scale}")


def extend_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Extend the right and bottom of (..., H, W) by reflection to the next multiple, if it is not one already."""
    height, width = (-(-side // multiple) * multiple for side in x.shape[-2:])
    return extend_to(x, height, width)


def extend_to(x: Tensor, height: int, width: int) -> Tensor:
    """Extend the right and bottom of (..., H, W) by reflection to this size.

    Unlike ``F.pad`` the mirror is folded as often as needed, so that a 1 x 1 picture can fill a window.
    """
    for dim, target in ((-2, height), (-1, width)):
        size = x.shape[dim]
        if target != size:
            x = x.index_select(dim, _reflected(size, target, x.device))
    return x


def _reflected(size: int, target: int, device: torch.device) -> Tensor:
    """Indices 0 .. target - 1 folded into 0 .. size - 1, the border not repeated."""
    period = max(1, 2 * size - 2)
    folded = torch.arange(target, device=device) % period
    return torch.minimum(folded, period - folded) if size > 1 else folded


class MultiTask(nn.Module):
    """One body, and a head and a tail for each task. ``select`` gives the network of one task as a ``Restorer``."""

    BLOCKS: ClassVar[tuple[str, ...]] = ()
    """As of a ``Restorer``."""
    tasks: tuple[str, ...]

    def reduction(self, task: str) -> int:
        """As of a ``Restorer``, for one of the tasks."""
        return 1

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
