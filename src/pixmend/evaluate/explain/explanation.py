"""What ``explain`` answers: numbers, mistakes, and whether the expected number is among them."""

import dataclasses
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pixmend.evaluate.explain.answers import Answer
from pixmend.evaluate.explain.choices import Choice
from pixmend.evaluate.explain.low import Low
from pixmend.evaluate.explain.similarity import Likeness
from pixmend.evaluate.journal import finite


@dataclass(frozen=True, kw_only=True, slots=True)
class ProtocolScore:
    """Means over the pictures under protocols that score alike."""

    names: tuple[str, ...]
    psnr: float
    """In dB."""
    ssim: float | None
    description: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """The PSNR in dB by one choice."""

    choice: Choice
    psnr: float
    differences: tuple[str, ...]
    """In what the choice differs from the protocol; of ``undone`` and ``spoiled``, the mistake as well."""
    names: tuple[str, ...] = ()
    """The protocols that score so."""
    oddness: float
    """As of a match."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Similar:
    """The SSIM by one choice."""

    likeness: Likeness
    ssim: float
    differences: tuple[str, ...]
    names: tuple[str, ...] = ()
    oddness: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A mistake in the pictures."""

    subject: str
    """``RESTORED``, or its pictures that the mistake is in."""
    mistake: str
    """To be read after the subject."""
    pictures: tuple[str, ...]
    """Those it is in."""
    evidence: str
    before: float | None
    """Mean PSNR in dB over all pictures as they are, the mistakes found before it being undone."""
    after: float | None
    """The same once it is undone; None where that cannot be known."""
    estimated: bool
    advice: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureScore:
    """Of one picture, under the protocol."""

    name: str
    psnr: float
    """In dB."""
    ssim: float
    found: tuple[str, ...]
    """Its mistakes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Why two pictures, or two folders, score what they score."""

    restored: str
    true: str
    pictures: tuple[str, ...]
    scale: int | None
    protocol: str
    description: str
    """Of the protocol."""
    psnr: float
    """In dB under the protocol, the mean over the pictures."""
    ssim: float
    each: tuple[PictureScore, ...]
    protocols: tuple[ProtocolScore, ...]
    numbers: tuple[Number, ...]
    """The protocol's own first."""
    similar: tuple[Similar, ...]
    findings: tuple[Finding, ...]
    undone: tuple[Number, ...]
    """By every choice, once the findings are undone one after the other."""
    spoiled: tuple[Number, ...]
    """By the protocol, had a mistake been made in addition; only where nothing else gives the expected PSNR."""
    low: Low | None
    answers: tuple[Answer, ...]
    notes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """One paragraph for people."""
        count = len(self.pictures)
        over = f" over {count} pictures" if count > 1 else ""
        if math.isinf(self.psnr):
            return (
                f"RESTORED and TRUE are the same under {self.protocol}{over}: there is no error to explain. "
                "Look whether TRUE was copied, or compared with itself."
            )
        told = [f"Under {self.protocol} RESTORED scores {self.psnr:.2f} dB and SSIM {self.ssim:.4f}{over}."]
        told += [answer.describe(self.protocol) for answer in self.answers]
        told += [_sentence(finding) for finding in self.findings]
        if not self.findings:
            told.append("None of the known mistakes is in RESTORED.")
        if self.low:
            told.append(self.low.describe())
        return " ".join(told)

    @property
    def worst(self) -> tuple[PictureScore, ...]:
        """Every picture, the lowest PSNR first."""
        return tuple(sorted(self.each, key=lambda picture: picture.psnr))

    @property
    def telling(self) -> tuple[Number, ...]:
        """The numbers that differ from the protocol's in one thing, the furthest off first."""
        single = [number for number in self.numbers if len(number.differences) == 1]
        return tuple(sorted(single, key=lambda number: -abs(number.psnr - self.psnr)))

    def to_json(self) -> str:
        """Everything; a number that is not finite becomes a string, as JSON has none."""
        content: dict[str, Any] = {"verdict": self.verdict} | dataclasses.asdict(self)
        if self.low is not None:
            content["low"]["is_matlab"] = self.low.is_matlab
        for part, numbers in (("numbers", self.numbers), ("undone", self.undone), ("spoiled", self.spoiled)):
            for entry, number in zip(content[part], numbers, strict=True):
                entry["description"] = number.choice.describe()
        for entry, similar in zip(content["similar"], self.similar, strict=True):
            entry["description"] = similar.likeness.describe()
        return json.dumps(finite(content), indent=2, allow_nan=False)

    def to_markdown(self) -> str:
        """The verdict and the tables."""
        parts = [f"# {self.restored} against {self.true}", self.verdict, f"{self.protocol}: {self.description}"]
        rows = [(", ".join(row.names), decibel(row.psnr), fraction(row.ssim)) for row in self.protocols]
        parts.append(_table(("protocol", "PSNR", "SSIM"), rows))
        if self.findings:
            rows = [
                (f"{one.subject} {one.mistake}", one.evidence, decibel(one.before), decibel(one.after), one.advice)
                for one in self.findings
            ]
            parts.append(_table(("mistake", "evidence", "dB", "dB undone", "what to do"), rows))
        if len(self.each) > 1:
            rows = [(one.name, decibel(one.psnr), fraction(one.ssim), ", ".join(one.found)) for one in self.worst]
            parts.append(_table(("picture", "PSNR", "SSIM", "found"), rows))
        for answer in self.answers:
            rows = [(match.describe(self.protocol), f"{match.value:.4f}") for match in answer.matches]
            if rows:
                parts.append(_table((f"{answer.measure} {answer.expected:g} is", "value"), rows))
        rows = [(one.choice.describe(), decibel(one.psnr), f"{one.psnr - self.psnr:+.2f}") for one in self.numbers]
        parts.append(_table(("scored on", "PSNR", "difference"), rows))
        rows = [(similar.likeness.describe(), fraction(similar.ssim)) for similar in self.similar]
        parts.append(_table(("scored by", "SSIM"), rows))
        parts += [f"Note: {note}." for note in self.notes]
        return "\n\n".join(parts) + "\n"


def decibel(value: float | None) -> str:
    """With two decimals, or a dash."""
    return "-" if value is None else f"{value:.2f}"


def fraction(value: float | None) -> str:
    """With four decimals, or a dash."""
    return "-" if value is None else f"{value:.4f}"


def _sentence(finding: Finding) -> str:
    told = f"{finding.subject} {finding.mistake}"
    if finding.before is not None and finding.after is not None:
        about = "about " if finding.estimated else ""
        told += f": undone, {finding.before:.2f} dB would be {about}{finding.after:.2f} dB"
    return f"{told}; {finding.advice}."


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) + ("--:",) * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
