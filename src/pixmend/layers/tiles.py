"""Where tiles lie, and how their results become one picture without seams.

C channels, H and W height and width of the whole picture, h and w of one tile, in pixels; s the scale.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

RAMP = 0.5
"""Share of an overlap over which one tile fades into the next. The quarters beside it are the other tile's alone, since
the pixels at the very edge of a tile are the worst: with a ramp over all of it, 32 pixels hide as little as 16 do so.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tiles:
    """The tiles of a picture: every row span with every column span."""

    rows: tuple[range, ...]
    columns: tuple[range, ...]

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)


def place_tiles(size: tuple[int, int], *, tile: int, overlap: int, multiple: int) -> Tiles:
    """Cover a picture of ``size`` (H, W) with tiles of one shape that overlap by at least ``overlap``.

    ``tile`` is a multiple of ``multiple`` and exceeds ``overlap`` by at least that much. Tiles start on
    multiples too, so that a windowed network sees the windows it would see in the whole picture. The last row
    and column are shifted inwards, never shrunk: where a side is no multiple they stop at its end, and the
    network's own extension of the border makes up the shape.
    """
    assert tile % multiple == 0 and tile - overlap >= multiple, (tile, overlap, multiple)
    rows, columns = (_spans(side, tile=tile, overlap=overlap, multiple=multiple) for side in size)
    return Tiles(rows=rows, columns=columns)


def _spans(side: int, *, tile: int, overlap: int, multiple: int) -> tuple[range, ...]:
    cells, tile_cells, stride_cells = -(-side // multiple), tile // multiple, (tile - overlap) // multiple
    spare = max(cells - tile_cells, 0)
    gaps = -(-spare // stride_cells)
    starts = [index * spare // max(gaps, 1) * multiple for index in range(gaps + 1)]
    return tuple(range(start, min(start + tile, side)) for start in starts)


def blend_weights(spans: tuple[range, ...], *, scale: int, ramp: float = RAMP) -> list[Tensor]:
    """The share of each span in the pixels under it, at ``scale`` times the resolution; (s n,) float32 each.

    Linear ramps over the middle ``ramp`` of the overlaps, normalised: at every pixel the shares add up to 1.
    """
    shares = []
    for index, span in enumerate(spans):
        position = torch.arange(len(span) * scale, dtype=torch.float64) + 0.5
        share = torch.ones_like(position)
        if index > 0 and (before := (spans[index - 1].stop - span.start) * scale) > 0:
            share = torch.minimum(share, _fade(position / before, ramp))
        if index + 1 < len(spans) and (after := (span.stop - spans[index + 1].start) * scale) > 0:
            share = torch.minimum(share, _fade(position.flip(0) / after, ramp))
        shares.append(share)
    total = torch.zeros(spans[-1].stop * scale, dtype=torch.float64)
    for span, share in zip(spans, shares, strict=True):
        total[span.start * scale : span.stop * scale] += share
    return [
        (share / total[span.start * scale : span.stop * scale]).float()
        for span, share in zip(spans, shares, strict=True)
    ]


def _fade(way: Tensor, ramp: float) -> Tensor:
    """From 0 to 1 over the middle part of the way across an overlap."""
    return ((way - 0.5) / ramp + 0.5).clamp(0, 1)


def tiled(
    run: Callable[[Tensor], Tensor],
    image: Tensor,
    *,
    tiles: Tiles,
    scale: int,
    batch: int = sys.maxsize,
    ramp: float = RAMP,
) -> Iterator[Tensor]:
    """Run (n, ..., h, w) on the tiles of (..., H, W); yield finished rows (..., m, s W), top first.

    Up to ``batch`` tiles of a row are given to ``run`` at once. Only one row of tiles is held at a time, and no plane
    of weights: the shares of a tile are the product of its row's and its column's, so they add up to 1 by themselves.
    """
    row_weights = blend_weights(tiles.rows, scale=scale, ramp=ramp)
    column_weights = blend_weights(tiles.columns, scale=scale, ramp=ramp)
    pending: Tensor | None = None
    for index, row in enumerate(tiles.rows):
        band: Tensor | None = None
        for together in _alike(tiles.columns, most=batch):
            crops = [image[..., row.start : row.stop, tiles.columns[i].start : tiles.columns[i].stop] for i in together]
            results = run(torch.stack(crops))
            if band is None:
                band = results.new_zeros(*results.shape[1:-2], len(row) * scale, image.shape[-1] * scale)
            for i, result in zip(together, results, strict=True):
                column, weights = tiles.columns[i], column_weights[i].to(result)
                band[..., column.start * scale : column.stop * scale] += result * weights
            del crops, results
        assert band is not None
        band = band * row_weights[index].to(band)[:, None]
        if pending is not None:
            band[..., : pending.shape[-2], :] += pending
        following = tiles.rows[index + 1].start if index + 1 < len(tiles.rows) else row.stop
        finished = (following - row.start) * scale
        yield band[..., :finished, :]
        pending = band[..., finished:, :].clone()  # a view would keep the whole band alive beside the next


def _alike(spans: tuple[range, ...], *, most: int) -> Iterator[list[int]]:
    """Indices of neighbouring spans of one length, at most so many together."""
    for _, group in groupby(range(len(spans)), key=lambda index: len(spans[index])):
        indices = list(group)
        for start in range(0, len(indices), most):
            yield indices[start : start + most]
