"""Fields of several networks on one picture, and how far each feels a cut, in one figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from pixmend.analyze.field import Field
from pixmend.analyze.record import new_figure
from pixmend.image.ink import FAINT, GRID, INK
from pixmend.infer.reach import LEVELS, Reach

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea", "#db2777", "#0891b2", "#ca8a04", "#64748b")
FLOOR = 1e-5
"""Of the largest gradient: what is less is not drawn."""
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


def draw_fields(seen: Sequence[Seen], image: Tensor) -> "Figure":
    """Above, over the picture (C, H, W) that was asked, the field of one pixel and below it the mean; then curves."""
    columns = len(seen)
    figure = new_figure(max(3.1 * columns + 0.9, 9), 10)
    grid = figure.add_gridspec(3, 2 * columns, height_ratios=(3, 3, 3.4))
    axes = [[figure.add_subplot(grid[row, 2 * index : 2 * index + 2]) for row in (0, 1)] for index in range(columns)]
    left, right = figure.add_subplot(grid[2, :columns]), figure.add_subplot(grid[2, columns:])
    extent = max(max(each.mean.map.shape) - min(each.mean.centre) for each in seen)
    for (above, below), each in zip(axes, seen, strict=True):
        _draw_map(above, each.one, image=image, grid=each.grid)
        row, column = each.one.centre
        above.set_title(f"{each.name}\npixel at {row}, {column}", fontsize=10, color=INK)
        _draw_map(below, each.mean, image=None, grid=1)
        below.set(xlim=(-extent, extent), ylim=(extent, -extent), facecolor=GRID)
        radius = each.mean.radius(0.95)
        below.set_title(
            f"mean of {len(each.mean.pixels)}: 95 % of energy within {radius} px,\n"
            f"{percent(each.mean.outside(32))} of gradient beyond 32 px",
            fontsize=9,
            color=INK,
        )
    figure.colorbar(axes[0][1].images[0], ax=[each for pair in axes for each in pair], shrink=0.7, pad=0.01).set_label(
        "gradient, of its largest"
    )
    _draw_outside(left, seen)
    _draw_reach(right, seen)
    for each in (left, right):
        each.grid(color=GRID)
        each.set_axisbelow(True)
        each.spines[["top", "right"]].set_visible(False)
    return figure


def percent(share: float) -> str:
    """With two digits, however small: shares of what is far away span ten orders of magnitude."""
    return "0" if share < 1e-12 else f"{share * 100:.2g} %"


def _draw_map(axes, field: Field, *, image: Tensor | None, grid: int) -> None:
    from matplotlib.colors import LogNorm

    values = (field.map / field.map.max()).numpy()
    row, column = field.centre
    height, width = values.shape
    left, top = (0, 0) if image is not None else (column, row)
    where = (-0.5 - left, width - 0.5 - left, height - 0.5 - top, -0.5 - top)
    alpha = 1.0
    if image is not None:
        axes.imshow(image.mean(0).numpy(), cmap="gray", vmin=-0.4, vmax=1.4, extent=where)
        alpha = np.clip(1 - np.log10(np.maximum(values, FLOOR)) / np.log10(FLOOR), 0, 1) ** 0.6
    axes.imshow(
        np.maximum(values, FLOOR),
        cmap="magma",
        norm=LogNorm(FLOOR, 1),
        extent=where,
        alpha=alpha,
        interpolation="nearest",
    )
    if 4 <= grid < max(height, width):
        for draw, side in ((axes.axvline, width), (axes.axhline, height)):
            for line in range(grid, side, grid):
                draw(line - 0.5, color="white", linewidth=0.5, alpha=0.45)
    axes.tick_params(labelsize=7, colors=FAINT, length=2)
    axes.locator_params(nbins=5)


def _draw_outside(axes, seen: Sequence[Seen]) -> None:
    for colour, each in zip(COLOURS * len(seen), seen, strict=False):
        outside = [each.mean.outside(radius) for radius in range(each.mean.support + 1)]
        axes.semilogy(np.maximum(outside, 1e-9), color=colour, label=each.name)
    axes.set(xlabel="radius in input pixels", ylabel="share of gradient beyond", ylim=(1e-7, 1.3), xlim=(0, None))
    axes.set_title("How little comes from far away", fontsize=10, color=INK)
    axes.legend(fontsize=8, frameon=False)


def _draw_reach(axes, seen: Sequence[Seen]) -> None:
    for colour, each in zip(COLOURS * len(seen), seen, strict=False):
        if each.reach is not None:
            distance = (np.arange(len(each.reach.largest)) + 0.5) / each.reach.scale
            axes.semilogy(distance, np.maximum(each.reach.largest.numpy(), LEAST / 10), color=colour, label=each.name)
            axes.semilogy(distance, np.maximum(each.reach.rms.numpy(), LEAST / 10), color=colour, ls=":", lw=1)
    axes.axhline(LEVELS, color=FAINT, lw=1, ls="--")
    axes.annotate("half\na level", (1.01, LEVELS), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.set(xlabel="distance to the cut in input pixels", ylabel="difference in levels of 255", xlim=(0, None))
    axes.set_ylim(LEAST, 400)
    axes.set_title("How far a cut is felt: largest (line), root mean square (dots)", fontsize=10, color=INK)
