"""The eight ways to lay a picture: flipped or not, by each quarter turn."""

from dataclasses import dataclass

import torch
from torch import Tensor


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
