"""Sharpening by an unsharp mask."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.degrade.blur import GaussianBlur
from pixmend.degrade.picture import check_picture
from pixmend.errors import PixmendError
from pixmend.seeding import Key

_WIDE = GaussianBlur(sigma=8.0, size=51)
"""What OpenCV makes of a radius of 51 pixels and no sigma."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharpen:
    """Add ``amount`` times what a wide blur takes away, where that is more than ``threshold`` levels of 255.

    Where that is, fades over the same width. The result is clipped to [0, 1]. Source: ``USMSharp`` of BasicSR, by which
    Real-ESRNet, Real-ESRGAN and Real-HAT have their clean pictures sharpened before they are degraded, so that the
    networks learn to sharpen as well.

    Raises:
        PixmendError: ``amount`` or ``threshold`` negative or not finite.
    """

    amount: float = 0.5
    threshold: float = 10.0

    def __post_init__(self) -> None:
        if not all(0 <= value < math.inf for value in (self.amount, self.threshold)):
            raise PixmendError(
                f"Sharpen: expected an amount and a threshold of 0 or more, got {self.amount} and {self.threshold}"
            )

    def __call__(self, image: Tensor, seed: Key = 0) -> Tensor:
        """(..., H, W) to the same shape and dtype; nothing is drawn from ``seed``."""
        check_picture(image, "Sharpen")
        wide = image.to(torch.promote_types(image.dtype, torch.float32))
        lost = wide - _WIDE(wide)
        where = _WIDE((lost.abs() * 255 > self.threshold).to(wide))
        return (where * (wide + self.amount * lost).clamp(0, 1) + (1 - where) * wide).clamp(0, 1).to(image.dtype)
