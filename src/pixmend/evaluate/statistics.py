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
    picked = np.random.default_rng(0).integers(0, len(array), (_DRAWS, len(array)))
    low, high = np.quantile(array[picked].mean(axis=1), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Interval(low=float(low), high=float(high))


def difference(first: Sequence[float], second: Sequence[float]) -> Difference | None:
    """Of two models on the same pictures in the same order; None where a value is infinite or there is none."""
    pair = np.asarray([first, second], dtype=np.float64)
    if pair.shape[1] == 0 or not np.isfinite(pair).all():
        return None
    gains = pair[0] - pair[1]
    if len(gains) <= _EXACT:
        bits = np.arange(2 ** len(gains))[:, None] >> np.arange(len(gains)) & 1
    else:
        bits = np.random.default_rng(0).integers(0, 2, (_DRAWS, len(gains)))
    means = np.abs(((2 * bits - 1) * gains).mean(axis=1))
    as_far = int((means >= abs(gains.mean()) - 1e-12).sum())
    exact = len(gains) <= _EXACT
    return Difference(
        mean=float(gains.mean()),
        interval=interval(gains.tolist()),
        p=as_far / len(bits) if exact else (as_far + 1) / (len(bits) + 1),
        wins=int((gains > 0).sum()),
        pictures=len(gains),
    )
