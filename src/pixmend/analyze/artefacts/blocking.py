"""How much of the windows shows: neighbours on either side of a border against neighbours elsewhere.

C channels, h and w height and width of a map, P the period of a grid in values of the map.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from pixmend.analyze.artefacts.maps import Windows, varying
from pixmend.errors import PixmendError

EDGE = 8
"""Tokens along the edges of a picture that are left out, or half a period if that is more. Convolutions see zeros
beyond the edge: rows there differ from their neighbours in any network, at phases where windows begin and end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Borders along one side of a map. A border at phase p lies before every value whose index is p modulo P."""

    period: int
    borders: tuple[int, ...]
    """Phases of windows that are not shifted: 0, and more where a window is shorter than the period."""
    shifted: tuple[int, ...] = ()
    """Phases of windows shifted by half, where none that is not shifted has one."""
    token: int = 1
    """Values of the map per token. Where tokens have been enlarged, phases inside of one differ from those between
    two, with windows or without: only these are compared."""

    @property
    def quiet(self) -> tuple[int, ...]:
        """Phases between two tokens, and no border of a window."""
        return tuple(phase for phase in range(0, self.period, self.token) if phase not in self.borders + self.shifted)

    @property
    def edge(self) -> int:
        """Values along each edge of a map that are left out."""
        return max(EDGE * self.token, self.period // 2)

    @property
    def least(self) -> int:
        """Values along a side of a map in which every phase occurs, the edges left out."""
        return self.period + 2 * self.edge


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """What windows leave in a map."""

    grid: Grid
    rows: Tensor
    """(P,) float64: mean difference between a row and the one above it, by phase, in standard deviations of a
    channel; NaN where the map is too low."""
    columns: Tensor
    """(P,) float64: as well, between a column and the one to the left."""

    @property
    def both(self) -> Tensor:
        """(P,): the mean of the two, or the one there is, in units of the mean over the quiet phases: 1 is no trace."""
        quiet = list(self.grid.quiet)
        return torch.stack([side / side[quiet].mean() for side in (self.rows, self.columns)]).nanmean(0)

    @property
    def unshifted(self) -> float:
        """Mean over the borders of windows that are not shifted."""
        return self._at(self.grid.borders)

    @property
    def shifted(self) -> float:
        """Mean over the borders of shifted windows; NaN where there are none."""
        return self._at(self.grid.shifted)

    @property
    def spread(self) -> float:
        """Standard deviation over the quiet phases: what a mean over borders has to exceed to mean something. Of the
        picture itself it is content; of features it may be windows, too, which also show beside their borders."""
        return self.both[list(self.grid.quiet)].std(correction=0).item()

    @property
    def strongest(self) -> int:
        """The phase between tokens that differs most from 1."""
        phases = list(range(0, self.grid.period, self.grid.token))
        return phases[int((self.both[phases] - 1).abs().argmax())]

    def _at(self, phases: Sequence[int]) -> float:
        return self.both[list(phases)].mean().item()


def plain_grid(period: int, *, token: int = 1) -> Grid:
    """Borders every ``period`` tokens of so many values each, and no shifted ones.

    Raises:
        PixmendError: fewer than 2: nothing would lie between them.
    """
    if period < 2:
        raise PixmendError(f"period: expected 2 or more, got {period}")
    return Grid(period=period * token, borders=(0,), token=token)


def grid_of(windows: Windows, *, step: Fraction) -> Grid | None:
    """The grid of a network's windows on a map of this step, the same along both sides; None where they are so small
    that every phase is a border, or are no whole number of values.

    Windows of EDT are as high as others are wide: along either side it has two kinds.
    """
    sides = sorted({side // windows.token for size in windows.sizes for side in size})
    if (windows.token / step).denominator != 1:
        return None
    values = int(windows.token / step)
    period = math.lcm(*sides)
    borders = {phase for phase in range(period) if any(phase % side == 0 for side in sides)}
    shifted = {phase for phase in range(period) if any(phase % side == side // 2 for side in sides)} - borders

    def enlarged(phases: set[int]) -> tuple[int, ...]:
        return tuple(sorted(phase * values for phase in phases))

    shifts = enlarged(shifted) if windows.shifted else ()
    grid = Grid(period=period * values, borders=enlarged(borders), shifted=shifts, token=values)
    return grid if grid.quiet else None


def blocking(values: Tensor, *, grid: Grid, skip: int = 0) -> Trace:
    """Trace of a grid in a map (C, h, w); all NaN in a map that is the same everywhere.

    Every channel is divided by its standard deviation, so that none speaks louder than another; those that do not vary
    are left out. The difference |f(i) - f(i - 1)| is averaged over channels and along the border, then over all
    of one phase, i modulo P, but for those at the edges of the map, and ``skip`` more at the top and left.

    Raises:
        PixmendError: neither side has the grid's ``least`` and what is skipped.
    """
    if max(values.shape[1:]) < grid.least + skip:
        size, least = f"{values.shape[2]} x {values.shape[1]}", grid.least + skip
        raise PixmendError(f"a map of {size} has too few windows of {grid.period}: {least} values are needed")
    values = values[varying(values)]
    if not len(values):
        nothing = torch.full((grid.period,), math.nan, dtype=torch.float64)
        return Trace(grid=grid, rows=nothing, columns=nothing)
    values = values / values.flatten(1).std(1, correction=0)[:, None, None]
    return Trace(
        grid=grid, rows=_by_phase(values, 1, grid=grid, skip=skip), columns=_by_phase(values, 2, grid=grid, skip=skip)
    )


def _by_phase(values: Tensor, dim: int, *, grid: Grid, skip: int) -> Tensor:
    length = values.shape[dim]
    if length < grid.least + skip:
        return torch.full((grid.period,), math.nan, dtype=torch.float64)
    # Whole periods, so that every phase is met as often and at the same places on average.
    first = grid.edge + skip
    after = first + (length - grid.edge - first) // grid.period * grid.period
    steps = values.diff(dim=dim).abs().mean(dim=(0, 3 - dim))[first - 1 : after - 1].double()
    phases = torch.arange(first, after) % grid.period
    sums = torch.zeros(grid.period, dtype=torch.float64).index_add_(0, phases, steps)
    return sums / phases.bincount(minlength=grid.period)


def mean_trace(traces: Sequence[Trace]) -> Trace:
    """Of traces of one grid. Not of their ratios: what a picture has at quiet phases would weigh twice."""
    rows, columns = (torch.stack([getattr(trace, side) for trace in traces]).mean(0) for side in ("rows", "columns"))
    return Trace(grid=traces[0].grid, rows=rows, columns=columns)
