"""How widely a map is spread: the diffusion index, the pixels that hold most of it, and its density.

H and W height and width in pixels.
"""

import torch
from torch import Tensor

from pixmend.errors import PixmendError

_LIFT = 1e-7
"""Added to every value of a map whose maximum is 1, as the official demo does."""


def diffusion_index(values: Tensor) -> float:
    """(1 - Gini) * 100 of a map (H, W) of values >= 0: 100 where all are equal, 100 / (H W) where one pixel has all.

    The map is divided by its maximum first, so its unit does not matter. Its size does: pixels that were not used
    count, and the same map inside a larger picture has a lower index.

    Raises:
        PixmendError: no map, a value below 0 or not finite, or nothing but zeros.

    Source: Gu and Dong (CVPR 2021), equation 9, with the Gini coefficient of the official demo.
    """
    if values.dim() != 2 or values.numel() == 0:
        raise PixmendError(f"diffusion_index: expected a map (H, W), got shape {tuple(values.shape)}")
    x = values.detach().double().flatten()
    if not bool(x.isfinite().all()) or bool((x < 0).any()) or not bool((x > 0).any()):
        raise PixmendError("diffusion_index: expected finite values of 0 or more, not all of them 0")
    x = (x / x.max() + _LIFT).sort().values
    count = x.numel()
    ranks = 2 * torch.arange(1, count + 1, dtype=x.dtype, device=x.device) - count - 1
    return float((1 - (ranks * x).sum() / (count * x.sum())) * 100)


def pixels_holding(values: Tensor, *, share: float = 0.9) -> Tensor:
    """Where in a map (H, W) the fewest pixels lie that hold this share of its sum: True there.

    Of equal pixels, those further up, then further left, are taken first.

    Raises:
        PixmendError: a share that is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise PixmendError(f"pixels_holding: expected a share above 0 and at most 1, got {share}")
    x = values.detach().double().flatten()
    order = x.sort(descending=True, stable=True).indices
    before = x[order].cumsum(0) - x[order]
    taken = torch.zeros_like(x, dtype=torch.bool)
    taken[order] = before < share * x.sum() * (1 - 1e-12)
    return taken.view(values.shape)


def density(values: Tensor) -> Tensor:
    """The map (H, W) as a smooth density, summing to one: a Gaussian at every pixel, weighted by its value.

    Widths are Scott's along each side: the map's own standard deviation times n^(-1/6), where n is the number of equal
    pixels that would say as much. No narrower than half a pixel, and nothing is lost over the border.
    """
    weights = values.detach().double() / values.double().sum()
    scott = float((weights**2).sum()) ** (1 / 6)  # n = 1 / sum of squares
    for dim in (0, 1):
        places = torch.arange(weights.shape[dim], dtype=torch.float64, device=weights.device)
        along = weights.sum(1 - dim)
        middle = (along * places).sum()
        width = max(0.5, float((along * (places - middle) ** 2).sum().sqrt()) * scott)
        hills = torch.exp(-((places[:, None] - places[None]) ** 2) / (2 * width**2))
        hills = hills / hills.sum(0)
        weights = hills @ weights if dim == 0 else weights @ hills.T
    return weights
