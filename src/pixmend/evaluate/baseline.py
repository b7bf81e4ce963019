"""What a model has to beat, as Restorers: bicubic enlargement, and the degraded picture itself."""

from torch import Tensor

from pixmend.degrade.resize import imresize
from pixmend.models.base import Restorer
from pixmend.tasks import Task


class BicubicEnlarge(Restorer):
    """MATLAB's ``imresize(low, scale, "bicubic")``: the row called Bicubic in super-resolution tables."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def restore(self, x: Tensor) -> Tensor:
        return imresize(x, scale=self.scale)


class Identity(Restorer):
    """The picture as it is: the row called Noisy or Rainy, or Input."""

    def restore(self, x: Tensor) -> Tensor:
        return x


def baseline_name(task: Task) -> str:
    """``bicubic`` for super-resolution, ``input`` otherwise."""
    return "bicubic" if task.kind == "sr" else "input"


def baseline_for(task: Task) -> Restorer:
    """The Restorer of ``baseline_name``."""
    return BicubicEnlarge(task.scale) if task.kind == "sr" else Identity()
