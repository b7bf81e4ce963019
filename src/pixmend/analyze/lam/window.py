"""The window of the result that is asked about, and the part of the input that a network is given for it.

C channels, H and W height and width in pixels, s scale.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.analyze.place import busiest
from pixmend.errors import PixmendError

SIZE = 16
"""Pixels of the result along each side of the window, as in the official demo."""
_EDGE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A square of the result, in its pixels."""

    top: int
    left: int
    size: int = SIZE

    def check(self, height: int, width: int) -> None:
        """Refuse one that a result of this size does not hold.

        Raises:
            PixmendError: the window is empty or goes beyond the result.
        """
        if self.size < 1:
            raise PixmendError(f"window: expected a size of 1 or more, got {self.size}")
        if self.size > min(height, width):
            raise PixmendError(
                f"window: {self.size} x {self.size} pixels do not fit into a result of {width} x {height}: "
                "give a smaller size"
            )
        if not (0 <= self.top <= height - self.size and 0 <= self.left <= width - self.size):
            raise PixmendError(
                f"window: expected top from 0 to {height - self.size} and left from 0 to {width - self.size} for "
                f"{self.size} x {self.size} pixels of a result of {width} x {height}, got {self.top} and {self.left}"
            )

    def footprint(self, scale: int) -> tuple[int, int, int, int]:
        """Top, left, bottom, right of the input pixels under it, the last two not included."""
        bottom, right = (-(-(start + self.size) // scale) for start in (self.top, self.left))
        return self.top // scale, self.left // scale, bottom, right


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of the input, in its pixels, and the window as the result of that part has it."""

    top: int
    left: int
    height: int
    width: int
    window: Window

    def of(self, x: Tensor) -> Tensor:
        """(C, H, W) to (C, height, width)."""
        return x[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def share_at_cut(self, values: Tensor, *, whole: tuple[int, int]) -> float:
        """How much of a map (height, width) lies within 4 pixels of where the picture (H, W) was cut, from 0 to 1.

        What lay beyond is missing from the map: near 0 little was lost.
        """
        edge = torch.zeros_like(values, dtype=torch.bool)
        edge[:_EDGE] |= self.top > 0
        edge[:, :_EDGE] |= self.left > 0
        edge[-_EDGE:] |= self.top + self.height < whole[0]
        edge[:, -_EDGE:] |= self.left + self.width < whole[1]
        return float(values[edge].sum() / values.sum())


def busiest_window(x: Tensor, *, scale: int, size: int = SIZE) -> Window:
    """The window over the most detailed place of the input (C, H, W): one for all networks of this scale.

    Raises:
        PixmendError: the window is larger than the result.
    """
    height, width = x.shape[-2:]
    Window(top=0, left=0, size=size).check(height * scale, width * scale)
    side = -(-size // scale)
    top, left = busiest(x, size=(side, side))
    # A window that is no multiple of the scale covers its last input pixel in part.
    return Window(top=top * scale, left=left * scale, size=size)


def part_around(x: Tensor, window: Window, *, scale: int, margin: int | None, multiple: int = 1) -> Part:
    """The input (C, H, W) under the window and about ``margin`` pixels of it on each side; all of it for None.

    A network is asked for dozens of results and gradients of the part, so it had better be small; attribution further
    away is cut off, and the diffusion index is that of this part. Near a border the part moves inwards and keeps its
    size, as indices of parts of different sizes cannot be compared. It begins at multiples of ``multiple``, where the
    whole picture's windows begin in a network that has some, unless it touches the picture's right or lower border.

    Raises:
        PixmendError: the window goes beyond the result, or a negative margin.
    """
    height, width = x.shape[-2:]
    window.check(height * scale, width * scale)
    if margin is None:
        return Part(top=0, left=0, height=height, width=width, window=window)
    if margin < 0:
        raise PixmendError(f"part_around: expected a margin of 0 or more pixels, got {margin}")
    top, left, bottom, right = window.footprint(scale)
    top, bottom = _stretch(top, bottom, margin=margin, multiple=multiple, end=height)
    left, right = _stretch(left, right, margin=margin, multiple=multiple, end=width)
    moved = Window(top=window.top - top * scale, left=window.left - left * scale, size=window.size)
    return Part(top=top, left=left, height=bottom - top, width=right - left, window=moved)


def _stretch(start: int, stop: int, *, margin: int, multiple: int, end: int) -> tuple[int, int]:
    """The range with its margin inside 0 .. ``end``, beginning at a multiple unless it touches the end."""
    length = min(end, stop - start + 2 * margin + multiple - 1)
    first = max(0, start - margin) // multiple * multiple
    first = min(first, end - length)
    return first, first + length
