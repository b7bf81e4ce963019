"""The figures: features with the trace of the windows, amplitudes by depth, and error spectra."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pixmend.analyze.artefacts.blocking import Trace
from pixmend.analyze.artefacts.errors import ErrorSpectrum
from pixmend.analyze.artefacts.features import Features, Shown
from pixmend.analyze.artefacts.spectrum import Amplitudes
from pixmend.analyze.record import label, new_figure
from pixmend.image.ink import FAINT, GRID, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea", "#db2777", "#0891b2")
CONTRAST = 2.5
"""Standard deviations from grey to black and to white."""
FAR = 4.0
"""Quartile distances, and units, below the lower quartile: values beyond are not drawn but marked."""
RIM = 2
"""Tokens along the edges that have no say in it."""
WIDTH, MOST_INCHES, PER_ROW = 12.0, 40.0, 6


def draw_features(found: Mapping[str, Features]) -> "Figure":
    """For each network, by name, a row of its features and below it the trace of its windows, where it has any.

    Traces of all networks have the same scales.
    """
    columns = min(PER_ROW, max(len(features.shown) for features in found.values()))
    heights: list[float] = []
    parts: list[tuple[str, Sequence[Shown] | Mapping[str, Trace]]] = []
    for name, features in found.items():
        for start in range(0, len(features.shown), columns):
            some = features.shown[start : start + columns]
            parts.append((name, some))
            heights.append(0.6 + WIDTH / columns * max(each.picture.shape[0] / each.picture.shape[1] for each in some))
        if features.traces:
            parts.append((name, features.traces))
            heights.append(2.7)
    figure = new_figure(WIDTH, min(sum(heights), MOST_INCHES) + 0.4)
    rows: Any = figure.subfigures(len(parts), 1, squeeze=False, height_ratios=heights)
    traced = []
    for row, (name, part) in zip(rows[:, 0], parts, strict=True):
        if isinstance(part, Mapping):
            traced.append(_draw_traces(row, part))
        else:
            _draw_maps(row, name, part, columns=columns)
    for side in zip(*traced, strict=True):
        low, high = (pick(axes.get_ylim()[place] for axes in side) for place, pick in enumerate((min, max)))
        for axes in side:
            axes.set_ylim(low, high)
    return figure


def _draw_maps(row: Any, name: str, shown: Sequence[Shown], *, columns: int) -> None:
    row.suptitle(f"{label(name)}: first principal component of the features", fontsize=9, color=INK, x=0.01, ha="left")
    names = short_names([each.name for each in shown])
    for axes, each, title in zip(np.atleast_1d(row.subplots(1, columns)), shown, names, strict=False):
        height, width = each.picture.shape
        low, high = _contrast(each)
        axes.imshow(each.picture.numpy(), cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        step = "" if each.step == 1 else f", 1 : {each.step}" if each.step > 1 else f", {1 / each.step} : 1"
        told = f"{each.share:.0%} of variance" if each.share else "constant"
        axes.set_title(f"{_end_of(title, 200 // columns)}\n{width} x {height}{step}; {told}", fontsize=7, color=INK)
    for axes in row.axes:
        axes.set_axis_off()


def _contrast(shown: Shown) -> tuple[float, float]:
    """What is black and what is white. The outermost two tokens do not count, since convolutions see zeros beyond."""
    rim = math.ceil(RIM * max(1, 1 / shown.step))
    inner = shown.picture[rim:-rim, rim:-rim]
    if inner.numel() < 4:
        inner = shown.picture
    mean, away = float(inner.mean()), max(float(inner.std(correction=0)), 1e-6) * CONTRAST
    return mean - away, mean + away


def _end_of(name: str, most: int) -> str:
    """The last parts of a name that fit: what differs from layer to layer stands at the end."""
    if len(name) <= most:
        return name
    parts = name.split(".")
    kept = next((".".join(parts[at:]) for at in range(1, len(parts)) if len(".".join(parts[at:])) < most - 1), None)
    return f"...{kept or name[3 - most :]}"


def _draw_traces(row: Any, traces: Mapping[str, Trace]) -> "tuple[Axes, Axes]":
    left, right = row.subplots(1, 2, width_ratios=(1, 1))
    _draw_depth(left, traces)
    blocks = {name: trace for name, trace in traces.items() if name not in ("input", "result")}
    grid = next(iter(blocks.values()), traces["input"]).grid
    places = range(grid.period)
    for phases, style in ((grid.borders, "-"), (grid.shifted, ":")):
        for phase in phases:
            right.axvline(phase, color=FAINT, linewidth=1, linestyle=style, zorder=0)
    for place, trace in enumerate(blocks.values()):
        if trace.grid == grid:
            right.plot(places, trace.both.numpy(), color=by_depth(place, len(blocks)), linewidth=1)
    if traces["input"].grid == grid:
        right.plot(places, traces["input"].both.numpy(), color=INK, linestyle="--", linewidth=1, label="input")
        right.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderpad=0)
    right.set_title("dark: early blocks, light: late ones", fontsize=8, color=INK, loc="right")
    right.set(xlabel=f"place in the window, of {grid.period}; lines: borders, dotted: shifted ones")
    right.set_xticks(range(0, grid.period, max(1, grid.period // 12)))
    right.set_ylabel("difference to the value before", fontsize=8)
    for axes in (left, right):
        plain(axes)
    return left, right


def _draw_depth(axes: "Axes", traces: Mapping[str, Trace]) -> None:
    places = range(len(traces))
    shifted = any(trace.grid.shifted for trace in traces.values())
    axes.axhline(1, color=FAINT, linewidth=1)
    axes.plot(places, [trace.unshifted for trace in traces.values()], "o-", color=COLOURS[0], ms=3, label="borders")
    if shifted:
        values = [trace.shifted for trace in traces.values()]
        axes.plot(places, values, "o-", color=COLOURS[1], ms=3, label="shifted borders")
    lows, highs = zip(*[(1 - trace.spread, 1 + trace.spread) for trace in traces.values()], strict=True)
    axes.fill_between(places, lows, highs, color=FAINT, alpha=0.2, linewidth=0, label="spread elsewhere")
    ticks(axes, list(traces))
    axes.set_ylabel("difference across borders", fontsize=8)
    axes.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderpad=0)


def draw_spectra(found: Mapping[str, Sequence[Amplitudes]]) -> "Figure":
    """For each network, by name, a curve for every depth, and what is left at the highest frequency by depth."""
    figure = new_figure(11, 3.1 * len(found) + 0.3)
    rows: Any = figure.subplots(len(found), 2, squeeze=False, width_ratios=(3, 4))
    for (left, right), (name, amplitudes) in zip(rows, found.items(), strict=True):
        for place, each in enumerate(amplitudes):
            frequencies = np.linspace(0, 1, len(each.log))
            left.plot(frequencies, each.log.numpy(), color=by_depth(place, len(amplitudes)), linewidth=1)
        left.set(xlabel="frequency / pi", ylabel="log amplitude, relative to 0")
        left.set_title(f"{label(name)} (dark: early, light: late)", loc="left", fontsize=9, color=INK)
        # From 0 to the first ring every curve falls by far more than all that follows.
        left.set_ylim(*_usual(np.concatenate([each.log.numpy()[1:] for each in amplitudes])))
        _draw_at_pi(right, amplitudes)
        for axes in (left, right):
            plain(axes)
    return figure


def _usual(values: np.ndarray) -> tuple[float, float]:
    """Limits of most values: one that is nearly nothing, far below all others, would flatten them."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return -1.0, 1.0
    low, high = np.quantile(finite, (0.25, 0.75))
    kept = finite[finite >= low - max(FAR * (high - low), FAR)]
    return float(kept.min()) - 0.3, float(kept.max()) + 0.3


def _draw_at_pi(axes: "Axes", amplitudes: Sequence[Amplitudes]) -> None:
    places = range(len(amplitudes))
    axes.plot(places, [each.at_pi for each in amplitudes], color=FAINT, linewidth=1)
    for place, each in enumerate(amplitudes):
        inside = " attention" in each.name
        colour = by_depth(place, len(amplitudes))
        axes.plot(place, each.at_pi, "o", ms=4, color=colour, markerfacecolor="white" if inside else colour)
    ticks(axes, ["" if " attention" in each.name else each.name for each in amplitudes])
    axes.set(ylabel="log amplitude at pi")
    low, high = _usual(np.array([each.at_pi for each in amplitudes]))
    axes.set_ylim(low, high)
    for place, each in enumerate(amplitudes):
        if each.at_pi < low:
            axes.annotate(
                f"{each.at_pi:.0f}", (place, low), xytext=(0, 9), textcoords="offset points", fontsize=7, ha="center"
            )
            axes.plot(place, low, "v", ms=7, color=INK, clip_on=False)
    if any(" attention" in each.name for each in amplitudes):
        axes.set_title("hollow: after attention, full: after the block", loc="left", fontsize=9, color=INK)


def draw_errors(found: Mapping[str, ErrorSpectrum], *, scale: int) -> "Figure":
    """Spectra of the errors, by name, beside that of the picture; and what each is relative to the picture."""
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    first = next(iter(found.values()))
    left.plot(first.frequencies, decibels(first.picture), color=INK, linewidth=1.5, label="the true picture")
    for place, (name, each) in enumerate(found.items()):
        colour, style = COLOURS[place % len(COLOURS)], "-"
        if name in ("bicubic", "input"):
            colour, style = FAINT, "--"
        left.plot(each.frequencies, decibels(each.error), color=colour, linestyle=style, label=label(name))
        with np.errstate(invalid="ignore"):  # 0 of 0 is not drawn
            relative = decibels(each.error) - decibels(each.picture)
        right.plot(each.frequencies, relative, color=colour, linestyle=style, label=label(name))
    right.axhline(0, color=INK, linewidth=1.5)
    left.set(ylabel="power in dB", title="error, and the true picture", ylim=_without_zero(found))
    right.set(ylabel="dB", title="error relative to the true picture (0: nothing is restored)")
    for axes in (left, right):
        if scale > 1:
            axes.axvline(0.5 / scale, color=FAINT, linewidth=1, linestyle=":")
            where = {"transform": axes.get_xaxis_transform(), "va": "bottom", "ha": "left"}
            axes.text(0.505 / scale, 0.02, "limit of the low picture", fontsize=7, color=FAINT, **where)
        axes.set(xlabel="frequency in cycles per pixel", xlim=(0, 0.5))
        plain(axes)
        axes.title.set(fontsize=9, color=INK)
    left.legend(fontsize=8, frameon=False)
    return figure


def _without_zero(found: Mapping[str, ErrorSpectrum]) -> tuple[float, float]:
    """Limits: the lowest frequencies of a picture, far above all others, would flatten the rest."""
    curves = np.concatenate([decibels(each.error) for each in found.values()])
    finite = curves[np.isfinite(curves)]
    highest = decibels(next(iter(found.values())).picture)[1:].max()
    if not len(finite) or not np.isfinite(highest):
        return -100.0, 0.0
    return float(finite.min()) - 2, float(max(finite.max(), highest)) + 2


def decibels(power: Any) -> np.ndarray:
    """10 log10 of a tensor; minus infinity of 0."""
    with np.errstate(divide="ignore"):
        return 10 * np.log10(power.numpy())


def by_depth(place: int, number: int) -> tuple[float, float, float, float]:
    """From dark, early, to light, late."""
    from matplotlib import colormaps

    return colormaps["viridis"](0.9 * place / max(number - 1, 1))


def ticks(axes: "Axes", names: Sequence[str]) -> None:
    """As many names as fit."""
    named = [place for place, name in enumerate(names) if name]
    named = named[:: math.ceil(len(named) / 24)]
    axes.set_xticks(named, short_names([names[place] for place in named]), rotation=60, ha="right", fontsize=7)


def short_names(names: Sequence[str]) -> list[str]:
    """Without what says nothing: containers that every name has, and where the network keeps its body."""
    hidden = ("edt", "ipt", "body", "layers", "residual_group", "blocks")
    return [".".join(part for part in name.split(".") if part not in hidden) or name for name in names]


def plain(axes: "Axes") -> None:
    """Little but the data."""
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7)
    axes.set_xlabel(axes.get_xlabel(), fontsize=8)
    axes.set_ylabel(axes.get_ylabel(), fontsize=8)
