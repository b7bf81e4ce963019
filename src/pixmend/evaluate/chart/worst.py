"""Which pictures a model does worst on, restored again to be looked at."""

from collections.abc import Sequence

from torch import Tensor

from pixmend.evaluate.chart.cases import Case, case
from pixmend.evaluate.comparison import Comparison
from pixmend.evaluate.runner import Measurement

_CASES = 3


def worst_cases(comparison: Comparison, measurements: Sequence[Measurement]) -> list[Case]:
    """The three pictures on which the last model gains least over the first, or alone scores lowest.

    ``measurements`` are those of the reports; each restores the three pictures once more.
    """
    first, last = ([record.score.psnr for record in comparison.reports[index].records] for index in (0, -1))
    names = [record.name for record in comparison.first.records]
    alone = len(comparison.reports) == 1
    keys = last if alone else [after - before for before, after in zip(first, last, strict=True)]
    picked = sorted((index for index, key in enumerate(keys) if key == key), key=lambda index: keys[index])[:_CASES]
    models = [report.model for report in comparison.reports]
    whose = f" of {models[-1]}" if len(models) > 2 else ""
    why = "lowest score" if alone else f"least gain{whose} over {models[0]}"
    results: dict[str, list[Tensor]] = {}
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    for measurement in measurements:
        for name, low, restored, high in measurement.restored({names[index] for index in picked}):
            results.setdefault(name, []).append(restored)
            seen[name] = (low, high)
    return [
        case(
            f"{why}: {names[index]}",
            seen[names[index]][0],
            results[names[index]],
            seen[names[index]][1],
            psnr=[report.records[index].score.psnr for report in comparison.reports],
        )
        for index in picked
    ]
