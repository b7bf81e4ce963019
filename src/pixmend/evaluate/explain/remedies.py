"""What undoes a known mistake in a restored picture.

C channels, H and W height and width in pixels; x runs to the right and y downwards.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

_STILL = 0.1
"""Pixels; a displacement this small is that of a network and its rounding."""
_TAPS = 6
"""Pixels to each side that the interpolation of ``Moved`` reads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Remedy:
    """One mistake and the function that undoes it."""

    mistake: str
    """What RESTORED is, to be read after "RESTORED"."""
    advice: str
    undo: Callable[[Tensor], Tensor]
    """(C, H, W) to the same, or to (C, W, H) of a picture that lay on its side."""
    least: float = 0.05
    """The gain in dB from which it is believed."""
    levels: bool = False
    """Whether it changes levels. Only one such is told of a picture: a second would mend what the first got wrong."""
    handicap: float = 0.0
    """What it must win more than another, in dB, as it is less simple and fits more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """Where RESTORED lies relative to TRUE, in pixels: at the centre, and what is added at the right and bottom edge.

    The stretch is subtracted at the left and top edge, so that a picture enlarged with its corners aligned
    instead of its pixels has a stretch of (scale - 1) / 2.
    """

    right: float = 0.0
    down: float = 0.0
    stretch_x: float = 0.0
    stretch_y: float = 0.0

    def __call__(self, image: Tensor) -> Tensor:
        """(C, H, W) moved back; beyond the edge the outermost pixels are repeated."""
        if all(float(part).is_integer() for part in (self.right, self.down)) and not (self.stretch_x or self.stretch_y):
            rows, columns = (
                (torch.arange(size) + int(by)).clamp(0, size - 1)
                for size, by in zip(image.shape[1:], (self.down, self.right), strict=True)
            )
            return image[:, rows[:, None], columns]
        down = _interpolation(image.shape[1], self.down, self.stretch_y)
        right = _interpolation(image.shape[2], self.right, self.stretch_x)
        return (down @ image.double() @ right.T).to(image.dtype)

    def describe(self) -> str:
        """In words, to be read after "RESTORED"."""
        parts = [
            f"{abs(by):.3g} px {name[by < 0]}"
            for by, name in ((self.right, ("to the right", "to the left")), (self.down, ("down", "up")))
            if abs(by) >= 0.005
        ]
        text = f"lies {' and '.join(parts)} of TRUE" if parts else ""
        if max(abs(self.stretch_x), abs(self.stretch_y)) < 0.005:
            return text
        wide = f"is stretched by {self.stretch_x:+.2f} px at the sides and {self.stretch_y:+.2f} px at top and bottom"
        return f"{text} and {wide}" if text else wide

    @property
    def reach(self) -> int:
        """Pixels at the edges that are unknown once it is moved back."""
        return math.ceil(max(abs(self.right) + abs(self.stretch_x), abs(self.down) + abs(self.stretch_y)))

    def remedy(self) -> Remedy:
        """With the advice for this kind of displacement."""
        if max(abs(self.stretch_x), abs(self.stretch_y)) >= 0.05:
            advice = "a resize aligned the corner pixels; in PyTorch use align_corners=False"
        elif all(float(part).is_integer() for part in (self.right, self.down)):
            advice = "crop both pictures from the same corner (remainders go at the right and bottom), padding likewise"
        else:
            advice = (
                "a resize has another idea of where pixels lie: MATLAB, Pillow, OpenCV and PyTorch with "
                "align_corners=False lay the outer edges of both pictures together"
            )
        return Remedy(mistake=self.describe(), advice=advice, undo=self)


def shifts(reach: int) -> tuple[Moved, ...]:
    """Every move by whole pixels up to ``reach`` but none."""
    steps = range(-reach, reach + 1)
    return tuple(Moved(right=right, down=down) for down in steps for right in steps if right or down)


_TURN = "undo the last flip, or the one too many, of the augmentation or self-ensemble"
FLIPS: tuple[Remedy, ...] = tuple(
    Remedy(mistake=text, advice=_TURN, undo=undo, least=0.5)
    for text, undo in (
        ("is mirrored left to right", lambda image: image.flip(2)),
        ("is upside down (rows reversed)", lambda image: image.flip(1)),
        ("is turned by 180 degrees", lambda image: image.flip(1, 2)),
    )
)
TURNS: tuple[Remedy, ...] = tuple(
    Remedy(mistake=text, advice=_TURN, undo=undo, least=0.5)
    for text, undo in (
        ("has its rows and columns exchanged", lambda image: image.transpose(1, 2)),
        ("is turned by 90 degrees clockwise", lambda image: image.rot90(1, (1, 2))),
        ("is turned by 90 degrees counter-clockwise", lambda image: image.rot90(-1, (1, 2))),
    )
)
"""Only of square pictures, whose sides give them away."""

_ORDER = "convert once between OpenCV's BGR and RGB, when reading or when writing"
SWAP = Remedy(
    mistake="has red and blue exchanged (BGR read or written as RGB)",
    advice=_ORDER,
    undo=lambda image: image.flip(0),
    least=4.0,
)
ORDERS: tuple[Remedy, ...] = (
    SWAP,
    *(
        Remedy(mistake=text, advice=_ORDER, undo=lambda image, order=order: image[order], least=4.0)
        for text, order in (
            ("has red and green exchanged", [1, 0, 2]),
            ("has green and blue exchanged", [0, 2, 1]),
            ("has its channels in the order green, blue, red", [2, 0, 1]),
            ("has its channels in the order blue, red, green", [1, 2, 0]),
        )
    ),
)
"""Told, as wrong levels are, by the means of blocks."""


def _interpolation(size: int, by: float, stretch: float) -> Tensor:
    """(size, size) float64: each output reads the input ``by`` + ``stretch`` * -1 .. 1 pixels further on (Lanczos)."""
    places = torch.arange(size, dtype=torch.float64)
    source = places + by + stretch * torch.linspace(-1, 1, size, dtype=torch.float64)
    taps = source.floor()[:, None] + torch.arange(1 - _TAPS, _TAPS + 1, dtype=torch.float64)
    distance = source[:, None] - taps
    weights = torch.sinc(distance) * torch.sinc(distance / _TAPS) * (distance.abs() < _TAPS)
    weights = weights / weights.sum(1, keepdim=True)
    matrix = torch.zeros(size, size, dtype=torch.float64)
    return matrix.scatter_add_(1, taps.long().clamp(0, size - 1), weights)


def displacement(restored: Tensor, true: Tensor, *, start: Moved) -> Moved:
    """Where (1, H, W) lies relative to another, to a few hundredths of a pixel, from a start within a pixel of it.

    Least squares on the gradient (Lucas and Kanade 1981), with a stretch, repeated until it stands still.
    """
    found = start
    for _ in range(6):
        step = _step(found(restored), true)
        found = Moved(
            right=found.right + step[0],
            down=found.down + step[2],
            stretch_x=found.stretch_x + step[1],
            stretch_y=found.stretch_y + step[3],
        )
        if max(map(abs, step)) < 0.005 or not all(map(math.isfinite, step)):
            break
    return found


def _step(restored: Tensor, true: Tensor) -> list[float]:
    """Right, stretch_x, down, stretch_y that are still missing; nothing where the picture has no structure."""
    edge = _TAPS + 2
    mean = (restored + true)[0] / 2
    gradient_x = (mean[:, 2:] - mean[:, :-2])[edge:-edge, edge - 1 : 1 - edge] / 2
    gradient_y = (mean[2:] - mean[:-2])[edge - 1 : 1 - edge, edge:-edge] / 2
    height, width = mean.shape
    across = torch.linspace(-1, 1, width, dtype=torch.float64)[edge:-edge]
    along = torch.linspace(-1, 1, height, dtype=torch.float64)[edge:-edge, None]
    # moved by d, a picture changes by -d times its gradient
    columns = torch.stack([-gradient_x, -gradient_x * across, -gradient_y, -gradient_y * along]).flatten(1)
    difference = (restored - true)[0, edge:-edge, edge:-edge].flatten()
    normal = columns @ columns.T
    if torch.linalg.matrix_rank(normal) < 4:
        return [0.0, 0.0, 0.0, 0.0]
    return torch.linalg.solve(normal, columns @ difference).clamp(-2, 2).tolist()


def settled(moves: Sequence[Moved]) -> tuple[Moved, Moved]:
    """The median of each part, whole where it is nearly whole; without and with the stretch."""
    right, down, across, along = (
        _settled(median(getattr(move, name) for move in moves)) for name in ("right", "down", "stretch_x", "stretch_y")
    )
    return Moved(right=right, down=down), Moved(right=right, down=down, stretch_x=across, stretch_y=along)


def _settled(value: float) -> float:
    """To whole and half pixels where it is near them, as that is what mistakes are made of."""
    half = round(value * 2) / 2
    return half if abs(value - half) < _STILL else round(value, 2)
