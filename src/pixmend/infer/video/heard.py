"""What is to be told of many frames: their reports, summed up, as a journal keeps them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pixmend.infer.guard import Report


@dataclass(kw_only=True, slots=True)
class Heard:
    """Sums over frames."""

    frames: int = 0
    """That were computed."""
    reused: int = 0
    """That were not, being the one before."""
    unchanged: int = 0
    """That came out as they went in."""
    tiles: int = 0
    again: Counter[Any] = field(default_factory=Counter)
    beyond: int = 0
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def of_report(cls, report: Report) -> "Heard":
        """Of one frame that was computed."""
        heard = cls(frames=1, unchanged=int(report.unchanged is not None), tiles=report.tiles, again=report.again)
        if report.beyond:
            heard.beyond, heard.low, heard.high = report.beyond, report.low, report.high
        return heard

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, lines: Iterable[Mapping[str, Any]]) -> "Heard":
        """All that the lines of a journal tell."""
        total = cls()
        for line in lines:
            total.add(cls(**{**line["heard"], "again": Counter(line["heard"]["again"])}))
        return total

    def add(self, other: "Heard") -> None:
        for name in ("frames", "reused", "unchanged", "tiles", "again", "beyond"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    def warnings(self, *, precision: str) -> tuple[str, ...]:
        """What a person must hear of it, a line each."""
        report = Report(tiles=self.tiles, again=self.again, precision=precision, beyond=self.beyond)
        report.low, report.high = self.low, self.high
        if 2 * self.unchanged <= self.frames:
            return report.warnings
        told = f"{self.unchanged} of {self.frames} frames came out as they went in: are these the weights and the task?"
        return (*report.warnings, told)
