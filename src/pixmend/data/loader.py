"""Batches as a function of the step, so that resuming at step n is reading on from n."""

import signal
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pixmend.data.crops import crop, detail
from pixmend.data.folders import Pictures
from pixmend.data.tasks import degradation, scale
from pixmend.seeding import child, generator


class Pair(NamedTuple):
    """Degraded and clean pictures, (B, 3, h, w) and (B, 3, s h, s w) in [0, 1]."""

    low: Tensor
    high: Tensor


Batch = dict[str, Pair]
"""A pair of batches for each task of the step."""


class Batches(Dataset[Batch]):
    """``batches[step]``: with ``every_task`` all tasks, as EDT trains; else one drawn for the step, as IPT does.

    ``patches`` gives the side of each task's input crop. Of ``candidates`` crops from as many pictures the one with
    the most detail becomes the sample, since sky and blur teach little. ``share`` = (rank, ranks) takes one process's
    part of the batch: sample i of a step is the same whatever the number of processes.
    """

    def __init__(
        self,
        pictures: Pictures,
        *,
        patches: dict[str, int],
        batch: int,
        every_task: bool,
        candidates: int,
        seed: int,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.pictures, self.patches, self.seed = pictures, patches, seed
        self.every_task, self.candidates = every_task, candidates
        self.degradations = {task: degradation(task) for task in patches}
        rank, ranks = share
        self.indices = range(rank * batch // ranks, (rank + 1) * batch // ranks)

    def __getitem__(self, step: int) -> Batch:
        return {task: self.pairs(step, task, indices=self.indices) for task in self.tasks_of(step)}

    def tasks_of(self, step: int) -> tuple[str, ...]:
        """The tasks that this step trains."""
        tasks = tuple(self.patches)
        if self.every_task:
            return tasks
        drawn = torch.randint(len(tasks), (), generator=generator((self.seed, step)))
        return (tasks[int(drawn)],)

    def from_step(self, start: int, stop: int, *, workers: int = 0) -> Iterator[Batch]:
        """The batches of steps start .. stop - 1, made ahead by worker processes if there are any."""
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=range(start, stop),
            num_workers=workers,
            # Forked workers see the pictures where they are; pickled ones would need a file handle for each.
            multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
            worker_init_fn=_leave_interrupts_to_the_parent,
        )
        return iter(loader)

    def pairs(self, step: int, task: str, *, indices: Iterable[int]) -> Pair:
        """These samples of a task at a step."""
        place = list(self.patches).index(task)
        pairs = [self._pair(task, key=(self.seed, step, place, index)) for index in indices]
        return Pair(*(torch.stack(side) for side in zip(*pairs, strict=True)))

    def _pair(self, task: str, *, key: tuple[int, ...]) -> Pair:
        which = torch.randint(len(self.pictures), (self.candidates,), generator=generator(key)).tolist()
        side = self.patches[task] * scale(task)
        crops = [crop(self.pictures.items[i], side, key=child(key, 0, n)) for n, i in enumerate(which)]
        high = max(crops, key=detail).float() / 255
        return Pair(self.degradations[task](high, child(key, 1)), high)


def _leave_interrupts_to_the_parent(worker: int) -> None:
    """Ctrl-C reaches the whole process group; the parent wants the rest of its batches to finish the step."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
