"""Learning rates as functions of the step: ``schedule(step, steps)`` is a factor on the base rate.

All but a plateau's rise are in proportion to the run: made with ``steps=1000``, it falls where the paper's would at the
same share of its own length. So a run that is made longer afterwards has another past than the one it had.
"""

import math
from dataclasses import dataclass

from pixmend.errors import PixmendError


@dataclass(frozen=True, kw_only=True, slots=True)
class Constant:
    """The base rate at every step, as EDT is fine-tuned."""

    def __call__(self, step: int, steps: int) -> float:
        return 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Milestones:
    """The rate is multiplied by ``factor`` at each milestone.

    ``at`` are those of a training that takes ``of``, both in steps or both in epochs: a run of as many steps meets
    them exactly, another in proportion.
    """

    at: tuple[int, ...]
    of: int
    factor: float = 0.5

    def __post_init__(self) -> None:
        rising = all(before < after for before, after in zip((0, *self.at), (*self.at, self.of), strict=True))
        _expect("at", self.at, f"milestones that rise from above 0 to below {self.of}", bool(self.at) and rising)
        _expect("factor", self.factor, "above 0 to below 1", 0 < self.factor < 1)

    def __call__(self, step: int, steps: int) -> float:
        return self.factor ** sum(step * self.of >= milestone * steps for milestone in self.at)


@dataclass(frozen=True, kw_only=True, slots=True)
class FlatThenCosine:
    """Constant for ``flat`` of the ``of`` steps of a paper's training, then down half a cosine to ``low`` at the end.

    With ``flat`` 0 a cosine alone. Restormer's code has 92,000 flat steps where its paper says cosine.
    """

    low: float
    flat: int
    of: int

    def __post_init__(self) -> None:
        _expect("low", self.low, "from 0 to below 1, a factor on the base rate", 0 <= self.low < 1)
        _expect("flat", self.flat, f"from 0 to below {self.of}", 0 <= self.flat < self.of)

    def __call__(self, step: int, steps: int) -> float:
        return _cosine((step * self.of - self.flat * steps) / ((self.of - self.flat) * steps), self.low)


@dataclass(frozen=True, kw_only=True, slots=True)
class CosineRestarts:
    """So many ``cycles`` of equal length, each from 1 down half a cosine to ``low``, as RRDB trains (1608.03983)."""

    low: float
    cycles: int

    def __post_init__(self) -> None:
        _expect("low", self.low, "from 0 to below 1, a factor on the base rate", 0 <= self.low < 1)
        _expect("cycles", self.cycles, "1 or more", self.cycles >= 1)

    def __call__(self, step: int, steps: int) -> float:
        return _cosine(step * self.cycles % steps / steps, self.low)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plateau:
    """Rise linearly over ``rise`` steps, stay, fall along a cosine to zero over the last ``fall`` of all steps.

    A run may be lengthened while it is still on the plateau: everything before the fall stays what it was.
    """

    rise: int
    fall: float

    def __post_init__(self) -> None:
        if self.rise < 1 or not 0 < self.fall <= 1:
            raise PixmendError(f"schedule: expected rise >= 1 and 0 < fall <= 1, got {self.rise} and {self.fall}")

    def __call__(self, step: int, steps: int) -> float:
        left = (steps - step) / (self.fall * steps)
        return min(1.0, (step + 1) / self.rise) * (1 - math.cos(math.pi * min(1.0, left))) / 2


Schedule = Constant | Milestones | FlatThenCosine | CosineRestarts | Plateau


def _cosine(share: float, low: float) -> float:
    """From 1, at a share of 0 or less, to ``low`` at 1."""
    return low + (1 - low) * (1 + math.cos(math.pi * max(0.0, share))) / 2


def _expect(field: str, value: object, expected: str, good: bool) -> None:
    if not good:
        raise PixmendError(f"schedule.{field}: expected {expected}, got {value}")
