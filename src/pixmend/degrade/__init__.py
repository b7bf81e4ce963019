"""Degradations: frozen dataclasses that turn a picture (C, H, W) and a key into a worse picture.

The same key gives the same picture, bit for bit; ``Degradation`` lists them all and is the registry.
"""

from pixmend.degrade.chain import Chain, Choice, Degradation
from pixmend.degrade.noise import GaussianNoise
from pixmend.degrade.rain import RAIN_HEAVY, RAIN_LIGHT, RainStreaks, rain_layer
from pixmend.degrade.resize import Bicubic, Round8, imresize, round8

__all__ = [
    "RAIN_HEAVY",
    "RAIN_LIGHT",
    "Bicubic",
    "Chain",
    "Choice",
    "Degradation",
    "GaussianNoise",
    "RainStreaks",
    "Round8",
    "imresize",
    "rain_layer",
    "round8",
]
