"""Beginning with the weights of another run: fine-tuning, x4 from x2, one task of a network of several."""

import logging

import torch
from torch import Tensor

from pixmend import weights
from pixmend.errors import PixmendError
from pixmend.models import Network
from pixmend.models.base import MultiTask

logger = logging.getLogger(__name__)


def begin_with(network: Network, source: str) -> list[str]:
    """Copy every tensor of a file that has the name and shape of the network's; returns the names of the others.

    Of a network of several tasks the parts of tasks that this one has not are left out, and so are their rows in a
    table of learned queries. Where scales differ, the upsampler keeps what fits of it. The file may be of another
    family whose names are the same, as HAN begins with RCAN.

    Raises:
        PixmendError: less than half of the network's tensors are in the file.
    """
    given = weights.load(source)
    found = _of_tasks(given.state_dict(), given, network)
    own = network.state_dict()
    fitting = {name: tensor for name, tensor in found.items() if name in own and own[name].shape == tensor.shape}
    if 2 * len(fitting) < len(own):
        raise PixmendError(
            f"start: only {len(fitting)} of the {len(own)} tensors of {type(network).__name__} are in {source}, "
            f"a {type(given).__name__}: is it of another family or size?"
        )
    network.load_state_dict(fitting, strict=False)
    drawn = [name for name in own if name not in fitting]
    if drawn:
        some = ", ".join(drawn[:4]) + (f" and {len(drawn) - 4} more" if len(drawn) > 4 else "")
        logger.info("start: %s has %d of %d tensors; drawn anew: %s", source, len(fitting), len(own), some)
    return drawn


def _of_tasks(tensors: dict[str, Tensor], given: Network, network: Network) -> dict[str, Tensor]:
    """With the rows of the tables that have one for each task (IPT's queries) picked for the network's tasks."""
    if not isinstance(given, MultiTask) or not isinstance(network, MultiTask):
        return tensors
    name = "body.query_embed.weight"
    if name not in tensors or not set(network.tasks) <= set(given.tasks):
        return tensors
    rows = torch.tensor([given.tasks.index(task) for task in network.tasks])
    return {**tensors, name: tensors[name][rows.to(tensors[name].device)]}
