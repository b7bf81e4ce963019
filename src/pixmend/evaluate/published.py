"""What was published for a model on a benchmark, and whether a score here is the published one."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pixmend.evaluate.baseline import BASELINES
from pixmend.evaluate.benchmarks import same_set
from pixmend.evaluate.report import Report
from pixmend.weights.catalog import find

Verdict = Literal["reached", "missed", "not comparable"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """One cell of a paper's table."""

    psnr: float
    ssim: float | None
    source: str
    padding: str = "needed"
    """The paper's own, as the options of the run are called."""
    note: str | None = None

    def verdict(self, report: Report, tolerance: float) -> Verdict:
        """Whether the mean is within ``tolerance`` dB; not comparable on other pictures than the paper's."""
        if report.problems:
            return "not comparable"
        return "reached" if abs(self.difference(report)) <= tolerance else "missed"

    def difference(self, report: Report) -> float:
        """Ours less the published one, in dB, of the mean rounded as papers round."""
        return round(round(report.mean.psnr, 2) - self.psnr, 2)

    def sentence(self, report: Report, tolerance: float) -> str:
        """Both values, the verdict, and what may explain a difference."""
        ssim = f" / {self.ssim:.4f}" if self.ssim is not None else ""
        here = f"{self.difference(report):+.2f} dB here, {self.verdict(report, tolerance)}"
        why = [f"within {tolerance:g} dB" if self.verdict(report, tolerance) == "reached" else ""]
        why += report.problems
        if self.padding != report.conditions.padding:
            why.append(f"the paper pads: --padding {self.padding}")
        why += [self.note] if self.note else []
        said = "; ".join(part for part in why if part)
        return f"{self.psnr:.2f}{ssim} ({self.source}); {here}" + (f" ({said})" if said else "")


def published(name: str, report: Report) -> Published | None:
    """Of a baseline or a released file of this name, on the report's benchmark under its protocol; None if nothing is.

    Names and official file names are the catalog's; a value of a network of several tasks counts only where the
    source says which task it is of.
    """
    return next(_rows(name, report), None)


def _rows(name: str, report: Report) -> Iterator[Published]:
    if name in BASELINES:
        table = _baselines().get(report.protocol.name, {}).get(name, {})
        for on, (psnr, ssim) in table.get(report.task, {}).items():
            if same_set(on, report.benchmark):
                yield Published(psnr=psnr, ssim=ssim, source=table["source"], note=table["note"])
        return
    released = find(name)
    for score in released.scores if released else ():
        task = score.task or (released.tasks[0] if released and len(released.tasks) == 1 else None)
        if score.named == report.protocol.name and task == report.task and same_set(score.on, report.benchmark):
            yield Published(psnr=score.psnr, ssim=score.ssim, source=score.source, padding=score.padding)


@cache
def _baselines() -> dict[str, Any]:
    return tomllib.loads(files("pixmend.evaluate").joinpath("published.toml").read_text(encoding="utf-8"))
