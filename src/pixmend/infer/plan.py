"""What restoring a picture will take, decided before it starts: whole or in tiles, and how much memory. Pure.

Sizes are (height, width) in pixels.
"""

import math
from dataclasses import dataclass

from pixmend.errors import PixmendError
from pixmend.layers.tiles import Tiles, place_tiles
from pixmend.models.base import window_overlap

OVERLAP = 32
"""Least overlap of tiles, rounded up to the network's grid.

Measured with the bundled weights on examples/sign.png, 6 tiles of 192: the tiled result differs from the whole one by
0.12 levels of 255 at most for x2 (root mean square 0.003) and 0.27 for x4, with 16 pixels and with 64 as well.
"""

_SMALLEST = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One network over one picture."""

    size: tuple[int, int]
    scale: int
    tile: int
    """Side of a tile; at least the longer side of the picture if it is done whole."""
    tiles: Tiles
    batch: int
    """Tiles of a row that are computed at once."""
    overlap: int
    """Least overlap of tiles in input pixels."""
    working_bytes: int
    """Peak memory of the network on so many tiles."""
    told: str = ""
    """What the plan says about the overlap, where it is not the default."""

    @property
    def output_size(self) -> tuple[int, int]:
        return self.size[0] * self.scale, self.size[1] * self.scale

    def __str__(self) -> str:
        sizes = (self.size, self.output_size) if self.scale > 1 else (self.size,)
        what = " to ".join(f"{width} x {height}" for height, width in sizes)
        together = f", {self.batch} at once" if self.batch > 1 else ""
        tiles = f"{len(self.tiles)} tiles of {self.tile}{self.told}{together}"
        return f"{what}, {tiles if len(self.tiles) > 1 else 'whole'}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The steps of a chain. ``str(plan)`` is the line people read."""

    steps: tuple[Step, ...]
    channels: int
    device: str
    precision: str

    @property
    def output_size(self) -> tuple[int, int]:
        return self.steps[-1].output_size

    @property
    def tile_count(self) -> int:
        return sum(len(step.tiles) for step in self.steps)

    @property
    def peak_bytes(self) -> int:
        """Memory at the worst moment: the network at work, the pictures in float32 and a row of finished tiles.

        The program, its weights and what writing the file takes afterwards are not in it.
        """
        original = math.prod(self.steps[0].size)
        peaks = []
        for step in self.steps:
            held = original * (step is not self.steps[0]) + math.prod(step.size) * (1 + step.scale**2)
            band = min(step.tile, step.size[0]) * step.size[1] * step.scale**2
            peaks.append(step.working_bytes + 4 * self.channels * (held + band))
        return max(peaks)

    def __str__(self) -> str:
        steps = "; then ".join(map(str, self.steps))
        return f"{steps}; {self.device}, {self.precision}, about {self.peak_bytes / 1e9:.1f} GB"


def plan_step(
    size: tuple[int, int],
    *,
    scale: int,
    multiple: int,
    bytes_per_pixel: int,
    tile: int | None,
    max_memory: int,
    largest: int,
    fixed_size: int | None = None,
    overlap: int | None = None,
) -> Step:
    """Choose the tile: the one asked for, or the one within ``largest`` and ``max_memory`` that computes least.

    A picture within both is done whole. Tiles overlap and the last ones are shifted, so that a smaller tile may
    well compute fewer pixels than a larger one. An explicit ``tile`` is rounded up to the network's multiple.
    A network of ``fixed_size`` has no choice of tiles, but computes as many at once as the others' pixels are.
    An explicit ``overlap`` is rounded up in the same way, and said in the plan.

    Raises:
        PixmendError: the tile asked for, or the largest that fits, is smaller than ``smallest_tile`` or than twice the
            overlap; a network of fixed size was asked for another.
    """
    pixels = min(largest**2, max_memory // bytes_per_pixel)
    if fixed_size is not None:
        return _fixed_step(
            size, scale=scale, side=fixed_size, tile=tile, pixels=pixels, bytes_per_pixel=bytes_per_pixel
        )
    smallest, wished = smallest_tile(multiple), overlap
    if overlap is not None:
        overlap = -(-overlap // multiple) * multiple
    if tile is None:
        tile = _cheapest_tile(size, multiple=multiple, pixels=pixels, overlap=overlap)
        if tile is None and math.isqrt(pixels) // multiple * multiple >= smallest:
            raise PixmendError(
                f"overlap {wished}: more than half of any tile, since none may exceed {math.isqrt(pixels)} pixels here"
            )
        if tile is None:
            raise PixmendError(
                f"{max_memory / 1e6:.0f} MB of memory are too little for this network: its smallest tile of "
                f"{smallest} pixels takes {smallest**2 * bytes_per_pixel / 1e6:.0f} MB"
            )
    elif tile < smallest:
        raise PixmendError(f"tile {tile} is too small for this network: use {smallest} or more")
    tile = -(-tile // multiple) * multiple
    if overlap is not None and overlap > tile // 2 and max(size) > tile:
        raise PixmendError(f"overlap {wished}: more than half a tile of {tile}: use {tile // 2 // multiple * multiple}")
    told = "" if overlap is None else f" overlapping by {overlap_of(tile, multiple, asked=overlap)}"
    overlap = overlap_of(tile, multiple, asked=overlap)
    tiles = place_tiles(size, tile=tile, overlap=overlap, multiple=multiple)
    working = _tile_pixels(tiles, multiple) * bytes_per_pixel
    return Step(
        size=size, scale=scale, tile=tile, tiles=tiles, batch=1, overlap=overlap, working_bytes=working, told=told
    )


def _fixed_step(
    size: tuple[int, int], *, scale: int, side: int, tile: int | None, pixels: int, bytes_per_pixel: int
) -> Step:
    """The windows of a network of fixed size, as many at once as there may be pixels."""
    if tile not in (None, side):
        raise PixmendError(f"tile {tile}: this network sees windows of {side} pixels and no others")
    overlap = window_overlap(side)
    tiles = place_tiles(size, tile=side, overlap=overlap, multiple=1)
    batch = max(1, min(len(tiles.columns), pixels // side**2))
    working = batch * side**2 * bytes_per_pixel
    return Step(size=size, scale=scale, tile=side, tiles=tiles, batch=batch, overlap=overlap, working_bytes=working)


def _cheapest_tile(size: tuple[int, int], *, multiple: int, pixels: int, overlap: int | None) -> int | None:
    """A tile for the whole picture if it has so few pixels; else of the square ones the one that computes least.

    Half of it is at least the overlap asked for.
    """
    padded = [-(-side // multiple) * multiple for side in size]
    smallest, largest = smallest_tile(multiple), math.isqrt(pixels) // multiple * multiple
    if math.prod(padded) <= pixels:
        return max(smallest, *padded)
    candidates = range(largest, max(smallest, largest // 2, 2 * (overlap or 0)) - 1, -multiple)

    def computed(tile: int) -> int:
        tiles = place_tiles(size, tile=tile, overlap=overlap_of(tile, multiple, asked=overlap), multiple=multiple)
        return len(tiles) * _tile_pixels(tiles, multiple)

    return min(candidates, key=computed, default=None)


def _tile_pixels(tiles: Tiles, multiple: int) -> int:
    """Pixels the network computes for one tile."""
    sides = (max(len(span) for span in spans) for spans in (tiles.rows, tiles.columns))
    return math.prod(-(-side // multiple) * multiple for side in sides)


def smallest_tile(multiple: int) -> int:
    """The smallest tile worth its overlap with its neighbours on the network's grid."""
    return max(2, -(-_SMALLEST // multiple)) * multiple


def overlap_of(tile: int, multiple: int, *, asked: int | None = None) -> int:
    """The overlap of tiles of this side: the one asked for, else ``OVERLAP``, on the grid, but at most half a tile."""
    return min(-(-(OVERLAP if asked is None else asked) // multiple), tile // multiple // 2) * multiple


def smaller_tile(tile: int, multiple: int) -> int | None:
    """About half of it, on the grid, or nothing if it is the smallest already."""
    smallest = smallest_tile(multiple)
    return max(tile // 2 // multiple * multiple, smallest) if tile > smallest else None
