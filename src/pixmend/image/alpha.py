"""Colours under transparency: nobody sees them, but a network does, and smears them over the edge.

C channels, H and W height and width in pixels.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

_SOUND = 0.02
"""Alpha below which 8 bits leave little of a colour that was stored multiplied by it."""


def bled(pixels: Tensor, alpha: Tensor) -> Tensor:
    """The picture (C, H, W) with colours from its neighbours wherever alpha (1, H, W) is 0; the rest is untouched.

    Averages over ever larger squares of what is opaque, weighted by alpha, then from the largest square down again
    where smaller ones hold nothing. A picture without a visible pixel is returned as it is.
    """
    hidden = alpha <= 0
    if not hidden.any() or hidden.all():
        return pixels
    weight = alpha.where(alpha > _SOUND, alpha * 0.01)[None].clone()
    filled = _filled(pixels[None] * weight, weight)[0]
    return torch.where(hidden, filled.to(pixels.dtype), pixels)


def _filled(weighted: Tensor, weight: Tensor) -> Tensor:
    """The means; where the weight is 0, those of the next larger squares, interpolated."""
    known = weight > 0
    means = weighted / weight.clamp_min(1e-12)
    if known.all():
        return means
    size = weight.shape[2:]
    odd = [0, size[1] % 2, 0, size[0] % 2]
    halved = (avg_pool2d(torch.nn.functional.pad(plane, odd), 2) for plane in (weighted, weight))
    coarse = interpolate(_filled(*halved), scale_factor=2, mode="bilinear", align_corners=False)
    return torch.where(known, means, coarse[..., : size[0], : size[1]])
