"""Noise: its statistics, and that it depends on the key alone."""

import math

import pytest
import torch

from pixmend.degrade import GaussianNoise, PoissonNoise
from pixmend.errors import PixmendError

GREY = torch.full((3, 200, 200), 0.5)


@pytest.mark.parametrize("sigma", [15.0, 25.0, 50.0])
def test_the_spread_is_sigma_in_grey_levels(sigma: float) -> None:
    noise = (GaussianNoise(sigma=sigma)(GREY, seed=1) - GREY) * 255
    error = sigma / math.sqrt(noise.numel())  # of the mean; that of the spread is smaller by sqrt(2)
    assert abs(noise.mean().item()) < 4 * error
    assert abs(noise.std().item() - sigma) < 4 * error


def test_the_noise_is_white_in_space_and_across_channels() -> None:
    noise = GaussianNoise(sigma=25)(GREY, seed=2) - GREY
    noise = noise / noise.std()
    bound = 4 / math.sqrt(noise.numel())
    assert abs((noise[:, :, 1:] * noise[:, :, :-1]).mean()) < bound
    assert abs((noise[:, 1:] * noise[:, :-1]).mean()) < bound
    assert abs((noise[0] * noise[1]).mean()) < 2 * bound


def test_the_tails_are_gaussian() -> None:
    noise = (GaussianNoise(sigma=10)(GREY, seed=3) - GREY) * 25.5
    for spread, share in ((1.0, 0.6827), (2.0, 0.9545), (3.0, 0.9973)):
        assert (noise.abs() < spread).float().mean().item() == pytest.approx(share, abs=0.006)


def test_the_same_key_gives_the_same_picture_bit_for_bit() -> None:
    assert torch.equal(GaussianNoise(sigma=25)(GREY, seed=(7, 1)), GaussianNoise(sigma=25)(GREY, seed=(7, 1)))


def test_another_index_gives_another_picture() -> None:
    assert not torch.equal(GaussianNoise(sigma=25)(GREY, seed=(7, 1)), GaussianNoise(sigma=25)(GREY, seed=(7, 2)))


def test_the_global_seed_is_neither_read_nor_moved() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    first = GaussianNoise(sigma=25)(GREY, seed=5)
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(1)
    assert torch.equal(GaussianNoise(sigma=25)(GREY, seed=5), first)


def test_stronger_noise_of_one_key_is_the_same_noise_scaled() -> None:
    weak = GaussianNoise(sigma=10)(GREY.double(), seed=4) - 0.5
    strong = GaussianNoise(sigma=50)(GREY.double(), seed=4) - 0.5
    torch.testing.assert_close(strong, 5 * weak, rtol=1e-5, atol=1e-8)


def test_the_noise_leaves_the_range_unless_clipping_is_asked_for() -> None:
    black = torch.zeros(3, 32, 32)
    free, clipped = GaussianNoise(sigma=50)(black, seed=6), GaussianNoise(sigma=50, clip=True)(black, seed=6)
    assert free.min() < 0
    assert torch.equal(clipped, free.clamp(0, 1))


def test_the_picture_given_is_not_changed() -> None:
    image = GREY.clone()
    GaussianNoise(sigma=50, clip=True)(image, seed=0)
    assert torch.equal(image, GREY)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_dtype_is_kept_and_gets_the_same_noise(dtype: torch.dtype) -> None:
    noisy = GaussianNoise(sigma=25)(GREY.to(dtype), seed=8)
    assert noisy.dtype == dtype
    torch.testing.assert_close(noisy.float(), GaussianNoise(sigma=25)(GREY, seed=8), rtol=0, atol=0.01)


def test_sigma_zero_changes_nothing() -> None:
    assert torch.equal(GaussianNoise(sigma=0)(GREY, seed=0), GREY)


@pytest.mark.parametrize("sigma", [-1.0, math.nan, math.inf])
def test_a_sigma_that_is_no_spread_is_refused(sigma: float) -> None:
    with pytest.raises(PixmendError, match="expected sigma of 0 or more"):
        GaussianNoise(sigma=sigma)


def test_eight_bit_tensors_are_refused() -> None:
    with pytest.raises(PixmendError, match="GaussianNoise: expected floats"):
        GaussianNoise(sigma=25)(torch.zeros(3, 4, 4, dtype=torch.uint8), seed=0)


def test_poisson_noise_has_the_variance_of_as_many_photons_as_there_are_values() -> None:
    # All 256 levels, so white is 256 photons: the variance of a level v is v / 256.
    ramp = (torch.arange(256) / 255).repeat(64, 16).view(1, 64, 4096)
    noise = PoissonNoise()(ramp, seed=0) - ramp
    for low, high in ((16, 48), (112, 144), (220, 252)):
        level = (ramp * 255 >= low) & (ramp * 255 < high)
        assert float(noise[level].var()) == pytest.approx(float(ramp[level].mean()) / 256, rel=0.05)
        assert float(noise[level].mean()) == pytest.approx(0, abs=2e-3)


def test_poisson_noise_scales_is_drawn_by_its_key_and_leaves_black_alone() -> None:
    picture = torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(1))
    once, twice = PoissonNoise()(picture, seed=4) - picture, PoissonNoise(scale=2)(picture, seed=4) - picture
    torch.testing.assert_close(twice, 2 * once, rtol=0, atol=1e-6)
    assert not torch.equal(once, PoissonNoise()(picture, seed=5) - picture)
    assert torch.equal(PoissonNoise()(torch.zeros(1, 4, 4), seed=0), torch.zeros(1, 4, 4))


@pytest.mark.parametrize("scale", [-1, float("inf"), float("nan")])
def test_a_scale_of_poisson_noise_that_is_none_is_refused(scale: float) -> None:
    with pytest.raises(PixmendError, match="scale of 0 or more"):
        PoissonNoise(scale=scale)
