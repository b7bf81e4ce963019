"""Centred kernel alignment: which layers of networks hold the same of their pictures, and where that changes.

Kornblith, Norouzi, Lee, Hinton: Similarity of Neural Network Representations Revisited (1905.00414), with the unbiased
estimate over batches of Nguyen, Raghu, Kornblith (2010.15327), as EDT (2112.10175) compares its stages.
"""

from pixmend.analyze.cka.collect import Similarity, similarity
from pixmend.analyze.cka.estimator import cka, unbiased_hsic
from pixmend.analyze.cka.figure import draw
from pixmend.analyze.cka.layers import Layer, branches, stream
from pixmend.analyze.cka.patches import Inputs, clean_patches, clean_side, task_degradation

__all__ = [
    "Inputs",
    "Layer",
    "Similarity",
    "branches",
    "cka",
    "clean_patches",
    "clean_side",
    "draw",
    "similarity",
    "stream",
    "task_degradation",
    "unbiased_hsic",
]
