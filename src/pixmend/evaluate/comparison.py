"""Several models on one benchmark: the same pictures side by side, and each model beside its published score."""

import hashlib
import json
from dataclasses import asdict, dataclass

from pixmend.evaluate.journal import finite
from pixmend.evaluate.protocol import Score
from pixmend.evaluate.published import Published
from pixmend.evaluate.report import MEASURES, Report
from pixmend.evaluate.statistics import Difference, difference

_LONGEST = 100
"""Letters of the names of models in the name of a file."""
_DIGITS = {"psnr": 2, "ssim": 4, "psnr_b": 2, "mae": 4}
TITLES = {"psnr": "PSNR", "ssim": "SSIM", "psnr_b": "PSNR-B", "mae": "MAE"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Reports of one benchmark, task and protocol. The first is the one the others are compared against."""

    reports: tuple[Report, ...]
    published: tuple[Published | None, ...]
    """Of each report."""
    tolerance: float
    """In dB, within which a score counts as the published one."""

    @property
    def first(self) -> Report:
        """The one the others are compared against; by itself what needs no network, and so no padding."""
        return self.reports[0]

    @property
    def measures(self) -> tuple[str, ...]:
        """What the protocol measures, PSNR first."""
        return tuple(name for name in MEASURES if getattr(self.first.mean, name) is not None)

    @property
    def stem(self) -> str:
        """What its files are called, so that no comparison replaces another's."""
        models = "_".join(report.model for report in reversed(self.reports))
        if len(models) > _LONGEST:  # file systems take 255 bytes
            models = f"{models[:_LONGEST]}_{hashlib.sha256(models.encode()).hexdigest()[:8]}"
        last = self.reports[-1]
        padding = [] if last.conditions.padding == "needed" else [last.conditions.padding]
        return "_".join((models, last.benchmark, last.task, last.protocol.name, *padding))

    def gain(self, report: Report) -> Difference | None:
        """Of a report over the first in PSNR; None for the first itself."""
        if report is self.first:
            return None
        ours, theirs = ([record.score.psnr for record in each.records] for each in (report, self.first))
        return difference(ours, theirs)

    def to_json(self) -> str:
        """All of it; an infinite PSNR becomes the string ``inf``, as JSON has no number for it."""
        first = self.first
        content = {
            "benchmark": first.benchmark,
            "layout": first.layout,
            "digest": first.conditions.benchmark,
            "files": dict(first.files),
            "pictures": len(first.records),
            "problems": first.problems,
            "made_here": first.made_here,
            "task": first.task,
            "scale": first.scale,
            "protocol": {**asdict(first.protocol), "description": first.protocol.describe()},
            "padding": first.conditions.padding,
            "tolerance": self.tolerance,
            "versions": dict(first.versions),
            "models": [self._model(index) for index in range(len(self.reports))],
        }
        return json.dumps(finite(content), indent=2, allow_nan=False)

    def _model(self, index: int) -> dict[str, object]:
        report, published = self.reports[index], self.published[index]
        won = self.gain(report)
        return {
            "name": report.model,
            "sha256": report.conditions.model,
            "mean": asdict(report.mean),
            "groups": {name: asdict(score) for name, score in report.groups.items()},
            "interval": asdict(report.interval) if report.interval else None,
            "seconds": report.mean_seconds,
            "against": self.first.model if won else None,
            "gain": asdict(won) if won else None,
            "published": {**asdict(published), "verdict": published.verdict(report, self.tolerance)}
            if published
            else None,
            "records": [asdict(record) for record in report.records],
        }

    def to_markdown(self) -> str:
        """A table per picture, the means, how sure they are, the published scores, the conditions."""
        names = [report.model for report in self.reports]
        columns = [f"{name} {TITLES[measure]}" for name in names for measure in self.measures]
        columns += [f"{name} gain" for name in names[1:]]
        lines = [f"# {' and '.join(names)} on {self.first.benchmark}, {self.first.task}", ""]
        lines += [f"| picture | {' | '.join(columns)} |", "|---|" + "--:|" * len(columns)]
        for index, record in enumerate(self.first.records):
            lines.append(self._row(record.name, [report.records[index].score for report in self.reports]))
        lines += [self._row("**mean**", [report.mean for report in self.reports]), ""]
        lines += [f"- {line}" for line in self.sentences()]
        versions = ", ".join(f"{name} {version}" for name, version in self.first.versions.items())
        lines += [f"- {line}" for line in (*self.reports[-1].describe().splitlines(), versions)]
        return "\n".join(lines) + "\n"

    def _row(self, name: str, scores: list[Score]) -> str:
        cells = [cell for score in scores for cell in self.cells(score)]
        return f"| {name} | {' | '.join([*cells, *(gain(score, scores[0]) for score in scores[1:])])} |"

    def cells(self, score: Score) -> list[str]:
        """A score's measures as papers print them."""
        return [shown(measure, getattr(score, measure)) for measure in self.measures]

    def sentences(self) -> list[str]:
        """What the numbers say: how sure each mean is, what each model gains, how far it is from what was published."""
        lines = []
        for report, published in zip(self.reports, self.published, strict=True):
            lines += [
                f"{report.model}, {name}: {' / '.join(self.cells(score))}" for name, score in report.groups.items()
            ]
            if (sure := report.interval) is not None:
                lines.append(
                    f"{report.model}: {report.mean.psnr:.2f} dB; with other such pictures, {sure.low:.2f} to "
                    f"{sure.high:.2f} (95 % of bootstrap draws)"
                )
            if (won := self.gain(report)) is not None:
                between = f" ({won.interval.low:+.2f} to {won.interval.high:+.2f})" if won.interval else ""
                lines.append(
                    f"{report.model} against {self.first.model}: {won.mean:+.2f} dB{between}, better on "
                    f"{won.wins} of {won.pictures} pictures, sign-flip p = {won.p:.2g}"
                )
            if published is not None:
                lines.append(f"{report.model} as published: {published.sentence(report, self.tolerance)}")
        return lines


def gain(score: Score, first: Score) -> str:
    """PSNR won over another model in dB; nothing where both are perfect."""
    return f"{0.0 if score.psnr == first.psnr else score.psnr - first.psnr:+.2f}"


def shown(measure: str, value: float | None) -> str:
    """A value with the digits papers print."""
    return "" if value is None else f"{value:.{_DIGITS[measure]}f}"
