"""Stochastic depth."""

from torch import Tensor, nn


def drop_path_rates(depths: tuple[int, ...], most: float) -> list[list[float]]:
    """A probability for each block of stages of these depths, rising from 0 at the first to ``most`` at the last."""
    last = max(1, sum(depths) - 1)
    rates = iter([most * index / last for index in range(sum(depths))])
    return [[next(rates) for _ in range(depth)] for depth in depths]


class DropPath(nn.Module):
    """In training, drop a residual branch of a whole sample with this probability, and scale the kept ones up.

    Source: Deep Networks with Stochastic Depth (1603.09382), section 3.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) to the same."""
        if not self.training or self.probability == 0:
            return x
        keep = 1 - self.probability
        return x * x.new_empty(x.shape[0], *(1,) * (x.dim() - 1)).bernoulli_(keep) / keep
