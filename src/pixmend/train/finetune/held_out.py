"""The part of somebody's pictures that is not trained on but scored on, before and after.

H and W are height and width in pixels, s the scale of the task.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from pixmend.data import AlignedPairs
from pixmend.data.degrading import degrade_folder, task_chain
from pixmend.data.folders import header_size, pictures_in
from pixmend.errors import PixmendError
from pixmend.evaluate import Benchmark, find
from pixmend.evaluate.benchmarks.pairing import natural
from pixmend.files import not_writable
from pixmend.image import read_deep, write_image
from pixmend.tasks import Task

FOLDER = "held_out"
FEWEST = 4
"""Usable pictures, of which two are held out."""
LARGEST = 1024
"""Pixels along each side of a held-out picture; of a larger one the centre is scored."""
_SHARE, _MOST, _TELLING = 10, 20, 6
"""A tenth is held out, 20 at most, and 6 where that leaves two thirds: with fewer no test of signs tells anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A clean picture, and of a real pair the degraded ones that belong to it."""

    high: Path
    low: tuple[Path, ...]
    side: int
    """The shorter one in pixels of the task's input."""
    pixels: int
    """Of the clean picture."""


def samples(folders: Iterable[Path], *, low: Sequence[Path], task: Task) -> list[Sample]:
    """All pictures whose header can be read, or all pairs that fit, in the natural order of their names.

    Raises:
        PixmendError: a folder that is not there, pairs without one folder of clean pictures, no usable pair.
    """
    folders = list(folders)
    if low and len(folders) != 1:
        raise PixmendError(f"--data: pairs need one folder of clean pictures, got {len(folders)}")
    if low:
        pairs = AlignedPairs(folders[0], low=[str(path) for path in low], scale=task.scale, smallest=1).pairs
        found = [_sample(high, tuple(lows), task) for high, *lows in pairs]
    else:
        found = [sample for path in pictures_in(folders) if (sample := _readable(path, task))]
    return sorted(found, key=lambda sample: natural(sample.high))


def choose(usable: Sequence[Sample]) -> list[Sample]:
    """Every n-th, so that series of similar pictures are met evenly: the same ones whenever it is asked.

    Raises:
        PixmendError: fewer than ``FEWEST``.
    """
    count = len(usable)
    if count < FEWEST:
        raise PixmendError(f"--data: expected {FEWEST} usable pictures or more, some to be scored on, got {count}")
    held = min(_MOST, max(round(count / _SHARE), min(_TELLING, max(2, count // 3))))
    return [usable[(2 * place + 1) * count // (2 * held)] for place in range(held)]


def write(held: Sequence[Sample], root: Path, *, task: Task, side: int) -> Benchmark:
    """Write a benchmark of pictures of at most ``side`` clean pixels a side, cut from the centre, as 8-bit PNG.

    Degraded pictures are made by the task's degradation, but for noise and JPEG, which the protocol makes the same
    way each time, and for real pairs, which are cut at the same place. A folder of an earlier try is replaced.

    Raises:
        PixmendError: a picture is damaged, which is then named; the disk is full.
    """
    shutil.rmtree(root, ignore_errors=True)
    folders = _folders(task, dual=len(held[0].low) == 2)
    for number, sample in enumerate(held, 1):
        name = f"{number:02}_{sample.high.stem}.png"
        for folder, picture in zip(folders, _cut(sample, task, side), strict=False):
            try:
                (root / folder).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise not_writable(root / folder, error) from error
            write_image(root / folder / name, picture)
    if not held[0].low and task.kind in ("sr", "dr"):
        made = degrade_folder([root / folders[0]], root / folders[1], chain=task_chain(task.name))
        if made.failures:
            raise PixmendError(made.failures[0].error)
    return find(root, task=task.name)


def _readable(path: Path, task: Task) -> Sample | None:
    try:
        return _sample(path, (), task)
    except PixmendError:
        return None  # training lists it among the skipped


def _sample(high: Path, low: tuple[Path, ...], task: Task) -> Sample:
    height, width = header_size(high)
    return Sample(high=high, low=low, side=min(height, width) // task.scale, pixels=height * width)


def _folders(task: Task, *, dual: bool) -> tuple[str, ...]:
    """Where a benchmark of the task has its clean pictures, then its degraded ones."""
    if dual:
        return "target", "inputL", "inputR"
    return ("HR", "LR") if task.kind == "sr" else ("target", "input")


def _cut(sample: Sample, task: Task, side: int) -> list[Tensor]:
    """The centre of the clean picture, (C, s H, s W), and of each degraded one, (C, H, W)."""
    lows = [read_deep(path) for path in sample.low]
    high = read_deep(sample.high)
    height, width = lows[0].shape[1:] if lows else (edge // task.scale for edge in high.shape[1:])
    most = max(1, side // task.scale)
    box = [((edge - kept) // 2, kept) for edge in (height, width) if (kept := min(edge, most))]
    return [
        image[:, scale * box[0][0] : scale * sum(box[0]), scale * box[1][0] : scale * sum(box[1])]
        for image, scale in ((high, task.scale), *((low, 1) for low in lows))
    ]
