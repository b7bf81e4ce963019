"""What cannot be a result, told before it is used: not finite, flat where the picture is not, far from black and white.

n tiles, C channels, h and w height and width of a tile, H and W of a picture, in pixels, s the scale.
A level is one of the 255 steps of an 8-bit picture.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from pixmend.degrade.resize import imresize
from pixmend.errors import PixmendError

Fault = Literal["not finite", "flat", "out of range"]

BEYOND = 1.0
"""How far a value may lie outside of black and white, or of what the picture holds: as far as these lie apart.

The bundled weights overshoot by 0.3 at an edge between black and white and by 0.9 at lines of one pixel; of what was
tried only black and white pixels at random drive them further, to 1.13. Half-precision overflow, damaged weights and
weights for values of 0 to 255 go further by far.
"""

LEAST_STRUCTURE = 1 / 255
"""A tile without so much difference between the pixels of a channel has nothing to restore, and may come out flat."""

LEAST_CHANGE = 0.1
"""In levels: a picture that changes nowhere by so much was not restored."""

_SIDE = 64  # of the squares in which an enlargement is compared
_REACH = 4  # pixels around a place that its bicubic enlargement depends on
_ROWS = 256  # compared at once, which keeps a large picture from being there a third time


class Damaged(PixmendError):
    """A network gave what cannot be a result. Who gave the pipeline the network knows its name, and can say it."""


class NotFinite(Damaged):
    """Values that are not finite."""


class Flat(Damaged):
    """One value in all pixels of a tile of which the picture has more."""


@dataclass(kw_only=True, slots=True)
class Report:
    """What was noticed while one picture was restored; of one call alone, so that threads cannot mix theirs."""

    tiles: int = 0
    again: Counter[Fault] = field(default_factory=Counter)
    """Tiles that were computed again, more carefully, by what was wrong with them."""
    precision: str = "float32"
    """What they were computed in at first."""
    beyond: int = 0
    """Tiles with values beyond ``BEYOND``, computed with care."""
    low: float = math.inf
    """The smallest value of those tiles."""
    high: float = -math.inf
    """The largest value of those tiles."""
    unchanged: float | None = None
    """Levels between the result and what it would be without a network at most, where less than ``LEAST_CHANGE``."""
    unchanged_from: str = "the picture itself"
    """What that is."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person must hear of it, a line each."""
        told = [
            f"{_tiles(count, self.tiles)} {fault} in {self.precision} and computed again in float32"
            for fault, count in self.again.items()
        ]
        if self.beyond:
            told.append(
                f"{_tiles(self.beyond, self.tiles)} out of range: values from {self.low:.2f} to {self.high:.2f}, "
                "expected 0 to 1: is the network for such pictures?"
            )
        if self.unchanged is not None:
            told.append(
                f"the result is {self.unchanged_from}, no value further from it than {self.unchanged:.2g} levels of "
                "255: are these the weights and the task for such pictures?"
            )
        return tuple(told)

    def note_range(self, result: Tensor) -> None:
        self.beyond += 1
        self.low, self.high = min(self.low, float(result.min())), max(self.high, float(result.max()))

    def note_unchanged(self, before: Tensor, after: Tensor) -> None:
        """Whether the result (C', s H, s W) is (C, H, W) itself, or no more than an enlargement of it."""
        if before.shape == after.shape:
            self.unchanged = unchanged(before, after)
            return
        for name, enlarge in (("a bicubic enlargement", _bicubic), ("a repetition of pixels", _repeated)):
            if (levels := _mere(enlarge, before, after)) is not None:
                self.unchanged, self.unchanged_from = levels, f"only {name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """A restored picture and what is to be told of it."""

    pixels: Tensor
    """(C', s H, s W) float32 on the CPU, neither clamped nor rounded."""
    report: Report


def find_faults(tiles: Tensor, results: Tensor) -> dict[int, Fault]:
    """Of (n, C', s h, s w) the results that cannot be, or hardly, those of (n, C, h, w); by their number."""
    before, after = _extent(tiles), _extent(results)
    finite = (after[0].isfinite() & after[1].isfinite()).all(dim=1)
    flat = (after[1] == after[0]).all(dim=1) & (before[1] - before[0] > LEAST_STRUCTURE).any(dim=1)
    lowest, highest = before[0].amin(dim=1).clamp(max=0) - BEYOND, before[1].amax(dim=1).clamp(min=1) + BEYOND
    within = (after[0].amin(dim=1) >= lowest) & (after[1].amax(dim=1) <= highest)
    faults: dict[int, Fault] = {}
    for index in range(len(tiles)):
        if not finite[index]:
            faults[index] = "not finite"
        elif flat[index]:
            faults[index] = "flat"
        elif not within[index]:
            faults[index] = "out of range"
    return faults


def refuse(fault: Fault, *, where: str) -> None:
    """End here if so much is wrong that there is no result.

    Raises:
        NotFinite: it holds values that are not finite.
        Flat: it is one value everywhere.
    """
    if fault == "not finite":
        raise NotFinite(f"{where}the network gave values that are not finite: its weights are damaged")
    if fault == "flat":
        raise Flat(f"{where}the network gave one value everywhere, the picture has more: its weights are damaged")


def unchanged(before: Tensor, after: Tensor) -> float | None:
    """Levels between (C, H, W) and its result of the same shape at most, where nothing was restored; else None."""
    lowest, highest = _extent(before[None])
    if before.shape != after.shape or not bool((highest - lowest > LEAST_STRUCTURE).any()):
        return None
    largest = 0.0
    for first, second in zip(before.split(_ROWS, dim=1), after.split(_ROWS, dim=1), strict=True):
        largest = max(largest, 255 * float((first - second).abs().max()))
        if largest >= LEAST_CHANGE:
            return None
    return largest


Enlarge = Callable[[Tensor, int, int, int], Tensor]
"""A square of a picture (C, H, W) enlarged: the picture, the top and left of the square, and the scale."""


def _mere(enlarge: Enlarge, before: Tensor, after: Tensor) -> float | None:
    """Levels between the result and an enlargement of the picture at most, where it is nothing more; else None."""
    scale = after.shape[-1] // before.shape[-1]
    lowest, highest = _extent(before[None])
    same = after.shape == (before.shape[0], before.shape[1] * scale, before.shape[2] * scale)
    if not same or not bool((highest - lowest > LEAST_STRUCTURE).any()):
        return None
    largest = 0.0
    for square, top, left in _squares(after, scale):
        largest = max(largest, 255 * float((square - enlarge(before, top, left, scale)).abs().max()))
        if largest >= LEAST_CHANGE:
            return None
    return largest


def _squares(after: Tensor, scale: int) -> Iterator[tuple[Tensor, int, int]]:
    """Squares of the result, and where they lie in the picture, from its middle outwards: one is nearly always told
    from an enlargement by the first."""
    height, width = (side // scale for side in after.shape[1:])
    corners = [(top, left) for top in range(0, height, _SIDE) for left in range(0, width, _SIDE)]
    for top, left in sorted(corners, key=lambda at: abs(at[0] - height // 2) + abs(at[1] - width // 2)):
        yield after[:, top * scale : (top + _SIDE) * scale, left * scale : (left + _SIDE) * scale], top, left


def _bicubic(image: Tensor, top: int, left: int, scale: int) -> Tensor:
    above, before = min(top, _REACH), min(left, _REACH)
    around = image[:, top - above : top + _SIDE + _REACH, left - before : left + _SIDE + _REACH]
    height, width = min(_SIDE, image.shape[1] - top), min(_SIDE, image.shape[2] - left)
    enlarged = imresize(around, scale=scale)
    return enlarged[:, above * scale : (above + height) * scale, before * scale : (before + width) * scale]


def _repeated(image: Tensor, top: int, left: int, scale: int) -> Tensor:
    square = image[:, top : top + _SIDE, left : left + _SIDE]
    return square.repeat_interleave(scale, -1).repeat_interleave(scale, -2)


def _extent(tiles: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest and largest value of each channel of (n, C, h, w), as (n, C); not finite where one of them is not."""
    values = tiles.flatten(2)
    return torch.amin(values, dim=2), torch.amax(values, dim=2)


def _tiles(count: int, total: int) -> str:
    if total == 1:
        return "the picture was"
    return f"{count} of {total} tiles {'was' if count == 1 else 'were'}"
