"""Pictures on disk to training batches, every one of them a function of (seed, step, index)."""

from pixmend.data.check import CheckReport, check_folder
from pixmend.data.folders import Pictures
from pixmend.data.loader import Batch, Batches, Pair
from pixmend.data.tasks import degradation, scale

__all__ = ["Batch", "Batches", "CheckReport", "Pair", "Pictures", "check_folder", "degradation", "scale"]
