"""Distances between restored and clean pictures.

B batch, C channels, H and W height and width in pixels, s scale. Pictures are in [0, 1]. The official code of IPT,
EDSR, RCAN and RCDNet counts in [0, 255]: its losses and gradients are 255 times these (of squared errors 65,025
times). Adam's steps are the same, but a norm that gradients are clipped to and weights beside other terms are not.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from pixmend.data import Batch
from pixmend.errors import PixmendError
from pixmend.models import Network
from pixmend.models.base import Restorer
from pixmend.models.edt import EDT


@dataclass(frozen=True, kw_only=True, slots=True)
class L1:
    """Mean absolute error of every task in the batch."""

    TRAINS: ClassVar[type[nn.Module]] = nn.Module

    def terms(self, network: Network, batch: Batch) -> dict[str, Tensor]:
        """A scalar for each task, whose loss is the sum over tasks."""
        return _means(network, batch, distance=lambda error: error.abs())


@dataclass(frozen=True, kw_only=True, slots=True)
class MSE:
    """Mean squared error of every task in the batch."""

    TRAINS: ClassVar[type[nn.Module]] = nn.Module

    def terms(self, network: Network, batch: Batch) -> dict[str, Tensor]:
        """A scalar for each task, whose loss is the sum over tasks."""
        return _means(network, batch, distance=lambda error: error.square())


@dataclass(frozen=True, kw_only=True, slots=True)
class Charbonnier:
    """Mean of sqrt(error^2 + ``eps``), an absolute error with a round bottom.

    ``eps`` is added under the root. SwinIR's code has 1e-9 there, which rounds it below errors of 3e-5; its paper
    writes sqrt(error^2 + 0.001^2), an ``eps`` of 1e-6.

    Source: KAIR ``models/loss.py`` and ``options/swinir``; SwinIR (2108.10257).
    """

    TRAINS: ClassVar[type[nn.Module]] = nn.Module

    eps: float = 1e-9

    def __post_init__(self) -> None:
        if not 0 < self.eps < math.inf:
            raise PixmendError(f"objective.eps: expected a finite number above 0, got {self.eps}")

    def terms(self, network: Network, batch: Batch) -> dict[str, Tensor]:
        """A scalar for each task, whose loss is the sum over tasks."""
        return _means(network, batch, distance=lambda error: (error.square() + self.eps).sqrt())


def _means(network: Network, batch: Batch, *, distance: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """The mean distance of each task, of errors (B, C, s H, s W) in float32 whatever the network multiplies in."""
    restored = _restored(network, {task: pair.low for task, pair in batch.items()})
    return {task: distance(restored[task].float() - pair.high).mean() for task, pair in batch.items()}


def _restored(network: Network, low: dict[str, Tensor]) -> dict[str, Tensor]:
    """Pictures (B, C, H, W) of each task, restored; EDT's tasks share one pass of the body."""
    if isinstance(network, EDT):
        return network.together(low)
    return {task: _select(network, task)(picture) for task, picture in low.items()}


def _select(network: Network, task: str) -> Restorer:
    """The network of a task; one that was never told its task does what it is given."""
    return network if isinstance(network, Restorer) and not network.tasks else network.select(task)
