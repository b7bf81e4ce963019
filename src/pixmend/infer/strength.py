"""Less of what a network does: its result, blended with the picture it was given.

B batch, C channels, H and W height and width in pixels, s the scale.
"""

import torch
from torch import Tensor

from pixmend.degrade.resize import imresize
from pixmend.errors import PixmendError
from pixmend.infer.guard import find_faults
from pixmend.infer.wrapping import Wrapper
from pixmend.models.base import Restorer


class Blended(Wrapper):
    """``strength`` of the result, and the rest of the picture itself, enlarged bicubically by the network's scale.

    Above 0, where a network would work for nothing, and up to 1: more would exaggerate whatever it has made up. A
    result of one value everywhere is left as it is, lest the blend hide from the guard that the weights are damaged.

    Raises:
        PixmendError: another strength; or a network that gives other channels than it takes.
    """

    def __init__(self, inner: Restorer, strength: float) -> None:
        if not 0 < strength <= 1:
            raise PixmendError(f"strength: expected more than 0, up to 1, got {strength}")
        if inner.in_channels != inner.out_channels:
            raise PixmendError(
                f"strength: the network makes {inner.out_channels} channels of {inner.in_channels}, "
                "which cannot be blended: leave it out"
            )
        super().__init__(inner)
        self.strength = strength

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) in [0, 1] to (B, C, s H, s W)."""
        y = self.inner(x)
        y = y.to(torch.promote_types(y.dtype, torch.float32))
        blend = torch.lerp(self._enlarged(x).to(y), y, self.strength)
        flat = [index for index, fault in find_faults(x, y).items() if fault == "flat"]
        return blend.index_copy(0, torch.tensor(flat, device=y.device), y[flat]) if flat else blend

    def _enlarged(self, x: Tensor) -> Tensor:
        if self.scale == 1:
            return x
        return imresize(x.cpu() if x.device.type == "mps" else x, scale=self.scale)  # which has no float64
