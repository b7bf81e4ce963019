"""Spectra of features and of errors."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmend.analyze.artefacts import (
    Amplitudes,
    amplitudes_by_depth,
    draw_errors,
    draw_spectra,
    error_spectrum,
    mean_spectrum,
    milestones,
    relative_log_amplitude,
    rings_for,
)
from pixmend.analyze.artefacts.spectrum import by_ring, hann
from pixmend.errors import PixmendError
from pixmend.evaluate.baseline import BicubicEnlarge
from pixmend.models import build
from small import SMALL

SIZES = st.tuples(st.integers(16, 41), st.integers(16, 41))


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def wave(cycles: float, *, side: int = 64) -> torch.Tensor:
    """(1, side, side): a wave to the right, of so many cycles per pixel."""
    return (2 * math.pi * cycles * torch.arange(side)).sin().expand(1, side, side)


@settings(max_examples=25, deadline=None)
@given(SIZES, st.integers(1, 4))
def test_what_is_below_and_beyond_the_limit_adds_up_to_the_squared_error(size, scale):
    restored, true = noise(3, *size), noise(3, *size, seed=1)
    found = error_spectrum(restored, true, scale=scale, rings=4)
    assert found.below + found.above == pytest.approx((restored - true).square().mean().item(), rel=1e-5)
    assert scale > 1 or found.above == 0


@settings(max_examples=15, deadline=None)
@given(SIZES)
def test_a_ring_is_the_mean_of_its_frequencies(size):
    height, width = size
    values = noise(height, width).double()
    number = min(size) // 2
    power = torch.fft.fft2(values).abs().square()
    down, right = (torch.fft.fftfreq(side, dtype=torch.float64) for side in size)
    ring = ((down[:, None] ** 2 + right**2).sqrt() * 2 * number).round()
    expected = torch.stack([power[ring == index].mean() for index in range(number + 1)])
    half = torch.fft.rfft2(values).abs().square()
    torch.testing.assert_close(by_ring(half, width=width, number=number), expected)


def test_a_wave_is_found_at_its_frequency_and_on_its_side_of_the_limit():
    true = torch.zeros(1, 64, 64)
    for cycles, beyond in ((1 / 8, False), (3 / 8, True)):
        found = error_spectrum(wave(cycles), true, scale=2, rings=32)
        assert found.frequencies[found.error.argmax()].item() == pytest.approx(cycles)
        assert (found.above if beyond else found.below) == pytest.approx(0.5, rel=1e-5)


def test_the_power_of_white_noise_is_its_variance_at_every_frequency():
    found = error_spectrum(0.1 * noise(3, 256, 256), torch.zeros(3, 256, 256), scale=2)
    assert found.error[4:].numpy() == pytest.approx(0.01, rel=0.25)
    assert found.error[8:].mean().item() == pytest.approx(0.01, rel=0.02)


def test_a_perfect_result_has_no_error():
    picture = torch.rand(3, 32, 32)
    found = error_spectrum(picture, picture, scale=2, rings=8)
    assert found.error.sum() == 0 and found.below == found.above == 0
    assert found.picture[1:].min() > 0


def test_a_blurred_picture_lacks_its_high_frequencies_alone():
    picture = noise(1, 128, 128)
    blurred = F.interpolate(F.avg_pool2d(picture[None], 4), scale_factor=4, mode="bilinear")[0]
    found = error_spectrum(blurred, picture, scale=4)
    relative = found.error / found.picture
    assert relative[1:4].mean() < 0.2
    assert relative[-8:].mean() == pytest.approx(1, abs=0.1)


def test_edges_of_the_picture_are_no_detail():
    """A ramp jumps from its end to its beginning."""
    ramp = torch.linspace(0, 1, 128).expand(1, 128, 128)
    found = error_spectrum(torch.zeros_like(ramp), ramp, scale=1)
    assert found.picture[16:].max() / found.picture[1] < 1e-6


@pytest.mark.parametrize(
    ("restored", "true", "message"),
    [
        ((3, 32, 32), (3, 32, 34), "of one shape"),
        ((1, 3, 32, 32), (1, 3, 32, 32), "of one shape"),
        ((3, 8, 40), (3, 8, 40), "128 x 128 or more for 64 rings, got 40 x 8"),
    ],
)
def test_pictures_that_cannot_be_compared_are_refused(restored, true, message):
    with pytest.raises(PixmendError, match=message):
        error_spectrum(torch.rand(restored), torch.rand(true), scale=1)


def test_pictures_of_different_sizes_share_rings():
    shapes = [(64, 48), (200, 300)]
    rings = rings_for(shapes)
    assert rings == 24
    spectra = [error_spectrum(noise(3, *shape), torch.zeros(3, *shape), scale=2, rings=rings) for shape in shapes]
    mean = mean_spectrum(spectra)
    torch.testing.assert_close(mean.error, (spectra[0].error + spectra[1].error) / 2)
    assert mean.below == pytest.approx((spectra[0].below + spectra[1].below) / 2)
    assert rings_for([(500, 500)]) == 64


def test_the_window_takes_no_power_on_average():
    assert hann(17, 40).square().mean().item() == pytest.approx(1)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 100))
def test_amplitudes_are_relative(factor):
    values = noise(4, 24, 30) + 1
    torch.testing.assert_close(
        relative_log_amplitude(values * factor), relative_log_amplitude(values), atol=1e-4, rtol=0
    )


def test_noise_has_all_frequencies_alike_and_blur_takes_the_high_ones():
    values = noise(32, 64, 80) + 1
    plain = relative_log_amplitude(values)
    assert plain[0] == 0
    assert plain[3:].std() < 0.1
    blurred = relative_log_amplitude(F.avg_pool2d(values, 3, 1, 1))
    assert blurred[-1] < plain[-1] - 0.5
    assert blurred[3].item() == pytest.approx(plain[3].item(), abs=0.2)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 96)])
def test_amplitudes_of_noise_about_a_mean_are_known(height, width):
    # log |F| of noise is on average that of its deviation less half of Euler's constant; |F(0)| is the mean times
    # the root of the number of values.
    noise = torch.randn(32, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = math.log(0.1) - 0.57722 / 2 - math.log(3 * math.sqrt(height * width))
    found = relative_log_amplitude(3 + 0.1 * noise)
    torch.testing.assert_close(found[8:], torch.full_like(found[8:], expected), atol=0.15, rtol=0)


def test_frequency_zero_is_the_mean_of_a_channel():
    values = noise(8, 32, 32)
    values = values - values.mean(dim=(1, 2), keepdim=True)
    low, high = (relative_log_amplitude(values + mean)[5:] for mean in (1.0, 10.0))
    torch.testing.assert_close(low - high, torch.full_like(low, math.log(10)), atol=1e-4, rtol=0)


def test_features_of_one_frequency_in_all_directions_are_found_at_its_ring():
    frequencies = torch.fft.fftfreq(64)
    radius = (frequencies[:, None].square() + frequencies.square()).sqrt()
    band = torch.fft.ifft2(torch.fft.fft2(noise(8, 64, 64)) * ((radius - 1 / 4).abs() < 1 / 128)).real
    assert int(relative_log_amplitude(band + 1)[1:].argmax()) + 1 == 16


def test_maps_without_content_have_no_spectrum_and_small_ones_are_refused():
    assert relative_log_amplitude(torch.ones(3, 16, 16)).isnan().all()
    with pytest.raises(PixmendError, match="8 x 8 or more, got 9 x 7"):
        relative_log_amplitude(noise(3, 7, 9))


@pytest.mark.parametrize("name", SMALL)
def test_every_block_of_every_family_has_a_spectrum(name):
    torch.manual_seed(0)
    network = build(SMALL[name])
    network = network.select(network.tasks[0] if network.tasks else None)
    found = amplitudes_by_depth(network, torch.rand(3, 64, 72))
    assert len(found) >= 2
    assert all(each.log[0] == 0 and each.log.isfinite().all() for each in found)
    assert all(len(each.log) == 32 // each.step + 1 for each in found)
    inside = [each.name for each in found if each.name.endswith(" attention")]
    assert len(inside) == (len(found) // 2 if name in ("edt_t", "hat", "restormer", "swinir") else 0)


def test_layers_whose_maps_are_too_small_are_left_out():
    network = build(SMALL["restormer"])
    found = [each.name for each in amplitudes_by_depth(network, torch.rand(3, 12, 12))]
    assert "encoder_level1.0" in found and "refinement.0" in found
    assert not [name for name in found if "level2" in name or "level3" in name or "latent" in name]


def test_a_picture_too_small_for_all_layers_is_refused_with_the_size_that_is_needed():
    network = build(replace(SMALL["edt_t"], tasks=("sr_x2", "dn_g50"))).select("dn_g50")
    with pytest.raises(PixmendError, match="expected a picture of 32 x 32 or more, got 20 x 24"):
        amplitudes_by_depth(network, torch.rand(3, 24, 20))


@pytest.mark.parametrize("what", [milestones, lambda network: amplitudes_by_depth(network, torch.rand(3, 16, 16))])
def test_what_has_no_layers_is_refused(what):
    with pytest.raises(PixmendError, match="has no layers"):
        what(BicubicEnlarge(2))


def test_one_value_far_below_all_others_does_not_flatten_them():
    logs = [-7.0, -7.5, -8.0, -40.0, -7.2]
    amplitudes = [
        Amplitudes(name=str(place), log=torch.tensor([0.0, -5.0, log]), step=Fraction(1))
        for place, log in enumerate(logs)
    ]
    right = draw_spectra({"one": amplitudes}).axes[1]
    assert -9 < right.get_ylim()[0] < -8
    assert [text.get_text() for text in right.texts] == ["-40"]


def test_flat_pictures_are_drawn_without_a_warning(recwarn):
    flat = torch.full((3, 32, 32), 0.5)
    draw_errors({"input": error_spectrum(flat, flat, scale=1, rings=16)}, scale=1)
    assert not recwarn.list
