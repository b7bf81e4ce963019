"""How much memory a training step takes, known without taking it.

The step is carried out on tensors that have a shape and a device and no content, by the functions that the loop uses,
while every piece of memory that an operation makes is followed until it is let go.
"""

import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pixmend.data import Batch, Pair, scale
from pixmend.models import Network, build
from pixmend.models.base import MultiTask
from pixmend.train.config import Run
from pixmend.train.engine import engage, parts_of, precision
from pixmend.train.objectives import Loss
from pixmend.train.trained import restrict

GAPS, EXTRA = 1.25, 75_000_000
"""What a process on a CPU grows by: so much for every byte that is not kept from step to step, and so much at first."""

_DEVICE = torch.ops.prim.device.default
_CONVOLUTION = torch.ops.aten.convolution.default
_CONVOLUTION_BACK = torch.ops.aten.convolution_backward.default


class Peak(NamedTuple):
    """Bytes in use: at the highest point of a step, of which so many are the run's state, and on the host while that
    state is saved."""

    step: int
    state: int
    saving: int


def peak(run: Run, *, patch: int, batch: int, device: torch.device, processes: int = 1) -> Peak:
    """What one of the processes holds at most, with these crops instead of the run's own.

    In a step: weights, their average, gradients, both moments of the optimizer, the batch, what the forward pass keeps
    for the way back, and what every operation makes on its way. Not: what PyTorch and its libraries take for
    themselves, pictures held decoded, batches that workers make ahead, and what ``engine.compile`` changes. Saving
    copies weights, average and moments twice.

    It takes seconds, as long for a batch of one as for one of a thousand. Where a step trains one of several tasks,
    it is the one that enlarges most.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    eager = replace(run, engine=replace(run.engine, compile=False))
    with torch.random.fork_rng(devices=[]):
        network = build(run.model)
        restrict(network, run.trained)
    engage(eager, network)
    network.to("meta")
    imitating, live = FakeTensorMode(), _Live()
    with imitating, live:
        _imitate(network, device)
        weights = live.now
        live.add(weights)  # of the average
        optimizer = _optimizer(network, device)
        moments = live.now - 2 * weights
        samples = _batch(run, network, patch=patch, batch=batch // processes, device=device)
    parts = list(parts_of(samples, run.engine.accumulate))[:2]  # later ones are as the second, which finds gradients
    with imitating, live:
        for part, _ in parts:
            with precision(run, device):
                terms = Loss(run.objective, network)(part)
            torch.stack(list(terms.values())).sum().backward()
    del optimizer  # whose state was in use until here
    state = 2 * weights + moments
    elsewhere = state * (processes - 1) // processes if run.engine.shard else 0
    sent = moments // 2 if processes > 1 and not run.engine.shard else 0  # gradients, gathered for the others
    return Peak(live.most - elsewhere + sent, state - elsewhere, 3 * state - elsewhere)


def resident(held: Peak) -> int:
    """What a process on a CPU grows by at most: the allocator leaves gaps between pieces that come and go.

    Fitted to what ``benchmarks/train_memory.py`` measures with glibc. Its gaps all but close where large pieces are
    mapped one by one (``MALLOC_MMAP_THRESHOLD_=65536``).
    """
    return max(held.state + int(GAPS * (held.step - held.state)), held.saving) + EXTRA


class _Live(TorchDispatchMode):
    """Counts the bytes of what operations make: ``now`` those in use, ``most`` the highest count yet."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is _DEVICE:  # asked for several times by every operation
            return args[0].fake_device
        made = func(*args, **(kwargs or {}))
        for each in tree_leaves(made):
            if isinstance(each, Tensor):
                self._follow(each.untyped_storage())
        self.most = max(self.most, self.now + _hidden(func, args, made))
        return made

    def add(self, count: int) -> None:
        self.now += count
        self.most = max(self.most, self.now)

    def _follow(self, storage: torch.UntypedStorage) -> None:
        """Views share a storage, whose object in Python stays the same for as long as anything holds it."""
        if id(storage) not in self._known:
            self._known.add(id(storage))
            self.add(storage.nbytes())
            weakref.finalize(storage, self._gone, id(storage), storage.nbytes())

    def _gone(self, known: int, count: int) -> None:
        self._known.remove(known)
        self.now -= count


def _hidden(func: object, args: Any, made: Any) -> int:
    """Bytes that a convolution in float32 takes on the CPU for a moment: oneDNN copies to a layout of its own.

    As measured with kernels larger than a pixel: the larger of input and output, and both on the way back.
    """
    if func is _CONVOLUTION:
        picture, kernel, other = args[0], args[1], made
    elif func is _CONVOLUTION_BACK:
        other, picture, kernel = args[:3]
    else:
        return 0
    if picture.fake_device.type != "cpu" or picture.dtype != torch.float32 or kernel.shape[-1] == 1:
        return 0
    return (max if func is _CONVOLUTION else sum)((picture.nbytes, other.nbytes))


def _imitate(network: nn.Module, device: torch.device) -> None:
    """Put an imitation on the device in the place of every parameter and buffer."""
    for module in network.modules():
        for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            imitation = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
            if isinstance(tensor, nn.Parameter):
                imitation = nn.Parameter(imitation, requires_grad=tensor.requires_grad)
            setattr(module, name, imitation)


def _optimizer(network: nn.Module, device: torch.device) -> torch.optim.Optimizer:
    """One that has made its state. AdamW keeps what Adam keeps."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    # On CUDA it moves all parameters at once, with temporaries as large, but does not know imitations by their type.
    optimizer = torch.optim.Adam(parameters, foreach=device.type == "cuda")
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad()
    return optimizer


def _batch(run: Run, network: Network, *, patch: int, batch: int, device: torch.device) -> Batch:
    """One process's share of a step's samples; of several tasks that take turns, those of the largest results."""
    tasks = run.tasks if run.data.every_task else (max(run.tasks, key=scale),)
    result: Batch = {}
    for task in tasks:
        one = network.select(task) if isinstance(network, MultiTask) else network
        side = patch * network.reduction(task)
        low = torch.empty(batch, one.in_channels, side, side, device=device)
        side *= scale(task)
        result[task] = Pair(low, torch.empty(batch, one.out_channels, side, side, device=device))
    return result
