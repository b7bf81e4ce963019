"""Batches as a function of the step, so that resuming at step n is reading on from n."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from pixmend.data.aligned import AlignedPairs, Both
from pixmend.data.crops import CropSource, alike, detail, unit
from pixmend.data.tasks import degradation, scale
from pixmend.data.workers import made_ahead
from pixmend.degrade import Bicubic, Chain, Degradation, Round8
from pixmend.errors import PixmendError
from pixmend.seeding import Key, child, generator

log = logging.getLogger(__name__)

_TRIES = 100
"""Pictures drawn for one crop, each after a damaged one, before it is the folder that must be broken."""


class Pair(NamedTuple):
    """Degraded and clean pictures, (B, 3, h, w) and (B, 3, s h, s w) in [0, 1]."""

    low: Tensor
    high: Tensor


Batch = dict[str, Pair]
"""A pair of batches for each task of the step."""


class Clean(NamedTuple):
    """Crops before anything was done to them, uint8 or uint16 (B, 3, s h, s w), and a key for each to degrade it by; of
    real pairs the low ones, (B, C, h, w)."""

    high: Tensor
    keys: tuple[Key, ...]
    low: Tensor | None
    pictures: tuple[int, ...]
    """Which each crop is of."""


class Batches(Dataset[Batch]):
    """``batches[step]``: with ``every_task`` all tasks, as EDT trains; else one drawn for the step, as IPT does.

    ``patches`` gives the side of each task's input crop, ``degradations`` what makes it where that is not the task's
    own; ``grey`` crops have one channel. Of ``candidates`` crops from as many pictures the one with the most detail
    becomes the sample, since sky and blur teach little. ``share`` = (rank, ranks) takes one process's part of the
    batch: sample i of a step is the same whatever the number of processes, and whatever kind of source the pictures
    come from. A damaged picture is replaced by another that the same key draws, and listed in ``skipped`` with those
    that the source left out; ``redrawn`` counts how often that happened.

    Raises:
        PixmendError: a task whose input cannot be made of clean pictures, or whose scale is not that of real pairs;
            later, a hundred damaged pictures in a row.
    """

    def __init__(
        self,
        pictures: CropSource | AlignedPairs,
        *,
        patches: dict[str, int],
        batch: int,
        every_task: bool,
        candidates: int,
        seed: int,
        share: tuple[int, int] = (0, 1),
        degradations: Mapping[str, Degradation] = MappingProxyType({}),
        grey: bool = False,
    ) -> None:
        self.pictures, self.patches, self.seed, self.grey = pictures, patches, seed, grey
        self.every_task, self.candidates = every_task, candidates
        self.degradations: dict[str, Degradation] = {}
        if not isinstance(pictures, AlignedPairs):
            self.degradations = {task: degradations.get(task) or degradation(task) for task in patches}
        elif unfit := [task for task in patches if scale(task) != pictures.scale]:
            raise PixmendError(
                f"task {unfit[0]}: its pictures are not {pictures.scale} times smaller than the clean ones"
            )
        self.skipped = {str(path): why for path, why in pictures.skipped}
        self.redrawn = 0
        self._missed: list[tuple[str, str]] = []
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

    def from_step(
        self, start: int, stop: int, *, workers: int = 0, device: torch.device | None = None
    ) -> Iterator[Batch]:
        """The batches of steps start .. stop - 1, made ahead by worker processes if there are any.

        With a ``device`` the crops are moved there clean, as bytes, and degraded there, all of a task at once. What
        is random is drawn on the CPU in any case, so that this pays for super-resolution and costs for rain.
        """
        made = made_ahead(_Steps(self, clean=device is not None), range(start, stop), workers=workers)
        return self._received(made, device)

    def pairs(self, step: int, task: str, *, indices: Iterable[int]) -> Pair:
        """These samples of a task at a step."""
        pair = self.degraded(task, self.clean(step, task, indices=indices))
        self._count(self._take_missed())
        return pair

    def files(self, step: int) -> dict[str, tuple[str, ...]]:
        """For each task of the step the picture that each sample was cut from; they are drawn again to know it."""
        found = {task: self.clean(step, task, indices=self.indices).pictures for task in self.tasks_of(step)}
        self._missed = []
        return {task: tuple(self.pictures.name(index) for index in indices) for task, indices in found.items()}

    def clean(self, step: int, task: str, *, indices: Iterable[int]) -> Clean:
        """The same before they are degraded."""
        at = list(self.patches).index(task)
        keys = [(self.seed, step, at, index) for index in indices]
        aligned = isinstance(self.pictures, AlignedPairs)
        side = self.patches[task] * (1 if aligned else scale(task))
        pictures, crops = zip(*(self._drawn(key, side) for key in keys), strict=True)
        high = torch.stack(alike([_high(crop) for crop in crops]))
        low = torch.stack(alike([crop.low for crop in crops if isinstance(crop, Both)])) if aligned else None
        if self.grey:
            high, low = to_grey(high), None if low is None else to_grey(low)
        return Clean(high, tuple(child(key, 1) for key in keys), low, pictures)

    def degraded(self, task: str, clean: Clean) -> Pair:
        """Pairs of clean crops, on whatever device these are."""
        high = unit(clean.high)
        if clean.low is not None:
            return Pair(unit(clean.low), high)
        return Pair(degrade(self.degradations[task], high, keys=clean.keys), high)

    def _drawn(self, key: tuple[int, ...], side: int) -> tuple[int, Tensor | Both]:
        """The candidate with the most detail, after the number of its picture."""
        which = torch.randint(len(self.pictures), (self.candidates,), generator=generator(key)).tolist()
        crops = [self._sound(index, side, child(key, 0, n)) for n, index in enumerate(which)]
        return crops[0] if len(crops) == 1 else max(crops, key=lambda drawn: detail(_high(drawn[1])))

    def _sound(self, index: int, side: int, key: tuple[int, ...]) -> tuple[int, Tensor | Both]:
        """A crop of this picture or, where it is damaged, of the first sound one that the key draws; which, and it."""
        why = ""
        for attempt in range(_TRIES):
            try:
                return index, self.pictures.crop(index, side, key=key)
            except PixmendError as error:
                why = str(error)
                self._missed.append((self.pictures.name(index), why))
                index = int(torch.randint(len(self.pictures), (), generator=generator(child(key, attempt))))
        raise PixmendError(f"{_TRIES} pictures in a row could not be used; the last: {why}")

    def _take_missed(self) -> list[tuple[str, str]]:
        """The damaged pictures drawn since the last call, each time with the reason."""
        missed, self._missed = self._missed, []
        return missed

    def _count(self, missed: Sequence[tuple[str, str]]) -> None:
        self.redrawn += len(missed)
        for name, why in missed:
            if name not in self.skipped:
                log.warning("skipped: %s", why)
                self.skipped[name] = why

    def _received(self, made: Iterator["_Made"], device: torch.device | None) -> Iterator[Batch]:
        for parts, missed in made:
            self._count(missed)
            if isinstance(parts, PixmendError):
                raise parts
            yield {
                task: part if isinstance(part, Pair) else self.degraded(task, _on(device, part))
                for task, part in parts.items()
            }


_Made = tuple[dict[str, Pair | Clean] | PixmendError, list[tuple[str, str]]]


class _Steps(Dataset[_Made]):
    """The batches as a worker hands them over: with the damaged pictures it met, and perhaps not degraded yet."""

    def __init__(self, batches: Batches, *, clean: bool) -> None:
        self.batches, self.clean = batches, clean

    def __getitem__(self, step: int) -> _Made:
        batches, parts = self.batches, dict[str, Pair | Clean]()
        try:
            for task in batches.tasks_of(step):
                crops = batches.clean(step, task, indices=batches.indices)
                parts[task] = crops if self.clean else batches.degraded(task, crops)
        except PixmendError as error:  # raised by the parent, since what a worker raises arrives as a traceback
            return error, batches._take_missed()
        return parts, batches._take_missed()


def degrade(how: Degradation, images: Tensor, *, keys: Sequence[Key]) -> Tensor:
    """Degrade pictures (B, C, H, W), each by its key; what draws nothing is computed for all of them at once."""
    if isinstance(how, Chain):
        for at, step in enumerate(how.steps):
            images = degrade(step, images, keys=[child(key, at) for key in keys])
        return images
    if isinstance(how, Bicubic | Round8):
        return how(images)
    return torch.stack([how(image, key) for image, key in zip(images, keys, strict=True)])


def to_grey(images: Tensor) -> Tensor:
    """(B, 3, H, W) of 8 or 16 bits to (B, 1, H, W): 0.299 R + 0.587 G + 0.114 B, rounded."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=images.device).view(3, 1, 1)
    return (images.float() * weights).sum(dim=1, keepdim=True).add_(0.5).to(images.dtype)


def _on(device: torch.device | None, clean: Clean) -> Clean:
    low = None if clean.low is None else clean.low.to(device, non_blocking=True)
    return clean._replace(high=clean.high.to(device, non_blocking=True), low=low)


def _high(crop: Tensor | Both) -> Tensor:
    return crop.high if isinstance(crop, Both) else crop
