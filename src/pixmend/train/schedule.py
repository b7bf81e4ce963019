"""Learning rates as functions of the step: ``schedule(step, steps)`` is a factor on the base rate."""

import math
from dataclasses import dataclass

from pixmend.errors import PixmendError


@dataclass(frozen=True, kw_only=True, slots=True)
class Halving:
    """Halve at each of these steps; with none of them, constant. IPT, EDT, HAT and SwinIR train so."""

    at: tuple[int, ...] = ()

    def __call__(self, step: int, steps: int) -> float:
        return 0.5 ** sum(step >= milestone for milestone in self.at)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cosine:
    """From 1 at the first step down half a cosine to ``last`` at the end."""

    last: float

    def __call__(self, step: int, steps: int) -> float:
        return self.last + (1 - self.last) * (1 + math.cos(math.pi * step / steps)) / 2


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


Schedule = Halving | Cosine | Plateau
