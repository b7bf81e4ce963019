"""Training: a run is one frozen object, ``fit`` carries it out."""

from pixmend.train.config import Adam, AdamW, Data, Every, Mixup, Optim, Run, Stage
from pixmend.train.forecast import Forecast, forecast
from pixmend.train.loop import Progress, fit
from pixmend.train.objectives import (
    L1,
    MSE,
    Charbonnier,
    Contrastive,
    JointRain,
    Objective,
    SupervisedContrastive,
)
from pixmend.train.schedule import Constant, CosineRestarts, FlatThenCosine, Milestones, Plateau, Schedule

__all__ = [
    "L1",
    "MSE",
    "Adam",
    "AdamW",
    "Charbonnier",
    "Constant",
    "Contrastive",
    "CosineRestarts",
    "Data",
    "Every",
    "FlatThenCosine",
    "Forecast",
    "JointRain",
    "Milestones",
    "Mixup",
    "Objective",
    "Optim",
    "Plateau",
    "Progress",
    "Run",
    "Schedule",
    "Stage",
    "SupervisedContrastive",
    "fit",
    "forecast",
]
