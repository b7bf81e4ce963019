"""What the scores say of a claim, and how sure that is.

S seeds, P pictures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pixmend.studies.design import Contrast, Study

_DRAWS = 20_000
_LEVEL = 0.95

Says = Literal["agrees with the claim", "contradicts the claim", "not told apart at this size", "has not learnt enough"]
Scores = NDArray[np.float64]
"""PSNR in dB, (S, P): the pictures are the same for every seed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A part of the claim, measured."""

    contrast: Contrast
    mean: float
    """In dB; the claim says that it is above 0."""
    low: float
    high: float
    """Where the mean over all seeds and pictures of this kind lies, with 95 % confidence."""
    of_seeds: float
    of_pictures: float
    """Standard deviation between the means of single seeds, and of single pictures."""
    says: Says


def judge(study: Study, scores: Mapping[str, Scores], *, baseline: float) -> tuple[Finding, ...]:
    """A finding for each contrast, of the final scores of each arm; ``baseline`` is what doing nothing scores."""
    return tuple(_finding(contrast, scores, baseline) for contrast in study.contrasts)


def overall(findings: Sequence[Finding]) -> str:
    """All of them in a phrase."""
    kinds = list(dict.fromkeys(finding.says for finding in findings))
    if len(kinds) == 1:
        return kinds[0]
    return ", ".join(f"{kind} in {sum(finding.says == kind for finding in findings)}" for kind in kinds) + (
        f" of {len(findings)} parts"
    )


def interval(differences: Scores) -> tuple[float, float]:
    """Of the mean of (S, P), both drawn from many: 95 % generalised confidence of a crossed random model.

    Each value is the mean plus an effect of its seed, one of its picture, and one of both. The three mean squares
    are divided by draws of their chi-square distributions, the variance of the mean put together from them, and the
    mean drawn from it. With 3 seeds whose effects prevail this is the t interval of their means; resampling 3 seeds
    (the bootstrap) gives intervals a good deal too short.

    Source: Weerahandi 1993, generalised confidence intervals, for the two-way layout without replication.
    """
    seeds, pictures = differences.shape
    mean = differences.mean()
    of_seed, of_picture = differences.mean(1) - mean, differences.mean(0) - mean
    rest = differences - mean - of_seed[:, None] - of_picture[None]
    free = np.array([seeds - 1, pictures - 1, (seeds - 1) * (pictures - 1)])
    squares = np.array([pictures * (of_seed**2).sum(), seeds * (of_picture**2).sum(), (rest**2).sum()])
    draw = np.random.default_rng(0)
    drawn = squares / draw.chisquare(free, (_DRAWS, 3))
    # A negative estimate of an effect's variance is none: then its mean square is that of the rest.
    between_seeds, between_pictures = (np.maximum(drawn[:, at] - drawn[:, 2], 0) for at in (0, 1))
    deviation = np.sqrt((between_seeds + between_pictures + drawn[:, 2]) / (seeds * pictures))
    means = mean + deviation * draw.standard_normal(_DRAWS)
    low, high = np.quantile(means, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def _finding(contrast: Contrast, scores: Mapping[str, Scores], baseline: float) -> Finding:
    differences = sum(scores[name] for name in contrast.plus) - sum(scores[name] for name in contrast.minus)
    assert isinstance(differences, np.ndarray)
    low, high = interval(differences)
    learnt = all(scores[name].mean() > baseline for name in (*contrast.plus, *contrast.minus))
    says: Says = "not told apart at this size"
    if not learnt:
        says = "has not learnt enough"
    elif low > 0 or high < 0:
        says = "agrees with the claim" if low > 0 else "contradicts the claim"
    return Finding(
        contrast=contrast,
        mean=float(differences.mean()),
        low=low,
        high=high,
        of_seeds=float(differences.mean(1).std(ddof=1)),
        of_pictures=float(differences.mean(0).std(ddof=1)),
        says=says,
    )
