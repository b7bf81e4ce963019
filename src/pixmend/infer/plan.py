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

Measured on trained EDT-P, x2: with 32 the tiled result differs from the whole one by 0.22 of an 8-bit level at most
(root mean square 0.009), with 16 by 0.47, without overlap by 18.
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
    working_bytes: int
    """Peak memory of the network on so many tiles."""

    @property
    def output_size(self) -> tuple[int, int]:
        return self.size[0] * self.scale, self.size[1] * self.scale

    def __str__(self) -> str:
        sizes = (self.size, self.output_size) if self.scale > 1 else (self.size,)
        what = " to ".join(f"{width} x {height}" for height, width in sizes)
        together = f", {self.batch} at once" if self.batch > 1 else ""
        return f"{what}, {f'{len(self.tiles)} tiles of {self.tile}{together}' if len(self.tiles) > 1 else 'whole'}"


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
) -> Step:
    """Choose the tile: the one asked for, or the one within ``largest`` and ``max_memory`` that computes least.

    A picture within both is done whole. Tiles overlap and the last ones are shifted, so that a smaller tile may
    well compute fewer pixels than a larger one. An explicit ``tile`` is rounded up to the network's multiple.
    A network of ``fixed_size`` has no choice of tiles, but computes as many at once as the others' pixels are.

    Raises:
        PixmendError: the tile asked for, or the largest that fits, is smaller than ``smallest_tile``; a network of
            fixed size was asked for another.
    """
    if fixed_size is not None:
        if tile not in (None, fixed_size):
            raise PixmendError(f"tile {tile}: this network sees windows of {fixed_size} pixels and no others")
        tiles = place_tiles(size, tile=fixed_size, overlap=window_overlap(fixed_size), multiple=1)
        pixels = min(largest**2, max_memory // bytes_per_pixel)
        batch = max(1, min(len(tiles.columns), pixels // fixed_size**2))
        working = batch * fixed_size**2 * bytes_per_pixel
        return Step(size=size, scale=scale, tile=fixed_size, tiles=tiles, batch=batch, working_bytes=working)
    smallest = smallest_tile(multiple)
    if tile is None:
        tile = _cheapest_tile(size, multiple=multiple, pixels=min(largest**2, max_memory // bytes_per_pixel))
        if tile is None:
            raise PixmendError(
                f"{max_memory / 1e6:.0f} MB of memory are too little for this network: its smallest tile of "
                f"{smallest} pixels takes {smallest**2 * bytes_per_pixel / 1e6:.0f} MB"
            )
    elif tile < smallest:
        raise PixmendError(f"tile {tile} is too small for this network: use {smallest} or more")
    tile = -(-tile // multiple) * multiple
    tiles = place_tiles(size, tile=tile, overlap=overlap_of(tile, multiple), multiple=multiple)
    working = _tile_pixels(tiles, multiple) * bytes_per_pixel
    return Step(size=size, scale=scale, tile=tile, tiles=tiles, batch=1, working_bytes=working)


def _cheapest_tile(size: tuple[int, int], *, multiple: int, pixels: int) -> int | None:
    """A tile for the whole picture if it has so few pixels; else of the square ones the one that computes least."""
    padded = [-(-side // multiple) * multiple for side in size]
    smallest, largest = smallest_tile(multiple), math.isqrt(pixels) // multiple * multiple
    if math.prod(padded) <= pixels:
        return max(smallest, *padded)
    candidates = range(largest, max(smallest, largest // 2) - 1, -multiple)

    def computed(tile: int) -> int:
        tiles = place_tiles(size, tile=tile, overlap=overlap_of(tile, multiple), multiple=multiple)
        return len(tiles) * _tile_pixels(tiles, multiple)

    return min(candidates, key=computed, default=None)


def _tile_pixels(tiles: Tiles, multiple: int) -> int:
    """Pixels the network computes for one tile."""
    sides = (max(len(span) for span in spans) for spans in (tiles.rows, tiles.columns))
    return math.prod(-(-side // multiple) * multiple for side in sides)


def smallest_tile(multiple: int) -> int:
    """The smallest tile worth its overlap with its neighbours on the network's grid."""
    return max(2, -(-_SMALLEST // multiple)) * multiple


def overlap_of(tile: int, multiple: int) -> int:
    """The overlap of tiles of this side: ``OVERLAP`` on the grid, but at most half a tile."""
    return min(-(-OVERLAP // multiple), tile // multiple // 2) * multiple


def smaller_tile(tile: int, multiple: int) -> int | None:
    """About half of it, on the grid, or nothing if it is the smallest already."""
    smallest = smallest_tile(multiple)
    return max(tile // 2 // multiple * multiple, smallest) if tile > smallest else None
