"""Attributions of several networks beside each other, and their diffusion indices as a chart."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pixmend.analyze.lam.attribution import Attribution
from pixmend.analyze.lam.index import density, pixels_holding
from pixmend.analyze.lam.window import Part
from pixmend.analyze.record import label, new_figure
from pixmend.image.ink import GRID, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WARNING, _PART, _USED = "#dc2626", "#2563eb", "#fbbf24"
_SHADES = ("#ffffff", "#fee2e2", "#f87171", "#b91c1c", "#450a0a")
_GAMMA = 0.5
"""Of the shades: most pixels have a few hundredths of the strongest one's attribution, and would look white."""
_SMALLEST = 24
"""Input pixels along each side that are shown enlarged at least."""


def draw_attributions(asked: Mapping[str, Attribution], x: Tensor, *, part: Part | None = None) -> "Figure":
    """The input on top; below a row for each network: its result, the map, and that enlarged, with the densest places.

    ``x`` (C, H, W) is the whole input, of which the networks were given ``part``, or all of it for None.

    Raises:
        PixmendError: matplotlib is not installed.
    """
    rows, first = len(asked), next(iter(asked.values()))
    height, width = first.map.shape
    tall = 2.6 * min(1.6, max(1.0, height / width)) + 0.32
    figure = new_figure(11.4, 2.5 + tall * rows + 0.75)
    grid = figure.add_gridspec(rows + 1, 4, height_ratios=[2.5, *[tall] * rows])
    axes = [[figure.add_subplot(grid[row + 1, column]) for column in range(4)] for row in range(rows)]
    close = _close(list(asked.values()))
    enlarged = close != _extent(first)
    _draw_input(figure.add_subplot(grid[0, 0]), x, first, part=part)
    if enlarged:
        _draw_input(figure.add_subplot(grid[0, 1]), part.of(x) if part else x, first, part=None, close=close)
    shades = [_draw_row(row, name, each, close=close) for row, (name, each) in zip(axes, asked.items(), strict=True)]
    titles = ("result", "attribution", f"{'enlarged, ' * enlarged}over the result", "pixels with 90 % of it")
    for place, title in zip(axes[0], titles, strict=True):
        place.set_title(title, fontsize=10, color=INK)
    _draw_key(figure.add_subplot(grid[0, 2:]), shades[0], cut=part is not None and not _is_whole(part, x))
    return figure


def _extent(asked: Attribution) -> tuple[float, float, float, float]:
    height, width = asked.map.shape
    return -0.5, width - 0.5, height - 0.5, -0.5


def _is_whole(part: Part, x: Tensor) -> bool:
    return (part.height, part.width) == tuple(x.shape[-2:])


def _draw_input(
    axes: Any,
    x: Tensor,
    first: Attribution,
    *,
    part: Part | None,
    close: tuple[float, float, float, float] | None = None,
) -> None:
    """The whole input with the window and, where only a part was given, its border; or enlarged what is ``close``."""
    scale = _scale(first)
    top, left = (part.top, part.left) if part else (0, 0)
    _show(axes, x)
    axes.set_anchor("N")
    axes.set_title(f"input {x.shape[2]} x {x.shape[1]}" if close is None else "input, enlarged", fontsize=10, color=INK)
    if part and not _is_whole(part, x):
        _frame(axes, left, top, part.width, part.height, colour=_PART)
        axes.set_xlabel(f"given: {part.width} x {part.height}", fontsize=9, color=_PART)
    _frame(axes, left + first.window.left / scale, top + first.window.top / scale, first.window.size / scale)
    if close is not None:
        axes.set(xlim=close[:2], ylim=close[2:])


def _draw_key(axes: Any, shades: Any, *, cut: bool) -> None:
    """What colours and lines mean."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    axes.set_axis_off()
    bar = axes.figure.colorbar(shades, cax=axes.inset_axes((0.08, 0.72, 0.84, 0.07)), orientation="horizontal")
    bar.set_ticks(
        [0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1], labels=["0", ".01", ".05", ".1", ".2", ".4", ".6", ".8", "1"]
    )
    bar.set_label("attribution / its maximum", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    key = [
        Patch(facecolor="none", edgecolor=INK, linewidth=1.4, label="the window that is asked about"),
        *([Patch(facecolor="none", edgecolor=_PART, linewidth=1.4, label="what the networks were given")] * cut),
        Patch(facecolor=_USED, label="the strongest pixels, which hold 90 %"),
        Line2D([], [], color=_PART, linewidth=1.6, label="around half of the density"),
        Line2D([], [], color=_PART, linewidth=0.8, label="around 90 % of the density"),
    ]
    axes.legend(handles=key, loc="upper left", bbox_to_anchor=(0.05, 0.45), fontsize=8, frameon=False, ncols=2)


def _close(asked: Sequence[Attribution]) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of what all networks used most of, and of the window: what is shown enlarged."""
    height, width = asked[0].map.shape
    used = torch.stack([pixels_holding(each.map, share=0.97).cpu() for each in asked]).any(0)
    scale, window = _scale(asked[0]), asked[0].window
    limits = []
    for start, side, places in ((window.left, width, used.any(0)), (window.top, height, used.any(1))):
        found = places.nonzero()
        low = min(int(found.min()), int(start / scale)) - 2
        high = max(int(found.max()), int((start + window.size) / scale)) + 3
        low, high = max(0, low), min(side, high)
        limits.append((low, high))
    length = min(max(_SMALLEST, *(high - low for low, high in limits)), height, width)
    (left, right), (top, bottom) = (
        _widened(low, high, length, side) for (low, high), side in zip(limits, (width, height), strict=True)
    )
    return left - 0.5, right - 0.5, bottom - 0.5, top - 0.5


def _widened(low: int, high: int, length: int, side: int) -> tuple[int, int]:
    """The range grown on both sides to at least this length, inside 0 .. ``side``."""
    length = max(length, high - low)
    low = min(max(0, (low + high - length) // 2), side - length)
    return low, low + length


def _draw_row(axes: Sequence[Any], name: str, asked: Attribution, *, close: tuple[float, float, float, float]) -> Any:
    """Everything in input pixels, so that the window lies at the same place in all four."""
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap, PowerNorm

    result, plain, over, where = axes
    extent = _extent(asked)
    grey = asked.result.clamp(0, 1).mean(0, keepdim=True) * 0.6 + 0.4
    map_ = asked.map.float().cpu().numpy()
    shades: dict[str, Any] = {
        "cmap": LinearSegmentedColormap.from_list("attribution", _SHADES),
        "norm": PowerNorm(_GAMMA, 0, 1),
        "extent": extent,
    }
    _show(result, asked.result, extent=extent)
    drawn = plain.imshow(map_, **shades)
    _show(over, grey, extent=extent)
    over.imshow(map_, alpha=np.minimum(1, 1.3 * map_**_GAMMA), **shades)
    _show(where, grey, extent=extent)
    used = pixels_holding(asked.map).cpu().numpy()
    where.imshow(np.ones_like(map_), cmap=ListedColormap([_USED]), alpha=1.0 * used, extent=extent)
    _contours(where, asked.map)
    scale = _scale(asked)
    for place, limits in zip(axes, (extent, extent, close, close), strict=True):
        _frame(place, asked.window.left / scale, asked.window.top / scale, asked.window.size / scale)
        place.set(xticks=[], yticks=[], xlim=limits[:2], ylim=limits[2:], anchor="N")
    result.set_ylabel(label(name), fontsize=10, color=INK)
    plain.set_xlabel(f"diffusion index {asked.diffusion_index:.2f}", fontsize=10, color=INK)
    where.set_xlabel(f"{asked.area:,} pixels", fontsize=10, color=INK)
    if asked.undefined:
        over.set_xlabel(f"gradient undefined at {asked.undefined} of {asked.steps} steps", fontsize=8, color=_WARNING)
    return drawn


def _contours(axes: Any, map_: Tensor) -> None:
    """Lines around the densest places that hold half and nine tenths of the smoothed map."""
    smooth = density(map_)
    levels = [float(smooth[pixels_holding(smooth, share=share)].min()) for share in (0.9, 0.5)]
    if levels[0] < levels[1] < float(smooth.max()) and min(map_.shape) > 1:
        axes.contour(smooth.cpu().numpy(), levels=levels, colors=_PART, linewidths=(0.8, 1.6))


def draw_diffusion(
    indices: Mapping[str, Sequence[float]], *, intervals: Mapping[str, tuple[float, float]] | None = None
) -> "Figure":
    """A bar for each network: the mean over pictures, a point for every picture, and an interval of the mean if known.

    Raises:
        PixmendError: matplotlib is not installed.
    """
    figure = new_figure(max(5.0, 1.6 * len(indices) + 2), 4.2)
    axes = figure.subplots()
    for place, (name, values) in enumerate(indices.items()):
        mean = float(np.mean(values))
        axes.bar(place, mean, width=0.6, color="#93c5fd", edgecolor=_PART, linewidth=0.8)
        spread = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(1)
        axes.plot(place + spread, values, "o", color=INK, markersize=3.5, alpha=0.7)
        low, high = (intervals or {}).get(name, (mean, mean))
        if low < high:
            axes.plot((place, place), (low, high), color=_WARNING, linewidth=2, solid_capstyle="butt")
        axes.annotate(f"{mean:.2f}", (place, 0), (0, 4), textcoords="offset points", ha="center", fontsize=9, color=INK)
    axes.set_xticks(range(len(indices)), [label(name).replace(" (", "\n(") for name in indices], fontsize=9)
    axes.set(ylabel="diffusion index", xlim=(-0.6, len(indices) - 0.4), ylim=(0, None))
    axes.grid(axis="y", color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _show(axes: Any, image: Tensor, *, extent: tuple[float, float, float, float] | None = None) -> None:
    """(1, 3 or more, H, W): of more than three channels the first three."""
    shown = image[:3].detach().float().clamp(0, 1).cpu()
    shown = shown if shown.shape[0] == 3 else shown[:1].expand(3, -1, -1)
    axes.imshow(shown.permute(1, 2, 0).numpy(), extent=extent)
    axes.set(xticks=[], yticks=[])


def _frame(axes: Any, left: float, top: float, width: float, height: float | None = None, *, colour=INK) -> None:
    """Edged with white, to be seen on dark and bright."""
    from matplotlib.patches import Rectangle

    height = width if height is None else height
    for edge, thick in (("white", 3.4), (colour, 1.4)):
        axes.add_patch(Rectangle((left - 0.5, top - 0.5), width, height, fill=False, edgecolor=edge, linewidth=thick))


def _scale(asked: Attribution) -> float:
    return asked.result.shape[-1] / asked.map.shape[-1]
