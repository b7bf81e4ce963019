"""What a model has to beat, as Restorers: bicubic enlargement, and the degraded picture itself."""

from torch import Tensor

from pixmend.degrade.resize import imresize
from pixmend.errors import PixmendError
from pixmend.models.base import Restorer
from pixmend.tasks import Task

BASELINES = ("bicubic", "input")


class BicubicEnlarge(Restorer):
    """MATLAB's ``imresize(low, scale, "bicubic")``: the row called Bicubic in super-resolution tables."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def restore(self, x: Tensor) -> Tensor:
        return imresize(x, scale=self.scale)


class Identity(Restorer):
    """The picture as it is: the row called Noisy or Rainy, or Input; of two views, their mean."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.in_channels = channels

    def restore(self, x: Tensor) -> Tensor:
        return x if self.in_channels != 6 else (x[:, :3] + x[:, 3:]) / 2


def baseline_name(task: Task) -> str:
    """``bicubic`` for super-resolution, ``input`` otherwise."""
    return "bicubic" if task.kind == "sr" else "input"


def baseline_named(name: str, task: Task, *, channels: int = 3) -> Restorer:
    """The Restorer of one of ``BASELINES`` for pictures of so many channels.

    Raises:
        PixmendError: it is another task's.
    """
    if baseline_name(task) != name:
        raise PixmendError(f"{name}: not a baseline of {task.name}: use {baseline_name(task)}")
    return BicubicEnlarge(task.scale) if task.kind == "sr" else Identity(channels)
