"""Rain as streaks of light added to the picture: the model behind Rain100L, Rain100H and IPT's training data.

N streaks; H and W height and width in pixels; angles in degrees off the vertical, positive down to the right.
"""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pixmend.degrade.picture import check_picture
from pixmend.errors import PixmendError
from pixmend.seeding import Key, child, generator

_CHUNK = 4096
"""Streaks drawn at once: bounds the memory that a large picture takes."""

_LEAN = 3.0
"""Degrees by which single streaks differ from the direction of their map, at most."""

_LIMITS = {
    "density": (0.0, 1e4),
    "length": (1.0, 1e4),
    "angle": (-60.0, 60.0),  # streaks are drawn row by row, which a lying one would cover in two
    "thickness": (1.0, 100.0),
    "intensity": (0.0, 1.0),
    "layers": (1, 100),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RainStreaks:
    """Add rain: one grey map of streaks on all channels, then clip to [0, 1].

    Every field is a range (low, high) from which a picture draws by its key. ``layers`` is the number of maps
    added together, each with draws, and so a direction, of its own; the rest is explained at ``rain_layer``.
    Composed as in Yang et al. 2017, overlapping maps of streaks, without the mist, and as IPT trains.

    Raises:
        PixmendError: a range that is empty or outside what ``rain_layer`` takes.
    """

    density: tuple[float, float]
    length: tuple[float, float]
    angle: tuple[float, float]
    thickness: tuple[float, float]
    intensity: tuple[float, float]
    layers: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        for field in fields(self):
            low, high = getattr(self, field.name)
            bottom, top = _LIMITS[field.name]
            if not bottom <= low <= high <= top:
                raise PixmendError(
                    f"RainStreaks: {field.name}: expected (low, high) in order within {bottom:g} to {top:g}, "
                    f"got ({low}, {high})"
                )
        if not all(isinstance(count, int) for count in self.layers):
            raise PixmendError(f"RainStreaks: layers: expected whole numbers, got {self.layers}")

    def __call__(self, image: Tensor, seed: Key) -> Tensor:
        """(..., H, W) to the same shape and dtype."""
        check_picture(image, "RainStreaks")
        height, width = image.shape[-2:]
        return (image + self.layer(height, width, seed=seed).to(image)).clamp_(0, 1)

    def layer(self, height: int, width: int, *, seed: Key) -> Tensor:
        """The map (1, H, W) that ``seed`` adds, not clipped: what networks that estimate rain learn."""
        random = generator(seed)
        fewest, most = self.layers
        rain = torch.zeros(1, height, width)
        for i in range(int(torch.randint(fewest, most + 1, (), generator=random))):
            drawn = {}
            for name in ("density", "length", "angle", "thickness", "intensity"):
                low, high = getattr(self, name)
                drawn[name] = low + (high - low) * float(torch.rand((), generator=random))
            rain += rain_layer(height, width, **drawn, seed=child(seed, i))
        return rain


RAIN_LIGHT = RainStreaks(
    density=(8.0, 110.0),
    length=(15.0, 90.0),
    angle=(-45.0, 45.0),
    thickness=(1.0, 3.5),
    intensity=(0.2, 1.0),
)
"""One direction, from a few faint streaks to a shower: the kind of Rain100L."""

RAIN_HEAVY = RainStreaks(
    density=(30.0, 90.0),
    length=(20.0, 90.0),
    angle=(-45.0, 45.0),
    thickness=(1.0, 3.5),
    intensity=(0.4, 1.0),
    layers=(2, 5),
)
"""Several directions on top of each other, dense enough to hide edges: the kind of Rain100H."""


def rain_layer(
    height: int,
    width: int,
    *,
    density: float,
    length: float,
    angle: float,
    thickness: float,
    intensity: float,
    seed: Key,
) -> Tensor:
    """A map (1, H, W), float32, of ``density`` streaks per 100 x 100 pixels; overlaps add up, beyond 1 too.

    ``length`` (pixels), ``thickness`` (pixels at half brightness) and ``intensity`` (1 is white) are those of
    the largest streak; the others are shorter, thinner and mostly much fainter. Ends are soft, positions are
    fractions of a pixel, and streaks that begin outside the picture reach into it. Each leans up to three
    degrees from ``angle``. Half of them fall close beside another one, because real rain comes in bundles.

    Raises:
        PixmendError: an angle beyond 60, a length or thickness below 1, or a negative density or intensity.
    """
    given = {
        "density": density,
        "length": length,
        "angle": angle,
        "thickness": thickness,
        "intensity": intensity,
    }
    for name, value in given.items():
        bottom, top = _LIMITS[name]
        if not bottom <= value <= top:
            raise PixmendError(f"rain_layer: {name}: expected {bottom:g} to {top:g}, got {value}")
    rain = torch.zeros(height * width)
    streaks = _streaks(height, width, **given, seed=seed)
    for part in streaks.split(_CHUNK, dim=1):
        _draw(rain, part, height=height, width=width)
    return rain.view(1, height, width)


def _streaks(
    height: int,
    width: int,
    *,
    density: float,
    length: float,
    angle: float,
    thickness: float,
    intensity: float,
    seed: Key,
) -> Tensor:
    """Streaks (6, N): centre y and x, length, thickness, brightness, lean in radians; some lie outside."""
    random = generator(seed)
    slope = math.tan(math.radians(angle))
    margin_y = length / 2 + 2
    margin_x = margin_y * math.tan(math.radians(abs(angle) + _LEAN)) + 2 * thickness
    tall, wide = height + 2 * margin_y, width + 2 * margin_x
    # rounded up or down by chance, so that small pictures are right on average
    pairs = int(density * tall * wide / 2e4 + float(torch.rand((), generator=random)))
    draws = torch.rand(6, 2 * pairs, generator=random)
    y, x = draws[0] * tall, draws[1] * wide
    along, aside = torch.randn(2, pairs, generator=random)
    y[pairs:] = y[:pairs] + length / 2 * along
    x[pairs:] = x[:pairs] + length / 2 * along * slope + 2 * thickness * aside
    return torch.stack(
        (
            y % tall - margin_y,  # wrapped, so that rain is as dense at the border as in the middle
            x % wide - margin_x,
            length * (0.2 + 0.8 * draws[2]),
            thickness * (0.5 + 0.5 * draws[3]),
            intensity * (0.05 + 0.95 * draws[4] ** 3),
            math.radians(angle) + math.radians(_LEAN) * (2 * draws[5] - 1),
        )
    )


def _draw(rain: Tensor, streaks: Tensor, *, height: int, width: int) -> None:
    """Add streaks to a flat map, row by row; a pixel's brightness follows from its distance to the axis."""
    y, x, length, thickness, brightness, lean = streaks
    half = length * lean.cos() / 2 + 0.5  # half a pixel more, so that the shortest streak still meets a row
    radius = 0.92 * thickness.clamp_min(1) / lean.cos()  # (1 - r^2)^2 is one half at r = 0.54
    slope = lean.tan()
    reach = half * slope.abs() + radius
    seen = (y > -half) & (y < height + half) & (x > -reach) & (x < width + reach)
    if not seen.any():
        return
    y, x, half, radius, slope, brightness = (values[seen, None] for values in (y, x, half, radius, slope, brightness))
    rows = (y - half).ceil() + torch.arange(int(2 * half.max()) + 1)
    below = rows - y
    axis = x + below * slope
    along = brightness * (1 - (below / half).square()).clamp_min_(0)
    along *= (rows >= 0) & (rows < height)
    first = (axis - radius).ceil_()
    start = rows.clamp(0, height - 1) * width
    for column in range(int(2 * radius.max()) + 1):
        columns = first + column
        across = (1 - ((columns - axis) / radius).square_()).clamp_min_(0).square_()
        across *= along
        across *= (columns >= 0) & (columns < width)
        pixel = start.long() + columns.clamp_(0, width - 1).long()
        rain.scatter_add_(0, pixel.flatten(), across.flatten())
