"""RCDNet's loss, which sees every stage of the network.

b batch, H and W height and width in pixels, S stages.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixmend.data import Batch
from pixmend.errors import PixmendError
from pixmend.models import Network
from pixmend.models.rcdnet import RCDNet


@dataclass(frozen=True, kw_only=True, slots=True)
class JointRain:
    """Mean squared errors of the background and of the rain layer, at the end and after every stage.

    L(B) + ``rain`` L(R_S) + ``stages`` (L(B_0) + sum over s = 1 .. S of L(B_s) + L(R_s)), where B is the refined last
    background, B_0 the one before the first stage, and the true rain is the rainy picture less the clean one.

    The last rain layer counts twice, since it is the last stage's too. The official trainer makes a plain number of
    the sum over stages before it adds the next, so that of the inner stages only the last has a gradient; that is
    not copied.

    Source: RCDNet (2005.01333), section 4; hongwang01/RCDNet ``for_syn/src/trainer.py`` for the weights.
    """

    TRAINS: ClassVar[type[nn.Module]] = RCDNet

    rain: float = 0.9
    stages: float = 0.1

    def __post_init__(self) -> None:
        for name in ("rain", "stages"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise PixmendError(f"objective.{name}: expected a finite number, 0 or more, got {value}")

    def terms(self, network: Network, batch: Batch) -> dict[str, Tensor]:
        """Scalars, weighted: the task's own for the last background, ``rain`` and ``stages``."""
        assert isinstance(network, RCDNet)
        ((task, (low, high)),) = batch.items()
        seen = network.stages(low)
        first, *inner, last = (F.mse_loss(background.float(), high) for background in seen.backgrounds)
        rain = [F.mse_loss(layer.float(), low - high) for layer in seen.rain]
        return {
            task: last,
            "rain": self.rain * rain[-1],
            "stages": self.stages * torch.stack([first, *inner, *rain]).sum(),
        }
