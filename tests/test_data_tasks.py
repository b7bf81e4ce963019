"""What the input of each task is made by."""

import pytest
import torch

from pixmend.data import degradation, scale
from pixmend.degrade import GaussianNoise, chain_text, parse_chain, round8
from pixmend.errors import PixmendError

CLEAN = torch.rand(3, 48, 48, generator=torch.Generator().manual_seed(1))


def spread(seed: int) -> float:
    noisy = degradation("dn_blind")(CLEAN, seed)
    return float((noisy - CLEAN).std() * 255)


def test_noise_for_a_blind_denoiser_has_any_spread_up_to_50() -> None:
    spreads = [spread(seed) for seed in range(40)]
    assert 0 <= min(spreads) < 10 and 40 < max(spreads) < 52
    assert 15 < sum(spreads) / 40 < 35
    assert spread(3) == spread(3)


def test_a_blind_denoiser_keeps_the_size() -> None:
    assert scale("dn_blind") == 1


def test_noise_of_a_drawn_sigma_is_that_of_a_fixed_one_scaled() -> None:
    drawn = GaussianNoise(sigma=(10.0, 20.0))(CLEAN.double(), 5) - CLEAN
    fixed = GaussianNoise(sigma=15.0)(CLEAN.double(), 5) - CLEAN
    ratio = float(drawn.std() / fixed.std())
    assert 10 / 15 < ratio < 20 / 15
    torch.testing.assert_close(drawn, ratio * fixed, rtol=1e-4, atol=1e-8)


def test_a_range_of_sigma_survives_being_written() -> None:
    noise = GaussianNoise(sigma=(0.0, 50.0))
    assert parse_chain(chain_text(noise)).steps == (noise,)


@pytest.mark.parametrize("sigma", [(20.0, 10.0), (-1.0, 5.0), (0.0, float("inf"))])
def test_an_empty_or_endless_range_of_sigma_is_refused(sigma: tuple[float, float]) -> None:
    with pytest.raises(PixmendError, match="GaussianNoise: expected sigma of 0 or more"):
        GaussianNoise(sigma=sigma)


@pytest.mark.parametrize("task", ["sr_x2", "dr_L"])
def test_what_files_hold_is_8_bit_unless_asked_otherwise(task: str) -> None:
    rounded, exact = (degradation(task, round8=asked)(CLEAN, 7) for asked in (True, False))
    assert torch.equal(rounded, round8(exact))
    assert not torch.equal(rounded, exact)


@pytest.mark.parametrize("task", ["dn_g50", "dn_blind"])
def test_noise_is_clipped_only_if_asked(task: str) -> None:
    free, clipped = (degradation(task, clip=asked)(CLEAN, 7) for asked in (False, True))
    assert free.min() < 0 and free.max() > 1
    assert torch.equal(clipped, free.clamp(0, 1))
