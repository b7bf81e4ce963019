"""What HAT's blocks have that others do not: channel attention, and cross-attention to overlapping windows.

Source: 2205.04437, section 3.2. B batch, C channels, H and W height and width in input pixels, M the window's side, M_o
the overlapping window's.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from pixmend.layers.conv import conv3x3
from pixmend.layers.mlp import Mlp
from pixmend.layers.window import attend, merge, offsets, partition, position_bias


def overlap_index(window: int, overlapping: int, *, device: torch.device | None = None) -> Tensor:
    """(M^2, M_o^2): which entry of a bias table is that of an offset of a key in the overlapping window from a query.

    As in the released code the least offset is not 0 but -(M_o - 1): indices begin below 0. Each offset has an entry
    of its own all the same, once they wrap around.
    """
    down, right = offsets((window, window), (overlapping, overlapping), device=device)
    least = window - overlapping + 1
    return (least - down) * (window + overlapping - 1) + least - right


class CAB(nn.Module):
    """Channel attention block: two convolutions through C / ``compress`` channels, then channel attention."""

    def __init__(self, dim: int, *, compress: int, squeeze: int) -> None:
        super().__init__()
        few = dim // compress
        self.cab = nn.Sequential(conv3x3(dim, few), nn.GELU(), conv3x3(few, dim), ChannelAttention(dim, squeeze))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        return self.cab(x)


class ChannelAttention(nn.Module):
    """Scale each channel by a gate computed from the means of all, which are over the whole picture."""

    def __init__(self, dim: int, squeeze: int) -> None:
        super().__init__()
        few = dim // squeeze
        self.attention = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(dim, few, 1), nn.ReLU(), nn.Conv2d(few, dim, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        return x * self.attention(x)


class OCAB(nn.Module):
    """Overlapping cross-attention block: queries of a window to keys of the larger one around it.

    Beyond the border keys and values are zero, and no mask leaves them out of the softmax.
    """

    def __init__(self, dim: int, *, num_heads: int, window: int, overlapping: int, hidden: int) -> None:
        super().__init__()
        self.num_heads, self.window, self.overlapping = num_heads, window, overlapping
        self.relative_position_bias_table = nn.Parameter(torch.empty((window + overlapping - 1) ** 2, num_heads))
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, hidden)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: Tensor, index: Tensor) -> Tensor:
        """(B, H, W, C) to the same; ``index`` is that of ``overlap_index``, wrapped around the table."""
        height, width, dim = x.shape[1:]
        q, kv = self.qkv(self.norm1(x)).split((dim, 2 * dim), -1)
        q = partition(q, (self.window, self.window))
        k, v = self.around_windows(kv).chunk(2, -1)
        bias = position_bias(self.relative_position_bias_table, index)
        attended = merge(attend(q, k, v, num_heads=self.num_heads, bias=bias), height, width)
        x = x + self.proj(attended)
        return x + self.mlp(self.norm2(x))

    def around_windows(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to the overlapping windows (windows, B, M_o, M_o, C), zero beyond the border."""
        border = (self.overlapping - self.window) // 2
        x = F.pad(x, (0, 0, border, border, border, border))
        windows = x.unfold(1, self.overlapping, self.window).unfold(2, self.overlapping, self.window)
        return rearrange(windows, "b m n c u v -> (m n) b u v c")
