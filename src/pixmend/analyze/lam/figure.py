"""Attributions of several networks beside each other, and their diffusion indices as a chart."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pixmend.analyze.lam.attribution import Attribution
from pixmend.analyze.lam.index import density, pixels_holding
from pixmend.analyze.lam.window import Part
from pixmend.analyze.record import new_figure
from pixmend.image.ink import FAINT, GRID, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FRAME, _PART, _USED = "#dc2626", "#2563eb", "#f59e0b"
_SHADES = ("#ffffff", "#fee2e2", "#f87171", "#b91c1c", "#450a0a")
_GAMMA = 0.5
"""Of the shades: most pixels have a few hundredths of the strongest one's attribution, and would look white."""
_SMALLEST = 24
"""Input pixels along each side that are shown enlarged at least."""


def draw_attributions(asked: Mapping[str, Attribution], x: Tensor, *, part: Part | None = None) -> "Figure":
    """A row for each network: its result with the window, the map, and both enlarged with the lines of the density.

    ``x`` (C, H, W) is the whole input, of which the networks were given ``part``, or all of it for None.

    Raises:
        PixmendError: matplotlib is not installed.
    """
    rows, first = len(asked), next(iter(asked.values()))
    height, width = first.map.shape
    tall = 2.6 * min(1.6, max(1.0, height / width)) + 0.32
    figure = new_figure(14.5, tall * rows + 0.75)
    axes = figure.subplots(rows, 5, squeeze=False)
    for place in axes[1:, 0]:
        place.set_axis_off()
    _draw_input(axes[0, 0], x, first, part=part)
    close = _close(list(asked.values()))
    shades = [
        _draw_row(row[1:], name, each, close=close) for row, (name, each) in zip(axes, asked.items(), strict=True)
    ]
    titles = ("result", "attribution", "enlarged, over the result", "pixels with 90 % of it")
    for place, title in zip(axes[0, 1:], titles, strict=True):
        place.set_title(title, fontsize=10, color=INK)
    where: dict[str, Any] = {"location": "right", "shrink": min(1.0, 1.6 / rows + 0.2), "aspect": 25, "pad": 0.01}
    bar = figure.colorbar(shades[0], ax=axes, panchor=False, **where)
    bar.set_ticks(
        [0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1], labels=["0", ".01", ".05", ".1", ".2", ".4", ".6", ".8", "1"]
    )
    bar.set_label("attribution / its maximum", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return figure


def _draw_input(axes: Any, x: Tensor, first: Attribution, *, part: Part | None) -> None:
    """The whole input with the window and, where only a part was given, its border."""
    scale = _scale(first)
    top, left = (part.top, part.left) if part else (0, 0)
    _show(axes, x)
    _frame(axes, left + first.window.left / scale, top + first.window.top / scale, first.window.size / scale)
    axes.set_anchor("N")
    axes.set_title(f"input {x.shape[2]} x {x.shape[1]}", fontsize=10, color=INK)
    if part and (part.height, part.width) != tuple(x.shape[-2:]):
        _frame(axes, left, top, part.width, part.height, colour=_PART)
        axes.set_xlabel(f"given: {part.width} x {part.height}", fontsize=9, color=_PART)


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
    height, width = asked.map.shape
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
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
    where.imshow(np.ones_like(map_), cmap=ListedColormap([_USED]), alpha=0.6 * used, extent=extent)
    _contours(where, asked.map)
    scale = _scale(asked)
    for place, limits in zip(axes, (extent, extent, close, close), strict=True):
        _frame(place, asked.window.left / scale, asked.window.top / scale, asked.window.size / scale)
        place.set(xticks=[], yticks=[], xlim=limits[:2], ylim=limits[2:], anchor="N")
    result.set_ylabel(_plain(name), fontsize=10, color=INK)
    plain.set_xlabel(f"diffusion index {asked.diffusion_index:.2f}", fontsize=10, color=INK)
    where.set_xlabel(f"{asked.area:,} pixels; lines: 50 % and 90 % of the density", fontsize=8, color=FAINT)
    if asked.undefined:
        over.set_xlabel(f"gradient undefined at {asked.undefined} of {asked.steps} steps", fontsize=8, color=_FRAME)
    return drawn


def _contours(axes: Any, map_: Tensor) -> None:
    """Lines around the densest places that hold half and nine tenths of the smoothed map."""
    smooth = density(map_)
    levels = [float(smooth[pixels_holding(smooth, share=share)].min()) for share in (0.9, 0.5)]
    if levels[0] < levels[1] < float(smooth.max()) and min(map_.shape) > 1:
        axes.contour(smooth.cpu().numpy(), levels=levels, colors=INK, linewidths=(0.8, 1.6))


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
            axes.plot((place, place), (low, high), color=_FRAME, linewidth=2, solid_capstyle="butt")
        axes.annotate(f"{mean:.2f}", (place, 0), (0, 4), textcoords="offset points", ha="center", fontsize=9, color=INK)
    axes.set_xticks(range(len(indices)), [_plain(name).replace(" (", "\n(") for name in indices], fontsize=9)
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


def _frame(axes: Any, left: float, top: float, width: float, height: float | None = None, *, colour=_FRAME) -> None:
    from matplotlib.patches import Rectangle

    height = width if height is None else height
    axes.add_patch(Rectangle((left - 0.5, top - 0.5), width, height, fill=False, edgecolor=colour, linewidth=1.4))


def _scale(asked: Attribution) -> float:
    return asked.result.shape[-1] / asked.map.shape[-1]


def _plain(text: str) -> str:
    """What a stranger's file is called is no formula."""
    return "".join(letter if letter.isprintable() else "?" for letter in text).replace("$", r"\$")
