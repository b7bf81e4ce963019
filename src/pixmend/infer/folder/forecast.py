"""What a folder will take, told before the work: pictures, memory, time. Nothing is written.

Sizes are (height, width) in pixels.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pixmend.errors import PixmendError
from pixmend.infer.folder.flight import bounded, bytes_of, share_memory, size_of
from pixmend.infer.folder.job import Item, Job
from pixmend.infer.folder.journal import look_up
from pixmend.infer.folder.passage import Passage, digest
from pixmend.infer.folder.run import HANDS
from pixmend.infer.folder.way import Choose, Way, straight
from pixmend.infer.forecast import Plan
from pixmend.infer.pipeline import Pipeline

__all__ = ["JobForecast", "forecast_job"]


@dataclass(frozen=True, kw_only=True, slots=True)
class JobForecast:
    """Of a job. Pixels are those of the pictures that are to be restored."""

    todo: tuple[Path, ...]
    skipped: tuple[Path, ...]
    failing: tuple[tuple[Path, str], ...]
    """What is known to fail: the header cannot be read, the memory is too little, another file is in its place."""
    pixels: int
    output_pixels: int
    tiles: int
    seconds: float
    """Of the networks alone, on the first device."""
    peak_bytes: int
    """Of the process at the worst moment: the program, tiles at work, and the largest pictures that meet."""

    @property
    def output_bytes(self) -> int:
        """Of all results in 8 bits and three channels, before compression."""
        return 3 * self.output_pixels


def forecast_job(job: Job, pipelines: Sequence[Pipeline], *, choose: Choose = straight) -> JobForecast:
    """Read the headers, and what ``--skip-existing`` has to know; run a network on two small pictures.

    Raises:
        PixmendError: the memory is too little for the smallest tile; the journal is none.
    """
    shares = share_memory(pipelines)
    passage = Passage(job=job, journal=look_up(job.out), facts=None)
    plans: dict[tuple[int, int], tuple[Way, Plan]] = {}
    todo: list[Path] = []
    skipped: list[Path] = []
    failing = list(job.found.unreadable)
    held: list[int] = []
    pixels = output_pixels = tiles = 0
    seconds = 0.0
    for item in job.items:
        try:
            size = _size(job, item)
            if size not in plans:
                way = choose(pipelines[0], size)
                plans[size] = way, bounded(way.pipeline, shares.work).plan(size, size=way.size)
            way, plan = plans[size]
            if job.skip_existing and passage.skips(item, digest(job.source / item.name), way=way):
                skipped.append(item.name)
                continue
            held.append(shares.seat(bytes_of(size, way=way, target=item.target)))
        except PixmendError as error:
            failing.append((item.name, str(error).removeprefix(f"{job.source / item.name}: ")))
            continue
        todo.append(item.name)
        pixels += math.prod(size)
        output_pixels += math.prod(plan.output_size)
        tiles += plan.tile_count
        seconds += plan.seconds
    met = min(shares.pictures, sum(heapq.nlargest(HANDS + len(pipelines), held)))
    return JobForecast(
        todo=tuple(todo),
        skipped=tuple(skipped),
        failing=tuple(failing),
        pixels=pixels,
        output_pixels=output_pixels,
        tiles=tiles,
        seconds=seconds,
        peak_bytes=shares.base + shares.work * sum(p.device.type == "cpu" for p in pipelines) + met,
    )


def _size(job: Job, item: Item) -> tuple[int, int]:
    path = job.source / item.name
    size = size_of(path)
    if size is None:
        raise PixmendError(f"{path}: its header cannot be read")
    return size
