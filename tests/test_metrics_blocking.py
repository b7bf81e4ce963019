"""PSNR-B: what blocking costs, and what does not count as blocking."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmend.errors import PixmendError
from pixmend.metrics import psnr, psnr_b

PLAIN = {"border": 0, "luma": "rgb", "round8": False}


def noisy_pair(channels: int = 3, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    true = torch.rand(channels, 32, 40, generator=generator).double() * 0.1 + 0.4
    return (true + 0.02 * torch.randn(true.shape, generator=generator)).double(), true


def blocks(height: int, width: int, *, shift: int = 0) -> torch.Tensor:
    """Squares of 8 x 8 that alternate between 0.4 and 0.6."""
    rows, columns = (torch.arange(shift, size + shift) // 8 for size in (height, width))
    return 0.4 + 0.2 * ((rows[:, None] + columns[None]) % 2).double()[None]


def test_the_blocking_of_a_chequerboard_is_worked_out_by_hand():
    # Every neighbour across a border differs by 0.2, no other does. 16 x 32: log2(8) / log2(16) = 3/4.
    board = blocks(16, 32)
    true = board.clone()
    true[0, 0, 0] += 0.1
    error = 0.1**2 / (16 * 32)
    assert psnr_b(board, true, **PLAIN) == pytest.approx(-10 * math.log10(error + 0.75 * 0.2**2), abs=1e-9)


def test_sides_that_are_no_multiple_of_8_are_counted_as_published():
    # 17 x 20 has 2 rows of borders but counts 17 // 8 - 1 = 1: sums 2 * 17 (columns) and 2 * 20 (rows)
    board = blocks(17, 20)
    counted = 17 * (20 // 8 - 1) + 20 * (17 // 8 - 1)
    blocking = math.log2(8) / math.log2(17) * 0.2**2 * (2 * 17 + 2 * 20) / counted
    true = board + 0.1
    assert psnr_b(board, true, **PLAIN) == pytest.approx(-10 * math.log10(0.1**2 + blocking), abs=1e-9)


def test_only_the_restored_pictures_blocks_count():
    flat, board = torch.full((1, 32, 32), 0.5).double(), blocks(32, 32)
    assert psnr_b(flat, board, **PLAIN) == pytest.approx(psnr(flat, board, **PLAIN), abs=1e-9)
    assert psnr_b(board, flat, **PLAIN) < psnr(board, flat, **PLAIN) - 3


def test_steps_elsewhere_than_on_the_grid_cost_nothing():
    board, true = blocks(32, 32, shift=3), blocks(32, 32, shift=3) * 0.9
    assert psnr_b(board, true, **PLAIN) == pytest.approx(psnr(board, true, **PLAIN), abs=1e-9)


def test_the_grid_begins_where_the_border_ends():
    board = blocks(40, 40)
    inner = board[:, 4:-4, 4:-4]
    cut = psnr_b(board, board * 0.9, **(PLAIN | {"border": 4}))
    assert cut == pytest.approx(psnr(inner, inner * 0.9, **PLAIN), abs=1e-9)


def test_identical_pictures_without_blocks_have_infinite_psnr_b_and_with_blocks_not():
    flat, board = torch.full((3, 16, 16), 0.5), blocks(16, 16)
    assert psnr_b(flat, flat, **PLAIN) == math.inf
    assert math.isfinite(psnr_b(board, board, **PLAIN))


def test_colour_is_the_mean_of_the_channels_in_db():
    restored, true = noisy_pair()
    alone = [psnr_b(restored[c : c + 1], true[c : c + 1], **PLAIN) for c in range(3)]
    assert psnr_b(restored, true, **PLAIN) == pytest.approx(sum(alone) / 3, abs=1e-12)


@given(seed=st.integers(0, 999))
@settings(deadline=None, max_examples=25)
def test_psnr_b_is_never_above_psnr(seed: int):
    restored, true = noisy_pair(channels=1, seed=seed)
    assert psnr_b(restored, true, **PLAIN) <= psnr(restored, true, **PLAIN) + 1e-9


def test_less_than_two_blocks_are_refused():
    with pytest.raises(PixmendError, match="leaves 16 x 16 pixels, got 1"):
        psnr_b(torch.rand(3, 17, 40), torch.rand(3, 17, 40), **(PLAIN | {"border": 1}))
