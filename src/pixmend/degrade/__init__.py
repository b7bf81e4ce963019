"""Degradations: frozen dataclasses that turn a picture (C, H, W) and a key into a worse picture.

The same key gives the same picture, bit for bit; ``Degradation`` lists them all and is the registry.
"""

from pixmend.degrade.blur import GaussianBlur
from pixmend.degrade.bsrgan import BSRGAN
from pixmend.degrade.chain import Chain, Choice, Degradation, multiple
from pixmend.degrade.interpolate import ResizeTo, TorchResize
from pixmend.degrade.jpeg import JPEG
from pixmend.degrade.kernels import Decimate, EllipticBlur, Sinc
from pixmend.degrade.noise import ColourNoise, GaussianNoise, PoissonNoise
from pixmend.degrade.rain import RAIN_HEAVY, RAIN_LIGHT, RainStreaks, rain_layer
from pixmend.degrade.real_esrgan import RealESRGAN
from pixmend.degrade.resize import Bicubic, Round8, imresize, round8
from pixmend.degrade.sharpen import Sharpen
from pixmend.degrade.text import chain_text, parse_chain

__all__ = [
    "BSRGAN",
    "JPEG",
    "RAIN_HEAVY",
    "RAIN_LIGHT",
    "Bicubic",
    "Chain",
    "Choice",
    "ColourNoise",
    "Decimate",
    "Degradation",
    "EllipticBlur",
    "GaussianBlur",
    "GaussianNoise",
    "PoissonNoise",
    "RainStreaks",
    "RealESRGAN",
    "ResizeTo",
    "Round8",
    "Sharpen",
    "Sinc",
    "TorchResize",
    "chain_text",
    "imresize",
    "multiple",
    "parse_chain",
    "rain_layer",
    "round8",
]
