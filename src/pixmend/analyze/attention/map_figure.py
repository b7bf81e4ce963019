"""Where heads look, drawn over the picture."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from pixmend.analyze.attention.figure import COLOURS
from pixmend.analyze.attention.geometry import block_of, stage_of
from pixmend.analyze.attention.maps import AttentionMap, Box, Looking
from pixmend.analyze.record import label, new_figure
from pixmend.errors import PixmendError
from pixmend.image.ink import FAINT, GRID, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure, SubFigure

_HEADS = 8
"""Maps side by side."""
_TIMES = 32.0
"""Colours reach from this fraction of an even weight to that many times it at most."""
MOST_MAPS = 8
"""Attentions drawn in one figure."""


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
    """A band for each block: the picture (C, H, W) and its attentions' windows in it, then the weights of every head.

    Weights are shown as multiples of an even weight over all that may be looked at: red is more, blue is less; all
    heads of a band share their colours. ``begins`` is the row and column of a larger picture at which this one begins:
    places are named in that.

    Raises:
        PixmendError: more attentions than fit into a figure; matplotlib is not installed.
    """
    check_number(len(maps))
    blocks: dict[object, list[AttentionMap]] = {}
    for each in maps:
        block = block_of(each.name)
        blocks.setdefault(each.name if block is None else (stage_of(each.name), block), []).append(each)
    heads = [sum(each.weights.shape[0] for each in block) for block in blocks.values()]
    lines = [math.ceil(number / _HEADS) for number in heads]
    across = max(math.ceil(number / line) for number, line in zip(heads, lines, strict=True))
    tall = [1.75 * line + 0.2 + 0.15 * len(block) for line, block in zip(lines, blocks.values(), strict=True)]
    figure = new_figure(2.1 + 1.55 * across + 0.7, 0.5 + sum(tall))
    figure.suptitle(f"{label(model)}: where attention looks", fontsize=11, color=INK)
    bands = np.ravel(figure.subfigures(len(blocks), 1, squeeze=False, height_ratios=tall))
    for band, block, line in zip(bands, blocks.values(), lines, strict=True):
        _draw_band(band, image, block, lines=line, across=across, begins=begins)
    return figure


def _draw_band(
    band: "SubFigure",
    image: Tensor,
    block: Sequence[AttentionMap],
    *,
    lines: int,
    across: int,
    begins: tuple[int, int],
) -> None:
    from matplotlib.colors import LogNorm

    colours = [COLOURS[number % len(COLOURS)] for number in range(len(block))]
    named = "\n".join(f"{each.name} · {each.kind}" for each in block)
    band.suptitle(named, fontsize=8, color=FAINT, x=0.01, ha="left")
    heads = [
        (each, head, colour) for each, colour in zip(block, colours, strict=True) for head in range(len(each.weights))
    ]
    grid = band.add_gridspec(lines, across + 1, width_ratios=[1.35] + [1] * across)
    # In rows of equal length, as wide as those of the block with the most heads.
    length = math.ceil(len(heads) / lines)
    parts = [band.add_subplot(grid[place // length, 1 + place % length]) for place in range(len(heads))]
    overview = band.add_subplot(grid[:, 0])
    most = min(max(1.5, *(float(_times(each).max()) for each in block)), _TIMES)
    norm = LogNorm(1 / most, most)
    shown: Any = None
    for axes, (each, head, colour) in zip(parts, heads, strict=True):
        times = np.maximum(_times(each)[head], 1 / _TIMES)  # nothing at all has no logarithm
        if each.looking:
            shown = _draw_head(axes, image, times, each.looking, norm=norm)
            far = f" · {each.looking.distance[head]:.1f} px"
        else:
            shown, far = axes.imshow(times, cmap="RdBu_r", norm=norm, interpolation="nearest"), ""
        axes.set_title(f"head {head}{far}", fontsize=8, color=colour if len(block) > 1 else INK)
        axes.set(xticks=[], yticks=[])
    _draw_overview(overview, image, block, colours=colours, begins=begins)
    bar = band.colorbar(shown, ax=parts, fraction=0.03, pad=0.01, extend="both")
    _mark_times(bar, most)
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=7)
    bar.set_label("times an even weight", fontsize=7)


def _times(each: AttentionMap) -> np.ndarray:
    """Weights as multiples of an even one."""
    return (each.weights * each.weights[0].numel() / (1 if each.looking else each.weights.shape[1])).numpy()


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


def _draw_overview(
    axes: "Axes", image: Tensor, block: Sequence[AttentionMap], *, colours: Sequence[str], begins: tuple[int, int]
) -> None:
    axes.set(xticks=[], yticks=[])
    first = block[0]
    if first.looking is None:
        axes.axis("off")
        rows, columns = first.weights.shape[1:]
        axes.text(0, 0.5, f"{rows} x {columns} {first.kind}:\na row looks,\na column is\nlooked at", fontsize=8)
        axes.texts[-1].set(color=FAINT, transform=axes.transAxes, va="center")
        return
    _show(axes, image, grey=False)
    axes.set_facecolor(GRID)
    for each, colour in zip(block, colours, strict=True):
        if each.looking:
            _frame(axes, each.looking.keys, colour="white", width=3)
            _frame(axes, each.looking.keys, colour=colour, width=1.4)
    _cross(axes, first.looking)
    row, column = (f"{place + begin:g}" for place, begin in zip(first.looking.query, begins, strict=True))
    axes.set_title(f"from row {row}, column {column}", fontsize=8, color=INK)


def _cross(axes: "Axes", looking: Looking) -> None:
    """Where the look comes from, to be seen on dark and bright."""
    for colour, width in (("white", 3.5), (INK, 1.5)):
        axes.plot(looking.query[1], looking.query[0], "+", color=colour, markersize=9, markeredgewidth=width)


def _show(axes: "Axes", image: Tensor, *, grey: bool) -> None:
    pixels = image.detach().cpu().clamp(0, 1).permute(1, 2, 0).numpy()
    pixels = pixels.mean(2) if grey or pixels.shape[2] != 3 else pixels
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def _frame(axes: "Axes", box: Box, *, colour: str, width: float = 1.2) -> None:
    rows = (box.top, box.top, box.bottom, box.bottom, box.top)
    columns = (box.left, box.right, box.right, box.left, box.left)
    axes.plot(columns, rows, color=colour, linewidth=width)
