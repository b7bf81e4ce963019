"""What a step minimises: a dictionary of terms, by name, whose sum is the loss."""

from torch import Tensor, nn

from pixmend.data import Batch
from pixmend.models.edt import EDT


class L1(nn.Module):
    """Mean absolute error of every task in the batch, computed in float32; all tasks share one pass of the body.

    It holds the network, so that wrapping it for many devices wraps both.
    """

    def __init__(self, network: EDT) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """A scalar for each task."""
        restored = self.network.together({task: pair.low for task, pair in batch.items()})
        return {task: (restored[task].float() - pair.high).abs().mean() for task, pair in batch.items()}
