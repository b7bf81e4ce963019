"""The feed-forward part of a transformer layer."""

import torch.nn.functional as F
from torch import Tensor, nn


class Mlp(nn.Module):
    """(..., C) to the same: two linear layers with a GELU between them.

    Source: Swin Transformer (2103.14030), section 3.1.
    """

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))
