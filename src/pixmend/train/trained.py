"""Which part of a network a run trains: all of it, a change of low rank, or its last blocks."""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from pixmend.errors import PixmendError
from pixmend.models import Network
from pixmend.models.base import blocks_of
from pixmend.train.config import Last, LowRank, Trained


class LowRankChange(nn.Module):
    """W to W + B A, where A (r, inputs) is drawn and B (outputs, r) starts at zero (LoRA, 2106.09685, section 4.1).

    A kernel (outputs, inputs, k, k) is taken as the matrix (outputs, inputs k k). The paper's factor alpha / r is 1.
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs = weight.shape[0], weight[0].numel()
        rank = min(rank, outputs, inputs)
        self.down = nn.Parameter(torch.empty(rank, inputs))
        self.up = nn.Parameter(torch.zeros(outputs, rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.up @ self.down).view_as(weight)


def restrict(network: Network, trained: Trained) -> None:
    """Freeze, in place, what is not trained, and put a ``LowRankChange`` on linear layers and convolutions if asked.

    Depth-wise kernels are left as they are: they are of low rank already. The running statistics of RCDNet's batch
    normalisation move in what is frozen, too.

    Raises:
        PixmendError: more last blocks than the network has.
    """
    if isinstance(trained, LowRank):
        network.requires_grad_(False)
        for module in list(network.modules()):
            for name in _matrices(module):
                change = LowRankChange(getattr(module, name), trained.rank)
                parametrize.register_parametrization(module, name, change)
    if isinstance(trained, Last):
        blocks = blocks_of(network)
        if trained.blocks > len(blocks):
            raise PixmendError(f"trained.blocks: {type(network).__name__} has {len(blocks)}, got {trained.blocks}")
        parameters = list(network.parameters())
        first = next(blocks[-trained.blocks].parameters())
        for parameter in parameters[: next(n for n, each in enumerate(parameters) if each is first)]:
            parameter.requires_grad_(False)


def plain_weights(network: nn.Module) -> dict[str, Tensor]:
    """The state of a network under its own names, with changes of low rank added to what they change."""
    state = network.state_dict()
    for path, module in network.named_modules():
        for name in _matrices(module):
            if parametrize.is_parametrized(module, name):
                prefix = f"{path}.parametrizations.{name}."
                state = {key: tensor for key, tensor in state.items() if not key.startswith(prefix)}
                state[f"{path}.{name}"] = getattr(module, name).detach()
    return state


def _matrices(module: nn.Module) -> tuple[str, ...]:
    """Names of what a module multiplies with: its weight, or the queries', keys' and values' of IPT."""
    if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1):
        return ("weight",)
    return ("in_proj_weight",) if hasattr(module, "in_proj_weight") else ()
