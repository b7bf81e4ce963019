"""Real-ESRGAN's inputs: blur, resizing, noise and JPEG, twice over (Wang et al. 2021, 2107.10833).

Probabilities and ranges are those of the options that Real-ESRNet, Real-ESRGAN and Real-HAT were trained with.
"""

import math
from dataclasses import dataclass

from torch import Tensor

from pixmend.degrade.blur import GaussianBlur
from pixmend.degrade.draws import Draws
from pixmend.degrade.interpolate import Mode, ResizeTo, TorchResize
from pixmend.degrade.jpeg import JPEG
from pixmend.degrade.kernels import EllipticBlur, Sinc
from pixmend.degrade.noise import GaussianNoise, PoissonNoise
from pixmend.degrade.picture import check_shrinks
from pixmend.degrade.resize import Round8
from pixmend.seeding import Key, child

Step = GaussianBlur | EllipticBlur | Sinc | TorchResize | ResizeTo | GaussianNoise | PoissonNoise | JPEG | Round8
"""What one is made of."""

_MODES: tuple[Mode, ...] = ("area", "bilinear", "bicubic")
_SIZES = tuple(range(7, 22, 2))
_RINGING = 0.1
"""How often a blur is a sinc instead."""
_QUALITY = (30, 95)
_GREY = 0.4
"""How often noise is grey."""
_KERNELS = {
    ("gaussian", "round"): 0.45,
    ("gaussian", "drawn out"): 0.25,
    ("generalised", "round"): 0.12,
    ("generalised", "drawn out"): 0.03,
    ("plateau", "round"): 0.12,
    ("plateau", "drawn out"): 0.03,
}
_BETA = {"generalised": (0.5, 4.0), "plateau": (1.0, 2.0)}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stage:
    blurred: float
    """How often."""
    sigma: tuple[float, float]
    resized: tuple[float, float, float]
    """How often up, down and not at all."""
    factor: tuple[float, float]
    noise: tuple[float, float]
    """Sigma of Gaussian noise in 8-bit units, in half of the pictures."""
    photons: tuple[float, float]
    """The scale of Poisson noise, in the other half."""


_FIRST = _Stage(
    blurred=1.0, sigma=(0.2, 3.0), resized=(0.2, 0.7, 0.1), factor=(0.15, 1.5), noise=(1, 30), photons=(0.05, 3.0)
)
_SECOND = _Stage(
    blurred=0.8, sigma=(0.2, 1.5), resized=(0.3, 0.4, 0.3), factor=(0.3, 1.2), noise=(1, 25), photons=(0.05, 2.5)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RealESRGAN:
    """Make a clean picture what a bad photograph of it is, ``scale`` times smaller: blurred, resized, noisy, coded.

    All of that twice, the second time weaker, and four times out of five a sinc filter before or after the last JPEG,
    which rings as sharpened pictures do. The result is 8-bit. ``drawn`` says what a key stands for.

    Source: Real-ESRGAN, section 3 and the options of its training. Its code works on crops of 400 pixels and then cuts
    out 256, this on whatever it is given, mirrored beyond the border; it codes with a JPEG of tensor operations and
    fractional qualities, this with libjpeg and whole ones. Its pool of 180 samples, there because a batch shares one
    size, is not needed where every picture draws its own. The clean pictures of Real-ESRNet, Real-ESRGAN and Real-HAT
    are sharpened first, which is ``Sharpen``.

    Raises:
        PixmendError: ``scale`` below 1, or a picture that is not (1 or 3, H, W) or whose sides are not multiples.
    """

    scale: int

    def __post_init__(self) -> None:
        check_shrinks("RealESRGAN", self.scale)

    def __call__(self, image: Tensor, seed: Key) -> Tensor:
        """(C, H, W) to (C, H / scale, W / scale) in its dtype, k / 255."""
        check_shrinks("RealESRGAN", self.scale, image)
        for i, step in enumerate(self.drawn(*image.shape[1:], seed=seed)):
            image = step(image, child(seed, i))
        return image

    def drawn(self, height: int, width: int, *, seed: Key) -> tuple[Step, ...]:
        """The steps that ``seed`` stands for, for a picture of this size; step i of them draws from child(seed, i)."""
        draws = Draws(seed)
        low = (height // self.scale, width // self.scale)
        factor = max(_factor(_FIRST, draws), 1 / min(height, width))
        return (
            *_blur(_FIRST, draws),
            TorchResize(factor=factor, mode=draws.pick(_MODES)),
            _noise(_FIRST, draws),
            _jpeg(draws),
            *_blur(_SECOND, draws),
            _resize(low, _factor(_SECOND, draws), draws),
            _noise(_SECOND, draws),
            *_last(low, draws),
            Round8(),
        )


def _blur(stage: _Stage, draws: Draws) -> list[Step]:
    if not draws.chance(stage.blurred):
        return []
    size = draws.pick(_SIZES)
    if draws.chance(_RINGING):
        return [Sinc(cutoff=draws.uniform(math.pi / (3 if size < 13 else 5), math.pi - 1e-4), size=size)]
    shape, outline = draws.pick(tuple(_KERNELS), weights=tuple(_KERNELS.values()))
    sigma = draws.uniform(*stage.sigma)
    if (shape, outline) == ("gaussian", "round"):
        return [GaussianBlur(sigma=sigma, size=size)]
    sigmas, angle = (sigma, sigma), 0.0
    if outline == "drawn out":
        sigmas, angle = (sigma, draws.uniform(*stage.sigma)), draws.uniform(-180, 180)
    beta = _beta(shape, draws)
    kind = "plateau" if shape == "plateau" else "gaussian"
    return [EllipticBlur(sigma=sigmas, angle=angle, shape=kind, beta=beta, size=size)]


def _beta(shape: str, draws: Draws) -> float:
    """Below 1 as often as above."""
    if shape not in _BETA:
        return 1.0
    low, high = _BETA[shape]
    return draws.uniform(low, 1) if draws.chance(0.5) else draws.uniform(1, high)


def _factor(stage: _Stage, draws: Draws) -> float:
    least, most = stage.factor
    low, high = draws.pick(((1.0, most), (least, 1.0), (1.0, 1.0)), weights=stage.resized)
    return draws.uniform(low, high)


def _resize(low: tuple[int, int], factor: float, draws: Draws) -> ResizeTo:
    height, width = (max(int(side * factor), 1) for side in low)
    return ResizeTo(height=height, width=width, mode=draws.pick(_MODES))


def _noise(stage: _Stage, draws: Draws) -> GaussianNoise | PoissonNoise:
    gaussian, grey = draws.chance(0.5), draws.chance(_GREY)
    if gaussian:
        return GaussianNoise(sigma=draws.uniform(*stage.noise), clip=True, grey=grey)
    return PoissonNoise(scale=draws.uniform(*stage.photons), clip=True, grey=grey)


def _jpeg(draws: Draws) -> JPEG:
    return JPEG(quality=draws.whole(*_QUALITY))


def _last(low: tuple[int, int], draws: Draws) -> list[Step]:
    """To the size asked for and perhaps ringing, before the last JPEG or after it; any other order twists lines."""
    resized: list[Step] = [_resize(low, 1.0, draws)]
    if draws.chance(0.8):
        resized.append(Sinc(cutoff=draws.uniform(math.pi / 3, math.pi - 1e-4), size=draws.pick(_SIZES)))
    return [*resized, _jpeg(draws)] if draws.chance(0.5) else [_jpeg(draws), *resized]
