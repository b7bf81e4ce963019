"""What a step minimises. An objective is its own configuration; ``Loss`` joins it to the network it trains."""

from pixmend.train.objectives.contrastive import Contrastive, SupervisedContrastive
from pixmend.train.objectives.loss import Loss, Objective, check_network
from pixmend.train.objectives.pixels import L1, MSE, Charbonnier
from pixmend.train.objectives.rain import JointRain

__all__ = [
    "L1",
    "MSE",
    "Charbonnier",
    "Contrastive",
    "JointRain",
    "Loss",
    "Objective",
    "SupervisedContrastive",
    "check_network",
]
