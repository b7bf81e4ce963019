"""Blocks of a transformer one after another."""

from collections.abc import Iterable

from torch import Tensor, nn


class BlockGroup(nn.Module):
    """A module of its own because the names released for EDT, HAT and SwinIR have one here."""

    def __init__(self, blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, *places: Tensor) -> Tensor:
        """(B, H, W, C) to the same; ``places``, such as masks, are what every block sees beside it."""
        for block in self.blocks:
            x = block(x, *places)
        return x
