"""An objective and the network it trains as one module."""

from torch import Tensor, nn

from pixmend.data import Batch
from pixmend.errors import PixmendError
from pixmend.models import Network
from pixmend.train.objectives.contrastive import Contrastive, SupervisedContrastive
from pixmend.train.objectives.pixels import L1, MSE, Charbonnier
from pixmend.train.objectives.rain import JointRain

Objective = L1 | MSE | Charbonnier | Contrastive | SupervisedContrastive | JointRain


class Loss(nn.Module):
    """A batch to the terms of the loss by name, whose sum is to be minimised.

    It holds the network, so that wrapping it for many devices wraps both.

    Raises:
        PixmendError: the objective needs another network.
    """

    def __init__(self, objective: Objective, network: Network) -> None:
        super().__init__()
        check_network(objective, type(network))
        self.objective, self.network = objective, network

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Scalars in float32, one for each task and one for each further part of the objective."""
        return self.objective.terms(self.network, batch)


def check_network(objective: Objective, kind: type[nn.Module]) -> None:
    """Refuse a kind of network that an objective cannot train.

    Raises:
        PixmendError: as said.
    """
    if not issubclass(kind, objective.TRAINS):
        needed = objective.TRAINS.__name__
        raise PixmendError(
            f"objective: {type(objective).__name__} trains {needed}, not {kind.__name__}: use L1, or {needed}"
        )
