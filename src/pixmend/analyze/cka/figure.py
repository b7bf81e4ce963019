"""Similarities as heat maps: a panel for each pair of networks, the first layer at the bottom left."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from pixmend.analyze.cka.collect import Similarity
from pixmend.analyze.cka.layers import Group, Layer, groups_of
from pixmend.analyze.record import label, new_figure
from pixmend.image.ink import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_COLOURS, _MISSING, _LINES = "magma", "#9aa4b2", "#8c93a3"
_PANEL = 4.6
"""Inches."""
_LETTERS = 40
"""Of a name in a title."""
_WIDE = 0.03
"""Of an axis: the least share of it that a name is written beside."""


def draw(found: Similarity, *, names: Sequence[str]) -> "Figure":
    """One heat map of one network; of two each with itself, then the first (rows) with the other (columns).

    Colours run from the tenth below the smallest value, in all panels the same, to 1; grey is a layer that is constant.
    Lines are between stages.

    Raises:
        PixmendError: matplotlib is not installed.
    """
    one, other = list(found.layers), list(found.other_layers)
    names = [label(name) for name in names]
    panels = [(found.own, one, one, names[0], names[0])]
    if len(names) > 1:
        panels.append((found.other, other, other, names[1], names[1]))
        panels.append((found.matrix, one, other, names[0], names[1]))
    figure = new_figure((_PANEL + 0.4) * len(panels) + 1.1, _PANEL + 1.2)
    drawn: AxesImage | None = None
    floor = _floor(found.joint)
    every = figure.subplots(1, len(panels), squeeze=False, gridspec_kw={"wspace": 0.06})[0]
    for axes, (values, rows, columns, row_name, column_name) in zip(every, panels, strict=True):
        drawn = _panel(axes, values, rows=rows, columns=columns, floor=floor)
        axes.set_title(_title(row_name, column_name, values), fontsize=10, color=INK)
        axes.set_xlabel("layer" if row_name == column_name else f"layer of {_cut(column_name)}", color=INK, fontsize=9)
        if row_name != column_name:
            axes.set_ylabel(f"layer of {_cut(row_name)}", color=INK, fontsize=9)
    assert drawn is not None
    below = bool((found.joint < 0).any())
    bar = figure.colorbar(drawn, ax=every, shrink=0.85, pad=0.01, extend="min" if below else "neither")
    bar.set_label("CKA" if floor == 0 else f"CKA, colours begin at {floor:.1f}", color=INK)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    return figure


def _floor(values: Tensor) -> float:
    """The tenth below the smallest number; of layers that are all alike 0.9, so that rounding is not drawn as if it
    were a difference."""
    known = values[values.isfinite()]
    return 0.0 if not len(known) else min(max(math.floor(float(known.min()) * 10) / 10, 0.0), 0.9)


def _title(row: str, column: str, values: Tensor) -> str:
    rows, columns = values.shape
    return f"{_cut(row)}\n{rows} layers" if row == column else f"{_cut(row)}\nand {_cut(column)}, {rows} x {columns}"


def _cut(name: str) -> str:
    """At most as long as a panel is wide; the task stands at the end."""
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS // 2]}...{name[-_LETTERS // 2 :]}"


def _panel(axes: "Axes", values: Tensor, *, rows: list[Layer], columns: list[Layer], floor: float) -> "AxesImage":
    from matplotlib import colormaps

    colours = colormaps[_COLOURS].with_extremes(bad=_MISSING)
    drawn = axes.imshow(values.numpy(), cmap=colours, vmin=floor, vmax=1, origin="lower", interpolation="nearest")
    axes.set_aspect("auto")
    axes.set_box_aspect(1)
    across, up = groups_of(columns), groups_of(rows)
    for group in across[1:]:
        axes.axvline(group.first - 0.5, color=_LINES, linewidth=0.6)
    for group in up[1:]:
        axes.axhline(group.first - 0.5, color=_LINES, linewidth=0.6)
    places, labels = _ticks(across, len(columns))
    turned = sum(map(len, labels)) > 40
    axes.set_xticks(places, labels, rotation=90 if turned else 0, fontsize=8)
    axes.set_yticks(*_ticks(up, len(rows)), fontsize=8)
    axes.tick_params(length=0, colors=FAINT)
    axes.spines[:].set_visible(False)
    return drawn


def _ticks(groups: Sequence[Group], total: int) -> tuple[list[float], list[str]]:
    """The middles of stages and their names; of a single stage without a name the numbers of layers."""
    if len(groups) == 1 and not groups[0].name:
        step = max(1, round(total / 6))
        return [float(at) for at in range(0, total, step)], [str(at + 1) for at in range(0, total, step)]
    wide = [group for group in groups if group.count >= _WIDE * total]
    return [group.first + (group.count - 1) / 2 for group in wide], [group.name for group in wide]
