"""BSRGAN's inputs: blur, resizing and noise in any order (Zhang et al. 2021, 2103.14006).

Probabilities and ranges are those of the code that came with the paper, which SwinIR's networks for real photographs
were trained with too.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.degrade.blur import GaussianBlur
from pixmend.degrade.draws import Draws
from pixmend.degrade.interpolate import Mode, ResizeTo
from pixmend.degrade.jpeg import JPEG
from pixmend.degrade.kernels import Decimate, EllipticBlur
from pixmend.degrade.noise import ColourNoise, GaussianNoise
from pixmend.degrade.picture import check_shrinks
from pixmend.degrade.resize import Bicubic
from pixmend.seeding import Key, child

Step = GaussianBlur | EllipticBlur | Bicubic | ResizeTo | Decimate | GaussianNoise | ColourNoise | JPEG
"""What one is made of."""

_MODES: tuple[Mode, ...] = ("bilinear", "bicubic", "area")
_HALVED_FIRST = 0.25
"""How often a picture for scale 4 is halved before all else, and then treated as for scale 2."""
_RESIZED = 0.75
"""How often the first resizing is by any factor, and not to one pixel of each block."""
_CODED = 0.9
"""How often there is a JPEG among the steps, beside the one at the end."""
_QUALITY = (30, 95)
_SIGMA = (2, 25)
_NARROWEST = 0.01
"""Pixels: below, a Gaussian is its middle pixel alone."""
_BLUR, _BLUR_AGAIN, _SHRINK, _TO_SIZE, _NOISE, _JPEG = range(6)


@dataclass(frozen=True, kw_only=True, slots=True)
class BSRGAN:
    """Make a clean picture what a bad photograph of it is, ``scale`` times smaller: its ways of going bad, shuffled.

    Two blurs, a resizing by any factor, that to the size asked for, Gaussian noise and a JPEG come in any order, but
    for the second resizing after the first; another JPEG ends them. The result is 8-bit. ``drawn`` says what a key
    stands for.

    Source: BSRGAN, section 3, and ``degradation_bsrgan`` of cszn/KAIR. The noise of a camera, which the paper has in
    one picture of four, is not here: undoing a camera's processing takes measured response curves, white balances and
    colour matrices of real cameras, which cannot be shipped, and the published code leaves it out as well. What
    bicubic resizing overshoots is clipped by the next noise or JPEG; the code clips it at once.

    Raises:
        PixmendError: ``scale`` below 1, or a picture that is not (1 or 3, H, W) or whose sides are not multiples.
    """

    scale: int

    def __post_init__(self) -> None:
        check_shrinks("BSRGAN", self.scale)

    def __call__(self, image: Tensor, seed: Key) -> Tensor:
        """(C, H, W) to (C, H / scale, W / scale) in its dtype, k / 255; grey pictures get no coloured noise."""
        check_shrinks("BSRGAN", self.scale, image)
        channels, height, width = image.shape
        for i, step in enumerate(self.drawn(height, width, seed=seed, channels=channels)):
            image = step(image, child(seed, i))
        return image

    def drawn(self, height: int, width: int, *, seed: Key, channels: int = 3) -> tuple[Step, ...]:
        """The steps that ``seed`` stands for, for a picture of this size; step i of them draws from child(seed, i)."""
        draws, steps, scale = Draws(seed), list[Step](), self.scale
        size = (height, width)
        if scale == 4 and draws.chance(_HALVED_FIRST):
            size, scale = (height // 2, width // 2), 2
            steps.append(_to(size, draws) if draws.chance(0.5) else Bicubic(scale=2))
        low = (size[0] // scale, size[1] // scale)
        for part in _shuffled(draws):
            if part in (_BLUR, _BLUR_AGAIN):
                steps.append(_blur(scale, draws))
            elif part == _SHRINK:
                steps.append(_shrunk(size, scale, draws))
            elif part == _TO_SIZE:
                steps.append(_to(low, draws))
            elif part == _NOISE:
                steps.append(_noise(channels, draws))
            elif draws.chance(_CODED):
                steps.append(JPEG(quality=draws.whole(*_QUALITY)))
        return (*steps, JPEG(quality=draws.whole(*_QUALITY)))


def _shuffled(draws: Draws) -> list[int]:
    """All parts, the resizing to the size asked for after the other."""
    order = draws.order(6)
    first, last = sorted((order.index(_SHRINK), order.index(_TO_SIZE)))
    order[first], order[last] = _SHRINK, _TO_SIZE
    return order


def _blur(scale: int, draws: Draws) -> GaussianBlur | EllipticBlur:
    size = 2 * draws.whole(2, 11) + 3
    if not draws.chance(0.5):
        return GaussianBlur(sigma=max(draws.uniform(0, 2 + 0.2 * scale), _NARROWEST), size=size)
    variances = (draws.uniform(0, 4 + scale), draws.uniform(0, 4 + scale))
    along, across = (max(round(math.sqrt(variance), 4), _NARROWEST) for variance in variances)
    return EllipticBlur(sigma=(along, across), angle=draws.uniform(0, 180), size=size)


def _shrunk(size: tuple[int, int], scale: int, draws: Draws) -> ResizeTo | Decimate:
    if draws.chance(_RESIZED):
        factor = draws.uniform(1, 2 * scale)
        return _to((max(int(size[0] / factor), 1), max(int(size[1] / factor), 1)), draws)
    return Decimate(scale=scale, sigma=draws.uniform(0.1, 0.6 * scale))


def _to(size: tuple[int, int], draws: Draws) -> ResizeTo:
    return ResizeTo(height=size[0], width=size[1], mode=draws.pick(_MODES))


def _noise(channels: int, draws: Draws) -> GaussianNoise | ColourNoise:
    kind = draws.pick(("colour", "grey", "correlated"), weights=(0.4, 0.4, 0.2))
    if kind != "correlated" or channels != 3:
        return GaussianNoise(sigma=float(draws.whole(*_SIGMA)), clip=True, grey=kind == "grey")
    # variances from 0 to the largest along three directions of colour, and no channel against another
    directions, _, _ = torch.linalg.svd(draws.matrix(3))
    shares = torch.tensor([draws.uniform(0, 1) for _ in range(3)], dtype=torch.float64)
    wide = (directions.T * shares @ directions * _SIGMA[1] ** 2).abs()
    red, green, blue = (tuple(round(value, 4) for value in row) for row in ((wide + wide.T) / 2).tolist())
    return ColourNoise(covariance=(red, green, blue), clip=True)
