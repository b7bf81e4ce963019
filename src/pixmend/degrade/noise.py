"""Noise of the sensor and of light itself."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.degrade.picture import check_picture
from pixmend.degrade.resize import round8
from pixmend.errors import PixmendError
from pixmend.seeding import Key, child, generator

_LUMA = (0.2989, 0.587, 0.114)
"""BT.601, as torchvision rounds it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GaussianNoise:
    """Add white Gaussian noise of standard deviation ``sigma`` / 255, each value and channel on its own.

    ``sigma`` is in 8-bit units, as in every denoising table (15, 25, 50), or a range (low, high) from which a picture
    draws by its key. The result leaves [0, 1] unless ``clip`` is set: SwinIR, EDT and Restormer train and test
    without clipping, IPT with it, and their scores cannot be compared. ``grey`` noise is one value for all channels.

    Raises:
        PixmendError: ``sigma`` negative, not finite or an empty range.
    """

    sigma: float | tuple[float, float]
    clip: bool = False
    grey: bool = False

    def __post_init__(self) -> None:
        low, high = self._range
        if not 0 <= low <= high < math.inf:
            raise PixmendError(f"GaussianNoise: expected sigma of 0 or more (8-bit units), got {self.sigma}")

    def __call__(self, image: Tensor, seed: Key) -> Tensor:
        """(..., H, W) to the same shape and dtype; noise is drawn on the CPU in float32, always."""
        check_picture(image, "GaussianNoise")
        shape = (1, *image.shape[-2:]) if self.grey else image.shape
        noise = torch.randn(shape, generator=generator(seed), dtype=torch.float32)
        noisy = image + noise.mul_(self._drawn(seed) / 255).to(image)
        return noisy.clamp_(0, 1) if self.clip else noisy

    @property
    def _range(self) -> tuple[float, float]:
        return self.sigma if isinstance(self.sigma, tuple) else (self.sigma, self.sigma)

    def _drawn(self, seed: Key) -> float:
        """Sigma; from a stream of its own, so that the noise itself is that of a fixed sigma."""
        low, high = self._range
        return low if low == high else low + (high - low) * float(torch.rand((), generator=generator(child(seed, 0))))


@dataclass(frozen=True, kw_only=True, slots=True)
class ColourNoise:
    """Add Gaussian noise whose red, green and blue belong together, white in space.

    ``covariance`` is that of the three, in squared 8-bit units: with 100 everywhere it is grey noise of sigma 10.
    Source: the third kind of noise of BSRGAN (2103.14006).

    Raises:
        PixmendError: ``covariance`` is no covariance of three channels, or the picture has not three.
    """

    covariance: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
    clip: bool = False

    def __post_init__(self) -> None:
        wide = torch.tensor(self.covariance, dtype=torch.float64)
        good = wide.shape == (3, 3) and bool(wide.isfinite().all()) and torch.equal(wide, wide.T)
        if not good or float(torch.linalg.eigvalsh(wide)[0]) < -1e-3 * (1 + float(wide.abs().max())):
            raise PixmendError(
                f"ColourNoise: expected a covariance, 3 x 3, symmetric and not negative, got {self.covariance}"
            )

    def __call__(self, image: Tensor, seed: Key) -> Tensor:
        """(..., 3, H, W) to the same shape and dtype; drawn on the CPU in float32, always."""
        check_picture(image, "ColourNoise")
        if image.dim() < 3 or image.shape[-3] != 3:
            raise PixmendError(f"ColourNoise: expected a picture of 3 channels, got shape {tuple(image.shape)}")
        values, vectors = torch.linalg.eigh(torch.tensor(self.covariance, dtype=torch.float64))
        mixing = (vectors * values.clamp(min=0).sqrt() / 255).float()
        white = torch.randn(image.shape, generator=generator(seed), dtype=torch.float32)
        noise = (mixing @ white.flatten(-2)).view(image.shape)
        noisy = image + noise.to(image)
        return noisy.clamp_(0, 1) if self.clip else noisy


@dataclass(frozen=True, kw_only=True, slots=True)
class PoissonNoise:
    """Add the noise of counted light, stronger where it is bright; ``scale`` multiplies it.

    The picture is rounded to 8 bits, and white is as many photons as it then has different values, rounded up to a
    power of two: 256 for most, so that white gets a standard deviation of 16 / 255 and darker values less. ``grey``
    noise is that of the brightness, 0.2989 R + 0.587 G + 0.114 B, and the same for all channels. Source:
    ``generate_poisson_noise_pt`` of Real-ESRGAN. The result is not clipped unless ``clip`` is set.

    Raises:
        PixmendError: ``scale`` negative or not finite.
    """

    scale: float = 1.0
    clip: bool = False
    grey: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.scale < math.inf:
            raise PixmendError(f"PoissonNoise: expected a scale of 0 or more, got {self.scale}")

    def __call__(self, image: Tensor, seed: Key) -> Tensor:
        """(..., H, W), taken as one picture, to the same shape and dtype; drawn on the CPU in float32, always."""
        check_picture(image, "PoissonNoise")
        clean = image.detach().to("cpu", torch.float32)
        if self.grey and image.dim() > 2 and image.shape[-3] == 3:
            clean = (clean * torch.tensor(_LUMA).view(3, 1, 1)).sum(-3, keepdim=True)
        clean = round8(clean)
        levels = torch.bincount((clean * 255).round_().to(torch.uint8).flatten(), minlength=256)
        photons = 2.0 ** math.ceil(math.log2(int(levels.count_nonzero())))
        noise = torch.poisson(clean * photons, generator=generator(seed)).div_(photons).sub_(clean)
        noisy = image + noise.mul_(self.scale).to(image)
        return noisy.clamp_(0, 1) if self.clip else noisy
