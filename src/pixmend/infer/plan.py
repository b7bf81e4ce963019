"""How a picture is to be restored, decided before it starts: whole or in tiles of which size. Pure.

Sizes are (height, width) in pixels.
"""

import math
from dataclasses import dataclass
from typing import NoReturn

from pixmend.errors import PixmendError
from pixmend.infer.forecast import Plan, Step, memory_words, worst
from pixmend.layers.tiles import Tiles, place_tiles
from pixmend.models.base import window_overlap

OVERLAP = 32
"""Least overlap of tiles, rounded up to the network's grid, where that is not wider.

Measured with the bundled weights on examples/sign.png, 6 tiles of 192: the tiled result differs from the whole one by
0.12 levels of 255 at most for x2 (root mean square 0.003) and 0.27 for x4, with 16 pixels and with 64 as well.
"""

_SMALLEST = 64
_FAR = 6
"""Cells of a wide grid that a network sees along a side, about."""

__all__ = [
    "OVERLAP",
    "Plan",
    "Step",
    "neighbourhood",
    "overlap_of",
    "plan_step",
    "smaller_tile",
    "smallest_tile",
    "tile_pixels",
]


def plan_step(
    size: tuple[int, int],
    *,
    scale: int,
    multiple: int,
    bytes_per_pixel: float,
    tile: int | None,
    max_memory: int,
    largest: int,
    fixed_size: int | None = None,
    overlap: int | None = None,
    fixed_bytes: float = 0,
    held: int = 0,
    row_bytes: int = 0,
) -> Step:
    """Choose the tile: the one asked for, or the one within ``largest`` and ``max_memory`` that computes least.

    A picture within both is done whole. Tiles overlap and the last ones are shifted, so that a smaller tile may
    well compute fewer pixels than a larger one. An explicit ``tile`` is rounded up to the network's multiple.
    A network of ``fixed_size`` has no choice of tiles, but computes as many at once as the others' pixels are.
    An explicit ``overlap`` is rounded up in the same way, and said in the plan.

    Of ``max_memory`` so much is ``held`` already, and a tile takes ``fixed_bytes``, ``bytes_per_pixel`` for each of its
    pixels and ``row_bytes`` for each of its rows, which is where the finished ones of its row wait.

    Raises:
        PixmendError: the tile asked for, or the largest that fits, is smaller than ``smallest_tile`` or than twice the
            overlap; a network of fixed size was asked for another.
    """
    cost = _Cost(
        fixed=fixed_bytes, per_pixel=bytes_per_pixel, per_row=row_bytes, held=held, most=max_memory, largest=largest
    )
    if fixed_size is not None:
        return _fixed_step(size, scale=scale, side=fixed_size, tile=tile, cost=cost)
    wished = overlap
    if overlap is not None:
        overlap = -(-overlap // multiple) * multiple
    if tile is None:
        tile = _cheapest_tile(size, multiple=multiple, cost=cost, overlap=overlap)
        if tile is None and (most := cost.side(multiple, size[0])) >= smallest_tile(multiple):
            raise PixmendError(
                f"overlap {wished}: more than half of any tile, since none may exceed {most} pixels here"
            )
        if tile is None:
            cost.refuse(smallest_tile(multiple), size[0])
    elif tile < smallest_tile(multiple):
        raise PixmendError(f"tile {tile} is too small for this network: use {smallest_tile(multiple)} or more")
    tile = -(-tile // multiple) * multiple
    if overlap is not None and overlap > tile // 2 and max(size) > tile:
        raise PixmendError(f"overlap {wished}: more than half a tile of {tile}: use {tile // 2 // multiple * multiple}")
    told = "" if overlap is None else f" overlapping by {overlap_of(tile, multiple, asked=overlap)}"
    overlap = overlap_of(tile, multiple, asked=overlap)
    tiles = place_tiles(size, tile=tile, overlap=overlap, multiple=multiple)
    pixels = tile_pixels(tiles, multiple)
    if len(tiles) > 1 and multiple > OVERLAP and tile < _FAR * multiple:
        told += ", less than this network sees: larger ones come closer to the whole"
    return Step(
        size=size,
        scale=scale,
        tile=tile,
        tiles=tiles,
        batch=1,
        overlap=overlap,
        working_bytes=cost.working(pixels),
        computed=len(tiles) * pixels,
        told=told,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cost:
    """What tiles take, and what they may."""

    fixed: float
    per_pixel: float
    per_row: int
    held: int
    most: int
    largest: int
    """Side of the largest tile worth computing at once."""

    def working(self, pixels: int) -> int:
        return round(self.fixed + self.per_pixel * pixels)

    def fits(self, pixels: int, *, rows: int) -> bool:
        taken = self.held + worst(self.working(pixels), self.per_row * rows)
        return taken <= self.most and pixels <= self.largest**2

    def side(self, multiple: int, height: int) -> int:
        """Of the largest square tile that fits, on the grid; 0 where none does."""
        room = (self.most - self.held - self.fixed) / self.per_pixel if self.per_pixel else math.inf
        side = int(min(self.largest, math.sqrt(max(0, room)))) // multiple * multiple
        while side and not self.fits(side**2, rows=min(side, height)):
            side -= multiple
        return side

    def refuse(self, side: int, height: int) -> NoReturn:
        least = worst(self.working(side**2), self.per_row * min(side, height))
        taken = f"the program and the pictures take {memory_words(self.held)} and " if self.held else ""
        raise PixmendError(
            f"{memory_words(self.most)} of memory are too little: {taken}the network's smallest tile of {side} pixels "
            f"takes {memory_words(least)}: {memory_words(self.held + least)} or more are needed"
        )


def _fixed_step(size: tuple[int, int], *, scale: int, side: int, tile: int | None, cost: _Cost) -> Step:
    """The windows of a network of fixed size, as many at once as there may be pixels."""
    if tile not in (None, side):
        raise PixmendError(f"tile {tile}: this network sees windows of {side} pixels and no others")
    overlap = window_overlap(side)
    tiles = place_tiles(size, tile=side, overlap=overlap, multiple=1)
    batch = len(tiles.columns)
    while batch > 1 and not cost.fits(batch * side**2, rows=side):
        batch -= 1
    if not cost.fits(side**2, rows=side):
        cost.refuse(side, side)
    return Step(
        size=size,
        scale=scale,
        tile=side,
        tiles=tiles,
        batch=batch,
        overlap=overlap,
        working_bytes=cost.working(batch * side**2),
        computed=len(tiles) * side**2,
    )


def _cheapest_tile(size: tuple[int, int], *, multiple: int, cost: _Cost, overlap: int | None) -> int | None:
    """A tile for the whole picture if it has so few pixels; else of the square ones the one that computes least.

    Half of it is at least the overlap asked for.
    """
    padded = [-(-side // multiple) * multiple for side in size]
    smallest = smallest_tile(multiple)
    if cost.fits(math.prod(padded), rows=size[0]):
        return max(smallest, *padded)
    largest = cost.side(multiple, size[0])
    candidates = range(largest, max(smallest, largest // 2, 2 * (overlap or 0)) - 1, -multiple)

    def computed(tile: int) -> int:
        tiles = place_tiles(size, tile=tile, overlap=overlap_of(tile, multiple, asked=overlap), multiple=multiple)
        return len(tiles) * tile_pixels(tiles, multiple)

    return min(candidates, key=computed, default=None)


def tile_pixels(tiles: Tiles, multiple: int) -> int:
    """Pixels the network computes for one tile."""
    sides = (max(len(span) for span in spans) for spans in (tiles.rows, tiles.columns))
    return math.prod(-(-side // multiple) * multiple for side in sides)


def smallest_tile(multiple: int) -> int:
    """The smallest tile worth its overlap with its neighbours on the network's grid."""
    return max(2, -(-_SMALLEST // multiple)) * multiple


def overlap_of(tile: int, multiple: int, *, asked: int | None = None) -> int:
    """The overlap of tiles of this side: the one asked for, else ``OVERLAP``, on the grid, but at most half a tile."""
    cells = -(-(neighbourhood(multiple) if asked is None else asked) // multiple)
    return min(cells, tile // multiple // 2) * multiple


def neighbourhood(multiple: int) -> int:
    """Pixels around a part that a network on this grid should see with it: ``OVERLAP``, or three cells of a wider grid.

    A network on a wide grid works on a shrunk picture, and sees farther.
    """
    return OVERLAP if multiple <= OVERLAP else 3 * multiple


def smaller_tile(tile: int, multiple: int) -> int | None:
    """About half of it, on the grid, or nothing if it is the smallest already."""
    smallest = smallest_tile(multiple)
    return max(tile // 2 // multiple * multiple, smallest) if tile > smallest else None
