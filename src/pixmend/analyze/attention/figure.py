"""Attention drawn: distances of all heads by depth, and where heads look, over the picture."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from pixmend.analyze.attention.distance import Reach
from pixmend.analyze.attention.maps import AttentionMap, Box, Looking
from pixmend.analyze.record import new_figure
from pixmend.errors import PixmendError
from pixmend.image.ink import FAINT, GRID, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure, SubFigure

_COLOURS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea")
_HEADS = 8
"""Maps side by side."""
_TIMES = 32.0
"""Colours reach from this fraction of an even weight to that many times it at most."""
MOST_MAPS = 8
"""Attentions drawn in one figure."""


def draw_reaches(models: Mapping[str, Sequence[Reach]]) -> "Figure":
    """A row for each network: at the left the distances of its heads by depth, at the right how evenly they weigh.

    Raises:
        PixmendError: matplotlib is not installed.
    """
    every = [reach for reaches in models.values() for reach in reaches]
    spatial = any(reach.spatial for reach in every)
    figure = new_figure(11 if spatial else 7, 0.5 + 2.9 * len(models))
    parts = figure.subplots(len(models), 2 if spatial else 1, squeeze=False)
    evenness = _limits([100, *(100 * each for reach in every for each in reach.evenness)], least=5)
    for (name, reaches), row in zip(models.items(), parts, strict=True):
        if spatial:
            _draw_distances(row[0], reaches)
            alike = [reach for other in models.values() if _scale(other) == _scale(reaches) for reach in other]
            row[0].set_ylim(*_limits([each for reach in alike for each in (*reach.distance, reach.uniform)], least=1))
            row[0].set_title(f"{name}: how far heads look", fontsize=10, color=INK, loc="left")
        _draw_evenness(row[-1], reaches)
        row[-1].set_ylim(*evenness)
        row[-1].set_title(f"{'' if spatial else f'{name}: '}how evenly they weigh", fontsize=10, color=INK, loc="left")
        for axes in row:
            _mark_stages(axes, reaches)
    return figure


def _scale(reaches: Sequence[Reach]) -> list[tuple[float, str]]:
    """What networks have in common whose distances are drawn on the same axis: tokens and windows."""
    return sorted({(reach.step, reach.kind) for reach in reaches if reach.spatial})


def _limits(values: Sequence[float], *, least: float) -> tuple[float, float]:
    """Bottom and top of an axis, with room for a legend at the bottom; at least so far apart.

    From where the values begin, since heads may differ little, but never so near that rounding looks like a finding.
    """
    known = [value for value in values if not math.isnan(value)] or [0.0]
    low, high = min(known), max(known)
    room = max(high - low, least)
    return max(high - 1.25 * room, 0.0), high + 0.06 * room


def _draw_distances(axes: "Axes", reaches: Sequence[Reach]) -> None:
    axes.set_ylabel("mean distance in pixels")
    if not any(reach.spatial for reach in reaches):
        weighed = reaches[0].kind
        axes.text(0.5, 0.5, f"{weighed} attend to {weighed}:\nno distance", transform=axes.transAxes, color=FAINT)
        axes.texts[-1].set(ha="center", va="center")
        axes.set_yticks([])
        return
    _draw_dots(axes, reaches, [reach.distance for reach in reaches])
    for place, reach in enumerate(reaches):
        label = "even weights" if place == 0 else None
        axes.plot((place - 0.4, place + 0.4), (reach.uniform,) * 2, color=INK, linewidth=1.2, label=label)
    axes.legend(fontsize=7, frameon=False, loc="lower left", ncols=4, handletextpad=0.3, columnspacing=1)


def _draw_evenness(axes: "Axes", reaches: Sequence[Reach]) -> None:
    axes.set_ylabel("entropy, % of even weights")
    _draw_dots(axes, reaches, [[100 * each for each in reach.evenness] for reach in reaches])
    axes.axhline(100, color=INK, linewidth=1.2)


def _draw_dots(axes: "Axes", reaches: Sequence[Reach], values: Sequence[Sequence[float]]) -> None:
    """A dot for each head, all of an attention above one another, a colour for each kind of attention."""
    kinds = list(dict.fromkeys(reach.kind for reach in reaches))
    for number, kind in enumerate(kinds):
        dots = [
            (place, value)
            for place, (reach, heads) in enumerate(zip(reaches, values, strict=True))
            for value in heads
            if reach.kind == kind
        ]
        colour = _COLOURS[number % len(_COLOURS)]
        axes.plot(
            *zip(*dots, strict=True), "o", color=colour, markersize=3.5, alpha=0.75, mew=0, label=kind, clip_on=False
        )


def _mark_stages(axes: "Axes", reaches: Sequence[Reach]) -> None:
    """Name the stages under the axis, a faint line between them."""
    stages: dict[str, list[int]] = {}
    for place, reach in enumerate(reaches):
        stages.setdefault(reach.stage, []).append(place)
    for places in list(stages.values())[1:]:
        axes.axvline(places[0] - 0.5, color=GRID, linewidth=1)
    middles = [sum(places) / len(places) for places in stages.values()]
    crowded = len(stages) > 6
    axes.set_xticks(
        middles, list(stages), fontsize=7, rotation=25 if crowded else 0, ha="right" if crowded else "center"
    )
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.7, len(reaches) - 0.3)
    axes.grid(axis="y", color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def check_number(attentions: int) -> None:
    """Whether so many can be drawn in one figure.

    Raises:
        PixmendError: they cannot.
    """
    if not 1 <= attentions <= MOST_MAPS:
        raise PixmendError(
            f"a figure shows from 1 to {MOST_MAPS} attentions, not {attentions}: name fewer or deeper ones"
        )


def draw_maps(image: Tensor, maps: Sequence[AttentionMap], *, model: str, begins: tuple[int, int] = (0, 0)) -> "Figure":
    """A band for each attention: the picture (C, H, W) and the window in it, then the weights of every head.

    Weights are shown as multiples of an even weight over all that may be looked at: red is more, blue is less; all
    heads of a band share their colours. ``begins`` is the row and column of a larger picture at which this one begins:
    places are named in that.

    Raises:
        PixmendError: more attentions than fit into a figure; matplotlib is not installed.
    """
    check_number(len(maps))
    lines = [math.ceil(each.weights.shape[0] / _HEADS) for each in maps]
    across = max(math.ceil(each.weights.shape[0] / line) for each, line in zip(maps, lines, strict=True))
    figure = new_figure(2.1 + 1.55 * across + 0.7, 0.5 + sum(1.75 * max(line, 1) + 0.35 for line in lines))
    figure.suptitle(f"{model}: where attention looks", fontsize=11, color=INK)
    bands = np.ravel(
        figure.subfigures(len(maps), 1, squeeze=False, height_ratios=[1.75 * line + 0.35 for line in lines])
    )
    for band, each, line in zip(bands, maps, lines, strict=True):
        _draw_band(band, image, each, lines=line, across=across, begins=begins)
    return figure


def _draw_band(
    band: "SubFigure", image: Tensor, each: AttentionMap, *, lines: int, across: int, begins: tuple[int, int]
) -> None:
    from matplotlib.colors import LogNorm

    heads = each.weights.shape[0]
    grid = band.add_gridspec(lines, across + 1, width_ratios=[1.35] + [1] * across)
    band.suptitle(f"{each.name} · {each.kind}", fontsize=8, color=FAINT, x=0.01, ha="left")
    # In rows of equal length, as wide as those of the attention with the most heads.
    length = math.ceil(heads / lines)
    parts = [band.add_subplot(grid[head // length, 1 + head % length]) for head in range(heads)]
    overview = band.add_subplot(grid[:, 0])
    times = (each.weights * each.weights[0].numel() / (1 if each.looking else each.weights.shape[1])).numpy()
    most = min(max(1.5, float(times.max())), _TIMES)
    times = np.maximum(times, 1 / _TIMES)  # nothing at all has no logarithm
    norm = LogNorm(1 / most, most)
    shown = None
    for head, axes in enumerate(parts):
        if each.looking:
            shown = _draw_head(axes, image, times[head], each.looking, norm=norm)
            axes.set_title(f"head {head} · {each.looking.distance[head]:.1f} px", fontsize=8, color=INK)
        else:
            shown = axes.imshow(times[head], cmap="RdBu_r", norm=norm, interpolation="nearest")
            axes.set_title(f"head {head}", fontsize=8, color=INK)
        axes.set(xticks=[], yticks=[])
    _draw_overview(overview, image, each, begins=begins)
    assert shown is not None
    bar = band.colorbar(shown, ax=parts, fraction=0.03, pad=0.01, extend="both")
    _mark_times(bar, most)
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=7)
    bar.set_label("times an even weight", fontsize=7)


def _mark_times(bar: "Colorbar", most: float) -> None:
    """Powers of two or, of a wide range, of four; ends of a range without any."""
    ratio = 4 if most >= 8 else 2
    reach = int(math.log(most, ratio))
    steps = [float(ratio) ** step for step in range(-reach, reach + 1)] if reach else [1 / most, 1, most]
    bar.set_ticks(steps, labels=[f"{step:.2g}" if step >= 0.1 else f"1/{1 / step:.0f}" for step in steps])


def _draw_head(axes: "Axes", image: Tensor, times: np.ndarray, looking: Looking, *, norm: "LogNorm"):
    """The weights over the grey picture around what may be looked at."""
    _show(axes, image, grey=True)
    keys = looking.keys
    drawn = axes.imshow(
        times,
        cmap="RdBu_r",
        norm=norm,
        alpha=0.72,
        interpolation="nearest",
        extent=(keys.left, keys.right, keys.bottom, keys.top),
    )
    _frame(axes, looking.window, colour=INK)
    _cross(axes, looking)
    room = 0.06 * max(keys.bottom - keys.top, keys.right - keys.left)
    axes.set(xlim=(keys.left - room, keys.right + room), ylim=(keys.bottom + room, keys.top - room))
    axes.set_facecolor(GRID)
    return drawn


def _draw_overview(axes: "Axes", image: Tensor, each: AttentionMap, *, begins: tuple[int, int]) -> None:
    axes.set(xticks=[], yticks=[])
    if each.looking is None:
        axes.axis("off")
        rows, columns = each.weights.shape[1:]
        axes.text(0, 0.5, f"{rows} x {columns} {each.kind}:\na row looks,\na column is\nlooked at", fontsize=8)
        axes.texts[-1].set(color=FAINT, transform=axes.transAxes, va="center")
        return
    _show(axes, image, grey=False)
    axes.set_facecolor(GRID)
    _frame(axes, each.looking.keys, colour="#ea580c")
    _cross(axes, each.looking)
    row, column = (f"{place + begin:g}" for place, begin in zip(each.looking.query, begins, strict=True))
    axes.set_title(f"from row {row}, column {column}", fontsize=8, color=INK)


def _cross(axes: "Axes", looking: Looking) -> None:
    """Where the look comes from, to be seen on dark and bright."""
    for colour, width in (("white", 3.5), (INK, 1.5)):
        axes.plot(looking.query[1], looking.query[0], "+", color=colour, markersize=9, markeredgewidth=width)


def _show(axes: "Axes", image: Tensor, *, grey: bool) -> None:
    pixels = image.detach().cpu().clamp(0, 1).permute(1, 2, 0).numpy()
    pixels = pixels.mean(2) if grey or pixels.shape[2] != 3 else pixels
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def _frame(axes: "Axes", box: Box, *, colour: str) -> None:
    rows = (box.top, box.top, box.bottom, box.bottom, box.top)
    columns = (box.left, box.right, box.right, box.left, box.left)
    axes.plot(columns, rows, color=colour, linewidth=1.2)
