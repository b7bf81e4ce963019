"""The convolutional half of EDT: what encodes a task's input for the body, and decodes the body's tokens for it.

Source: 2112.10175, section 3.1 and the supplement. B batch, H and W height and width, C the body's channels, F the
features of a head, s the scale.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixmend.layers.conv import PixelShuffleUpsampler, conv3x3


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with leaky ReLU beside a 1 x 1 shortcut; (B, i, H, W) to (B, o, H, W)."""

    def __init__(self, channels_in: int, channels_out: int, *, middle: int) -> None:
        super().__init__()
        self.conv_1 = conv3x3(channels_in, middle)
        self.conv_2 = conv3x3(middle, channels_out)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.conv_1(x), 0.2)
        return F.leaky_relu(self.conv_2(y), 0.2) + self.shortcut(x)


class DownBlock(ResidualBlock):
    """A residual block, and for tasks that downsample a strided convolution behind it."""

    def __init__(self, channels_in: int, channels_out: int, *, halve: bool) -> None:
        super().__init__(channels_in, channels_out, middle=channels_in)
        if halve:
            self.conv_down = nn.Conv2d(channels_out, channels_out, 4, stride=2, padding=1, bias=False)
        self.halve = halve

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The features to go on with, and the skip at the size before."""
        skip = super().forward(x)
        return (self.conv_down(skip) if self.halve else skip), skip


class Head(nn.ModuleList):
    """The shallow encoder of one task (paper, section 3.1)."""

    def __init__(self, features: int, dim: int, *, halve: bool) -> None:
        f = features
        blocks = [DownBlock(f, 2 * f, halve=halve), DownBlock(2 * f, 4 * f, halve=halve)]
        super().__init__([conv3x3(3, f), *blocks, conv3x3(4 * f, dim)])

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, 3, H, W) to (B, C, H, W), or a quarter of each side where it halves, and the skips, last first."""
        first, down_1, down_2, last = self
        x, skip_1 = down_1(first(x))
        x, skip_2 = down_2(x)
        return last(x), [skip_2, skip_1]


class UpBlock(nn.Module):
    """Join with the head's skip of the same size, after enlarging to it where the head had halved it."""

    def __init__(self, channels_in: int, channels_out: int, *, enlarge: bool) -> None:
        super().__init__()
        if enlarge:
            self.up = nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2)
        else:
            self.conv = conv3x3(channels_in, channels_out)
        self.enlarge = enlarge
        self.block = ResidualBlock(2 * channels_out, channels_out, middle=channels_out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, i, H, W) to (B, o, H, W), or twice as large; the skip has the size of the result."""
        x = self.up(x) if self.enlarge else self.conv(x)
        return self.block(torch.cat([x, skip], dim=1))


def _up_blocks(features: int, dim: int, *, enlarge: bool) -> list[nn.Module]:
    return [UpBlock(dim, 4 * features, enlarge=enlarge), UpBlock(4 * features, 2 * features, enlarge=enlarge)]


class ShuffleTail(nn.ModuleList):
    """The decoder for super-resolution; what it adds to is the bilinear enlargement of the input."""

    def __init__(self, features: int, dim: int, *, scale: int, direct: bool) -> None:
        f = 2 * features
        if direct:
            last = [nn.Sequential(conv3x3(f, 3 * scale**2), nn.PixelShuffle(scale)), nn.Identity()]
        else:
            last = [PixelShuffleUpsampler(scale, f), conv3x3(f, 3)]
        super().__init__([*_up_blocks(features, dim, enlarge=False), *last])
        self.scale = scale

    def forward(self, tokens: Tensor, skips: list[Tensor], x: Tensor) -> Tensor:
        """(B, C, H, W), the skips and the input (B, 3, H, W) to (B, 3, s H, s W)."""
        up_1, up_2, upsampler, last = self
        y = last(upsampler(up_2(up_1(tokens, skips[0]), skips[1])))
        return y + F.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)


class ResidualTail(nn.ModuleList):
    """The decoder for denoising and deraining; it adds to the input."""

    def __init__(self, features: int, dim: int, *, enlarge: bool) -> None:
        super().__init__([*_up_blocks(features, dim, enlarge=enlarge), conv3x3(2 * features, 3)])

    def forward(self, tokens: Tensor, skips: list[Tensor], x: Tensor) -> Tensor:
        """(B, C, H, W), the skips and the input to the input's size; H and W are a quarter of it where halved."""
        up_1, up_2, last = self
        return last(up_2(up_1(tokens, skips[0]), skips[1])) + x
