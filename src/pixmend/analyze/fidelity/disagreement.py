"""What do models not agree on? Their results for one picture, laid over each other.

C channels, H and W height and width of the results, n models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.analyze.fidelity.maps import DoubtMap, levels
from pixmend.errors import PixmendError


@dataclass(frozen=True, kw_only=True, slots=True)
class Disagreement:
    """Of two models or more."""

    map: DoubtMap
    biases: tuple[float, ...]
    """Of each model: how much brighter its result is than the mean of all, in levels of 255."""


def disagreement(results: Sequence[Tensor]) -> Disagreement:
    """Of results (C, H, W), in [0, 1]: the difference of two, the standard deviation (divided by n) of more.

    Both are roots of the mean square over the channels. What all models invent alike it does not see, and models that
    learnt from the same pictures with the same loss do.

    Raises:
        PixmendError: fewer than two, or of different sizes.
    """
    shapes = sorted({tuple(result.shape) for result in results})
    if len(results) < 2 or len(shapes) > 1:
        got = " and ".join(map(str, shapes)) if len(results) > 1 else f"{len(results)}"
        raise PixmendError(f"disagreement: expected two results or more of one size, got {got}: choose one task")
    total = torch.zeros(shapes[0], dtype=torch.float64)
    for result in results:
        total += result
    mean = total / len(results)
    if len(results) == 2:
        values = levels(results[0].double() - results[1].double())
    else:
        values = levels(torch.stack([(result - mean).square() for result in results]).mean(0).sqrt())
    biases = tuple(float((result - mean).mean()) * 255 for result in results)
    return Disagreement(map=DoubtMap(name="disagreement", values=values), biases=biases)
