"""The networks of a pipeline, each over the rows of the one before, and the result as its file stores it.

C channels, h and w height and width in pixels, s the scale.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixmend.image import bled
from pixmend.image.write import _DTYPES
from pixmend.infer.guard import LEAST_CHANGE, LEAST_STRUCTURE, Report
from pixmend.infer.pipeline import Pipeline, Progress
from pixmend.infer.resample import Resample
from pixmend.infer.stream.flow import Source, Store, first_row, flow
from pixmend.infer.stream.plan import GROUP, StreamPlan
from pixmend.infer.stream.rolling import Rolling


class Chain:
    """The networks of a pipeline, each over the rows of the one before."""

    def __init__(self, pipeline: Pipeline, plan: StreamPlan, progress: Progress | None, *, folder: Path) -> None:
        self._pipeline, self._plan, self._folder = pipeline, plan, folder
        self._progress = progress
        self._done, self._total = 0, plan.steps.tile_count
        self.report = Report(precision=pipeline.precision)
        self._odd = 0
        self._change: float | None = None
        self._compares = len(pipeline.networks) == 1 and any(True for _ in pipeline.networks[0].parameters())

    def heard(self) -> dict[str, Any]:
        """Since the last time: tiles that were computed again or lie out of range; and the largest change so far."""
        before, self._odd = self._odd, self.report.again.total() + self.report.beyond
        return {"odd": self._odd - before, "change": self._change}

    def bands(self, row: int) -> Generator[tuple[bool, NDArray[Any]], None, None]:
        """Of the result, stored, from this row on, which is where a band began; and whether the journal is to know."""
        last = len(self._plan.steps.steps) - 1
        samples, size = self._plan.samples, self._plan.depth // 8
        wide = self._plan.steps.output_size[1] * samples * size
        most = max(1, GROUP // wide // self._plan.rows) * self._plan.rows
        banded = self._plan.source
        alpha = None if banded.picture.alpha is None else _Transparency(banded.rows(), plan=self._plan)
        store = _Store(self._plan, alpha)
        if self._plan.steps.resampled is not None:
            return self._resampled(row, store=store, most=most)
        self._skip(row)
        return self._step(last, row, store=store, samples=samples, itemsize=size, most=most)

    def _resampled(self, row: int, *, store: "_Store", most: int) -> Generator[tuple[bool, NDArray[Any]], None, None]:
        """Of the result in a size of its own, in bands that begin where they always would."""
        step, (height, width) = self._plan.steps.steps[-1], self._plan.steps.output_size
        resample = Resample(step.output_size, (height, width))
        rows_of_tiles = -(-height // len(step.tiles.rows))
        most = max(1, min(most, rows_of_tiles) // self._plan.rows) * self._plan.rows

        def begins(row: int) -> int:
            """The row of tiles that the last row of the band from this row on comes from."""
            if row >= height:
                return len(step.tiles.rows)
            needed = resample.needs(range(row, min(row + most, height)), axis=0)
            return first_row(step, needed.stop - 1)[0]

        first = resample.needs(range(row, row + 1), axis=0).start
        self._skip(first)
        index = len(self._plan.steps.steps) - 1
        top = step.tiles.rows[first_row(step, first)[0]].start * step.scale
        with closing(self._step(index, first, store=_as_is, samples=self._plan.channels, itemsize=4, most=64)) as made:
            rolling = Rolling((_clamped(band) for _, band in made), top=top)
            for top in range(row, height, most):
                rows = range(top, min(top + most, height))
                parts = [_across(rolling, resample, part, store) for part in resample.blocks(rows)]
                yield begins(rows.stop) > begins(top), np.concatenate(parts)

    def _skip(self, row: int) -> None:
        """Count what need not be computed."""
        for step in reversed(self._plan.steps.steps):
            _, needed = first_row(step, row)
            self._done += needed * len(step.tiles.columns)
            row = step.tiles.rows[needed].start

    def _step(
        self, index: int, row: int, *, store: Store, samples: int, itemsize: int, most: int
    ) -> Generator[tuple[bool, NDArray[Any]], None, None]:
        step = self._plan.steps.steps[index]
        _, needed = first_row(step, row)
        source, rolling = self._source(index, step.tiles.rows[needed].start)
        running = self._pipeline.running(index, step, report=self.report)
        running.done = needed * len(step.tiles.columns)

        def run(crops: Tensor) -> Tensor:
            results = running(crops)
            self._compare(crops, results)
            self._done += len(crops)
            if self._progress is not None:
                self._progress(self._done, self._total)
            return results

        return flow(
            run,
            source,
            step=step,
            row=row,
            store=store,
            hold=rolling.hold,
            channels=samples,
            itemsize=itemsize,
            folder=self._folder,
            most=most,
        )

    def _compare(self, crops: Tensor, results: Tensor) -> None:
        """How far the result is from the picture, in levels; a blank tile says nothing."""
        self._compares = self._compares and crops.shape == results.shape and (self._change or 0) < LEAST_CHANGE
        if self._compares and float(crops.max() - crops.min()) > LEAST_STRUCTURE:
            self._change = max(self._change or 0, 255 * float((results - crops).abs().max()))

    def _source(self, index: int, row: int) -> tuple[Source, Rolling]:
        """What the network of this number sees, from this row on."""
        banded = self._plan.source
        if index == 0:
            rolling = Rolling(banded.rows())
            if banded.picture.alpha is None:
                return rolling.crop, rolling
            return lambda rows, columns: _opaque(rolling.crop(rows, columns)), rolling
        before = self._plan.steps.steps[index - 1]
        begins, _ = first_row(before, row)
        bands = self._step(index - 1, row, store=_as_is, samples=3, itemsize=4, most=64)
        rolling = Rolling((band for _, band in bands), top=before.tiles.rows[begins].start * before.scale)
        return rolling.crop, rolling


def _clamped(band: NDArray[Any]) -> NDArray[Any]:
    return np.clip(band, 0, 1, out=band)


def _across(rolling: Rolling, resample: Resample, rows: range, store: "_Store") -> NDArray[Any]:
    """Rows of the result, stored, one part of them after the other."""
    down = resample.needs(rows, axis=0)
    rolling.hold(down.start, down.stop)
    parts = []
    for columns in resample.columns:
        crop = rolling.crop(down, resample.needs(columns, axis=1))
        parts.append(store(resample.part(crop, rows, columns), rows, columns))
    return np.concatenate(parts, axis=1)


def _as_is(block: Tensor, rows: range, columns: range) -> NDArray[Any]:
    return block.numpy().transpose(1, 2, 0)


def _opaque(values: Tensor) -> Tensor:
    """The colours, with those of the neighbourhood where nobody sees them."""
    return bled(values[:-1], values[-1:])


class _Store:
    """Blocks of the result as they stand in its file."""

    def __init__(self, plan: StreamPlan, alpha: "_Transparency | None") -> None:
        self._alpha = alpha
        self._dtype, self._highest = _DTYPES[plan.depth], 2**plan.depth - 1

    def __call__(self, block: Tensor, rows: range, columns: range) -> NDArray[Any]:
        values = block.clamp(0, 1)
        if self._alpha is not None:
            values = torch.cat([values, self._alpha.part(rows, columns)])
        return values.mul_(self._highest).add_(0.5).floor_().numpy().astype(self._dtype).transpose(1, 2, 0)


class _Transparency:
    """The last channel of the picture, resampled part by part."""

    def __init__(self, bands: Iterator[NDArray[Any]], *, plan: StreamPlan) -> None:
        self._rolling = Rolling(np.ascontiguousarray(band[..., -1:]) for band in bands)
        self._resample = Resample(plan.source.size, plan.steps.output_size)

    def part(self, rows: range, columns: range) -> Tensor:
        """(1, h, w) of these rows and columns of the result; rows never go back."""
        down, across = (self._resample.needs(part, axis=axis) for axis, part in enumerate((rows, columns)))
        self._rolling.hold(down.start, down.stop)
        return self._resample.part(self._rolling.crop(down, across), rows, columns).clamp_(0, 1)
