"""A network over a picture that flows by: rows in, rows out, no more of either held than a row of tiles.

What comes out is, bit for bit, what ``pixmend.layers.tiles.tiled`` makes of the whole picture with the same tiles.
C channels, H and W height and width, h and w of a block, in pixels; s the scale.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixmend.infer.forecast import Step
from pixmend.infer.stream.rolling import Shelf
from pixmend.layers.tiles import _alike, blend_weights

Run = Callable[[Tensor], Tensor]
"""Tiles (n, C, h, w) to (n, C', s h, s w)."""
Store = Callable[[Tensor, range, range], NDArray[Any]]
"""A finished block (C, h, w), and the rows and columns of the result that it is, to (h, w, C) as it is kept."""
Source = Callable[[range, range], Tensor]
"""The part (C, h, w) of the picture in these rows and columns."""


def first_row(step: Step, row: int) -> tuple[int, int]:
    """For the result from this row on: the row of tiles it begins in, and the one that has to be computed first.

    Those between the two give nothing but what they share with the rows below them.
    """
    rows = step.tiles.rows
    begins = max(index for index, span in enumerate(rows) if span.start * step.scale <= row)
    needed = min(index for index, span in enumerate(rows) if index == begins or span.stop > rows[begins].start)
    return begins, needed


def flow(
    run: Run,
    source: Source,
    *,
    step: Step,
    row: int,
    store: Store,
    hold: Callable[[int, int], None],
    channels: int,
    itemsize: int,
    folder: Path,
    most: int,
) -> Generator[tuple[bool, NDArray[Any]], None, None]:
    """Bands (h, s W, C) of the result, at most so many rows at a time, and whether a row of tiles is done with it.

    They begin with the row of tiles in which ``row`` lies. ``channels`` and ``itemsize`` are those of what is stored;
    ``hold`` is told of each row of tiles which rows of the picture it needs. In ``folder`` wait the blocks of a row of
    tiles until all its columns are done.
    """
    rows, columns, scale = step.tiles.rows, step.tiles.columns, step.scale
    weights = blend_weights(rows, scale=scale)
    begins, needed = first_row(step, row)
    pixels = max(map(len, rows)) * max(map(len, columns)) * scale**2
    with (
        closing(Shelf(folder, largest=pixels * channels * 4)) as tails,
        closing(Shelf(folder, largest=pixels * channels * itemsize)) as done,
    ):
        for index in range(needed, len(rows)):
            span = rows[index]
            hold(span.start, span.stop)
            following = rows[index + 1].start if index + 1 < len(rows) else span.stop
            finished = (following - span.start) * scale
            for number, (left, block) in enumerate(_blocks(run, source, step=step, row=span)):
                block = block * weights[index].to(block)[:, None]
                tail = tails.get(number)
                if tail is not None and tail.shape[1]:
                    block[:, : tail.shape[1]] += torch.from_numpy(tail)
                if index >= begins:
                    where = range(span.start * scale, following * scale), range(left, left + block.shape[-1])
                    done.put(number, store(block[:, :finished], *where))
                tails.put(number, block[:, finished:].numpy())
            if index >= begins:
                yield from _across(done, count=len(columns), height=finished, most=most)


def _across(done: Shelf, *, count: int, height: int, most: int) -> Iterator[tuple[bool, NDArray[Any]]]:
    for top in range(0, height, most):
        parts = [done.get(number, slice(top, top + most)) for number in range(count)]
        yield top + most >= height, np.concatenate([part for part in parts if part is not None], axis=1)


def _blocks(run: Run, source: Source, *, step: Step, row: range) -> Iterator[tuple[int, Tensor]]:
    """Of a row of tiles, blended across: what no further tile changes, (C', s h, w) each, and where it begins."""
    columns, scale = step.tiles.columns, step.scale
    weights = blend_weights(columns, scale=scale)
    left: Tensor | None = None
    for together in _alike(columns, most=step.batch):
        results = run(torch.stack([source(row, columns[number]) for number in together]))
        for number, result in zip(together, results, strict=True):
            column = columns[number]
            part = result * weights[number].to(result)
            if left is not None:
                wide = part.new_zeros(*part.shape[:-1], max(part.shape[-1], left.shape[-1]))
                wide[..., : left.shape[-1]] = left
                wide[..., : part.shape[-1]] += part
                part = wide
            following = columns[number + 1].start if number + 1 < len(columns) else column.stop
            finished = (following - column.start) * scale
            yield column.start * scale, part[..., :finished]
            left = part[..., finished:].clone()
