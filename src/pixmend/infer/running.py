"""One network over the tiles of one picture: run, judged, run again with care, and in smaller ones where memory ends.

C channels, h and w height and width of a tile, n tiles at once, s the scale.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.infer.channels import fit_channels
from pixmend.infer.device import is_out_of_memory
from pixmend.infer.footprint import forward
from pixmend.infer.guard import Report, find_faults, refuse
from pixmend.infer.plan import overlap_of, smaller_tile
from pixmend.layers.tiles import Tiles, place_tiles, tiled
from pixmend.models.base import Restorer

Progress = Callable[[int, int], None]
"""Called with the tiles done and the tiles in all."""

Run = Callable[[Restorer, Tensor], Tensor]
"""A network on tiles (n, C, h, w), from the CPU and back: (n, C', s h, s w)."""

logger = logging.getLogger(__name__)


def compute(network: Restorer, crops: Tensor, *, device: torch.device, precision: str) -> Tensor:
    """The network on tiles (n, C, h, w) of any channels it can restore, from the CPU and back, whatever comes out."""
    x, regroup = fit_channels(crops.to(device), takes=network.in_channels)
    if len(x) > len(crops):  # colours one by one, in the memory of one
        parts = [compute(network, part, device=device, precision=precision) for part in x.split(len(crops))]
        return regroup(torch.cat(parts))
    return regroup(forward(network, x, precision=precision)).cpu()


@dataclass(slots=True, kw_only=True)
class Ticker:
    """Counts the tiles of one picture."""

    total: int
    progress: Progress | None
    done: int = 0

    def advance(self, tiles: int) -> None:
        self.done += tiles
        if self.progress is not None:
            self.progress(self.done, self.total)


@dataclass(slots=True, kw_only=True)
class Limit:
    """The largest tile, and how many at once, that the memory has not refused, for one network over one picture."""

    tile: int
    batch: int
    overlap: int

    def halve(self, network: Restorer) -> None:
        if self.batch > 1:
            self.batch //= 2
            logger.warning("out of memory, going on with %d tiles at once", self.batch)
            return
        smaller = None if network.fixed_size else smaller_tile(self.tile, network.multiple)
        if smaller is None:
            raise PixmendError(f"out of memory even with the smallest tile, {self.tile} pixels: close other programs")
        logger.warning("out of memory with tiles of %d, going on with tiles of %d", self.tile, smaller)
        self.tile = smaller


@dataclass(slots=True, kw_only=True)
class Running:
    """Call it with the tiles of a picture in their order: a row after the other, from the left.

    Where the memory ends it goes on with fewer tiles at once, then with smaller ones, and stays with that.
    """

    network: Restorer
    tiles: Tiles
    limit: Limit
    run: Run
    again: Run | None
    """The same with more care, for what comes out wrong; None where there is no more care to be taken."""
    report: Report
    done: int = 0
    """Tiles of the picture that are finished."""
    _wide: bool = False
    """Whether values out of range have been found to be the network's own."""

    def __call__(self, crops: Tensor) -> Tensor:
        """(n, C, h, w) to (n, C', s h, s w), both on the CPU.

        Raises:
            Damaged: a tile is not finite, or flat where the picture is not, even with care; it is named.
            PixmendError: the memory does not suffice for the smallest tile.
        """
        results = self._fitting(crops, first=self.done)
        self.done += len(crops)
        self.report.tiles += len(crops)
        return results

    def _fitting(self, crops: Tensor, *, first: int) -> Tensor:
        """As many at once, and as large, as the memory has not refused."""
        while len(crops) <= self.limit.batch and max(crops.shape[-2:]) <= self.limit.tile:
            try:
                return self._judged(crops, self.run(self.network, crops), first=first)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self.limit.halve(self.network)  # outside the handler, whose traceback holds on to the failed tensors
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        if len(crops) > self.limit.batch:
            parts = zip(crops.split(self.limit.batch), range(first, first + len(crops), self.limit.batch), strict=True)
            return torch.cat([self._fitting(part, first=number) for part, number in parts])
        multiple = self.network.multiple
        overlap = overlap_of(self.limit.tile, multiple, asked=self.limit.overlap)
        tiles = place_tiles(
            (crops.shape[-2], crops.shape[-1]), tile=self.limit.tile, overlap=overlap, multiple=multiple
        )
        parts = tiled(
            lambda part: self._fitting(part[0], first=first)[None],
            crops,
            tiles=tiles,
            scale=self.network.scale,
            batch=1,
        )
        return torch.cat(list(parts), dim=-2)

    def _judged(self, crops: Tensor, results: Tensor, *, first: int) -> Tensor:
        """The results, those with a fault computed again; tiles count from ``first``."""
        faults = find_faults(crops, results)
        if faults:
            results = results.clone()  # what was made for inference may not be written to
        for index, fault in faults.items():
            one = slice(index, index + 1)
            if self.again is not None and not (fault == "out of range" and self._wide):
                self.report.again[fault] += 1
                results[one] = self.again(self.network, crops[one])
                fault = find_faults(crops[one], results[one]).get(0)
            if fault is None:
                continue
            refuse(fault, where=self._name(first + index))
            self._wide = True
            self.report.note_range(results[one])
        return results

    def _name(self, number: int) -> str:
        """Where a tile lies, for people; nothing where there is only one."""
        rows, columns = self.tiles.rows, self.tiles.columns
        if len(self.tiles) == 1:
            return ""
        row, column = divmod(number, len(columns))
        at = f"left {columns[column].start}, top {rows[row].start}"
        return f"tile {number + 1} of {len(self.tiles)} ({at}): "
