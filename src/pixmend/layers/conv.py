"""Convolution blocks that two or more networks use."""

from torch import nn


def conv3x3(channels_in: int, channels_out: int) -> nn.Conv2d:
    """A 3 x 3 convolution that keeps the size."""
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)


STEPS = {1: (), 2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
"""The steps by which a ``PixelShuffleUpsampler`` reaches each scale it can have."""


class PixelShuffleUpsampler(nn.Sequential):
    """(B, C, H, W) to (B, C, s H, s W): a convolution and pixel shuffle for each step of 2, or the one step of 3.

    Source: EDSR (1707.02921), section 3; parameters ``0``, and ``2`` and ``4`` where there are more steps.
    """

    def __init__(self, scale: int, channels: int) -> None:
        parts: list[nn.Module] = []
        for step in STEPS[scale]:
            parts += [conv3x3(channels, channels * step**2), nn.PixelShuffle(step)]
        super().__init__(*parts)
