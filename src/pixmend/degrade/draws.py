"""Numbers and choices drawn one after another from a key."""

from collections.abc import Sequence
from typing import TypeVar

import torch

from pixmend.seeding import Key, generator

T = TypeVar("T")


class Draws:
    """What is drawn depends on the key and on what was drawn before.

    Fractions have four decimals, so that a chain made of them can be printed, read and made again.
    """

    def __init__(self, seed: Key) -> None:
        self._generator = generator(seed)

    def uniform(self, low: float, high: float) -> float:
        """Anywhere from ``low`` to ``high``."""
        return round(low + (high - low) * self._fraction(), 4)

    def whole(self, low: int, high: int) -> int:
        """Of ``low`` to ``high``, both included."""
        return int(torch.randint(low, high + 1, (), generator=self._generator))

    def chance(self, probability: float) -> bool:
        return self._fraction() < probability

    def pick(self, options: Sequence[T], *, weights: Sequence[float] | None = None) -> T:
        """One of them, all equally likely without weights."""
        wide = torch.tensor(weights or [1.0] * len(options), dtype=torch.float64)
        return options[int(torch.multinomial(wide, 1, generator=self._generator))]

    def order(self, count: int) -> list[int]:
        """0 .. count - 1, shuffled."""
        return torch.randperm(count, generator=self._generator).tolist()

    def matrix(self, side: int) -> torch.Tensor:
        """(side, side) fractions from 0 to 1, float64."""
        return torch.rand(side, side, generator=self._generator, dtype=torch.float64)

    def _fraction(self) -> float:
        return float(torch.rand((), generator=self._generator, dtype=torch.float64))
