"""What a study leaves: everything as JSON, and a page for people."""

import json
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

import pixmend
from pixmend import files
from pixmend.config import to_plain
from pixmend.evaluate import Benchmark, baseline_name, baseline_named, measure, protocol_of
from pixmend.evaluate.report import versions_on
from pixmend.studies.design import Study
from pixmend.studies.figure import draw
from pixmend.studies.plan import Plan
from pixmend.studies.runner import Curve, Trial, final
from pixmend.studies.verdict import Finding, judge, overall

JSON, PAGE, FIGURE = "study.json", "study.md", "study.png"
CAVEAT = "This is a small form of the paper's experiment and not the experiment itself: it says what happened here."


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """A finished study."""

    study: Study
    plan: Plan
    curves: tuple[Curve, ...]
    findings: tuple[Finding, ...]
    baseline: str
    """What the arms have to beat: ``bicubic``, or the ``input`` itself."""
    baseline_psnr: float
    conditions: Mapping[str, object]

    @property
    def verdict(self) -> str:
        """In a sentence, with what it is worth."""
        return f"{overall(self.findings)[0].upper()}{overall(self.findings)[1:]}. {CAVEAT}"

    def arms(self) -> list[tuple[str, float, float, float]]:
        """Name, mean final PSNR, and that of the worst and the best seed."""
        means = {arm: scores.mean(1) for arm, scores in final(self.curves).items()}
        return [(arm, float(each.mean()), float(each.min()), float(each.max())) for arm, each in means.items()]

    def to_json(self, *, runs: Mapping[str, list[dict[str, object]]]) -> str:
        """All of it; ``runs`` are those of each arm."""
        study = {name: getattr(self.study, name) for name in ("name", "claim", "source", "small", "task")}
        content = {
            **study,
            "verdict": self.verdict,
            "findings": [asdict(finding) for finding in self.findings],
            "arms": {
                name: {"psnr": mean, "worst_seed": low, "best_seed": high, "runs": runs[name]}
                for name, mean, low, high in self.arms()
            },
            "baseline": {"name": self.baseline, "psnr": self.baseline_psnr},
            "plan": asdict(self.plan),
            **self.conditions,
            "curves": [asdict(curve) for curve in self.curves],
        }
        return json.dumps(content, indent=2) + "\n"

    def to_markdown(self) -> str:
        """The claim, what was run, the scores, what they say."""
        plan = {arm.name: arm for arm in self.plan.arms}
        lines = [f"# Study: {self.study.name}", "", f"**Claim.** {self.study.claim}. ({self.study.source}.)", ""]
        lines += [f"**Verdict.** {self.verdict}", "", f"![Scores along the runs, and differences]({FIGURE})", ""]
        lines += [f"**Small form.** {self.study.small[0].upper()}{self.study.small[1:]}.", ""]
        lines += ["| arm | PSNR in dB | seeds | parameters | pictures | steps |", "|---|--:|--:|--:|--:|--:|"]
        lines += [
            f"| {name} | {mean:.2f} | {low:.2f} to {high:.2f} | {plan[name].parameters:,} | {plan[name].pictures} | "
            f"{' + '.join(map(str, plan[name].steps))} |"
            for name, mean, low, high in self.arms()
        ]
        lines += [f"| {self.baseline} | {self.baseline_psnr:.2f} | | | | |", ""]
        lines += ["| the claim says | difference in dB | 95 % interval | this study |", "|---|--:|--:|---|"]
        lines += [
            f"| {each.contrast.says} | {each.mean:+.3f} | {each.low:+.3f} to {each.high:+.3f} | {each.says} |"
            for each in self.findings
        ]
        lines += ["", *(f"- {line}" for line in self._conditions())]
        return "\n".join(lines) + "\n"

    def _conditions(self) -> list[str]:
        shown = self.conditions
        pictures = sum(len(names) for names in shown["pictures"].values())  # pyright: ignore[reportAttributeAccessIssue]
        return [
            f"{self.study.task} by {shown['protocol']} on {pictures} pictures, {self.plan.seeds} seeds",
            "intervals count seeds and pictures as drawn from many, and stand each for itself",
            f"planned for {self.plan.budget / 60:.3g} minutes; machine: {shown['machine']}; versions: "
            + ", ".join(f"{name} {version}" for name, version in shown["versions"].items()),  # pyright: ignore[reportAttributeAccessIssue]
        ]


def conclude(
    study: Study,
    plan: Plan,
    curves: Sequence[Curve],
    benchmarks: Sequence[Benchmark],
    *,
    trials: Sequence[Trial],
    out: Path,
) -> Results:
    """Judge, and write study.json, study.md and study.png.

    Raises:
        PixmendError: the folder cannot be written.
    """
    task, protocol = benchmarks[0].task, protocol_of(benchmarks[0].task.kind)
    baseline = baseline_name(task)
    reports = [measure(baseline_named(baseline, task), each, protocol=protocol) for each in benchmarks]
    psnr = [record.score.psnr for report in reports for record in report.records]
    results = Results(
        study=study,
        plan=plan,
        curves=tuple(curves),
        findings=judge(study, final(curves), baseline=sum(psnr) / len(psnr)),
        baseline=baseline,
        baseline_psnr=sum(psnr) / len(psnr),
        conditions={
            "protocol": protocol.name,
            "pictures": {report.benchmark: [record.name for record in report.records] for report in reports},
            "machine": _machine(),
            "versions": versions_on(torch.device("cpu"), aligned=False),
            "commit": _commit(),
        },
    )
    runs: dict[str, list[dict[str, object]]] = {}
    for trial in trials:
        if trial.seed == 0:
            runs.setdefault(trial.arm, []).append(to_plain(trial.run))
    files.replace(out / JSON, results.to_json(runs=runs))
    files.replace(out / PAGE, results.to_markdown())
    files.replace(out / FIGURE, draw(study, curves, results.findings, baseline=(baseline, results.baseline_psnr)))
    return results


def _machine() -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} threads"
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if (info.exists())
        else []
    )
    return f"{names[0] if names else platform.processor() or platform.machine()}, {device}"


def _commit() -> str | None:
    """Of the checkout this package runs from, if it does."""
    git, package = shutil.which("git"), Path(pixmend.__file__).parent
    if git is None:
        return None

    def ask(*words: str) -> str | None:
        answer = subprocess.run((git, "-C", str(package), *words), capture_output=True, text=True, check=False)
        return answer.stdout.strip() if answer.returncode == 0 else None

    return ask("describe", "--always", "--dirty") if ask("ls-files", "--error-unmatch", "__init__.py") else None
