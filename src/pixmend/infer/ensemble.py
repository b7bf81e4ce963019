"""The eight ways to lay a picture, flipped or not by each quarter turn, and a network that answers for all of them.

B batch, C channels, H and W height and width in pixels, s the scale.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.infer.wrapping import Wrapper
from pixmend.models.base import Restorer, check_batch, extend_to_multiple


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """Mirror left and right, or not, then turn to the left by quarters of a circle."""

    mirrored: bool
    quarters: int

    def there(self, image: Tensor) -> Tensor:
        """(..., H, W) laid so: (..., W, H) after an odd number of quarters."""
        return torch.rot90(image.flip(-1) if self.mirrored else image, self.quarters, (-2, -1))

    def back(self, image: Tensor) -> Tensor:
        """What ``there`` laid so, as it was; of a result too, whatever its scale."""
        image = torch.rot90(image, -self.quarters, (-2, -1))
        return image.flip(-1) if self.mirrored else image


TURNS = tuple(Turn(mirrored=mirrored, quarters=quarters) for mirrored in (False, True) for quarters in range(4))
"""All of them; the first leaves a picture as it is. Geometric self-ensemble (EDSR, 1707.02921, section 3.4)."""


class Ensembled(Wrapper):
    """The mean of what a network makes of a picture laid in all eight ways, each turned back; in float32 at least.

    Eight times the work, in little more memory: one after the other. The picture is extended to the network's grid
    before it is turned, so that windows lie where they lie in the picture as it is, in a tile as in the whole.

    Raises:
        PixmendError: a network for two views, which no longer lie left and right of each other when turned.

    Source: EDSR, 1707.02921, section 3.4.
    """

    def __init__(self, inner: Restorer) -> None:
        if inner.in_channels == 2 * inner.out_channels:
            raise PixmendError(
                "ensemble: the network sees a left and a right view, which are that no more when turned: leave it out"
            )
        super().__init__(inner)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) in [0, 1] to (B, C', s H, s W)."""
        height, width = check_batch(x, self.in_channels)
        x = extend_to_multiple(x, self.multiple)
        total: Tensor | None = None
        for turn in TURNS:
            y = turn.back(self.inner(turn.there(x).contiguous()))
            total = (0 if total is None else total) + y.to(torch.promote_types(y.dtype, torch.float32))
        assert total is not None
        return total[..., : height * self.scale, : width * self.scale] / len(TURNS)
