"""IPT's loss over the tokens of its transformer, beside the mean absolute error of the pictures.

B pictures of a batch, N tokens of a picture, D channels of a token.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from pixmend.data import Batch
from pixmend.errors import PixmendError
from pixmend.models import Network
from pixmend.models.ipt import IPT
from pixmend.train.objectives.tokens import between_pictures, supervised

WEIGHT = 0.1 / 255
"""The 0.1 of the paper and of the MindSpore trainer stands beside an error in [0, 255]; here it is in [0, 1]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrastive:
    """Mean absolute error, and ``weight`` times the contrastive loss as IPT's paper writes it (``between_pictures``).

    The default is the 0.1 that the paper's ablation prefers, in [0, 1] (``WEIGHT``).

    Source: IPT (2012.00364), section 3.2.
    """

    TRAINS: ClassVar[type[nn.Module]] = IPT

    weight: float = WEIGHT

    def __post_init__(self) -> None:
        _check("weight", self.weight)

    def terms(self, network: Network, batch: Batch) -> dict[str, Tensor]:
        """A scalar for each task, and ``contrast``, weighted."""
        return _with_tokens(network, batch, contrast=lambda tokens: self.weight * between_pictures(tokens))


@dataclass(frozen=True, kw_only=True, slots=True)
class SupervisedContrastive:
    """Mean absolute error, and ``weight`` times the contrastive loss of the MindSpore trainer (``supervised``).

    Its network for this loss gives the tail the head's features without the transformer's; that is not copied.

    Source: mindspore-ai/models ``research/cv/IPT/src/loss.py`` and ``utils.py``.
    """

    TRAINS: ClassVar[type[nn.Module]] = IPT

    weight: float = WEIGHT
    temperature: float = 0.07

    def __post_init__(self) -> None:
        _check("weight", self.weight)
        _check("temperature", self.temperature)

    def terms(self, network: Network, batch: Batch) -> dict[str, Tensor]:
        """A scalar for each task, and ``contrast``, weighted."""

        def contrast(tokens: Tensor) -> Tensor:
            return self.weight * supervised(tokens, temperature=self.temperature)

        return _with_tokens(network, batch, contrast=contrast)


def _check(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise PixmendError(f"objective.{name}: expected a finite number above 0, got {value}")


def _with_tokens(network: Network, batch: Batch, *, contrast: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """Both losses of one pass. Tokens are compared within a task: other tasks have other heads and other queries."""
    assert isinstance(network, IPT)
    terms: dict[str, Tensor] = {}
    contrasts: list[Tensor] = []
    for task, (low, high) in batch.items():
        size = network.config.size
        if low.shape[-2:] != (size, size):
            raise PixmendError(f"data.patch: expected {size}, the size this network sees, got {low.shape[-1]}")
        restored, tokens = network.select(task).with_tokens(low)
        terms[task] = (restored.float() - high).abs().mean()
        contrasts.append(contrast(tokens.float()))
    return {**terms, "contrast": torch.stack(contrasts).sum()}
