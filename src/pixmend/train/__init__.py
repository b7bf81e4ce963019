"""Training: a run is one frozen object, ``fit`` carries it out."""

from pixmend.train.config import (
    Adam,
    AdamW,
    Data,
    Engine,
    Every,
    Everything,
    Last,
    LowRank,
    Mixup,
    Optim,
    Run,
    Stage,
    Trained,
)
from pixmend.train.failure import Failed, replay
from pixmend.train.fits import check_fits
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
    "Engine",
    "Every",
    "Everything",
    "Failed",
    "FlatThenCosine",
    "Forecast",
    "JointRain",
    "Last",
    "LowRank",
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
    "Trained",
    "check_fits",
    "fit",
    "forecast",
    "replay",
]
