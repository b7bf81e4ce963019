"""Degradations made of degradations."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.degrade.blur import GaussianBlur
from pixmend.degrade.bsrgan import BSRGAN
from pixmend.degrade.interpolate import ResizeTo, TorchResize
from pixmend.degrade.jpeg import JPEG
from pixmend.degrade.kernels import Decimate, EllipticBlur, Sinc
from pixmend.degrade.noise import ColourNoise, GaussianNoise, PoissonNoise
from pixmend.degrade.rain import RainStreaks
from pixmend.degrade.real_esrgan import RealESRGAN
from pixmend.degrade.resize import Bicubic, Round8
from pixmend.degrade.sharpen import Sharpen
from pixmend.errors import PixmendError
from pixmend.seeding import Key, child, generator


@dataclass(frozen=True, slots=True, init=False)
class Chain:
    """Apply the steps one after another; step i draws from ``child(seed, i)``.

    Adding a step at the end therefore changes nothing that the steps before it draw.

    Raises:
        PixmendError: no steps.
    """

    steps: tuple["Degradation", ...]

    def __init__(self, *steps: "Degradation") -> None:
        if not steps:
            raise PixmendError("Chain: expected one step or more, got none")
        object.__setattr__(self, "steps", steps)

    def __call__(self, image: Tensor, seed: Key) -> Tensor:
        for i, step in enumerate(self.steps):
            image = step(image, child(seed, i))
        return image


@dataclass(frozen=True, slots=True, init=False)
class Choice:
    """Apply one of the options, picked by ``generator(seed)``; option i draws from ``child(seed, i)``.

    ``weights`` need not sum to one; without them every option is equally likely.

    Raises:
        PixmendError: no options, or not one weight of 0 or more per option with one above 0.
    """

    options: tuple["Degradation", ...]
    weights: tuple[float, ...] | None

    def __init__(self, *options: "Degradation", weights: Sequence[float] | None = None) -> None:
        if not options:
            raise PixmendError("Choice: expected one option or more, got none")
        if weights is not None:
            weights = tuple(float(weight) for weight in weights)
            if len(weights) != len(options):
                raise PixmendError(f"Choice: expected {len(options)} weights, one per option, got {len(weights)}")
            if not (all(0 <= weight < math.inf for weight in weights) and sum(weights) > 0):
                raise PixmendError(f"Choice: expected weights of 0 or more, one of them above 0, got {weights}")
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "weights", weights)

    def __call__(self, image: Tensor, seed: Key) -> Tensor:
        picked = self.pick(seed)
        return self.options[picked](image, child(seed, picked))

    def pick(self, seed: Key) -> int:
        """The position of the option that ``seed`` picks."""
        weights = torch.tensor(self.weights or (1.0,) * len(self.options), dtype=torch.float64)
        return int(torch.multinomial(weights, 1, generator=generator(seed)))


Degradation = (
    Bicubic
    | Round8
    | TorchResize
    | ResizeTo
    | Decimate
    | GaussianBlur
    | EllipticBlur
    | Sinc
    | Sharpen
    | GaussianNoise
    | ColourNoise
    | PoissonNoise
    | JPEG
    | RainStreaks
    | RealESRGAN
    | BSRGAN
    | Chain
    | Choice
)
"""Every degradation there is: a configuration names one of these."""


def multiple(degradation: Degradation) -> int:
    """What both sides of a picture must be multiples of for every sample of the result to be a whole one.

    ``Bicubic`` and others of a scale ask for it, and ``TorchResize`` for 4 where it quarters; what comes after any
    other factor of ``TorchResize`` is not foreseen.
    """
    if isinstance(degradation, Bicubic | Decimate | RealESRGAN | BSRGAN):
        return degradation.scale
    if isinstance(degradation, TorchResize):
        divisor = round(1 / degradation.factor) or 1
        return divisor if math.isclose(divisor * degradation.factor, 1) else 1
    if isinstance(degradation, Chain):
        return math.prod(map(multiple, degradation.steps))
    if isinstance(degradation, Choice):
        return math.lcm(*map(multiple, degradation.options))
    return 1
