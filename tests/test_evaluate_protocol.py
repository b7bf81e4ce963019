"""Protocols: what each of them fixes."""

import dataclasses

import numpy as np
import pytest
import torch

from pixmend.errors import PixmendError
from pixmend.evaluate import (
    CLASSIC_SR,
    COLOUR_DENOISING,
    DERAINING,
    PROTOCOLS,
    ReseededNoise,
    parse_task,
    protocol_named,
    protocol_of,
)
from pixmend.metrics import psnr, ssim


def two_pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    a = torch.rand(3, 24, 30, generator=generator)
    return a, a + 0.05 * torch.randn(a.shape, generator=generator)


def test_protocols_are_found_by_name_and_by_task():
    assert list(PROTOCOLS) == ["classic_sr", "colour_denoising", "deraining"]
    assert all(protocol_named(name) is protocol for name, protocol in PROTOCOLS.items())
    found = [protocol_of(parse_task(task).kind) for task in ("sr_x3", "dn_g50", "dr_H")]
    assert found == [CLASSIC_SR, COLOUR_DENOISING, DERAINING]


def test_an_unknown_protocol_is_refused_with_the_nearest_name():
    with pytest.raises(PixmendError, match=r"no protocol is called 'color_denoising': did you mean colour_denoising\?"):
        protocol_named("color_denoising")


def test_classic_sr_scores_unrounded_luma_of_eight_bit_pictures_inside_a_border_of_scale():
    a, b = two_pictures()
    score = CLASSIC_SR.score(b, a, scale=3)
    assert score.psnr == psnr(b, a, border=3, luma="bt601", round8=True)
    assert score.ssim == ssim(b, a, border=3, luma="bt601", round8=True)


def test_colour_denoising_scores_all_pixels_of_eight_bit_rgb():
    a, b = two_pictures()
    assert COLOUR_DENOISING.score(b, a, scale=1).psnr == psnr(b, a, border=0, luma="rgb", round8=True)


def test_deraining_scores_rounded_luma():
    a, b = two_pictures()
    assert DERAINING.score(b, a, scale=1).psnr == psnr(b, a, border=0, luma="bt601_rounded", round8=True)


def test_a_border_of_scale_leaves_nothing_out_where_nothing_is_enlarged():
    assert [CLASSIC_SR.border_at(scale) for scale in (1, 2, 4)] == [0, 2, 4]
    assert dataclasses.replace(CLASSIC_SR, border=6).border_at(2) == 6


def test_the_noise_is_restormers():
    # Denoising/test_gaussian_color_denoising.py: seed 0, one draw in (H, W, RGB), added to float32 in place
    clean = two_pictures()[0]
    expected = clean.permute(1, 2, 0).numpy().copy()
    state = np.random.RandomState(0)
    expected += state.normal(0, 25 / 255.0, expected.shape)
    noisy = ReseededNoise(seed=0)(clean, sigma=25)
    assert noisy.dtype == torch.float32
    assert np.array_equal(noisy.permute(1, 2, 0).numpy(), expected)


def test_the_first_values_of_the_noise_are_the_known_ones():
    # numpy.random.RandomState(0).normal(size=3), which are red, green and blue of the first pixel
    noise = ReseededNoise(seed=0)(torch.zeros(3, 4, 4), sigma=255)
    assert noise[:, 0, 0].tolist() == pytest.approx([1.76405235, 0.40015721, 0.97873798], abs=1e-7)


def test_the_noise_is_the_same_for_every_picture_and_not_clipped():
    noise = COLOUR_DENOISING.noise
    assert noise is not None
    first, second = noise(torch.zeros(3, 9, 9), sigma=50), noise(torch.ones(3, 9, 9), sigma=50)
    assert torch.allclose(second - first, torch.ones(3, 9, 9), atol=1e-6)
    assert first.min() < 0 and second.max() > 1


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_protocol_describes_itself_in_one_line_and_names_a_source(protocol):
    assert "PSNR and SSIM on" in protocol.describe() and "\n" not in protocol.describe()
    assert protocol.source.split()[0] in ("RCAN", "Restormer")


def test_the_description_of_denoising_names_seed_order_and_clipping():
    text = COLOUR_DENOISING.describe()
    assert "RandomState(0)" in text and "anew for every picture" in text and "not clipped" in text
