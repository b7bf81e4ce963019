"""A picture in another size, any part of it by itself: the same in memory and where the rows flow by.

C channels, H and W height and width, h and w those of a part, in pixels; O pixels along a side, P taps of each.
"""

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from pixmend.degrade.resize import _taps
from pixmend.errors import PixmendError

_ROWS, _COLUMNS = 32, 1024
"""Of the result that are made at once, or as many fewer rows as they are fewer than the picture's."""
_LONGEST = 10_000_000
"""Pixels along a side, as libvips has it: the weights of more do not fit into memory."""


class Resample:
    """From one size (H, W) to another, as ``pixmend.degrade.imresize`` does it: MATLAB's antialiased bicubic.

    Values are taken as they are stored, as those are that networks learn from, and are not clamped. Every value is
    the same sum in float64, tap by tap, whatever part it is computed with, so that parts meet bit for bit.

    Raises:
        PixmendError: a size that is none.
    """

    def __init__(self, size: tuple[int, int], target: tuple[int, int]) -> None:
        if min(target) < 1 or max(target) > _LONGEST:
            raise PixmendError(f"size: expected (height, width) from 1 to {_LONGEST} pixels, got {target}")
        self.size, self.target = size, target
        self._sides = tuple(_side(*lengths) for lengths in zip(size, target, strict=True))

    def blocks(self, rows: range) -> Iterator[range]:
        """These rows of the result, some at a time."""
        step = max(1, min(_ROWS, _ROWS * self.target[0] // self.size[0]))
        return (range(top, min(top + step, rows.stop)) for top in range(rows.start, rows.stop, step))

    @property
    def columns(self) -> Iterator[range]:
        """Those of the result, some at a time."""
        width = self.target[1]
        return (range(left, min(left + _COLUMNS, width)) for left in range(0, width, _COLUMNS))

    def needs(self, part: range, *, axis: int) -> range:
        """The rows (0) or columns (1) of the picture that these of the result are made of; they never go back."""
        indices = self._sides[axis][1][part.start : part.stop]
        return range(int(indices.min()), int(indices.max()) + 1)

    @property
    def most(self) -> int:
        """Rows of the picture that a block of rows is made of, at most."""
        return max(len(self.needs(rows, axis=0)) for rows in self.blocks(range(self.target[0])))

    def part(self, crop: Tensor, rows: range, columns: range) -> Tensor:
        """(C, h, w) float32 of the result, from just that part of the picture which it needs."""
        values = crop.double()
        for axis, wanted in enumerate((rows, columns)):
            weights, indices = (each[wanted.start : wanted.stop] for each in self._sides[axis])
            values = _summed(values, axis + 1, weights, indices - self.needs(wanted, axis=axis).start)
        return values.float()

    def whole(self, image: Tensor) -> Tensor:
        """(C, H, W) to (C, H', W')."""
        result = torch.empty(len(image), *self.target)
        for rows in self.blocks(range(self.target[0])):
            down = self.needs(rows, axis=0)
            for columns in self.columns:
                across = self.needs(columns, axis=1)
                crop = image[:, down.start : down.stop, across.start : across.stop]
                result[:, rows.start : rows.stop, columns.start : columns.stop] = self.part(crop, rows, columns)
        return result


def _summed(values: Tensor, dim: int, weights: Tensor, indices: Tensor) -> Tensor:
    total: Tensor | None = None
    for tap in range(weights.shape[1]):
        share = values.index_select(dim, indices[:, tap]).mul_(weights[:, tap, None] if dim == 1 else weights[:, tap])
        total = share if total is None else total.add_(share)
    assert total is not None
    return total


@lru_cache(maxsize=8)
def _side(size: int, length: int) -> tuple[Tensor, Tensor]:
    """Weights and indices, both (O, P), less the taps that count nowhere."""
    with torch.inference_mode(False):
        weights, indices = _taps(size, length, length / size)
        counts = (weights != 0).any(dim=0)
        return weights[:, counts], indices[:, counts]
