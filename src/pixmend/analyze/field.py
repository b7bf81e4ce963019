"""Effective receptive field: how much each pixel of a picture moves one pixel of the result.

B batch, C channels, H and W height and width in input pixels, s the scale. A radius r stands for the square of
2 r + 1 input pixels around the pixel: cuts, windows and kernels are square.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.analyze.network import asked
from pixmend.errors import PixmendError
from pixmend.models.base import Restorer, window_overlap

Pixel = tuple[int, int]
"""Row and column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """Of one pixel of the result, or the mean of several, laid over one another at the pixel they belong to."""

    map: Tensor
    """(h, w) float64: the absolute gradient of the pixel's mean over its channels, summed over those of the input. Of
    one pixel the whole picture; of several what all of them have around them."""
    centre: Pixel
    """Where the pixel lies in the map."""
    pixels: tuple[Pixel, ...]
    """Which pixels of the result were asked."""
    energy: Tensor
    """(n,) float64: the share of the squared map within radius 0, 1, ... of the pixel, of the whole picture."""
    weight: Tensor
    """(n,) float64: the share of the map itself. What lies beyond a radius can move the result by that share at most
    of what the whole picture can."""
    support: int
    """The largest radius at which a gradient is not zero."""
    touched: float
    """The share of the picture's pixels whose gradient is not zero."""

    def radius(self, share: float) -> int:
        """The smallest that holds so much of the energy."""
        return int((self.energy >= share).byte().argmax()) if share < 1 else len(self.energy) - 1

    def outside(self, radius: int) -> float:
        """The share of the map, not of its square, beyond this radius."""
        return max(0.0, 1 - float(self.weight[radius])) if radius < len(self.weight) else 0.0

    def area(self, least: float = 0.01) -> int:
        """Pixels of the map above this part of its largest value."""
        return int((self.map > least * self.map.max()).sum())


def receptive_field(
    network: Restorer,
    x: Tensor,
    *,
    at: Sequence[Pixel] | None = None,
    pixels: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Field:
    """The field of the pixels ``at`` of the result, else of so many about the middle, on (C, H, W) or (B, C, H, W).

    Several are spread over one cell of the grid that the network's windows lie on, 8 pixels at least, since a windowed
    network sees further to one side or the other, depending on where in its window a pixel lies. Pictures of a batch
    are averaged. One pass forward, and one backward for each pixel; memory is that of training.

    Source: Luo et al., Understanding the Effective Receptive Field (1701.04128), section 2: there the signed gradient
    of random networks on random input is averaged; here its absolute value, of this network on this picture.

    Raises:
        PixmendError: a pixel outside the result, none at all, or one that nothing in the picture moves; and as
            ``check_askable``.
    """
    like = next(network.parameters(), x)
    with torch.inference_mode(False), asked(network), torch.enable_grad():
        # A copy, since one made in inference mode has no gradient.
        x = (x if x.dim() == 4 else x[None]).detach().to(like.device, like.dtype).clone().requires_grad_()
        y = network(x)
        where = _middle(network, y, pixels) if at is None else _inside(y, at)
        maps = []
        for done, (row, column) in enumerate(where, 1):
            keep = done < len(where)
            (gradient,) = torch.autograd.grad(y[..., row, column].mean(1).sum(), x, retain_graph=keep)
            maps.append(gradient.double().abs().sum(1).mean(0).cpu())
            if progress is not None:
                progress(done, len(where))
    for pixel, each in zip(where, maps, strict=True):
        if not each.isfinite().all() or each.max() == 0:
            raise PixmendError(f"nothing in the picture moves pixel {pixel} of the result, or its gradient is infinite")
    return _field(maps, where, scale=network.scale)


def _middle(network: Restorer, y: Tensor, pixels: int) -> list[Pixel]:
    """Spread evenly: rows in equal steps, columns by the golden ratio, which repeats no part of a cell."""
    if pixels < 1:
        raise PixmendError(f"pixels: expected 1 or more, got {pixels}")
    fixed = network.fixed_size
    cell = max(network.multiple, 8) if fixed is None else fixed - window_overlap(fixed)
    height, width = y.shape[-2:]
    if pixels == 1:
        return [(height // 2, width // 2)]
    sides = [min(cell * network.scale, length) for length in (height, width)]
    tops = [(length - side) // 2 for length, side in zip((height, width), sides, strict=True)]
    golden = (math.sqrt(5) - 1) / 2
    parts = [((index + 0.5) / pixels, (0.5 + index * golden) % 1) for index in range(pixels)]
    return [(tops[0] + int(down * sides[0]), tops[1] + int(across * sides[1])) for down, across in parts]


def _inside(y: Tensor, at: Sequence[Pixel]) -> list[Pixel]:
    if not at:
        raise PixmendError("at: expected one or more pixels of the result, got none")
    height, width = y.shape[-2:]
    for row, column in at:
        if not (0 <= row < height and 0 <= column < width):
            raise PixmendError(f"at: row {row}, column {column} lies outside the result of {width} x {height} pixels")
    return list(at)


def _field(maps: Sequence[Tensor], where: Sequence[Pixel], *, scale: int) -> Field:
    height, width = maps[0].shape
    centres = [(row // scale, column // scale) for row, column in where]
    up, left = (min(centre[side] for centre in centres) for side in (0, 1))
    down, right = (min(length - 1 - centre[side] for centre in centres) for side, length in enumerate((height, width)))
    aligned = [
        each[row - up : row + down + 1, column - left : column + right + 1]
        for each, (row, column) in zip(maps, centres, strict=True)
    ]
    energy, weight = [], []
    support = 0
    for each, centre in zip(maps, centres, strict=True):
        away = _radii(height, width, centre)
        energy.append(_within(each.square(), away))
        weight.append(_within(each, away))
        support = max(support, int(away[each > 0].max()))
    return Field(
        map=torch.stack(aligned).mean(0),
        centre=(up, left),
        pixels=tuple(where),
        energy=torch.stack(energy).mean(0),
        weight=torch.stack(weight).mean(0),
        support=support,
        touched=sum(float((each > 0).double().mean()) for each in maps) / len(maps),
    )


def _radii(height: int, width: int, centre: Pixel) -> Tensor:
    """(H, W): of every pixel the radius it lies at."""
    rows, columns = (torch.arange(height) - centre[0]).abs(), (torch.arange(width) - centre[1]).abs()
    return torch.maximum(rows[:, None], columns)


def _within(map: Tensor, away: Tensor) -> Tensor:
    """The share at most so far away, for every radius that a picture of this size may have."""
    sums = torch.bincount(away.flatten(), weights=map.flatten(), minlength=max(map.shape)).cumsum(0)
    return sums / sums[-1]
