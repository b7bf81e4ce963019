"""Which frequencies the layers of a network keep: amplitudes of its features, relative to their mean, by depth.

C channels, h and w height and width of a map, R rings.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from pixmend.analyze.artefacts.maps import Map, blocks_by_depth, varying, visit
from pixmend.errors import PixmendError
from pixmend.models.base import Restorer

LEAST_SIDE = 8
"""Values along a side that give a spectrum to speak of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Amplitudes:
    """Relative log amplitude of the features of one point."""

    name: str
    log: Tensor
    """(R + 1,) float64, natural logarithms: at 0, then at equal steps up to pi, of which the first is 0."""
    step: Fraction
    """Input pixels per value of the map: pi stands for this many pixels for half a period."""

    @property
    def at_pi(self) -> float:
        """What is left at the highest frequency."""
        return self.log[-1].item()


def amplitudes_by_depth(network: Restorer, image: Tensor) -> list[Amplitudes]:
    """Relative log amplitudes of what leaves every block, and the attention in it, in order, for (C, H, W).

    Layers whose maps are below 8 x 8, as they may be at a fraction of the picture's size, are left out.

    Raises:
        PixmendError: as ``visit``, no blocks, or all maps too small.
    """
    points = blocks_by_depth(network, halves=True)
    if not points:
        raise PixmendError("it has no layers to look into: name a network that has")
    found: dict[str, Amplitudes] = {}
    steps: list[Fraction] = []

    def take(at: Map) -> None:
        steps.append(at.step)
        if min(at.values.shape[1:]) >= LEAST_SIDE:
            found[at.point.name] = Amplitudes(name=at.point.name, log=relative_log_amplitude(at.values), step=at.step)

    visit(network, image[None], points=points, take=take)
    if not found:
        side, (height, width) = math.ceil(LEAST_SIDE * min(steps)), image.shape[1:]
        raise PixmendError(f"expected a picture of {side} x {side} or more, got {width} x {height}: ask a larger part")
    return list(found.values())


def relative_log_amplitude(values: Tensor) -> Tensor:
    """Of a map (C, h, w), at 0 and in R = min(h, w) / 2 rings up to pi: (R + 1,) float64, the first 0.

    At each frequency the mean over channels of log |F|, then the mean over the ring, minus that at 0. Frequency 0 is
    the mean of a channel; all others are those of the rest under a Hann window, of the power that it takes away put
    back. Channels that do not vary are left out; where none does, all is NaN.

    Raises:
        PixmendError: a side below 8.

    Source: Park and Kim, How Do Vision Transformers Work? (2202.06709), section 2. They show the diagonal of a square
    map, without a window; for one picture, and one that is not square, rings are steadier, and without a window its
    edges would end up in the high frequencies.
    """
    height, width = values.shape[1:]
    if min(height, width) < LEAST_SIDE:
        raise PixmendError(f"expected a map of {LEAST_SIDE} x {LEAST_SIDE} or more, got {width} x {height}")
    values = values.double()
    means = values.mean(dim=(1, 2), keepdim=True)
    rest = values - means
    alive = varying(values)
    number = min(height, width) // 2
    if not alive.any():
        return torch.full((number + 1,), math.nan, dtype=torch.float64)
    spectrum = torch.fft.rfft2(rest[alive] * hann(height, width), norm="ortho")
    mean_log = spectrum.abs().clamp_min(torch.finfo(torch.float64).tiny).log().mean(0)
    rings = by_ring(mean_log, width=width, number=number)[1:]
    zero = (means[alive].abs() * math.sqrt(height * width)).clamp_min(torch.finfo(torch.float64).tiny).log().mean()
    return torch.cat([zero.view(1), rings]) - zero


def hann(height: int, width: int) -> Tensor:
    """(H, W) float64: the product of two Hann windows, of mean square 1."""
    sides = (torch.hann_window(side, periodic=True, dtype=torch.float64) for side in (height, width))
    down, right = (side / side.square().mean().sqrt() for side in sides)
    return down[:, None] * right


def by_ring(half: Tensor, *, width: int, number: int) -> Tensor:
    """Means of a half spectrum (H, W / 2 + 1), as ``rfft2`` gives it, in rings around 0: (number + 1,) float64.

    Ring i lies at i / (2 number) cycles per sample, the last at 1/2; the corners beyond it are left out. NaN where a
    ring holds no frequency, as it may if there are more rings than half the shorter side.
    """
    down = torch.fft.fftfreq(half.shape[0], dtype=torch.float64)[:, None]
    right = torch.fft.rfftfreq(width, dtype=torch.float64)
    ring = ((down.square() + right.square()).sqrt() * 2 * number).round().long()
    inside = ring <= number
    # The other half of the spectrum, which a real signal mirrors, is counted but not stored.
    counted = torch.full_like(half, 2.0)
    counted[:, 0] = 1.0
    if width % 2 == 0:
        counted[:, -1] = 1.0
    sums = torch.zeros(number + 1, dtype=torch.float64).index_add_(0, ring[inside], (half * counted)[inside])
    return sums / torch.zeros(number + 1, dtype=torch.float64).index_add_(0, ring[inside], counted[inside])
