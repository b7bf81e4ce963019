"""Blur as a camera out of focus makes it, roughly."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.degrade.picture import check_picture
from pixmend.errors import PixmendError
from pixmend.seeding import Key

_NOTHING = 1e-20
"""Beside the middle's weight of 1, less than the last bit of a double."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GaussianBlur:
    """Blur with a Gaussian of ``sigma`` pixels, alike in all directions, on a square of ``size`` pixels.

    The kernel is cut off at the square and made to sum to one; beyond the border the picture is mirrored, the border
    pixel not repeated, as often as it takes. Source: the isotropic kernels of BSRGAN and Real-ESRGAN, which
    ``cv2.GaussianBlur`` makes too; both take 21 pixels, where a sigma above 3 or so begins to be cut off.

    Raises:
        PixmendError: ``sigma`` not positive, or ``size`` no odd whole number or not above two sigmas.
    """

    sigma: float
    size: int = 21

    def __post_init__(self) -> None:
        if not 0 < self.sigma < math.inf:
            raise PixmendError(f"GaussianBlur: expected a positive sigma in pixels, got {self.sigma}")
        if not isinstance(self.size, int) or self.size < 1 or self.size % 2 == 0:
            raise PixmendError(f"GaussianBlur: expected an odd size of 1 or more, got {self.size}")
        if self.size <= 2 * self.sigma:
            least = 2 * math.floor(self.sigma) + 3
            raise PixmendError(
                f"GaussianBlur: {self.size} pixels cut most of a sigma of {self.sigma} off: give size={least} or more"
            )

    def __call__(self, image: Tensor, seed: Key = 0) -> Tensor:
        """(..., H, W) to the same shape and dtype; nothing is drawn from ``seed``."""
        check_picture(image, "GaussianBlur")
        wide = image.to(torch.promote_types(image.dtype, torch.float32))
        reach = self.size // 2
        places = [i / self.sigma for i in range(-reach, reach + 1)]
        weights = [math.exp(-0.5 * place * place) for place in places]  # ** 2 would raise where this is just zero
        for dim in (-2, -1):
            side = wide.shape[dim]
            padded = wide.index_select(dim, mirrored(side, reach).to(wide.device))
            blurred = torch.zeros_like(wide)
            for i, weight in enumerate(weights):
                if weight > _NOTHING:
                    blurred.add_(padded.narrow(dim, i, side), alpha=weight / sum(weights))
            wide = blurred
        return wide.to(image.dtype)


def mirrored(side: int, reach: int) -> Tensor:
    """The positions (side + 2 reach) of a line and of ``reach`` pixels mirrored at each end."""
    period = max(2 * (side - 1), 1)
    place = torch.arange(-reach, side + reach) % period
    return torch.minimum(place, period - place) if side > 1 else torch.zeros_like(place)
