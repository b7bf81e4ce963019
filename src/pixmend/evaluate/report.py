"""What a measurement leaves: a record per picture, means derived from them, and how it was made."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from pixmend.evaluate.protocol import Protocol, Score


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One picture."""

    name: str
    height: int
    width: int
    """Sides of the true picture, as scored before the border is left out."""
    model: Score
    baseline: Score
    seconds: float
    """Time of the model alone, from the degraded picture to the restored one in memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Scores of one model on one benchmark for one task under one protocol."""

    benchmark: str
    made_here: bool
    """Whether the low-resolution pictures were made here instead of read from files."""
    task: str
    scale: int
    model: str
    baseline: str
    """``bicubic``, or ``input`` for the degraded picture itself."""
    protocol: Protocol
    records: tuple[Record, ...]
    versions: Mapping[str, str]

    @property
    def mean(self) -> Score:
        """Mean over the pictures; PSNR is averaged in dB, as every published table does."""
        return _mean([record.model for record in self.records])

    @property
    def baseline_mean(self) -> Score:
        """The same of the baseline."""
        return _mean([record.baseline for record in self.records])

    @property
    def mean_seconds(self) -> float:
        """Mean time per picture."""
        return sum(record.seconds for record in self.records) / len(self.records)

    def describe(self) -> str:
        """The conditions, in lines for people."""
        made = " (low resolution made here: MATLAB bicubic, 8 bit)" if self.made_here else ""
        return (
            f"{self.benchmark}, {self.task}, {len(self.records)} pictures{made}\n"
            f"protocol {self.protocol.name}: {self.protocol.describe()}\n"
            f"source: {self.protocol.source}"
        )

    def to_json(self) -> str:
        """The whole report; an infinite PSNR becomes the string ``inf``, as JSON has no number for it."""
        content = dataclasses.asdict(dataclasses.replace(self, versions=dict(self.versions)))
        content["protocol"]["description"] = self.protocol.describe()
        content["pictures"] = len(self.records)
        content["means"] = {
            "model": dataclasses.asdict(self.mean),
            "baseline": dataclasses.asdict(self.baseline_mean),
            "seconds": self.mean_seconds,
        }
        return json.dumps(_finite(content), indent=2, allow_nan=False)

    def to_markdown(self) -> str:
        """A table per picture, the mean, the protocol and the versions."""
        head = f"| picture | {self.baseline} PSNR | SSIM | {self.model} PSNR | SSIM | gain |"
        rows = [_row(record.name, record.baseline, record.model) for record in self.records]
        mean = _row("**mean**", self.baseline_mean, self.mean)
        table = "\n".join([head, "|---|--:|--:|--:|--:|--:|", *rows, mean])
        title = f"# {self.model} on {self.benchmark}, {self.task}"
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        conditions = "\n".join(f"- {line}" for line in (*self.describe().splitlines(), versions))
        return f"{title}\n\n{table}\n\n{conditions}\n"


def gain(model: Score, baseline: Score) -> float:
    """PSNR won in dB; nothing where both are perfect."""
    return 0.0 if model.psnr == baseline.psnr else model.psnr - baseline.psnr


def _row(name: str, baseline: Score, model: Score) -> str:
    return (
        f"| {name} | {baseline.psnr:.2f} | {baseline.ssim:.4f} | {model.psnr:.2f} | {model.ssim:.4f} "
        f"| {gain(model, baseline):+.2f} |"
    )


def _mean(scores: list[Score]) -> Score:
    count = len(scores)
    return Score(
        psnr=sum(score.psnr for score in scores) / count,
        ssim=sum(score.ssim for score in scores) / count,
    )


def _finite(value: object) -> object:
    """The same with infinities as strings."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return str(value) if isinstance(value, float) and math.isinf(value) else value
