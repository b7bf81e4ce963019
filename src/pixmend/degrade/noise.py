"""Noise of the sensor and of light itself."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.degrade.picture import check_picture
from pixmend.degrade.resize import round8
from pixmend.errors import PixmendError
from pixmend.seeding import Key, child, generator


@dataclass(frozen=True, kw_only=True, slots=True)
class GaussianNoise:
    """Add white Gaussian noise of standard deviation ``sigma`` / 255, each value and channel on its own.

    ``sigma`` is in 8-bit units, as in every denoising table (15, 25, 50), or a range (low, high) from which a picture
    draws by its key. The result leaves [0, 1] unless ``clip`` is set: SwinIR, EDT and Restormer train and test
    without clipping, IPT with it, and their scores cannot be compared.

    Raises:
        PixmendError: ``sigma`` negative, not finite or an empty range.
    """

    sigma: float | tuple[float, float]
    clip: bool = False

    def __post_init__(self) -> None:
        low, high = self._range
        if not 0 <= low <= high < math.inf:
            raise PixmendError(f"GaussianNoise: expected sigma of 0 or more (8-bit units), got {self.sigma}")

    def __call__(self, image: Tensor, seed: Key) -> Tensor:
        """(..., H, W) to the same shape and dtype; noise is drawn on the CPU in float32, always."""
        check_picture(image, "GaussianNoise")
        noise = torch.randn(image.shape, generator=generator(seed), dtype=torch.float32)
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
class PoissonNoise:
    """Add the noise of counted light, stronger where it is bright; ``scale`` multiplies it.

    The picture is rounded to 8 bits, and white is as many photons as it then has different values, rounded up to a
    power of two: 256 for most, so that white gets a standard deviation of 16 / 255 and darker values less. Source:
    ``generate_poisson_noise`` of Real-ESRGAN, in colour. The result is not clipped.

    Raises:
        PixmendError: ``scale`` negative or not finite.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.scale < math.inf:
            raise PixmendError(f"PoissonNoise: expected a scale of 0 or more, got {self.scale}")

    def __call__(self, image: Tensor, seed: Key) -> Tensor:
        """(..., H, W), taken as one picture, to the same shape and dtype; drawn on the CPU in float32, always."""
        check_picture(image, "PoissonNoise")
        clean = round8(image.detach().to("cpu", torch.float32))
        photons = 2.0 ** math.ceil(math.log2(clean.unique().numel()))
        noise = torch.poisson(clean * photons, generator=generator(seed)).div_(photons).sub_(clean)
        return image + noise.mul_(self.scale).to(image)
