"""Fields of several networks on one picture, and how far each feels a cut, in one figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from pixmend.analyze.field import Field
from pixmend.analyze.record import label, new_figure
from pixmend.image.ink import FAINT, GRID, INK
from pixmend.infer.reach import LEVELS, Reach

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea", "#db2777", "#0891b2", "#ca8a04", "#64748b")
FLOOR = 1e-5
"""Of the largest gradient: what is less is not drawn."""
PANEL = 2.7
"""Inches along a side of a map."""
LEAST = 1e-4
"""Of a level: where the curves end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What was found of one network."""

    name: str
    one: Field
    """Of one pixel."""
    mean: Field
    """Of several."""
    reach: Reach | None
    """None for a network that cuts windows of its own."""
    grid: int
    """Pixels from one window to the next, 1 where there are none."""


def draw_fields(seen: Sequence[Seen], image: Tensor, *, corner: tuple[int, int] = (0, 0)) -> "Figure":
    """The picture (C, H, W) that was asked; of each network the field of one pixel and the mean of several; then
    curves. ``corner`` is the row and column of a larger picture where the one that was asked begins."""
    alone = len(seen) == 1
    heights = (PANEL + 0.7 if alone else 2 * PANEL + 1.1, 3.4)
    figure = new_figure(3 * PANEL + 1.8 if alone else (len(seen) + 1.4) * PANEL + 1.3, sum(heights) + 0.4)
    parts: Any = figure.subfigures(2, 1, height_ratios=heights)
    above, below = parts
    if alone:
        picture, *fields = above.subplots(1, 3)
        pairs = [fields]
    else:
        grid = above.add_gridspec(2, len(seen) + 1, width_ratios=(1.4, *(1 for _ in seen)))
        picture = above.add_subplot(grid[:, 0])
        pairs = [[above.add_subplot(grid[row, place]) for row in (0, 1)] for place in range(1, len(seen) + 1)]
    _draw_picture(picture, image, pixel=seen[0].one.centre, corner=corner)
    extent = max(max(each.mean.map.shape) - min(each.mean.centre) for each in seen)
    for (one, mean), each in zip(pairs, seen, strict=True):
        _draw_map(one, each.one, corner=corner, grid=each.grid)
        row, column = (begin + at for begin, at in zip(corner, each.one.centre, strict=True))
        one.set_title(f"{label(each.name)}\npixel at {row}, {column}", fontsize=9, color=INK)
        _draw_map(mean, each.mean, corner=(-each.mean.centre[0], -each.mean.centre[1]), grid=1)
        mean.set(xlim=(-extent, extent), ylim=(extent, -extent), facecolor=GRID)
        mean.set_title(_told(each.mean), fontsize=8, color=INK)
    bar = above.colorbar(pairs[0][0].images[0], ax=[axes for pair in pairs for axes in pair], shrink=0.8, pad=0.01)
    bar.set_label("gradient, of its largest", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    left, right = below.subplots(1, 2)
    _draw_outside(left, seen)
    _draw_reach(right, seen)
    for each in (left, right):
        each.grid(color=GRID)
        each.set_axisbelow(True)
        each.spines[["top", "right"]].set_visible(False)
    return figure


def _told(mean: Field) -> str:
    beyond = percent(mean.outside(32))
    return (
        f"mean of {len(mean.pixels)}: 95 % of energy within {mean.radius(0.95)} px,\n{beyond} of gradient beyond 32 px"
    )


def percent(share: float) -> str:
    """With two digits, however small: shares of what is far away span ten orders of magnitude."""
    return "0" if share < 1e-12 else f"{share * 100:.2g} %"


def _draw_map(axes, field: Field, *, corner: tuple[int, int], grid: int) -> None:
    from matplotlib.colors import LogNorm

    values = (field.map / field.map.max()).numpy()
    height, width = values.shape
    top, left = corner
    where = (left - 0.5, left + width - 0.5, top + height - 0.5, top - 0.5)
    axes.imshow(np.maximum(values, FLOOR), cmap="magma", norm=LogNorm(FLOOR, 1), extent=where, interpolation="nearest")
    if 4 <= grid < max(height, width):
        for draw, begin, side in ((axes.axvline, left, width), (axes.axhline, top, height)):
            for line in range(grid, side, grid):
                draw(begin + line - 0.5, color="white", linewidth=0.5, alpha=0.45)
    axes.tick_params(labelsize=7, colors=FAINT, length=2)
    axes.locator_params(nbins=5)


def _draw_picture(axes, image: Tensor, *, pixel: tuple[int, int], corner: tuple[int, int]) -> None:
    height, width = image.shape[1:]
    (top, left), (row, column) = corner, pixel
    where = (left - 0.5, left + width - 0.5, top + height - 0.5, top - 0.5)
    shown = image.clamp(0, 1).expand(3, -1, -1) if len(image) == 1 else image.clamp(0, 1)
    axes.imshow(shown.permute(1, 2, 0).numpy(), extent=where, interpolation="nearest")
    axes.plot(left + column, top + row, "s", ms=8, markerfacecolor="none", markeredgecolor="white", markeredgewidth=3)
    axes.plot(left + column, top + row, "s", ms=8, markerfacecolor="none", markeredgecolor=COLOURS[1])
    axes.set_title("what is asked, and the pixel", fontsize=9, color=INK)
    axes.tick_params(labelsize=7, colors=FAINT, length=2)
    axes.locator_params(nbins=5)


def _draw_outside(axes, seen: Sequence[Seen]) -> None:
    for colour, each in zip(COLOURS * len(seen), seen, strict=False):
        outside = [each.mean.outside(radius) for radius in range(each.mean.support + 1)]
        axes.semilogy(np.maximum(outside, 1e-9), color=colour, label=label(each.name))
    axes.set(xlabel="radius in input pixels", ylabel="share of gradient beyond", ylim=(1e-7, 1.3), xlim=(0, None))
    axes.set_title("How little comes from far away", fontsize=10, color=INK)
    axes.legend(fontsize=8, frameon=False)


def _draw_reach(axes, seen: Sequence[Seen]) -> None:
    for colour, each in zip(COLOURS * len(seen), seen, strict=False):
        if each.reach is not None:
            distance = (np.arange(len(each.reach.largest)) + 0.5) / each.reach.scale
            axes.semilogy(
                distance, np.maximum(each.reach.largest.numpy(), LEAST / 10), color=colour, label=label(each.name)
            )
            axes.semilogy(distance, np.maximum(each.reach.rms.numpy(), LEAST / 10), color=colour, ls=":", lw=1)
    axes.axhline(LEVELS, color=FAINT, lw=1, ls="--")
    axes.annotate("half\na level", (1.01, LEVELS), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.set(xlabel="distance to the cut in input pixels", ylabel="difference in levels of 255", xlim=(0, None))
    axes.set_ylim(LEAST, 400)
    axes.set_title("How far a cut is felt: largest (line), root mean square (dots)", fontsize=10, color=INK)
