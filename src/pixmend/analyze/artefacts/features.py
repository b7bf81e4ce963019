"""What the layers of a network hold of a picture, to be looked at, and what its windows have left in them.

C channels, H and W height and width of the picture, h and w of a map.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor

from pixmend.analyze.artefacts.blocking import Grid, Trace, blocking, grid_of, mean_trace, plain_grid
from pixmend.analyze.artefacts.maps import Map, blocks_by_depth, milestones, varying, visit, windows_of
from pixmend.analyze.points import Point
from pixmend.errors import PixmendError
from pixmend.infer.pipeline import Progress
from pixmend.models.base import Restorer


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """The features of one point as a picture."""

    name: str
    picture: Tensor
    """(h, w): the first principal component, lighter where the picture is lighter; mean 0, standard deviation 1."""
    share: float
    """Of the variance of all standardised channels, what this one picture has."""
    step: Fraction
    """Input pixels per value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """One network's features of one picture."""

    shown: tuple[Shown, ...]
    traces: dict[str, Trace]
    """Of the picture itself, ``input``, of every block in order, and of the ``result``; empty where there is no grid,
    or the picture has too few windows."""
    result: Tensor
    """(C', s H, s W)."""


def features_of(
    network: Restorer,
    image: Tensor,
    *,
    points: Sequence[Point] | None = None,
    period: int | None = None,
    offsets: int = 1,
    progress: Progress | None = None,
) -> Features:
    """Features of (C, H, W) at ``points``, by default its ``milestones``, and the trace of the windows by depth.

    ``period`` looks for borders every so many input pixels instead, which is all there is to look for in a network
    without windows. With ``offsets`` the network is asked so often, each time about a picture that begins further down
    and right by an equal part of the period, and traces are means: whatever the picture has at a border is at another
    phase the next time, and only what follows the windows stays. With as many offsets as the period is long in tokens
    next to nothing of the content is left: the trace of the ``input`` says how much.

    Raises:
        PixmendError: as ``visit``; a period below 2, or offsets below 1.
    """
    if offsets < 1:
        raise PixmendError(f"offsets: expected 1 or more, got {offsets}")
    if period is not None:
        plain_grid(period)
    chosen = milestones(network) if points is None else list(points)
    light = image.mean(0, keepdim=True)
    shown: dict[str, Shown] = {}

    def show(found: Map) -> None:
        shown[found.point.name] = principal(found, light=light)

    result = visit(network, image[None], points=chosen, take=show)[0].cpu()
    blocks = blocks_by_depth(network)
    cuts = _offsets(network, image, period=period, number=offsets)
    traces: dict[str, list[Trace]] = {}
    for done, cut in enumerate(cuts):
        if progress is not None:
            progress(done, len(cuts))
        # The same places of the picture are compared every time.
        found = _traces(network, image[:, cut:, cut:], points=blocks, period=period, skip=cuts[-1] - cut)
        for name, trace in found.items():
            traces.setdefault(name, []).append(trace)
    means = {name: mean_trace(found) for name, found in traces.items()}
    return Features(shown=tuple(shown[point.name] for point in chosen), traces=means, result=result)


def _traces(
    network: Restorer, image: Tensor, *, points: Sequence[Point], period: int | None, skip: int
) -> dict[str, Trace]:
    """Of (C, H, W), of its maps and of the result, without ``skip`` input pixels at the top and left of each."""
    found: dict[str, Trace] = {}

    def take(name: str, values: Tensor, step: Fraction) -> None:
        grid = _grid(network, step, period)
        left_out = int(skip / step)
        if grid is not None and max(values.shape[1:]) >= grid.least + left_out:
            found[name] = blocking(values, grid=grid, skip=left_out)

    take("input", image, Fraction(1))
    result = visit(network, image[None], points=points, take=lambda each: take(each.point.name, each.values, each.step))
    take("result", result[0].cpu(), Fraction(1, network.scale))
    return found


def _offsets(network: Restorer, image: Tensor, *, period: int | None, number: int) -> list[int]:
    """Input pixels to cut, whole tokens, such that enough windows are left; none where the picture has too few."""
    grid = _grid(network, Fraction(1), period)
    if grid is None:
        return []
    tokens = grid.period // grid.token
    number = min(number, tokens)
    cuts = [index * tokens // number * grid.token for index in range(number)]
    return [cut for cut in cuts if max(image.shape[1:]) - cut >= grid.least]


def _grid(network: Restorer, step: Fraction, period: int | None) -> Grid | None:
    """Borders in a map of this step; None where there are none, or none at whole values."""
    if period is None:
        windows = windows_of(network)
        return windows and grid_of(windows, step=step)
    if step <= 1:
        return plain_grid(period, token=int(1 / step))
    values = period / step
    return plain_grid(int(values)) if values.denominator == 1 and values >= 2 else None


def principal(found: Map, *, light: Tensor) -> Shown:
    """First principal component of the standardised channels, 0 where none varies; ``light`` (1, H, W) is the picture
    in grey."""
    flat = found.values.flatten(1).double()
    flat = flat - flat.mean(1, keepdim=True)
    flat = flat[varying(found.values)]
    size = (found.values.shape[1], found.values.shape[2])
    if not len(flat):
        return Shown(name=found.point.name, picture=torch.zeros(size), share=0.0, step=found.step)
    flat = flat / flat.square().mean(1, keepdim=True).sqrt()
    power, directions = torch.linalg.eigh(flat @ flat.T / flat.shape[1])
    component = directions[:, -1] @ flat
    small = F.interpolate(light[None].double(), size, mode="area").flatten()
    # The sign of a component means nothing: it is chosen so that pictures of different layers look alike.
    if (component * (small - small.mean())).sum() < 0:
        component = -component
    picture = (component / component.std(correction=0)).view(size).float()
    return Shown(name=found.point.name, picture=picture, share=(power[-1] / power.sum()).item(), step=found.step)
