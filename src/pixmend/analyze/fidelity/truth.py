"""Does a map of doubt tell where the result is wrong? Only the true picture knows.

C channels, H and W height and width of the result.
"""

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from pixmend.analyze.fidelity.maps import DoubtMap, correlation, levels, ranks
from pixmend.errors import PixmendError

MOST_DOUBTFUL = 0.05
"""The part of the pixels that a person would look at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """What a map has to do with the error."""

    spearman: float
    """Rank correlation over the pixels: 1 where the map orders them as the error does, 0 where it says nothing."""
    beyond_edges: float
    """The same with what both have in common with the edges of the result taken out (partial rank correlation): edges
    are hard for every network, and a map that shows nothing else has 0."""
    share: float
    """The part of the squared error that lies in the 5 % of the pixels most in doubt: about 0.05 if the map says
    nothing."""


def error_of(result: Tensor, true: Tensor) -> DoubtMap:
    """The difference between a result and the true picture, both (C, H, W).

    Raises:
        PixmendError: of different sizes.
    """
    if result.shape != true.shape:
        sizes = f"the true picture is {tuple(true.shape)} and the result {tuple(result.shape)}"
        raise PixmendError(f"{sizes}: expected the same channels, height and width: crop it, or choose another scale")
    return DoubtMap(name="error", values=levels(result.double() - true.double()))


def edges_of(image: Tensor) -> Tensor:
    """(H, W): steps to the pixel above and to the left of (C, H, W), in levels of 255, channels averaged before."""
    grey = image.detach().double().cpu().mean(0) * 255
    steps = torch.zeros_like(grey)
    steps[1:] += grey.diff(dim=0).abs()
    steps[:, 1:] += grey.diff(dim=1).abs()
    return steps.float()


def agreement(doubt: Tensor, error: Tensor, *, edges: Tensor) -> Agreement:
    """Of maps (H, W) each: a map's ``enlarged``, that of the error, and ``edges_of`` the result.

    Not a number where a map is the same everywhere.
    """
    ordered, wrong, edge = ranks(doubt), ranks(error), ranks(edges)
    plain, by_edge, wrong_edge = correlation(ordered, wrong), correlation(ordered, edge), correlation(wrong, edge)
    rest = (1 - by_edge**2) * (1 - wrong_edge**2)
    count = max(1, round(doubt.numel() * MOST_DOUBTFUL))
    squared = error.double().square().flatten()
    top = doubt.flatten().topk(count).indices
    told = float(squared.sum()) > 0 and float(doubt.max()) > float(doubt.min())
    return Agreement(
        spearman=plain,
        beyond_edges=(plain - by_edge * wrong_edge) / sqrt(rest) if rest > 1e-9 else float("nan"),
        share=float(squared[top].sum() / squared.sum()) if told else float("nan"),
    )
