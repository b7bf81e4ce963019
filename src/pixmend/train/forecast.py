"""What a run will take, measured on its first steps before it starts."""

import logging
import math
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch

from pixmend.data.places import check_apart
from pixmend.errors import PixmendError
from pixmend.infer.device import find_device, is_out_of_memory
from pixmend.models import build
from pixmend.train.config import Every, Run
from pixmend.train.fits import Need, check_fits, free
from pixmend.train.loop import Progress, fit
from pixmend.train.state import STATE, WEIGHTS, check_folder

STEPS = 20
_WARM = 5
"""Steps that are not timed: the first ones find their kernels and fill the caches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """Measured in ``STEPS`` steps of the run at its first patch and batch, but for what ``largest`` estimates."""

    parameters: int
    seconds_per_step: float
    samples_per_second: float
    hours: float
    """Of all the run's steps at this speed, without the decoding of pictures before it."""
    memory: int
    """Largest use in bytes: of the process on the CPU, of the device otherwise."""
    largest: Need | None
    """Estimate of the stage that needs most, which may be a later one."""
    free_memory: int
    disk: int
    """Bytes of the state and the weights, of which an old and a new copy are there while one is written."""
    free_disk: int

    def describe(self) -> str:
        """For people, in one line."""
        step = ""
        if self.largest:
            when = f" from step {self.largest.start:,} on" if self.largest.start else ""
            step = f", about {self.largest.bytes / 1e9:.2g} for a step{when}"
        return (
            f"{self.parameters:,} parameters; {self.seconds_per_step:.2g} s per step, {self.samples_per_second:.3g} "
            f"samples/s: {_duration(self.hours)}; {self.memory / 1e9:.2g} GB of memory so far{step} "
            f"({self.free_memory / 1e9:.2g} free); "
            f"{_size(self.disk)} on disk ({_size(self.free_disk)} free)"
        )


def forecast(
    run: Run,
    out: str | Path,
    *,
    loading: Callable[[int, int], None] = lambda done, total: None,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Forecast:
    """Estimate the memory of every stage; carry out the first steps beside ``out``, measure, and leave nothing behind.

    The run itself starts anew afterwards and is what it would have been without. ``loading`` and ``watch`` are as of
    ``fit``.

    Raises:
        PixmendError: as ``fit``; it does not fit into the memory, or into the disk of ``out``.
    """
    check_folder(Path(out), resume=False)
    check_apart(Path(out), (*run.data.folders, *run.data.low))  # which names this folder and not the one beside it
    need, free_memory = check_fits(run), free(find_device("auto"))
    place = next(parent for parent in (Path(out).resolve(), *Path(out).resolve().parents) if parent.is_dir())
    every = Every(log=STEPS, preview=STEPS, save=STEPS)
    short = replace(run, steps=min(STEPS, run.steps), every=every, validation=(), trackers=())
    ends: list[float] = []
    samples: list[int] = []

    def seen(progress: Progress) -> None:
        ends.append(time.perf_counter())
        samples.append(progress.samples)
        watch(progress)

    with tempfile.TemporaryDirectory(prefix=".pixmend-forecast-", dir=place) as folder:
        try:
            with _quietly():  # the run itself will tell
                fit(short, Path(folder) / "run", loading=loading, watch=seen)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise PixmendError(_too_large(run)) from error
        kept = [Path(folder) / "run" / name for name in (STATE, WEIGHTS)]
        disk = sum(path.stat().st_size for path in kept if path.exists())  # of several processes only the first writes
    steps = [after - before for before, after in pairwise(ends)]
    each = statistics.median(steps[_WARM:] or steps or [math.nan])
    free_disk = shutil.disk_usage(place).free
    if 2 * disk > free_disk:
        raise PixmendError(
            f"{out}: a state of this run takes {disk / 1e9:.2g} GB, twice while it is replaced, and "
            f"{free_disk / 1e9:.2g} GB are free: free space or choose another folder"
        )
    return Forecast(
        parameters=sum(parameter.numel() for parameter in build(run.model).parameters()),
        seconds_per_step=each,
        samples_per_second=statistics.mean(samples) / each,
        hours=each * run.steps / 3600,
        memory=_most_held(),
        largest=need,
        free_memory=free_memory,
        disk=disk,
        free_disk=free_disk,
    )


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the warnings of this package."""
    logger = logging.getLogger("pixmend")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _most_held() -> int:
    """Largest use so far in bytes."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _too_large(run: Run) -> str:
    data = run.data
    smaller = f"data.batch={max(1, data.batch // 2)}" if data.batch > 1 else f"data.patch={data.patch // 2}"
    return (
        f"the run does not fit into the memory at {data.batch} samples of {data.patch} per task: try --set {smaller}, "
        "a smaller network, or --set precision=bfloat16 where the device has it"
    )


def _duration(hours: float) -> str:
    if hours >= 48:
        return f"{hours / 24:.1f} days"
    if hours >= 1:
        return f"{hours:.1f} hours"
    return f"{hours * 60:.0f} minutes" if hours * 60 >= 2 else f"{hours * 3600:.0f} seconds"


def _size(count: int) -> str:
    return f"{count / 1e9:.2g} GB" if count >= 1e8 else f"{count / 1e6:.2g} MB"
