"""Tiles cover the picture on the network's grid, and their results add up to it without seams."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.infer.plan import overlap_of, plan_step, smaller_tile, smallest_tile
from pixmend.layers.tiles import Tiles, blend_weights, place_tiles, tiled
from pixmend.seeding import generator

SIDES = st.integers(1, 90)
GRIDS = st.tuples(st.integers(1, 7), st.integers(2, 5), st.integers(0, 4)).map(
    lambda drawn: {"multiple": drawn[0], "tile": drawn[0] * drawn[1], "overlap": drawn[0] * min(drawn[2], drawn[1] - 1)}
)
"""A grid, a tile of some cells and an overlap of fewer."""


def enlarge(image: Tensor, scale: int) -> Tensor:
    return image.repeat_interleave(scale, -1).repeat_interleave(scale, -2)


def merged(image: Tensor, tiles: Tiles, *, scale: int) -> Tensor:
    return torch.cat(list(tiled(lambda crops: enlarge(crops, scale), image, tiles=tiles, scale=scale)), dim=1)


@settings(deadline=None)
@given(SIDES, GRIDS)
def test_tiles_start_on_the_grid_and_cover_every_pixel(side: int, grid: dict[str, int]) -> None:
    spans = place_tiles((side, 1), **grid).rows
    assert all(span.start % grid["multiple"] == 0 for span in spans)
    assert set().union(*spans) == set(range(side))


@settings(deadline=None)
@given(SIDES, GRIDS)
def test_neighbours_overlap_by_what_was_asked_for_at_least(side: int, grid: dict[str, int]) -> None:
    spans = place_tiles((1, side), **grid).columns
    assert all(a.start + grid["tile"] - b.start >= grid["overlap"] for a, b in pairwise(spans))


@settings(deadline=None)
@given(SIDES, GRIDS)
def test_every_tile_has_the_same_shape_once_the_border_is_extended_to_the_grid(side: int, grid: dict[str, int]) -> None:
    multiple = grid["multiple"]
    extended = {-(-len(span) // multiple) * multiple for span in place_tiles((side, 1), **grid).rows}
    assert extended == {min(grid["tile"], -(-side // multiple) * multiple)}


@settings(deadline=None)
@given(SIDES, GRIDS)
def test_one_tile_fewer_would_not_do(side: int, grid: dict[str, int]) -> None:
    count = len(place_tiles((side, 1), **grid).rows)
    stride = grid["tile"] - grid["overlap"]
    assert count == 1 or grid["tile"] + (count - 2) * stride < side


@settings(deadline=None)
@given(SIDES, GRIDS, st.integers(1, 4), st.sampled_from((0.1, 0.5, 1.0)))
def test_weights_sum_to_one_everywhere(side: int, grid: dict[str, int], scale: int, ramp: float) -> None:
    spans = place_tiles((side, 1), **grid).rows
    total = torch.zeros(side * scale)
    for span, weights in zip(spans, blend_weights(spans, scale=scale, ramp=ramp), strict=True):
        assert weights.dtype == torch.float32 and bool((weights >= 0).all())
        total[span.start * scale : span.stop * scale] += weights
    torch.testing.assert_close(total, torch.ones(side * scale), atol=3e-7, rtol=0)


@settings(deadline=None)
@given(SIDES, SIDES, GRIDS, st.integers(1, 4))
def test_merging_tiles_of_a_network_that_repeats_pixels_gives_the_whole_picture(
    height: int, width: int, grid: dict[str, int], scale: int
) -> None:
    image = torch.rand(2, height, width, generator=generator((height, width)))
    result = merged(image, place_tiles((height, width), **grid), scale=scale)
    torch.testing.assert_close(result, enlarge(image, scale), atol=5e-7, rtol=0)


def test_a_picture_smaller_than_a_tile_is_one_tile_and_untouched() -> None:
    image = torch.rand(3, 5, 7, generator=generator(0))
    tiles = place_tiles((5, 7), tile=16, overlap=8, multiple=8)
    assert len(tiles) == 1 and torch.equal(merged(image, tiles, scale=1), image)


def test_the_share_of_a_tile_falls_towards_its_edge_in_the_overlap() -> None:
    first, second = blend_weights((range(8), range(4, 12)), scale=1, ramp=1.0)
    assert first.tolist() == [1, 1, 1, 1, 0.875, 0.625, 0.375, 0.125]
    assert torch.equal(second, first.flip(0))


def test_the_worst_pixels_of_a_tile_have_no_share_where_it_overlaps_another() -> None:
    first, second = blend_weights((range(8), range(4, 12)), scale=1)
    assert first.tolist() == [1, 1, 1, 1, 1, 0.75, 0.25, 0]
    assert torch.equal(second, first.flip(0))


def test_finished_rows_come_from_the_top_one_row_of_tiles_at_a_time() -> None:
    image = torch.rand(1, 20, 6, generator=generator(1))
    tiles = place_tiles((20, 6), tile=8, overlap=4, multiple=4)
    seen: list[int] = []

    def run(crop: Tensor) -> Tensor:
        seen.append(crop.shape[1])
        return crop

    bands = tiled(run, image, tiles=tiles, scale=1)
    assert next(bands).shape == (1, 4, 6) and len(seen) == 1
    assert [band.shape[1] for band in bands] == [4, 4, 8]


# The choice of the tile


def step(size: tuple[int, int], *, tile: int | None = None, max_memory: int = 1_100_000) -> tuple[int, int]:
    """Side and number of the tiles of a network on a grid of 8 that takes 100 bytes per pixel."""
    chosen = plan_step(size, scale=2, multiple=8, bytes_per_pixel=100, tile=tile, max_memory=max_memory, largest=10**6)
    return chosen.tile, len(chosen.tiles)


def test_a_picture_that_fits_in_memory_is_done_whole() -> None:
    assert step((100, 100)) == (104, 1)


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(409_600, 10**7))
def test_no_tile_takes_more_than_the_memory_allows(height: int, width: int, max_memory: int) -> None:
    chosen = plan_step(
        (height, width), scale=1, multiple=8, bytes_per_pixel=100, tile=None, max_memory=max_memory, largest=10**6
    )
    assert chosen.working_bytes <= max_memory


def test_the_tile_is_the_one_that_computes_least() -> None:
    chosen = plan_step((400, 340), scale=2, multiple=16, bytes_per_pixel=1, tile=None, max_memory=10**9, largest=192)
    computed = {
        tile: len(place_tiles((400, 340), tile=tile, overlap=32, multiple=16)) * tile**2 for tile in range(96, 193, 16)
    }
    assert chosen.tile == min(computed, key=lambda tile: computed[tile])


def test_a_picture_no_larger_than_the_largest_tile_is_done_whole() -> None:
    chosen = plan_step((192, 190), scale=2, multiple=16, bytes_per_pixel=1, tile=None, max_memory=10**9, largest=192)
    assert (chosen.tile, len(chosen.tiles)) == (192, 1)


def test_a_long_thin_picture_is_whole_if_its_area_fits() -> None:
    assert step((1, 1000)) == (1000, 1)


def test_a_tile_asked_for_is_rounded_up_to_the_grid() -> None:
    assert step((200, 200), tile=66)[0] == 72


def test_a_tile_too_small_for_the_network_is_refused() -> None:
    with pytest.raises(PixmendError, match="tile 63 is too small for this network: use 64 or more"):
        step((200, 200), tile=63)


def test_too_little_memory_for_any_tile_is_refused() -> None:
    with pytest.raises(PixmendError, match=r"smallest tile of 64 pixels takes 410 kB"):
        step((200, 200), max_memory=100_000)


@settings(deadline=None)
@given(st.integers(1, 200), st.integers(0, 40))
def test_tiles_can_be_halved_down_to_the_smallest_and_always_overlap_properly(multiple: int, cells: int) -> None:
    tile: int | None = smallest_tile(multiple) + cells * multiple
    while tile is not None:
        overlap = overlap_of(tile, multiple)
        assert overlap % multiple == 0 and 0 < overlap <= tile // 2 and tile % multiple == 0
        smaller = smaller_tile(tile, multiple)
        assert smaller is None or smallest_tile(multiple) <= smaller < tile
        tile = smaller
