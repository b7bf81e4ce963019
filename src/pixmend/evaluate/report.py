"""What a measurement of one model leaves: a record per picture, means derived from them, and the conditions."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version

import numpy as np
import torch

from pixmend.evaluate.alignment import opencv
from pixmend.evaluate.padding import Padding
from pixmend.evaluate.protocol import Protocol, Score
from pixmend.evaluate.statistics import Interval, interval

MEASURES = ("psnr", "ssim", "psnr_b", "mae")


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One picture."""

    name: str
    height: int
    width: int
    """Sides of the true picture, as scored before the border is left out."""
    score: Score
    seconds: float
    """Time of the model alone, from the degraded picture to the restored one in memory."""
    group: str | None = None
    """``indoor`` or ``outdoor``, where a benchmark is scored by parts too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """All that decides the scores of a run: two runs of the same conditions give the same records."""

    model: str
    """SHA-256 of the network's weights and class."""
    benchmark: str
    """Digest of its files."""
    task: str
    protocol: Protocol
    padding: Padding
    versions: Mapping[str, str]

    def fingerprint(self) -> str:
        """SHA-256 of all of it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Report:
    """Scores of one model on one benchmark for one task under one protocol."""

    model: str
    benchmark: str
    layout: str
    problems: tuple[str, ...]
    """What keeps the scores from comparing with published ones, such as missing pictures."""
    made_here: bool
    """Whether low-resolution pictures were made here, by MATLAB's bicubic, instead of read from files."""
    files: Mapping[str, str]
    """SHA-256 of every file of the benchmark by its name."""
    conditions: Conditions
    scale: int
    records: tuple[Record, ...]

    @property
    def task(self) -> str:
        return self.conditions.task

    @property
    def versions(self) -> Mapping[str, str]:
        return self.conditions.versions

    @property
    def protocol(self) -> Protocol:
        return self.conditions.protocol

    @cached_property
    def mean(self) -> Score:
        """Mean over the pictures; PSNR is averaged in dB, as every published table does."""
        return mean_of([record.score for record in self.records])

    @property
    def groups(self) -> dict[str, Score]:
        """The means of the parts the benchmark has, if any."""
        names = sorted({record.group for record in self.records if record.group})
        return {name: mean_of([record.score for record in self.records if record.group == name]) for name in names}

    @cached_property
    def interval(self) -> Interval | None:
        """Of the mean PSNR."""
        return interval([record.score.psnr for record in self.records])

    @property
    def mean_seconds(self) -> float:
        """Mean time per picture."""
        return sum(record.seconds for record in self.records) / len(self.records)

    def describe(self) -> str:
        """The conditions, in lines for people."""
        protocol = self.protocol
        lines = [
            f"{self.benchmark}, {self.task}, {len(self.records)} pictures, layout {self.layout}",
            f"protocol {protocol.name} v{protocol.version}: {protocol.describe()}; padding {self.conditions.padding}",
            f"source: {protocol.source}",
            *(["note: low resolution made here: MATLAB's bicubic, 8 bit"] if self.made_here else []),
            *(f"note: {problem}" for problem in self.problems),
        ]
        return "\n".join(lines)


def mean_of(scores: list[Score]) -> Score:
    """The mean of each measure; None where the protocol has none."""
    means: dict[str, float | None] = {}
    for measure in MEASURES:
        values = [value for score in scores if (value := getattr(score, measure)) is not None]
        means[measure] = sum(values) / len(values) if values else None
    assert means["psnr"] is not None, "every protocol measures PSNR"
    return Score(psnr=means["psnr"], ssim=means["ssim"], psnr_b=means["psnr_b"], mae=means["mae"])


def versions_on(device: torch.device, *, aligned: bool) -> dict[str, str]:
    """What computed the scores; OpenCV only where it takes part, whose version 5 aligns otherwise than 4."""
    return {
        **({"opencv": opencv().__version__} if aligned else {}),
        "pixmend": version("pixmend"),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "device": str(device) if device.type != "cuda" else torch.cuda.get_device_name(device),
    }
