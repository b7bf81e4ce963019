"""What streaming a picture will take, and everything that would stop it, before it starts.

Sizes are (height, width) in pixels.
"""

import copy
import math
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from pixmend.errors import PixmendError
from pixmend.image import WriteOptions, check_output
from pixmend.image.bands import ROWS, Banded, open_bands
from pixmend.image.bands_write import GROWING
from pixmend.image.picture import Depth, FilePath
from pixmend.image.strips import strip_rows
from pixmend.infer.fingerprint import fingerprint
from pixmend.infer.forecast import Plan, memory_words, time_words
from pixmend.infer.pipeline import Pipeline
from pixmend.infer.resample import Resample
from pixmend.infer.stream.journal import place_of

MEMORY = 1_500_000_000
"""Bytes that the whole process may take at its peak, whatever the size of the picture."""
GROUP = 4 << 20
"""Bytes of rows that are packed at once; filtering a PNG takes some forty times as much."""
_PROGRAM = 480_000_000
"""Bytes of the interpreter with torch and libvips, and of what packing and the allocator take besides."""
_DECODER = {"PNG": 2048, "JPEG": 2560, "TIFF": 1024}
"""Rows that libvips holds, as measured on pictures of 20,000 and 40,000 pixels across."""
_DEFLATED = 0.4
"""Of the bytes of a result: much less than that, no photograph is packed to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamPlan:
    """A picture that is to flow through a pipeline. ``str(plan)`` is the lines people read."""

    source: Banded
    target: Path
    options: WriteOptions
    format: str
    steps: Plan
    channels: int
    """Of the result, without transparency."""
    depth: Depth
    """Of the result."""
    rows: int
    """All bands that are written but the last are a multiple of so many rows."""
    held_bytes: int
    """What is in memory of the picture, all the time."""
    seconds: float | None = None
    """Foretold from one tile of each step; None where it was not measured."""

    @property
    def samples(self) -> int:
        return self.channels + (self.source.picture.alpha is not None)

    @property
    def raw_bytes(self) -> int:
        """Of the result before it is packed."""
        return math.prod(self.steps.output_size) * self.samples * self.depth // 8

    @property
    def needed_bytes(self) -> int:
        """On the disk: the least that the result can take, and for JPEG its rows besides."""
        packed = self.format == "PNG" or (self.format == "TIFF" and self.options.compression != "none")
        return round(self.raw_bytes * (_DEFLATED if packed else 1))

    @property
    def peak_bytes(self) -> int:
        """Of the whole process."""
        return _PROGRAM + self.held_bytes + max(step.working_bytes for step in self.steps.steps)

    @property
    def bands(self) -> int:
        """Rows of tiles, after each of which the journal knows more."""
        return len(self.steps.steps[-1].tiles.rows)

    def __str__(self) -> str:
        steps = self.steps.steps_words
        disk = f"{memory_words(self.needed_bytes)} to {memory_words(self.raw_bytes)}"
        lines = (
            f"{steps}; {self.steps.device}, {self.steps.precision}",
            f"{self.bands} bands, at most {memory_words(self.peak_bytes)} of memory, {disk} on the disk as "
            f"{self.format} of {self.depth} bits",
        )
        if self.seconds is not None:
            lines += (f"about {time_words(self.seconds)}, by one tile",)
        return "\n".join(lines)


def plan_stream(
    pipeline: Pipeline,
    source: FilePath,
    *,
    target: FilePath,
    options: WriteOptions | None = None,
    size: tuple[int, int] | None = None,
    memory: int | None = None,
    timed: bool = False,
) -> StreamPlan:
    """Read the header, choose tiles that leave the process within ``memory``, and look at the disk.

    Without it the process may take what the pipeline says, or else ``MEMORY``.

    With a ``size`` (height, width) the result is resampled to it, as by ``restore_picture``.

    With ``timed`` one tile of each step is computed to foretell the time.

    Raises:
        PixmendError: the picture cannot be read row by row, the result not be written so, or the network takes other
            pictures; the overlap is yet to be measured, which takes the whole picture; the memory does not suffice for
            the smallest tile, or the disk not for the result.
    """
    options = options or WriteOptions()
    banded = open_bands(source)
    takes = pipeline.networks[0].in_channels
    if takes not in (1, 3):
        raise PixmendError(f"{banded.path}: the network takes {takes} channels: only grey and RGB can be streamed")
    if pipeline._measures and len(pipeline._measured) < len(pipeline.networks):
        raise PixmendError("overlap 'measured' looks at the whole picture, which is streamed: give a number of pixels")
    depth = options.depth or banded.picture.depth
    room = (memory or pipeline.memory or MEMORY) - _PROGRAM
    tallest = _bounded(pipeline, room).plan(banded.size, size=size)  # for with rows held, tiles can only be smaller
    held = _held(pipeline, banded, size=size, depth=depth, steps=tallest)
    steps = _bounded(pipeline, room - held).plan(banded.size, size=size)
    channels = _channels(pipeline, banded.channels)
    found = check_output(
        target,
        size=steps.output_size,
        alpha=banded.picture.alpha is not None,
        channels=channels,
        depth=banded.picture.depth,
        options=options,
    )
    if found not in GROWING:
        raise PixmendError(f"{os.fspath(target)}: {found} cannot be written row by row: use .tif, .png or .jpg")
    samples = channels + (banded.picture.alpha is not None)
    most = strip_rows(width=steps.output_size[1], channels=samples, depth=depth)
    plan = StreamPlan(
        source=banded,
        target=Path(target),
        options=options,
        format=found,
        steps=steps,
        channels=channels,
        depth=depth,
        rows=_dividing(steps, most=most),
        held_bytes=held,
        seconds=_measured_seconds(pipeline, steps, channels=banded.channels) if timed else None,
    )
    _check_room(plan)
    return plan


def _bounded(pipeline: Pipeline, working: int) -> Pipeline:
    """The same pipeline with no more than so many bytes for a tile, which on a GPU are another memory's."""
    if pipeline.device.type != "cpu":
        return pipeline
    bounded = copy.copy(pipeline)
    bounded.memory, bounded.tile_memory = None, max(1, working)
    return bounded


def _held(pipeline: Pipeline, banded: Banded, *, size: tuple[int, int] | None, depth: int, steps: Plan) -> int:
    """Bytes of the rows that are in memory: of the file, of results between networks, of what is packed."""
    height, width = banded.size
    made = height * pipeline.scale, width * pipeline.scale
    tall = max(len(span) for step in steps.steps for span in step.tiles.rows)
    if banded.picture.alpha is not None:
        tall = max(tall, Resample(banded.size, size or made).most)
    stored = width * (banded.channels + (banded.picture.alpha is not None)) * banded.picture.depth // 8
    readers = 1 + (banded.picture.alpha is not None)
    held = readers * stored * (tall + 2 * ROWS + _DECODER[banded.picture.format or "TIFF"])
    scale = 1
    for network in pipeline.networks[:-1]:
        scale *= network.scale
        held += width * scale * 4 * 3 * (tall + 2 * ROWS)
    if size not in (None, made):
        held += made[1] * 4 * 3 * (Resample(made, size).most + 2 * ROWS)
    weights = sum(p.numel() * p.element_size() for network in pipeline.networks for p in network.parameters())
    row = (size or made)[1] * 4 * depth // 8
    return held + weights + 8 * max(GROUP, row)


def _channels(pipeline: Pipeline, given: int) -> int:
    """Of what the chain makes of so many."""
    for network in pipeline.networks:
        given = network.out_channels if given == network.in_channels else given
    return given


def _dividing(steps: Plan, *, most: int) -> int:
    """The largest number of rows up to ``most`` that divides where each row of tiles begins, if that is the result."""
    if steps.resampled is not None:
        return min(most, steps.output_size[0])
    last = steps.steps[-1]
    common = math.gcd(*(span.start * last.scale for span in last.tiles.rows)) or last.output_size[0]
    return max(rows for rows in range(1, min(most, common) + 1) if common % rows == 0)


def _measured_seconds(pipeline: Pipeline, steps: Plan, *, channels: int) -> float:
    total = 0.0
    for network, step in zip(pipeline.networks, steps.steps, strict=True):
        height, width = (max(map(len, spans)) for spans in (step.tiles.rows, step.tiles.columns))
        crops = torch.rand(step.batch, channels, height, width)
        pipeline._run(network, crops)  # the first time takes longer
        started = time.perf_counter()
        crops = pipeline._run(network, crops)
        total += (time.perf_counter() - started) * len(step.tiles) / step.batch
        channels = crops.shape[1]
    return total


def _check_room(plan: StreamPlan) -> None:
    place = place_of(plan.target)
    there = sum(path.stat().st_size for path in place.iterdir()) if place.is_dir() else 0
    free = shutil.disk_usage(plan.target.parent).free + there
    if plan.needed_bytes > free:
        raise PixmendError(
            f"{plan.target}: takes at least {memory_words(plan.needed_bytes)}, and {memory_words(free)} are free: "
            "free space or choose another folder"
        )


def facts_of(
    plan: StreamPlan, pipeline: Pipeline, *, source: str, provenance: Mapping[str, Any] | None
) -> dict[str, Any]:
    """All that decides about the bytes of the result; ``source`` is a digest."""
    return {
        "picture": source,
        "model": [fingerprint(network) for network in pipeline.networks],
        "ensemble": pipeline.ensemble,
        "strength": pipeline.strength,
        "size": plan.steps.output_size,
        "precision": plan.steps.precision,
        "device": plan.steps.device.partition(":")[0],
        "tiles": [[step.tile, step.overlap, step.batch] for step in plan.steps.steps],
        "options": {**asdict(plan.options), "format": plan.format, "rows": plan.rows},
        "provenance": dict(provenance) if provenance is not None else None,
        "version": [version("pixmend"), torch.__version__],
    }
