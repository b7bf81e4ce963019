"""Windows: cutting a feature map into them, attention inside them, and the mask of shifted ones.

B batch, H and W height and width, C channels, h heads, d = C / h, (u, v) the window's height and width,
N = u v tokens in a window, M = (H / u) (W / v) windows. Windows need not be square: EDT's are 6 x 24 and 24 x 6.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

Window = tuple[int, int]

MASKED = -100.0
"""Added to the logits of pairs that may not meet: the value the released networks were trained with."""


def partition(x: Tensor, window: Window) -> Tensor:
    """(B, H, W, C) to (M, B, u, v, C). Windows come first so that one mask of M windows serves the whole batch."""
    return rearrange(x, "b (m u) (n v) c -> (m n) b u v c", u=window[0], v=window[1])


def merge(windows: Tensor, height: int, width: int) -> Tensor:
    """(M, B, u, v, C) back to (B, H, W, C): the inverse of ``partition``."""
    rows, columns = height // windows.shape[2], width // windows.shape[3]
    return rearrange(windows, "(m n) b u v c -> b (m u) (n v) c", m=rows, n=columns)


def shift_mask(height: int, width: int, window: Window, shift: Window, *, device: torch.device | None = None) -> Tensor:
    """(M, 1, N, N) of 0 and ``MASKED``: after a cyclic shift, tokens of different regions may not attend to another.

    Source: Swin Transformer (2103.14030), section 3.2.
    """
    region = torch.zeros(height, width, device=device)
    region[height - window[0] : height - shift[0]] += 3
    region[height - shift[0] :] += 6
    region[:, width - window[1] : width - shift[1]] += 1
    region[:, width - shift[1] :] += 2
    tokens = partition(region[None, ..., None], window).flatten(1)
    return (tokens[:, None, :, None] != tokens[:, None, None, :]).float() * MASKED


def shift_masks(window: Window, *, device: torch.device | None = None) -> Tensor:
    """(4, 1, N, N): the masks of a window shifted by half, of the four kinds there are in a map of any size.

    In order: inside, in the last column, in the last row, in both. A map of 2 x 2 windows has one of each kind.
    """
    height, width = window
    return shift_mask(2 * height, 2 * width, window, (height // 2, width // 2), device=device)


def offsets(queries: Window, keys: Window, *, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """How far each query is below and right of each key, both (N, N'), if the windows begin at the same place."""
    grids = [
        torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
        for height, width in (queries, keys)
    ]
    down, right = (query.flatten()[:, None] - key.flatten() for query, key in zip(*grids, strict=True))
    return down, right


def relative_index(window: Window, *, device: torch.device | None = None) -> Tensor:
    """(N, N): which of the (2u - 1)(2v - 1) entries of a bias table is that of a query's offset from a key.

    Source: Swin Transformer (2103.14030), section 3.2, equation 4.
    """
    down, right = offsets(window, window, device=device)
    return (down + window[0] - 1) * (2 * window[1] - 1) + right + window[1] - 1


def position_bias(table: Tensor, index: Tensor) -> Tensor:
    """A table (entries, h) and indices (N, N') to a bias (1, h, N, N') for ``attend``."""
    return table[index].permute(2, 0, 1).contiguous()[None]


def attend(q: Tensor, k: Tensor, v: Tensor, *, num_heads: int, bias: Tensor | None = None) -> Tensor:
    """Softmax attention inside windows: three (M, B, u, v, C) to one like the queries, logits scaled by 1 / sqrt(d).

    Keys and values may be of a larger window, with N' tokens. ``bias`` (M or 1, h or 1, N, N') is added to the logits.
    It stays four-dimensional: a three-dimensional bias takes another, several times slower path on the CPU.
    """
    batch, height, width = q.shape[1:4]
    # What one bias serves lies side by side: a mask serves every picture and head, a bias of heads every window.
    by_head = bias is not None and bias.shape[1] != 1
    split = "m b u v (h d) -> (m b) h (u v) d" if by_head else "m b u v (h d) -> m (b h) (u v) d"
    q, k, v = (rearrange(t, split, h=num_heads) for t in (q, k, v))
    if bias is not None:
        bias = (bias.repeat_interleave(batch, 0) if by_head and bias.shape[0] != 1 else bias).to(q.dtype)
    if q.device.type == "cpu" and q.dtype == torch.bfloat16 and q.requires_grad:
        # Heads here are narrow; the fused kernel's bfloat16 backward is several times slower than plain products.
        logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        out = (logits if bias is None else logits + bias).softmax(-1) @ v
    else:
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    # The copy keeps the ONNX exporter from viewing a transposed tensor, which it cannot do.
    out = out.transpose(1, 2).clone(memory_format=torch.contiguous_format)
    join = "(m b) (u v) h d -> m b u v (h d)" if by_head else "m (u v) (b h) d -> m b u v (h d)"
    return rearrange(out, join, u=height, v=width, b=batch)


class WindowAttention(nn.Module):
    """(B, H, W, C) to the same: attention inside windows, with a learned bias for each offset and head.

    Source: Swin Transformer (2103.14030), section 3.2; parameters as there. ``shifted`` windows lie half a window
    further down and right, those at the end continue at the beginning, and the masks keep the two apart.
    """

    def __init__(self, dim: int, num_heads: int, window: Window, *, shifted: bool) -> None:
        super().__init__()
        entries = (2 * window[0] - 1) * (2 * window[1] - 1)
        self.relative_position_bias_table = nn.Parameter(
            nn.init.trunc_normal_(torch.empty(entries, num_heads), std=0.02)
        )
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.num_heads, self.window, self.shifted = num_heads, window, shifted

    def forward(self, x: Tensor, index: Tensor, masks: Tensor) -> Tensor:
        """``index`` and ``masks`` are the window's ``relative_index`` and ``shift_masks``."""
        bias = position_bias(self.relative_position_bias_table, index)
        if not self.shifted:
            return self.proj(self._inside(self.qkv(x), bias))
        (height, width), (rows, columns) = self.window, x.shape[1:3]
        qkv = self.qkv(x.roll((-(height // 2), -(width // 2)), (1, 2)))
        # A bias for each kind of window, four in all, takes far less memory than one for each window.
        bands = qkv.split((rows - height, height), 1)
        parts = [part for band in bands for part in band.split((columns - width, width), 2)]
        inside, right, below, corner = (
            self._inside(part, kind) for part, kind in zip(parts, (bias + masks).split(1), strict=True)
        )
        out = torch.cat([torch.cat([inside, right], 2), torch.cat([below, corner], 2)], 1)
        return self.proj(out).roll((height // 2, width // 2), (1, 2))

    def _inside(self, qkv: Tensor, bias: Tensor) -> Tensor:
        """(B, H, W, 3 C) and (1, h, N, N) to (B, H, W, C)."""
        q, k, v = partition(qkv, self.window).chunk(3, -1)
        return merge(attend(q, k, v, num_heads=self.num_heads, bias=bias), qkv.shape[1], qkv.shape[2])
