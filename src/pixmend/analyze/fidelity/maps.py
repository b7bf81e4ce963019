"""A map of doubt over a result: numbers in levels of 255, and the places to look at.

C channels, H and W height and width of the result, h and w of the map, s result pixels per value along each side.
"""

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A place of the result, in its pixels, and the mean of a map in it."""

    top: int
    left: int
    height: int
    width: int
    value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DoubtMap:
    """How far the result is in doubt at each place."""

    name: str
    """What is measured: ``back-projection``, ``removed``, ``ensemble``, ``disagreement``, ``error``."""
    values: Tensor
    """(h, w) float32, 0 or more, in levels of 255."""
    scale: int = 1
    """Result pixels per value along each side."""
    border: int = 0
    """Values at each border that stand for no doubt of the network, and are left out of numbers and places."""

    @property
    def inner(self) -> Tensor:
        """What the numbers are of: all but the border."""
        border = self.border
        return self.values[border : self.values.shape[0] - border, border : self.values.shape[1] - border]

    @property
    def mean(self) -> float:
        return float(self.inner.double().mean())

    @property
    def high(self) -> float:
        """What 99 of 100 values do not exceed."""
        return float(np.percentile(self.inner.numpy(), 99))

    def enlarged(self) -> Tensor:
        """(H, W): each value over the pixels that it stands for."""
        return self.values.repeat_interleave(self.scale, 0).repeat_interleave(self.scale, 1)

    def worst(self, size: int, *, count: int = 5, margin: int = 0, least: float = 0.0) -> list[Window]:
        """The most doubtful windows that do not overlap, at most ``count``, the first being the worst.

        ``size`` is their side in pixels of the result, which is rounded to whole values, and smaller in a smaller
        picture. They keep ``margin`` pixels of the result from its borders, and their mean exceeds ``least``. Of
        equally doubtful ones the uppermost, then the leftmost; where nothing is in doubt there is none.
        """
        rim = max(self.border, -(-margin // self.scale))
        inner = self.values[rim : self.values.shape[0] - rim, rim : self.values.shape[1] - rim].double()
        height, width = (min(max(1, round(size / self.scale)), side) for side in inner.shape)
        means = F.avg_pool2d(inner[None], (height, width), stride=1)[0]
        found: list[Window] = []
        while len(found) < count and float(means.max()) > least:
            row, column = divmod(int(means.argmax()), means.shape[1])
            window = Window(
                top=(row + rim) * self.scale,
                left=(column + rim) * self.scale,
                height=height * self.scale,
                width=width * self.scale,
                value=float(means[row, column]),
            )
            found.append(window)
            means[max(0, row - height + 1) : row + height, max(0, column - width + 1) : column + width] = -1
        return found


def levels(difference: Tensor) -> Tensor:
    """(h, w): the root of the mean square over the channels of (C, h, w) in [0, 1], in levels of 255."""
    return (difference.double() * 255).square().mean(0).sqrt().float()


def ranks(values: Tensor) -> np.ndarray:
    """The rank of each of them, equal ones sharing theirs."""
    _, place, counts = np.unique(values.flatten().numpy(), return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[place.reshape(-1)]


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's; not a number where one of them is constant or there are fewer than two values."""
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / scale) if scale > 0 else float("nan")


def blocks(values: Tensor, *, side: int = 8) -> Tensor:
    """Means of (h, w) over whole blocks of so many values, over all of a side that is shorter."""
    height, width = (min(side, length) for length in values.shape)
    return F.avg_pool2d(values.double()[None], (height, width))[0]
