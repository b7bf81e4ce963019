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
    Noise,
    parse_task,
    protocol_named,
    protocol_of,
)
from pixmend.metrics import psnr, ssim

RESTORMER = Noise(generator="numpy", seed=0, seeded="picture")


def two_pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    a = torch.rand(3, 24, 30, generator=generator)
    return a, a + 0.05 * torch.randn(a.shape, generator=generator)


def test_protocols_are_found_by_name_and_by_task():
    assert all(protocol_named(name) is protocol and protocol.name == name for name, protocol in PROTOCOLS.items())
    found = [protocol_of(parse_task(task).kind) for task in ("sr_x3", "dn_g50", "dr_H")]
    assert found == [CLASSIC_SR, COLOUR_DENOISING, DERAINING]
    rest = [protocol_of(parse_task(task).kind).name for task in ("deblur", "defocus", "dn_real", "jpeg_q40")]
    assert rest == ["deblurring", "defocus", "real_denoising", "jpeg_colour"]


def test_networks_of_one_channel_are_scored_on_grey_pictures():
    found = [protocol_of(parse_task(task).kind, channels=1).name for task in ("dn_g15", "jpeg_q10", "sr_x2")]
    assert found == ["grey_denoising", "jpeg_grey", "classic_sr"]


def test_a_protocol_refuses_a_task_it_does_not_score():
    with pytest.raises(PixmendError, match="protocol classic_sr: scores sr, not dn"):
        CLASSIC_SR.check("dn")


def test_an_unknown_protocol_is_refused_with_the_nearest_name():
    with pytest.raises(PixmendError, match=r"no protocol is called 'color_denoising': did you mean colour_denoising\?"):
        protocol_named("color_denoising")


def test_classic_sr_scores_unrounded_luma_of_eight_bit_pictures_inside_a_border_of_scale():
    a, b = two_pictures()
    score = CLASSIC_SR.score(b, a, scale=3)
    assert score.psnr == psnr(b, a, border=3, luma="bt601", round8=True)
    assert score.ssim == ssim(b.clamp(0, 1), a, border=3, luma="bt601", round8=True, kind="wang")
    assert score.psnr_b is score.mae is None


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
    noisy = RESTORMER.start()(clean, sigma=25)
    assert noisy.dtype == torch.float32
    assert np.array_equal(noisy.permute(1, 2, 0).numpy(), expected)


def test_the_first_values_of_the_noise_are_the_known_ones():
    # numpy.random.RandomState(0).normal(size=3), which are red, green and blue of the first pixel
    noise = RESTORMER.start()(torch.zeros(3, 4, 4), sigma=255)
    assert noise[:, 0, 0].tolist() == pytest.approx([1.76405235, 0.40015721, 0.97873798], abs=1e-7)


def test_the_noise_is_the_same_for_every_picture_and_not_clipped():
    assert COLOUR_DENOISING.noise == RESTORMER
    noise = RESTORMER.start()
    first, second = noise(torch.zeros(3, 9, 9), sigma=50), noise(torch.ones(3, 9, 9), sigma=50)
    assert torch.allclose(second - first, torch.ones(3, 9, 9), atol=1e-6)
    assert first.min() < 0 and second.max() > 1


def test_swinirs_noise_is_the_same_stream_in_bgr_order():
    # main_test_swinir.py: cv2 reads (H, W, BGR), np.random.seed(0), np.random.normal of that shape; RGB for the network
    expected = np.random.RandomState(0).normal(0, 15 / 255.0, (5, 6, 3))[:, :, ::-1]
    noise = PROTOCOLS["colour_denoising_swinir"].noise
    assert noise is not None
    assert np.allclose(noise.start()(torch.zeros(3, 5, 6), sigma=15).permute(1, 2, 0).numpy(), expected, atol=1e-7)


def test_edts_noise_goes_on_from_picture_to_picture_of_a_run():
    # test_sample.py: np.random.seed(0) once; np.random.normal(0, 50, (H, W, BGR)) for file after file
    state = np.random.RandomState(0)
    expected = [state.normal(0, 50, shape)[:, :, ::-1] / 255 for shape in ((3, 4, 3), (5, 3, 3))]
    noise = PROTOCOLS["colour_denoising_edt"].noise
    assert noise is not None
    draw = noise.start()
    for clean, values in zip((torch.zeros(3, 3, 4), torch.zeros(3, 5, 3)), expected, strict=True):
        assert np.allclose(draw(clean, sigma=50).permute(1, 2, 0).numpy(), values, atol=1e-7)


def test_ipts_noise_is_torchs_and_clipped():
    noise = PROTOCOLS["colour_denoising_ipt"].noise
    assert noise is not None
    clean = torch.rand(3, 8, 9, generator=torch.Generator().manual_seed(5))
    drawn = torch.randn(3, 8, 9, generator=torch.Generator().manual_seed(1))
    expected = (clean * 255 + drawn * 30).clamp(0, 255) / 255
    assert torch.allclose(noise.start()(clean, sigma=30), expected, atol=1e-6)


def test_the_grey_of_colours_is_that_of_a_png_file_that_opencv_reads(tmp_path):
    cv2 = pytest.importorskip("cv2")
    colours = torch.randint(0, 256, (3, 40, 50), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    colours[:, :9] = colours[:1, :9]
    cv2.imwrite(str(tmp_path / "a.png"), colours.flip(0).permute(1, 2, 0).numpy())
    expected = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_GRAYSCALE)
    given = PROTOCOLS["grey_denoising"].give(colours.float() / 255)
    assert given.shape == (1, 40, 50)
    assert np.array_equal(given[0].mul(255).round().numpy(), expected)


def test_grey_pictures_are_given_as_they_are_or_in_three_channels():
    grey = torch.rand(1, 4, 5)
    assert torch.equal(PROTOCOLS["jpeg_grey"].give(grey), grey)
    assert torch.equal(CLASSIC_SR.give(grey), grey.expand(3, -1, -1))


def test_jpeg_also_measures_the_trace_of_blocks_and_defocus_the_mean_error():
    a, b = two_pictures()
    jpeg, defocus = PROTOCOLS["jpeg_colour"].score(b, a, scale=1), PROTOCOLS["defocus"].score(b, a, scale=1)
    assert jpeg.psnr_b is not None and jpeg.psnr_b <= jpeg.psnr + 1e-9 and jpeg.mae is None
    assert defocus.mae == pytest.approx((b.clamp(0, 1) - a).abs().double().mean().item(), abs=1e-9)


def test_aligned_deblurring_moves_the_rounded_picture_and_rounds_no_more():
    pytest.importorskip("cv2")
    from pixmend.degrade import round8
    from pixmend.evaluate.alignment import align

    rows, columns = torch.linspace(0, 9, 80)[:, None], torch.linspace(0, 7, 90)[None]
    true = (0.5 + 0.3 * torch.sin(rows + torch.arange(3.0).view(3, 1, 1)) * torch.cos(columns * 1.3)).float()
    restored = 0.9 * true.roll(1, -1)
    found = align(round8(restored), true)
    score = PROTOCOLS["deblurring_aligned"].score(restored, true, scale=1)
    expected = psnr(found.restored, found.true, border=0, luma="rgb", round8=False, mask=found.mask)
    assert score.psnr == expected > psnr(restored, true, border=0, luma="rgb", round8=True) + 10


def test_ssims_differ_by_protocol():
    a, b = two_pictures()
    kinds = {"deblurring": "matlab", "defocus": "uniform", "jpeg_colour": "wang"}
    for name, kind in kinds.items():
        protocol = PROTOCOLS[name]
        expected = ssim(b.clamp(0, 1), a, border=0, luma="rgb", round8=protocol.round8, kind=kind)  # pyright: ignore
        assert protocol.score(b, a, scale=1).ssim == expected


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_protocol_describes_itself_in_one_line_and_names_a_source(protocol):
    assert protocol.describe().startswith("PSNR ") and "\n" not in protocol.describe()
    assert protocol.source and protocol.version >= 1 and protocol.kinds


def test_the_description_of_denoising_names_seed_order_and_clipping():
    text = COLOUR_DENOISING.describe()
    assert "RandomState(0)" in text and "anew for every picture" in text and "not clipped" in text
