"""Degradations: frozen dataclasses that turn a picture (C, H, W) and a key into a worse picture.

The same key gives the same picture, bit for bit; ``Degradation`` lists them all and is the registry.
"""

from pixmend.degrade.blur import GaussianBlur
from pixmend.degrade.chain import Chain, Choice, Degradation, multiple
from pixmend.degrade.interpolate import TorchResize
from pixmend.degrade.jpeg import JPEG
from pixmend.degrade.noise import GaussianNoise, PoissonNoise
from pixmend.degrade.rain import RAIN_HEAVY, RAIN_LIGHT, RainStreaks, rain_layer
from pixmend.degrade.resize import Bicubic, Round8, imresize, round8
from pixmend.degrade.text import chain_text, parse_chain

__all__ = [
    "JPEG",
    "RAIN_HEAVY",
    "RAIN_LIGHT",
    "Bicubic",
    "Chain",
    "Choice",
    "Degradation",
    "GaussianBlur",
    "GaussianNoise",
    "PoissonNoise",
    "RainStreaks",
    "Round8",
    "TorchResize",
    "chain_text",
    "imresize",
    "multiple",
    "parse_chain",
    "rain_layer",
    "round8",
]
