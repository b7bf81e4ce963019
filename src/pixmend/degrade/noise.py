"""Additive noise."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.degrade.picture import check_picture
from pixmend.errors import PixmendError
from pixmend.seeding import Key, generator


@dataclass(frozen=True, kw_only=True, slots=True)
class GaussianNoise:
    """Add white Gaussian noise of standard deviation ``sigma`` / 255, each value and channel on its own.

    ``sigma`` is in 8-bit units, as in every denoising table (15, 25, 50). The result leaves [0, 1] unless
    ``clip`` is set: SwinIR, EDT and Restormer train and test without clipping, IPT with it, and their scores
    cannot be compared.

    Raises:
        PixmendError: ``sigma`` negative or not finite.
    """

    sigma: float
    clip: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.sigma < math.inf:
            raise PixmendError(f"GaussianNoise: expected sigma of 0 or more (8-bit units), got {self.sigma}")

    def __call__(self, image: Tensor, seed: Key) -> Tensor:
        """(..., H, W) to the same shape and dtype; noise is drawn on the CPU in float32, always."""
        check_picture(image, "GaussianNoise")
        noise = torch.randn(image.shape, generator=generator(seed), dtype=torch.float32)
        noisy = image + noise.mul_(self.sigma / 255).to(image)
        return noisy.clamp_(0, 1) if self.clip else noisy
