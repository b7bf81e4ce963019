"""What a check found, for programs, for files and for people."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
"""Training would go wrong or mean nothing; it would go worse; good to know."""

_LISTED = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One instance of a finding."""

    files: tuple[str, ...]
    """As named from where the check was started; a bundled benchmark picture is ``Set5/baby``, which is no file."""
    evidence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Everything of one kind."""

    kind: str
    """A word for programs: ``unreadable``, ``leak``, ``misaligned``, ..."""
    severity: Severity
    title: str
    advice: str
    cases: tuple[Case, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckReport:
    """What was checked and found; findings in order of severity."""

    folder: str
    low: str | None
    against: tuple[str, ...]
    scale: int | None
    """Of the pairs: as given, else that of most of them."""
    patch: int | None
    pictures: int
    checked: int
    """Fewer than ``pictures`` where the check was interrupted: there may be more to find."""
    megapixels: float
    seconds: float
    findings: tuple[Finding, ...]

    @property
    def complete(self) -> bool:
        """Whether every picture was looked at."""
        return self.checked == self.pictures

    @property
    def errors(self) -> int:
        """How many cases are errors."""
        return sum(len(finding.cases) for finding in self.findings if finding.severity == "error")

    def find(self, kind: str) -> tuple[Case, ...]:
        """The cases of one kind, none if there was no such finding."""
        return next((finding.cases for finding in self.findings if finding.kind == kind), ())

    def describe(self) -> str:
        """What was checked, in one line."""
        pairs = "" if self.low is None else f" with {self.low}, scale {self.scale or 'unknown'}"
        done = (
            f"{self.pictures} pictures" if self.complete else f"{self.checked} of {self.pictures} pictures, interrupted"
        )
        rate = self.checked / self.seconds if self.seconds > 0 else 0
        cost = f"{self.megapixels:.0f} megapixels, {self.seconds:.0f} s ({rate:.0f} a second)"
        return f"{self.folder}{pairs}: {done}, {cost}"

    def verdict(self) -> str:
        """One line: how bad it is."""
        counts = {
            severity: sum(len(finding.cases) for finding in self.findings if finding.severity == severity)
            for severity in ("error", "warning", "note")
        }
        if not any(counts.values()):
            return "nothing found"
        return ", ".join(
            f"{number} {severity}{'' if number == 1 else 's'}" for severity, number in counts.items() if number
        )

    def to_json(self) -> str:
        """Everything, with ``complete`` and ``errors``."""
        return json.dumps({**asdict(self), "complete": self.complete, "errors": self.errors}, indent=2)

    def to_markdown(self) -> str:
        """A table of findings, then each with what to do and its first cases."""
        lines = ["# Check of training pictures", "", self.describe(), "", f"**{self.verdict()}**", ""]
        if self.findings:
            lines += ["| severity | finding | cases |", "|---|---|--:|"]
            lines += [f"| {found.severity} | {found.title} | {len(found.cases)} |" for found in self.findings]
        for found in self.findings:
            lines += ["", f"## {found.title} ({found.severity}, {len(found.cases)})", "", found.advice, ""]
            lines += [f"- {_code(case.files)}: {case.evidence}" for case in found.cases[:_LISTED]]
            if len(found.cases) > _LISTED:
                lines.append(f"- and {len(found.cases) - _LISTED} more, all of them in check.json")
        return "\n".join([*lines, ""])


def _code(files: Iterable[str]) -> str:
    return ", ".join(f"`{name.replace('`', '?')}`" for name in files)
