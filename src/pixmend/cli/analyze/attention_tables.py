"""What ``pixmend analyze attention`` prints: tables, and plain values for JSON and arrays."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pixmend.cli.console import plain, rows_table

if TYPE_CHECKING:
    from numpy import ndarray

    from pixmend.analyze.attention import AttentionMap, Reach


def padded(rows: Sequence[Sequence[float]]) -> "ndarray":
    """(attentions, most heads), nan where one has fewer."""
    import numpy as np

    heads = max(map(len, rows))
    return np.array([[*row, *[math.nan] * (heads - len(row))] for row in rows])


def plain_reach(reach: "Reach") -> dict[str, Any]:
    return {
        "name": reach.name,
        "stage": reach.stage,
        "looks at": reach.kind,
        "shifted": reach.shifted,
        "pixels per token": reach.step,
        "distance": list(reach.distance),
        "uniform": reach.uniform,
        "entropy": list(reach.entropy),
        "even entropy": reach.most,
        "beyond the border": list(reach.beyond),
    }


def print_distances(found: "dict[str, list[Reach]]") -> None:
    """A line for each kind of attention in each stage."""
    beyond = any(max(reach.beyond) > 0 for reaches in found.values() for reach in reaches)
    headings = ("network", "stage", "looks at", "heads", "mean px", "even px", "most local", "most global", "entropy")
    table = rows_table(*headings, *(["beyond"] if beyond else []), numbers=7 if beyond else 6)
    for name, reaches in found.items():
        groups: dict[tuple[str, str], list[Reach]] = {}
        for reach in reaches:
            groups.setdefault((reach.stage, reach.kind), []).append(reach)
        for (stage, kind), group in groups.items():
            far = [each for reach in group for each in reach.distance]
            shares = [each / reach.uniform for reach in group for each in reach.distance]
            entropy = _mean([each for reach in group for each in reach.evenness])
            out = [_percent(_mean([each for reach in group for each in reach.beyond]))] if beyond else []
            pixels = (_pixels(_mean(far)), _pixels(_mean([reach.uniform for reach in group])))
            cells = (*pixels, _percent(min(shares)), _percent(max(shares)), _percent(entropy), *out)
            table.add_row(name, stage, kind, str(len(far)), *cells)
    plain().print(table)
    plain().print(
        "Mean distance in input pixels, over all queries, and that of even weights; the most local and the most global "
        "head and the entropy in % of even weights."
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _pixels(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def plain_map(each: "AttentionMap", begins: tuple[int, int]) -> dict[str, Any]:
    """``begins`` is the row and column of the picture at which the part that was asked begins."""
    values: dict[str, Any] = {"name": each.name, "looks at": each.kind, "heads": each.weights.shape[0]}
    if each.looking:
        row, column = each.looking.query
        values["query"] = [row + begins[0], column + begins[1]]
        values["distance"] = list(each.looking.distance)
        values["beyond the border"] = list(each.looking.beyond)
    return values


def print_maps(maps: "Sequence[AttentionMap]") -> None:
    table = rows_table("attention", "looks at", "head", "mean px", "largest weight", numbers=3)
    for each in maps:
        for head, weights in enumerate(each.weights):
            distance = each.looking.distance[head] if each.looking else math.nan
            table.add_row(each.name, each.kind, str(head), _pixels(distance), f"{100 * float(weights.max()):.1f} %")
    plain().print(table)
