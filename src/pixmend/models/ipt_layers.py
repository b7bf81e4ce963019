"""The layers of IPT's transformer (2012.00364, section 3.1).

B batch, N tokens of D channels each.
"""

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


class PositionEncoding(nn.Module):
    """A learned vector for each place of a patch, added once, before the encoder."""

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.pe = nn.Embedding(tokens, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) to the same."""
        return tokens + self.pe.weight


class Layers(nn.Module):
    """Layers one after another and no norm after the last; a module because the released names have one here."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, tokens: Tensor, *context: Tensor) -> Tensor:
        """Tokens (B, N, D), and what every layer sees beside them, to tokens (B, N, D)."""
        for layer in self.layers:
            tokens = layer(tokens, *context)
        return tokens


class EncoderLayer(nn.Module):
    """Self-attention and MLP, each after a norm (2012.00364, section 3.1)."""

    def __init__(self, dim: int, num_heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.self_attn = Attention(dim, num_heads)
        self.norm2 = nn.LayerNorm(dim)
        self.linear1 = nn.Linear(dim, hidden)
        self.linear2 = nn.Linear(hidden, dim)
        # The official encoder departs from torch's own initialisation here; its decoder does not.
        nn.init.kaiming_uniform_(self.self_attn.in_proj_weight, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to the same."""
        normed = self.norm1(x)
        x = x + self.self_attn(normed, normed, normed)
        return x + self.linear2(F.relu(self.linear1(self.norm2(x))))


class DecoderLayer(nn.Module):
    """Self-attention, attention to the encoder's output and MLP, each after a norm (2012.00364, section 3.1).

    The task's query says where to look and never enters what is seen there; the encoder's output gets no norm.
    """

    def __init__(self, dim: int, num_heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.self_attn = Attention(dim, num_heads)
        self.norm2 = nn.LayerNorm(dim)
        self.multihead_attn = Attention(dim, num_heads)
        self.norm3 = nn.LayerNorm(dim)
        self.linear1 = nn.Linear(dim, hidden)
        self.linear2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor, memory: Tensor, query: Tensor) -> Tensor:
        """Tokens (B, N, D), the encoder's output (B, N, D) and the task's query (N, D) to tokens (B, N, D)."""
        normed = self.norm1(x)
        x = x + self.self_attn(normed + query, normed + query, normed)
        x = x + self.multihead_attn(self.norm2(x) + query, memory, memory)
        return x + self.linear2(F.relu(self.linear1(self.norm3(x))))


class Attention(nn.Module):
    """Attention of several heads; none of its projections has a bias."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.out_proj = nn.Linear(dim, dim, bias=False)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Three (B, N, D) to (B, N, D)."""
        projected = (F.linear(x, weight) for x, weight in zip((q, k, v), self.in_proj_weight.chunk(3), strict=True))
        q, k, v = (rearrange(x, "b n (h d) -> b h n d", h=self.num_heads) for x in projected)
        return self.out_proj(rearrange(F.scaled_dot_product_attention(q, k, v), "b h n d -> b n (h d)"))
