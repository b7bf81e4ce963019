"""Training: a run is one frozen object, ``fit`` carries it out."""

from pixmend.train.config import Adam, Data, Every, Run
from pixmend.train.loop import Progress, fit
from pixmend.train.schedule import Cosine, Halving, Plateau, Schedule

__all__ = ["Adam", "Cosine", "Data", "Every", "Halving", "Plateau", "Progress", "Run", "Schedule", "fit"]
