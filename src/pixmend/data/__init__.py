"""Pictures on disk to training batches, every one of them a function of (seed, step, index)."""

from pixmend.data.aligned import AlignedPairs
from pixmend.data.check import CheckReport, check_folder
from pixmend.data.crops import CropSource, Small
from pixmend.data.folders import Files, Pictures
from pixmend.data.loader import Batch, Batches, Pair
from pixmend.data.opening import open_pictures
from pixmend.data.pack import pack
from pixmend.data.shards import Shards
from pixmend.data.tasks import degradation, scale

__all__ = [
    "AlignedPairs",
    "Batch",
    "Batches",
    "CheckReport",
    "CropSource",
    "Files",
    "Pair",
    "Pictures",
    "Shards",
    "Small",
    "check_folder",
    "degradation",
    "open_pictures",
    "pack",
    "scale",
]
