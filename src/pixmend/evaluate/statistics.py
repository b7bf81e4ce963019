"""How sure a mean over a few pictures is, and whether one model beats another on the same pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LEVEL = 0.95
_DRAWS = 10_000
_EXACT = 14
"""Up to so many pictures every assignment of signs is tried, 2^14 of them; beyond, ``_DRAWS`` random ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """Where 95 % of the means of redrawn pictures lie: the percentile bootstrap (Efron 1979)."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One model less another, picture by picture."""

    mean: float
    interval: Interval | None
    p: float
    """Of the two-sided sign-flip test (Fisher 1935): how often differences of random sign have a mean as far from 0."""
    wins: int
    """Pictures on which the first is better."""
    pictures: int


def interval(values: Sequence[float]) -> Interval | None:
    """Of the mean of the values, drawn with a fixed seed; None for fewer than two or where one is infinite.

    It says how the mean would move with other pictures of the same kind, not with another training run.
    """
    array = np.asarray(values, dtype=np.float64)
    if len(array) < 2 or not np.isfinite(array).all():
        return None
    draw = np.random.default_rng(0)
    means = [array[draw.integers(0, len(array), len(array))].mean() for _ in range(_DRAWS)]
    low, high = np.quantile(means, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Interval(low=float(low), high=float(high))


def difference(first: Sequence[float], second: Sequence[float]) -> Difference | None:
    """Of two models on the same pictures in the same order; None where a value is infinite or there is none."""
    pair = np.asarray([first, second], dtype=np.float64)
    if pair.shape[1] == 0 or not np.isfinite(pair).all():
        return None
    gains = pair[0] - pair[1]
    exact = len(gains) <= _EXACT
    draw, count = np.random.default_rng(0), 2 ** len(gains) if exact else _DRAWS
    rows = (index >> np.arange(len(gains)) & 1 if exact else draw.integers(0, 2, len(gains)) for index in range(count))
    as_far = sum(abs(((2 * bits - 1) * gains).mean()) >= abs(gains.mean()) - 1e-12 for bits in rows)
    return Difference(
        mean=float(gains.mean()),
        interval=interval(gains.tolist()),
        p=as_far / count if exact else (as_far + 1) / (count + 1),
        wins=int((gains > 0).sum()),
        pictures=len(gains),
    )
