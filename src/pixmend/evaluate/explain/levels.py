"""The relation that the levels of RESTORED have to those of TRUE: an offset, a factor, a power, a line, a colour cast.

C channels, H and W height and width in pixels, N blocks.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from pixmend.evaluate.explain.remedies import Remedy
from pixmend.evaluate.explain.tones import LEAST

_SIDE, _MOST, _FEWEST = 8, 2048, 24
_EDGE = 8 / 255
"""Blocks as near to the ends of the range, or within twice the noise, tell nothing: clipped values lie on no curve."""
_SEEN = 2 / 255
"""A smaller change anywhere is a matter of ``SMALL_TONES``, or of the network."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocks:
    """Means of blocks that are not clipped, (3, N) in [0, 1] each."""

    restored: Tensor
    true: Tensor
    uneven: Tensor
    """The variance in a block of RESTORED over its squared mean: a curve of the mean is not the mean of the curve."""
    flat: Tensor
    """(N,): the half of them that is looked at."""
    grey: bool
    """Whether the colour is gone."""

    def gain(self, remedy: Remedy) -> float:
        """What it wins in dB, at most 100; nothing where there is too little to see."""
        restored, true = self.restored[:, self.flat], self.true[:, self.flat]
        if true.shape[1] < _FEWEST:
            return 0.0
        mended = remedy.undo(restored).clamp(0, 1)
        before, after = ((image - true).square().mean().clamp(min=1e-10) for image in (restored, mended))
        return 10 * (before / after).log10().item()


def blocks_of(restored: Tensor, true: Tensor) -> Blocks:
    """Of (3, H, W) in [0, 1] twice, at most so many blocks."""
    a, b = (avg_pool2d(image.double(), _SIDE).flatten(1) for image in (restored, true))
    spread_a, spread_b, noise = (
        (avg_pool2d(image.double().square(), _SIDE) - avg_pool2d(image.double(), _SIDE).square())
        .flatten(1)
        .clamp(min=0)
        for image in (restored, true, restored - true)
    )
    every = max(1, math.ceil(a.shape[1] / _MOST))
    edge = max(_EDGE, 2 * noise.mean().sqrt().item())
    seen = torch.zeros(a.shape[1], dtype=torch.bool)
    seen[::every] = ((torch.minimum(a, b) > edge) & (torch.maximum(a, b) < 1 - edge)).all(0)[::every]
    spread = spread_b[:, seen].sum(0)
    return Blocks(
        restored=a[:, seen],
        true=b[:, seen],
        uneven=spread_a[:, seen] / a[:, seen].square(),
        flat=spread <= spread.median() if len(spread) else torch.zeros(0, dtype=torch.bool),
        grey=bool(_colour(a) < 0.5 / 255 and _colour(b) > 1 / 255),
    )


def fitted(blocks: Sequence[Blocks]) -> Iterator[Remedy]:
    """What would undo the relation that the levels of these pictures have, the simplest first; none for a small one."""
    a, b, uneven = (
        torch.cat([getattr(one, name)[:, one.flat] for one in blocks], 1) for name in ("restored", "true", "uneven")
    )
    if a.shape[1] < _FEWEST:
        return
    levels = torch.linspace(0.05, 0.95, 19, dtype=torch.float64)
    for remedy in (_offset(a, b), _factor(a, b), _power(a, b, uneven), _contrast(a, b)):
        if (remedy.undo(levels) - levels).abs().max() >= _SEEN:
            yield remedy
    if not any(one.grey for one in blocks):
        cast = _cast(a, b)
        if (cast.undo(levels.expand(3, 1, -1)) - levels).abs().max() >= _SEEN:
            yield cast


def _offset(a: Tensor, b: Tensor) -> Remedy:
    by = round(255 * (a - b).median().item(), 1)
    return Remedy(
        mistake=f"is {abs(by):g} levels too {'bright' if by > 0 else 'dark'}",
        advice="look for what is added to the values: a mean that is subtracted once and added twice, a black level",
        undo=lambda image: image - by / 255,
        least=LEAST,
        levels=True,
        handicap=0.2,
    )


def _factor(a: Tensor, b: Tensor) -> Remedy:
    factor = round(_middle(a / b, b), 3)
    return Remedy(
        mistake=f"is too {'bright' if factor > 1 else 'dark'} by a factor of {factor:g}",
        advice="look for what the values are multiplied with between the network and the file",
        undo=lambda image: image / factor,
        least=LEAST,
        levels=True,
        handicap=0.2,
    )


def _power(a: Tensor, b: Tensor, uneven: Tensor) -> Remedy:
    inverse = 1.0
    for _ in range(4):
        # the mean of a power, to the second order of what is uneven
        mean = (1 + inverse * (inverse - 1) / 2 * uneven).clamp(min=0.5)
        # a change of the logarithm is worth more levels where the picture is bright
        inverse = max(_middle((b / mean).log() / a.log(), -b * a.log()), 0.01)
    power = round(max(inverse, 1 / inverse), 2)
    name = f"1 / {power:g}" if inverse > 1 else f"{power:g}"
    undoing = power if inverse > 1 else 1 / power
    return Remedy(
        mistake=f"has a gamma of {name} too much",
        advice=f"remove the power of {name}",
        undo=lambda image: image.clamp(0, 1) ** undoing,
        least=LEAST,
        levels=True,
        handicap=0.2,
    )


def _contrast(a: Tensor, b: Tensor) -> Remedy:
    factor, offset = _line(a.flatten(), b.flatten())
    return Remedy(
        mistake=f"has {factor:.2f} times the contrast: {_ends(factor, offset)}",
        advice="leave out the change of contrast, or normalise with one mean and deviation before and after",
        undo=_straight([(factor, offset)]),
        least=LEAST,
        levels=True,
        handicap=1.5,
    )


def _cast(a: Tensor, b: Tensor) -> Remedy:
    lines = [_line(*channel) for channel in zip(a, b, strict=True)]
    told = ", ".join(f"{name} {_ends(*line)}" for name, line in zip(("red", "green", "blue"), lines, strict=True))
    return Remedy(
        mistake=f"has a colour cast: {told}",
        advice="look for a mean or deviation per channel in the wrong order, a white balance, a colour profile",
        undo=_straight(lines),
        least=LEAST,
        levels=True,
        handicap=3.0,
    )


def _ends(factor: float, offset: float) -> str:
    return f"{offset:+.1f} levels at black and {255 * (factor - 1) + offset:+.1f} at white"


def _straight(lines: Sequence[tuple[float, float]]) -> Callable[[Tensor], Tensor]:
    """Undoes a factor and an offset in levels, of all channels or of each."""

    def undo(image: Tensor) -> Tensor:
        factors, offsets = torch.tensor(lines, dtype=image.dtype).T.reshape(2, -1, *(1,) * (image.dim() - 1))
        return (image - offsets / 255) / factors

    return undo


def _line(a: Tensor, b: Tensor) -> tuple[float, float]:
    """Factor and offset in levels by least squares, without what lies far off the line."""
    kept = torch.ones_like(a, dtype=torch.bool)
    factor, offset = 1.0, 0.0
    for _ in range(4):
        mean_a, mean_b = a[kept].mean(), b[kept].mean()
        variance = (b[kept] - mean_b).square().sum()
        factor = (((b[kept] - mean_b) * (a[kept] - mean_a)).sum() / variance).item() if variance > 0 else 1.0
        offset = (mean_a - factor * mean_b).item()
        off = (a - factor * b - offset).abs()
        kept = off <= 4 * off.median()
    return max(round(factor, 3), 0.01), round(255 * offset, 1)


def _middle(values: Tensor, weights: Tensor) -> float:
    """The weighted median."""
    order = values.flatten().argsort()
    sums = weights.flatten()[order].cumsum(0)
    return values.flatten()[order][int(torch.searchsorted(sums, sums[-1] / 2))].item()


def _colour(means: Tensor) -> float:
    return (means - means.mean(0)).abs().mean().item()
