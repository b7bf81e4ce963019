"""Whether a number somebody expects is among those that were measured, and by which way to score."""

from collections.abc import Iterable
from dataclasses import dataclass

_ROUNDING = 1e-9
_SHOWN = 12
_PLAUSIBLE = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """One way to come to the expected value."""

    value: float
    differences: tuple[str, ...]
    """From the protocol and the pictures as they are; empty for the protocol itself."""
    names: tuple[str, ...] = ()
    """The protocols that score so."""
    oddness: float
    """How unlikely it is to be meant; 1 for a named protocol or one usual difference."""

    def describe(self, protocol: str) -> str:
        """In words."""
        if not self.differences:
            return f"{protocol} itself"
        differences = ", ".join(self.differences)
        return f"{self.names[0]} ({differences})" if self.names else f"{protocol} with {differences}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Whether a number somebody expects comes out."""

    measure: str
    """``PSNR`` or ``SSIM``."""
    expected: float
    tolerance: float
    matches: tuple[Match, ...]
    """The most plausible first: the least odd, then the closest."""
    nearest: Match
    """Of what is not odd."""

    def describe(self, protocol: str) -> str:
        """In one or two sentences."""
        digits = 2 if self.measure == "PSNR" else 4
        unit = " dB" if self.measure == "PSNR" else ""
        value = f"{self.measure} {self.expected:.{digits}f}{unit}"
        if self.tolerance > 0.6 * 10**-digits:
            value = f"{self.measure} {self.expected:g}{unit} to within {self.tolerance:g}"
        if not self.matches:
            off = self.nearest.value - self.expected
            return (
                f"Nothing that was tried gives {value}: of what is usual the nearest is "
                f"{self.nearest.describe(protocol)} with {self.nearest.value:.{digits}f}{unit}, off by "
                f"{off:+.{digits}f}. Another model, other pictures, what a mistake took for good, or one that is not "
                "known here."
            )
        first = self.matches[0]
        others = len(self.matches) - 1
        more = " Another way gives it too." if others == 1 else f" {others} other ways give it too."
        return f"{value} is {first.describe(protocol)} ({first.value:.{digits + 2}f}).{more if others else ''}"


def answer(measure: str, expected: float, *, tolerance: float, tried: Iterable[Match]) -> Answer:
    """The matches among what was tried, the most plausible first."""
    every = sorted(tried, key=lambda match: (match.oddness, abs(match.value - expected)))
    matches = [match for match in every if abs(match.value - expected) <= tolerance + _ROUNDING]
    return Answer(
        measure=measure,
        expected=expected,
        tolerance=tolerance,
        matches=tuple(matches[:_SHOWN]),
        nearest=min(
            (match for match in every if match.oddness <= _PLAUSIBLE), key=lambda match: abs(match.value - expected)
        ),
    )
