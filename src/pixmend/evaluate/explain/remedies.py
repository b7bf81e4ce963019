"""What undoes a known mistake in a restored picture.

C channels, H and W height and width in pixels; x runs to the right and y downwards.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

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

SWAP = Remedy(
    mistake="has red and blue exchanged (BGR read or written as RGB)",
    advice="convert once between OpenCV's BGR and RGB, when reading or when writing",
    undo=lambda image: image.flip(0),
)


def _encoded(linear: Tensor) -> Tensor:
    linear = linear.clamp(0, 1)
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=1e-8) ** (1 / 2.4) - 0.055)


def _decoded(image: Tensor) -> Tensor:
    image = image.clamp(0, 1)
    return torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)


_TONE = 3.0
"""Decibels of the means of blocks, in which noise and lost detail do not count: there a wrong curve is all there is."""
_LINEAR = "encode with the sRGB curve before writing an 8-bit file"
_CURVED = "the sRGB curve was applied to values that had it already: leave it out"
TONES: tuple[Remedy, ...] = (
    Remedy(mistake="holds linear light, without the sRGB curve", advice=_LINEAR, undo=_encoded, least=_TONE),
    Remedy(mistake="has the sRGB curve twice", advice=_CURVED, undo=_decoded, least=_TONE),
    Remedy(
        mistake="has a gamma of 2.2 too much",
        advice="remove the power of 2.2",
        undo=lambda image: image.clamp(0, 1) ** (1 / 2.2),
        least=_TONE,
    ),
    Remedy(
        mistake="has a gamma of 1 / 2.2 too much",
        advice="remove the power of 1 / 2.2",
        undo=lambda image: image.clamp(0, 1) ** 2.2,
        least=_TONE,
    ),
    Remedy(
        mistake="is in studio range (16 .. 235) but read as 0 .. 255",
        advice="stretch 16 .. 235 to 0 .. 255 when converting from YCbCr or video",
        undo=lambda image: ((image * 255 - 16) / 219).clamp(0, 1),
        least=_TONE,
    ),
    Remedy(
        mistake="was stretched from studio range though it was full range",
        advice="leave out the stretch of 16 .. 235 to 0 .. 255",
        undo=lambda image: (image * 219 + 16) / 255,
        least=_TONE,
    ),
)

SMALL_TONES: Mapping[tuple[float, float], Remedy] = MappingProxyType(
    {
        (-0.5, 0.0): Remedy(
            mistake="was truncated to 8 bit instead of rounded",
            advice="round before converting to uint8: (x * 255).round(), or add 0.5",
            undo=lambda image: image + 0.5 / 255,
        ),
        (0.0, -1 / 256): Remedy(
            mistake="is too dark by 1/256 (divided by 256 somewhere and multiplied by 255 elsewhere)",
            advice="use 255 both when reading and when writing",
            undo=lambda image: image * (256 / 255),
        ),
        (0.0, 1 / 255): Remedy(
            mistake="is too bright by 1/255 (divided by 255 somewhere and multiplied by 256 elsewhere)",
            advice="use 255 both when reading and when writing",
            undo=lambda image: image * (255 / 256),
        ),
    }
)
"""Mistakes of half a level, known by their trace: the error in levels at black, and how it grows with the level."""


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
