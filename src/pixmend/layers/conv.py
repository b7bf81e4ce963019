"""Convolution blocks that two or more networks use."""

from torch import nn


def conv3x3(channels_in: int, channels_out: int) -> nn.Conv2d:
    """A 3 x 3 convolution that keeps the size."""
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)


class PixelShuffleUpsampler(nn.Sequential):
    """(B, C, H, W) to (B, C, s H, s W): one convolution and pixel shuffle for 2 and 3, twice the step of 2 for 4.

    Source: EDSR (1707.02921), section 3; parameters ``0``, and ``2`` where there are two steps.
    """

    def __init__(self, scale: int, channels: int) -> None:
        steps = {2: (2,), 3: (3,), 4: (2, 2)}[scale]
        parts: list[nn.Module] = []
        for step in steps:
            parts += [conv3x3(channels, channels * step**2), nn.PixelShuffle(step)]
        super().__init__(*parts)
