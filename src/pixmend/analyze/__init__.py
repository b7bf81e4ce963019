"""Why a network gives what it gives: asked from outside, by hooks and gradients, of any that is loaded.

Every function takes a ``Restorer``, which for a network with several tasks is ``network.select(task)``.
"""

from pixmend.analyze.artefacts import amplitudes_by_depth, blocking, error_spectrum, features_of
from pixmend.analyze.attention import attention_distance, attention_maps
from pixmend.analyze.cka import similarity
from pixmend.analyze.fidelity import fidelity_of
from pixmend.analyze.field import receptive_field
from pixmend.analyze.lam import diffusion_index, local_attribution
from pixmend.analyze.points import find_points, points_of, watched

__all__ = [
    "amplitudes_by_depth",
    "attention_distance",
    "attention_maps",
    "blocking",
    "diffusion_index",
    "error_spectrum",
    "features_of",
    "fidelity_of",
    "find_points",
    "local_attribution",
    "points_of",
    "receptive_field",
    "similarity",
    "watched",
]
