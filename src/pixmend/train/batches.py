"""The batches of a run: from which pictures, how large, how many, as its stages say."""

import os
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise

import torch

from pixmend.data import AlignedPairs, Batch, Batches, CropSource, Pair, degradation, open_pictures, scale
from pixmend.data.folders import memory
from pixmend.degrade import Degradation, parse_chain
from pixmend.errors import PixmendError
from pixmend.models import Network
from pixmend.models.base import MultiTask
from pixmend.train.config import Data, Run

Loading = Callable[[int, int], None]


class RunBatches:
    """``from_step(n)`` gives the batches from step n on, each as large as its stage says.

    All stages draw from one source of pictures, which holds none too small for the largest crop. ``share`` is
    (rank, ranks) of this process.

    Raises:
        PixmendError: no usable pictures, or pairs and tasks that do not belong together.
    """

    def __init__(self, run: Run, network: Network, *, share: tuple[int, int], loading: Loading) -> None:
        self.run = run
        data = run.data
        sizes = [data.at(step) for step in (0, *(stage.start for stage in data.stages))]
        largest = {task: max(patch for patch, _ in sizes) * network.reduction(task) for task in run.tasks}
        source = _source(run, largest, loading)
        made = {} if data.low else {task: _how(data, task, side=largest[task]) for task in run.tasks}
        self.stages = [
            Batches(
                source,
                patches={task: patch * network.reduction(task) for task in run.tasks},
                batch=batch,
                every_task=data.every_task,
                candidates=data.candidates,
                seed=run.seed,
                share=share,
                degradations=made,
                grey=_channels(network, run.tasks[0]) == 1,
            )
            for patch, batch in sizes
        ]
        self._starts = [0, *(stage.start for stage in data.stages)]

    def from_step(self, start: int, stop: int, *, device: torch.device) -> Iterator[Batch]:
        """The batches of steps start .. stop - 1, made ahead by the run's workers.

        A GPU reduces the pictures of super-resolution itself. Noise, rain and JPEG are drawn on the CPU anyway.
        """
        data = self.run.data
        bicubic = not data.low and data.chain is None and all(task.startswith("sr_x") for task in self.run.tasks)
        where = device if bicubic and device.type == "cuda" else None
        for batches, (begin, end) in zip(self.stages, pairwise([*self._starts, stop]), strict=True):
            first, last = max(start, begin), min(stop, end)
            if first < last:
                yield from batches.from_step(first, last, workers=data.workers, device=where)

    def pairs(self, step: int, task: str, *, indices: Iterable[int]) -> Pair:
        """Samples of a task, of the first stage's size."""
        return self.stages[0].pairs(step, task, indices=indices)

    def files(self, step: int) -> dict[str, tuple[str, ...]]:
        """For each task of a step the picture that each sample of this process was cut from."""
        return self.stages[bisect(self._starts, step) - 1].files(step)

    @property
    def skipped(self) -> Mapping[str, str]:
        """Pictures that could not be used, and why."""
        return {name: why for batches in self.stages for name, why in batches.skipped.items()}


def _how(data: Data, task: str, *, side: int) -> Degradation:
    """What makes the inputs (C, side, side) of a task."""
    if data.chain is None:
        return degradation(task, round8=data.round8, clip=data.clip)
    chain, high = parse_chain(data.chain), side * scale(task)
    low = tuple(chain(torch.rand(3, high, high), 0).shape[1:])
    if low != (side, side):
        raise PixmendError(
            f"data.chain: {task} needs {side} x {side} pixels of {high} x {high}, got {low[0]} x {low[1]}: change its "
            "scale"
        )
    return chain


def _channels(network: Network, task: str) -> int:
    return network.select(task).in_channels if isinstance(network, MultiTask) else network.in_channels


def _source(run: Run, patches: Mapping[str, int], loading: Loading) -> CropSource | AlignedPairs:
    data = run.data
    if not data.low:
        largest = max(patch * scale(task) for task, patch in patches.items())
        here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        return open_pictures(
            data.folders,
            smallest=largest,
            small=data.small,
            without=data.without,
            budget=memory() // 4 // here,
            progress=loading,
        )
    if len(data.folders) != 1:
        raise PixmendError(f"data.folders: pairs need one folder of clean pictures, got {len(data.folders)}")
    if data.small == "stretch":
        raise PixmendError("data.small: pairs cannot be stretched: use skip or reflect")
    return AlignedPairs(
        data.folders[0],
        low=data.low,
        scale=scale(run.tasks[0]),
        smallest=max(patches.values()),
        small=data.small,
        without=data.without,
        progress=loading,
    )
