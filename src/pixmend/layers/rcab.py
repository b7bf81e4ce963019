"""Residual groups of channel-attention blocks: the trunk of RCAN, which HAN took over.

B batch, C channels, H and W height and width.
"""

from torch import Tensor, nn

from pixmend.layers.conv import conv3x3


class ChannelAttention(nn.Module):
    """(B, C, H, W) to the same: scale each channel by a gate computed from the means of all channels.

    Source: RCAN (1807.02758), section 3.3. The means are over the whole picture, so that a tile alone gives something
    else than the same place in a larger one.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        squeezed = channels // reduction
        self.conv_du = nn.Sequential(
            nn.Conv2d(channels, squeezed, 1), nn.ReLU(), nn.Conv2d(squeezed, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.conv_du(x.mean((2, 3), keepdim=True))


class RCAB(nn.Module):
    """(B, C, H, W) to the same: two convolutions, channel attention, and a skip around them.

    Source: RCAN (1807.02758), section 3.4.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv3x3(channels, channels), nn.ReLU(), conv3x3(channels, channels), ChannelAttention(channels, reduction)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class ResidualGroup(nn.Module):
    """(B, C, H, W) to the same: blocks, a convolution, and a skip around them.

    Source: RCAN (1807.02758), section 3.2.
    """

    def __init__(self, channels: int, *, blocks: int, reduction: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*(RCAB(channels, reduction) for _ in range(blocks)), conv3x3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class ResidualGroups(nn.Sequential):
    """(B, C, H, W) to the same: groups and a convolution; the skip around them is the network's.

    Source: RCAN (1807.02758), section 3.1.
    """

    def __init__(self, channels: int, *, groups: int, blocks: int, reduction: int) -> None:
        parts = (ResidualGroup(channels, blocks=blocks, reduction=reduction) for _ in range(groups))
        super().__init__(*parts, conv3x3(channels, channels))
