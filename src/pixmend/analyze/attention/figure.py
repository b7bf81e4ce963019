"""Attention drawn: distances and entropies of all heads by depth."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pixmend.analyze.attention.distance import Reach
from pixmend.analyze.attention.geometry import block_of
from pixmend.analyze.record import label, new_figure
from pixmend.image.ink import FAINT, GRID, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea")
"""Of kinds of attention, and of the attentions of one block."""
_BLOCKS = 40
"""So many numbers of blocks stand beside each other."""


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
            row[0].set_title(f"{label(name)}: how far heads look", fontsize=10, color=INK, loc="left")
        _draw_evenness(row[-1], reaches)
        row[-1].set_ylim(*evenness)
        row[-1].set_title(
            f"{'' if spatial else f'{label(name)}: '}how evenly they weigh", fontsize=10, color=INK, loc="left"
        )
        for axes in row:
            _mark_stages(axes, reaches)
        if any(reach.shifted for reach in reaches):
            said = "numbers are blocks; every other block's windows are shifted, and smaller at the border"
            row[0].set_xlabel(said, fontsize=7, color=FAINT)
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
    return max(high - 1.25 * room, -0.06 * room), high + 0.06 * room


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
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(
            *zip(*dots, strict=True), "o", color=colour, markersize=3.5, alpha=0.75, mew=0, label=kind, clip_on=False
        )


def _middle(places: Sequence[int]) -> float:
    return sum(places) / len(places)


def _mark_stages(axes: "Axes", reaches: Sequence[Reach]) -> None:
    """Number the blocks under the axis and name the stages, a faint line between them."""
    stages: dict[str, list[int]] = {}
    for place, reach in enumerate(reaches):
        stages.setdefault(reach.stage, []).append(place)
    for places in list(stages.values())[1:]:
        axes.axvline(places[0] - 0.5, color=GRID, linewidth=1)
    blocks: dict[tuple[str, int], list[int]] = {}
    for place, reach in enumerate(reaches):
        if (block := block_of(reach.name)) is not None:
            blocks.setdefault((reach.stage, block), []).append(place)
    step = -(-len(blocks) // _BLOCKS)
    shown = [(_middle(places), str(block)) for (_, block), places in blocks.items() if block % step == 0]
    middles = [_middle(places) for places in stages.values()]
    crowded = len(stages) > 6
    axes.set_xticks(
        middles, list(stages), fontsize=7, rotation=25 if crowded else 0, ha="right" if crowded else "center"
    )
    axes.set_xticks([place for place, _ in shown], [block for _, block in shown], fontsize=6, minor=True, color=FAINT)
    axes.tick_params(axis="x", which="both", length=0)
    axes.tick_params(axis="x", which="minor", pad=2)
    axes.tick_params(axis="x", which="major", pad=12 if shown else 4)
    axes.set_xlim(-0.7, len(reaches) - 0.3)
    axes.grid(axis="y", color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
