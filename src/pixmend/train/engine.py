"""How a step is carried out: on which devices, in how many parts, with what kept, compiled or spread over processes.

Everything is done to a network from outside; no network knows of it.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pixmend.data import Batch, Pair
from pixmend.errors import PixmendError
from pixmend.models import Network
from pixmend.models.base import blocks_of
from pixmend.models.rcdnet import RCDNetConfig
from pixmend.train.config import Run
from pixmend.train.objectives import Loss
from pixmend.train.trackers import check_trackers

if TYPE_CHECKING:
    from accelerate import Accelerator

_PATIENCE = timedelta(hours=2)
"""For which processes wait for the first one, which scores alone."""


def accelerator_of(run: Run) -> "Accelerator":
    """Accelerate, after a word on where to get it and what draws the curves, before hours have gone by.

    Raises:
        PixmendError: a package is missing, or a batch cannot be shared equally by the processes.
    """
    try:
        import matplotlib  # noqa: F401
        from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
    except ImportError as error:
        raise PixmendError(f"training needs {error.name}: pip install 'pixmend[train]'") from error
    # Networks of one task a step, and RCDNet's spare kernels, leave parameters without a gradient.
    spare = not run.data.every_task or isinstance(run.model, RCDNetConfig)
    several = [DistributedDataParallelKwargs(find_unused_parameters=spare), InitProcessGroupKwargs(timeout=_PATIENCE)]
    # Mixed precision would be the whole process's choice; autocast is the run's.
    accelerator = Accelerator(mixed_precision="no", kwargs_handlers=several)
    for batch in (run.data.batch, *(stage.batch for stage in run.data.stages)):
        if batch % accelerator.num_processes:
            raise PixmendError(f"data.batch: {batch} samples cannot be shared equally by {accelerator.num_processes}")
    check_trackers(run)
    if run.engine.shard and accelerator.num_processes == 1:
        raise PixmendError("engine.shard: there is one process, nothing to spread over: start it with torchrun")
    return accelerator


def anywhere(asked: bool, accelerator: "Accelerator") -> bool:
    """Whether any of the processes was asked to stop, which all of them then do after the same step."""
    if accelerator.num_processes == 1:
        return asked
    count = accelerator.reduce(torch.tensor(float(asked), device=accelerator.device), reduction="sum")
    assert isinstance(count, Tensor)
    return count.item() > 0


def precision(run: Run, device: torch.device) -> torch.autocast:
    """Multiplication in bfloat16; ``auto`` asks the device, since emulation would be slower than float32."""
    wanted = run.precision == "bfloat16"
    if run.precision == "auto" and device.type == "cpu":
        wanted = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    elif run.precision == "auto":
        wanted = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


def parts_of(batch: Batch, count: int) -> Iterator[tuple[Batch, float]]:
    """At most so many parts of the samples of every task, each with its share of them."""
    samples = len(next(iter(batch.values())).low)
    size = -(-samples // count)
    for start in range(0, samples, size):
        part = {task: Pair(*(side[start : start + size] for side in pair)) for task, pair in batch.items()}
        yield part, min(size, samples - start) / samples


def engage(run: Run, network: Network) -> None:
    """Recompute and compile the network's blocks as the run says, in place; its parameters keep their names."""
    for block in blocks_of(network):
        if run.engine.checkpoint:
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)
        if run.engine.compile:
            block.compile()


def joined(run: Run, loss: Loss, average: nn.Module, accelerator: "Accelerator") -> nn.Module:
    """The loss on its device, and of several processes their copies in step (DDP) or parts of one (FSDP).

    Accelerate shards on accelerators alone; torch's own ``fully_shard`` does it on a CPU as well. The average is
    sharded like the network, so that both move on together.
    """
    if not run.engine.shard:
        average.to(accelerator.device)
        return cast(nn.Module, accelerator.prepare(loss))
    from torch.distributed.fsdp import fully_shard

    for whole, network in ((loss, loss.network), (average, cast(Network, average))):
        whole.to(accelerator.device)
        for block in blocks_of(network):
            fully_shard(block)
        fully_shard(whole)
    return loss


def whole(tensor: Tensor) -> Tensor:
    """A tensor, gathered if it is spread over processes, all of which must then ask for it."""
    gather = getattr(tensor, "full_tensor", None)
    return tensor if gather is None else gather()


def spread(tensor: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, spread over the processes as another one is."""
    mesh = getattr(like, "device_mesh", None)
    if mesh is None:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor.to(like.device), mesh, like.placements)  # pyright: ignore[reportAttributeAccessIssue]
