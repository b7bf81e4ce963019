"""A study as one picture: scores along the runs, and the differences that the claim is about."""

import io
from collections.abc import Sequence

import numpy as np

from pixmend.image.ink import FAINT, GRID, INK
from pixmend.studies.design import Study
from pixmend.studies.runner import Curve
from pixmend.studies.verdict import Finding

_COLOURS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea", "#db2777", "#0891b2", "#ca8a04", "#64748b")
_SAYS = {"agrees with the claim": "#16a34a", "contradicts the claim": "#dc2626"}


def draw(
    study: Study, curves: Sequence[Curve], findings: Sequence[Finding], *, baseline: tuple[str, float]
) -> memoryview:
    """As PNG. Lines are means over seeds, bands reach from the worst to the best seed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_curves(left, curves, baseline=baseline)
    left.set(xlabel="step", ylabel=f"PSNR in dB, {study.task}")
    left.legend(fontsize="small", loc="lower right", frameon=False)
    _draw_findings(right, findings)
    for axes in (left, right):
        axes.grid(color=GRID)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"Study: {study.name} (small form)", color=INK)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=110)
    return drawn.getbuffer()


def _draw_curves(axes, curves: Sequence[Curve], *, baseline: tuple[str, float]) -> None:
    """From where the lowest arm has most of what it will have: what comes before would flatten all the rest."""
    lows: list[float] = []
    for colour, arm in zip(_COLOURS, dict.fromkeys(curve.arm for curve in curves), strict=False):
        own = [curve for curve in curves if curve.arm == arm]
        means = np.array([curve.means for curve in own])
        axes.plot(own[0].steps, means.mean(0), color=colour, label=arm, marker="o", markersize=3)
        axes.fill_between(own[0].steps, means.min(0), means.max(0), color=colour, alpha=0.15, linewidth=0)
        lows.append(means.mean(0)[len(own[0].steps) // 3])
    name, psnr = baseline
    axes.axhline(psnr, color=FAINT, linestyle="--", linewidth=1, label=name)
    top = max(max(curve.means) for curve in curves)
    low = min(*lows, psnr, top)
    axes.set_ylim(low - 0.05 * (top - low) - 0.02, top + 0.05 * (top - low) + 0.02)


def _draw_findings(axes, findings: Sequence[Finding]) -> None:
    for place, each in enumerate(reversed(findings)):
        colour = _SAYS.get(each.says, FAINT)
        axes.plot((each.low, each.high), (place, place), color=colour, linewidth=2)
        axes.plot(each.mean, place, "o", color=colour)
        axes.annotate(
            f"{each.contrast.says}\n{each.mean:+.2f} dB: {each.says}",
            (0.02, place + 0.12),
            xycoords=("axes fraction", "data"),
            fontsize=8,
            color=INK,
            va="bottom",
        )
    axes.axvline(0, color=INK, linewidth=1)
    axes.locator_params(axis="x", nbins=6)
    axes.set(yticks=[], ylim=(-0.5, len(findings) - 0.1), xlabel="difference in dB, 95 % interval; right of 0 agrees")
