"""Before against after on the pictures held out, by the task's protocol: a verdict with its uncertainty."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from torch import Tensor

from pixmend import files
from pixmend.evaluate import (
    Benchmark,
    Comparison,
    Measurement,
    baseline_name,
    baseline_named,
    protocol_of,
    select,
)
from pixmend.evaluate.statistics import Difference
from pixmend.infer.device import find_device
from pixmend.models import Network
from pixmend.train.finetune.origin import Origin

if TYPE_CHECKING:
    from pixmend.evaluate.chart.cases import Case

TABLE, SHEET = "before_after.json", "before_after.png"
AFTER = "fine-tuned"
_SURE = 0.05

Verdict = Literal["better", "worse", "not told apart"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a fine-tuning has brought."""

    comparison: Comparison
    """Before and after."""
    out: Path

    @property
    def sheet(self) -> Path:
        """A picture of both."""
        return self.out / SHEET

    @property
    def gain(self) -> Difference | None:
        """In PSNR; None where a picture is perfect."""
        return self.comparison.gain(self.comparison.reports[-1])

    @property
    def verdict(self) -> Verdict:
        """Told by both, the 95 % interval of the mean gain and the test of signs, or not at all."""
        gain = self.gain
        if gain is None or gain.interval is None or gain.p > _SURE or gain.interval.low <= 0 <= gain.interval.high:
            return "not told apart"
        return "better" if gain.mean > 0 else "worse"

    def describe(self) -> str:
        """The verdict and what to do, for people, in one line."""
        before, gain = self.comparison.first.model, self.gain
        if gain is None or gain.interval is None:
            return f"not told apart: a picture is restored perfectly: keep {before}"
        numbers = (
            f"{gain.mean:+.2f} dB ({gain.interval.low:+.2f} to {gain.interval.high:+.2f}, 95 %) on pictures held out, "
            f"better on {gain.wins} of {gain.pictures}, sign-flip p = {gain.p:.2g}"
        )
        advice = {
            "better": f"use {self.out / 'weights.safetensors'}",
            "worse": f"keep {before}: this training does harm",
            "not told apart": f"keep {before}, until more pictures or steps show a gain{_few(gain.pictures)}",
        }
        return f"{self.verdict}: {numbers}: {advice[self.verdict]}"

    def to_json(self) -> str:
        """The verdict, then all that the comparison holds."""
        told = {"verdict": self.verdict, "told": self.describe()}
        return json.dumps({**told, **json.loads(self.comparison.to_json())}, indent=2)


def measurement(network: Network | None, benchmark: Benchmark, *, name: str) -> Measurement:
    """Of a network where it is fastest; without one, of what needs none: bicubic enlargement or the input."""
    task = benchmark.task
    if network is None:
        channels = protocol_of(task.kind).channels(task)
        model = baseline_named(baseline_name(task), task, channels=channels)
    else:
        model = select(network.to(find_device("auto")), task)
    protocol = protocol_of(task.kind, channels=model.in_channels)
    return Measurement(model=model, benchmark=benchmark, protocol=protocol, name=name)


def before_of(origin: Origin, benchmark: Benchmark) -> Measurement:
    """Of the weights as they are, or where they do not do the task of what needs no network."""
    if origin.does_it:
        return measurement(origin.network(), benchmark, name=origin.name)
    return measurement(None, benchmark, name=baseline_name(benchmark.task))


def draw(comparison: Comparison, before: Measurement, after: Measurement, file: Path) -> None:
    """Write a sheet of the pictures with the highest, the middle and the lowest gain, each where both differ most."""
    from PIL import Image

    from pixmend.evaluate.chart.cases import draw_cases
    from pixmend.image.ink import MARGIN, PAPER, WIDTH

    scores = list(
        zip(*([record.score.psnr for record in report.records] for report in comparison.reports), strict=True)
    )
    names = [record.name for record in comparison.first.records]
    ranked = sorted(range(len(names)), key=lambda index: scores[index][1] - scores[index][0], reverse=True)
    picked = {"lowest gain": ranked[-1], "middle gain": ranked[len(ranked) // 2], "highest gain": ranked[0]}
    shown = {names[index] for index in picked.values()}
    firsts, lasts = ({name: pictures for name, *pictures in each.restored(shown)} for each in (before, after))
    cases = []
    for why, index in reversed(picked.items()):
        low, first, high = firsts[names[index]]
        pair = (first.clamp(0, 1), lasts[names[index]][1].clamp(0, 1))
        cases.append(_case(f"{why}: {names[index]}", low, pair, high, psnr=scores[index]))
    models = [report.model for report in comparison.reports]
    rows = draw_cases(cases, models=models, width=WIDTH - 2 * MARGIN)
    sheet = Image.new("RGB", (WIDTH, rows.height + MARGIN), PAPER)
    sheet.paste(rows, (MARGIN, MARGIN))
    drawn = io.BytesIO()
    sheet.save(drawn, format="PNG")
    files.replace(file, drawn.getbuffer())


def _case(title: str, low: Tensor, pair: tuple[Tensor, Tensor], high: Tensor, *, psnr: Sequence[float]) -> "Case":
    """The place where the two pictures of the pair differ most."""
    from pixmend.evaluate.chart.cases import Case, worst_place

    place = (slice(None), *worst_place(pair[1], pair[0]))
    scale = high.shape[1] // low.shape[1]
    enlarged = low[:3].repeat_interleave(scale, 1).repeat_interleave(scale, 2).clamp(0, 1)
    restored = tuple(image[place] for image in pair)
    return Case(title=title, low=enlarged[place], restored=restored, true=high[place], psnr=tuple(psnr))


def _few(pictures: int) -> str:
    """A test of signs over fewer pictures tells nothing, however large the gains."""
    return "" if 2 ** (1 - pictures) <= _SURE else f"; {pictures} pictures can show none: 18 or more hold out 6"
