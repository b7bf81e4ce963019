"""psnr, ssim and the lumas against values worked out by hand, the paper written out, and torchmetrics."""

import math
from functools import partial
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.metrics import Luma, bt601, bt601_rounded, mae, psnr, psnr_b, ssim

PLAIN = {"border": 0, "luma": "rgb", "round8": False}
wang = partial(ssim, kind="wang")
METRICS = (psnr, mae, psnr_b, wang, partial(ssim, kind="matlab"), partial(ssim, kind="uniform"))


def pair(height: int = 40, width: int = 50, *, channels: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A smooth picture and a noisy copy of it, both in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = torch.linspace(0, 3, height)[:, None], torch.linspace(0, 4, width)[None]
    phase = torch.rand(channels, 1, 1, generator=generator)
    picture = 0.5 + 0.4 * torch.sin(rows + 6 * phase) * torch.cos(columns)
    noisy = picture + 0.05 * torch.randn(picture.shape, generator=generator)
    return picture, noisy.clamp(0, 1)


def ssim_by_the_paper(a: np.ndarray, b: np.ndarray) -> float:
    """Equation 13 of Wang et al. 2004, position by position with the square window; (H, W) in 0 .. 255."""
    offset = np.arange(11) - 5
    window = np.exp(-(offset[:, None] ** 2 + offset[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for top in range(a.shape[0] - 10):
        for left in range(a.shape[1] - 10):
            x, y = (picture[top : top + 11, left : left + 11] for picture in (a, b))
            mean_x, mean_y = (window * x).sum(), (window * y).sum()
            variance_x, variance_y = (window * (x - mean_x) ** 2).sum(), (window * (y - mean_y) ** 2).sum()
            covariance = (window * (x - mean_x) * (y - mean_y)).sum()
            top_line = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
            values.append(top_line / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)))
    return float(np.mean(values))


def test_psnr_of_one_level_everywhere_is_48_13_db():
    a = torch.full((3, 8, 8), 100 / 255)
    b = torch.full((3, 8, 8), 101 / 255)
    assert psnr(a, b, border=0, luma="rgb", round8=True) == pytest.approx(20 * math.log10(255), abs=1e-9)


def test_psnr_of_one_wrong_pixel_counts_all_channels():
    a = torch.zeros(3, 4, 4)
    b = a.clone()
    b[1, 2, 3] = 1
    assert psnr(a, b, **PLAIN) == pytest.approx(10 * math.log10(3 * 4 * 4), abs=1e-9)


def test_identical_pictures_have_infinite_psnr_and_ssim_one():
    a, _ = pair()
    assert psnr(a, a, **PLAIN) == math.inf
    assert wang(a, a, **PLAIN) == pytest.approx(1, abs=1e-12)


def test_ssim_of_two_flat_pictures_is_the_luminance_term():
    # variances and covariance are 0, so only (2 mx my + C1) / (mx^2 + my^2 + C1) is left
    a, b = torch.full((1, 20, 20), 100 / 255).double(), torch.full((1, 20, 20), 150 / 255).double()
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    assert wang(a, b, **PLAIN) == pytest.approx(expected, abs=1e-6)


def test_ssim_is_equation_13_of_the_paper():
    a, b = pair(33, 27, channels=1)
    expected = ssim_by_the_paper(a[0].double().numpy() * 255, b[0].double().numpy() * 255)
    assert wang(a, b, **PLAIN) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("size", [(11, 11), (12, 60), (42, 43), (43, 11), (75, 40)])
def test_ssim_agrees_with_torchmetrics_at_sizes_around_a_band(size: tuple[int, int]):
    # torchmetrics extends the picture by reflection; its map without 5 pixels is where the window fits
    from torchmetrics.functional.image import structural_similarity_index_measure

    a, b = pair(*size)
    _, similarity = structural_similarity_index_measure(
        a[None].double(),
        b[None].double(),
        sigma=1.5,
        data_range=1.0,
        k1=0.01,
        k2=0.03,
        return_full_image=True,
    )
    expected = similarity[..., 5:-5, 5:-5].mean().item()
    assert wang(a, b, **PLAIN) == pytest.approx(expected, abs=1e-9)


def test_psnr_agrees_with_torchmetrics():
    from torchmetrics.functional.image import peak_signal_noise_ratio

    a, b = pair(75, 40)
    expected = peak_signal_noise_ratio(a.double(), b.double(), data_range=1.0)
    assert psnr(a, b, **PLAIN) == pytest.approx(expected.item(), abs=1e-5)  # it takes a logarithm in float32


def test_ssim_of_three_channels_is_the_mean_of_each():
    a, b = pair()
    alone = [wang(a[c : c + 1], b[c : c + 1], **PLAIN) for c in range(3)]
    assert wang(a, b, **PLAIN) == pytest.approx(sum(alone) / 3, abs=1e-12)


@pytest.mark.parametrize(
    ("rgb", "luma"),
    # 8-bit values of MATLAB's rgb2ycbcr: 16 + (65.481 R + 128.553 G + 24.966 B) / 255, worked out by hand
    [
        ((0, 0, 0), 16.0),
        ((255, 255, 255), 235.0),
        ((255, 0, 0), 81.481),
        ((0, 255, 0), 144.553),
        ((0, 0, 255), 40.966),
    ],
)
def test_bt601_gives_matlabs_luma_of_the_primaries(rgb: tuple[int, int, int], luma: float):
    image = torch.tensor(rgb).view(3, 1, 1) / 255
    assert bt601(image).item() * 255 == pytest.approx(luma, abs=1e-9)
    assert bt601_rounded(image).item() * 255 == pytest.approx(math.floor(luma + 0.5), abs=1e-9)


def test_exact_halves_of_luma_are_all_rounded_up():
    # 219 (0.299 R + 0.587 G + 0.114 B) / 255 in whole numbers; 194 colours lie on a half
    green, blue = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    found = 0
    for red in range(0, 256, 5):
        exact = 65481 * red + 128553 * green + 24966 * blue
        colours = torch.stack((torch.full_like(green, red), green, blue)) / 255
        found += (exact % 255000 == 127500).sum().item()
        assert torch.equal((bt601_rounded(colours)[0] * 255).round().long(), 16 + (exact + 127500) // 255000)
    assert found > 20


def test_the_luma_of_ipt_is_its_weighted_difference():
    # utility.calc_psnr: the difference times (65.738, 129.057, 25.064) / 256, without an offset
    a, b = (image.double() for image in pair())
    weights = torch.tensor((65.738, 129.057, 25.064), dtype=torch.float64).view(3, 1, 1) / 256
    error = ((a - b) * weights).sum(0).square().mean().item()
    assert psnr(a, b, border=0, luma="ipt", round8=False) == pytest.approx(-10 * math.log10(error), abs=1e-9)
    studio = psnr(a, b, border=0, luma="bt601", round8=False)
    assert psnr(a, b, border=0, luma="ipt", round8=False) == pytest.approx(studio, abs=1e-3)


def test_full_range_luma_scores_1_32_db_below_the_studio_range():
    a, b = pair()
    loss = psnr(a, b, border=0, luma="bt601", round8=False) - psnr(a, b, border=0, luma="full_range", round8=False)
    assert loss == pytest.approx(20 * math.log10(255 / 219), abs=1e-9)


def test_the_full_range_luma_of_grey_is_its_own_value():
    a, b = pair(channels=1)
    assert psnr(a, b, border=0, luma="full_range", round8=False) == pytest.approx(psnr(a, b, **PLAIN), abs=1e-9)


def test_mae_is_the_mean_of_absolute_differences_over_all_channels():
    a, b = torch.zeros(3, 4, 4), torch.zeros(3, 4, 4)
    b[0], b[2, 0, 0] = -0.5, 0.25
    assert mae(a, b, **PLAIN) == pytest.approx((16 * 0.5 + 0.25) / 48, abs=1e-12)


def test_pictures_that_carry_gradients_are_scored_like_others():
    a, b = pair()
    for metric in METRICS:
        assert metric(a.clone().requires_grad_(), b, **PLAIN) == metric(a, b, **PLAIN)


def test_a_border_is_the_same_as_cropping_first():
    a, b = pair()
    inner = (slice(None), slice(3, -3), slice(3, -3))
    for metric in METRICS:
        cropped = metric(a[inner], b[inner], border=0, luma="bt601", round8=True)
        assert metric(a, b, border=3, luma="bt601", round8=True) == cropped


def test_round8_scores_the_eight_bit_pictures():
    a, b = pair()
    b = b * 1.3 - 0.1  # leaves [0, 1] on both sides
    files = [(image.clamp(0, 1) * 255 + 0.5).floor() / 255 for image in (a, b)]
    for metric in METRICS:
        assert metric(a, b, border=0, luma="rgb", round8=True) == pytest.approx(metric(*files, **PLAIN), abs=1e-6)


def test_round8_rounds_halves_up():
    half, up = torch.full((1, 2, 2), 0.5), torch.full((1, 2, 2), 128 / 255)
    assert psnr(half, up, border=0, luma="rgb", round8=True) == math.inf


def test_a_picture_scores_as_the_file_made_of_it(tmp_path):
    from pixmend.image import read_image, write_image

    a, b = pair()
    write_image(tmp_path / "b.png", b)
    read = read_image(tmp_path / "b.png")
    assert psnr(a, b, border=0, luma="bt601", round8=True) == psnr(a, read, border=0, luma="bt601", round8=True)


def test_grey_scores_as_three_equal_channels():
    a, b = pair(channels=1)
    three = (a.expand(3, -1, -1), b.expand(3, -1, -1))
    for luma in get_args(Luma):
        for metric in METRICS:
            grey = metric(a, b, border=0, luma=luma, round8=True)
            assert grey == pytest.approx(metric(*three, border=0, luma=luma, round8=True), abs=1e-12)


def test_the_luma_of_grey_scores_1_32_db_above_its_own_values():
    a, b = pair(channels=1)
    luma = psnr(a, b, border=0, luma="bt601", round8=False)
    assert luma - psnr(a, b, **PLAIN) == pytest.approx(20 * math.log10(255 / 219), abs=1e-9)


def test_rounding_the_luma_changes_the_score():
    a, b = pair()
    smooth = psnr(a, b, border=0, luma="bt601", round8=True)
    rounded = psnr(a, b, border=0, luma="bt601_rounded", round8=True)
    assert 0 < abs(smooth - rounded) < 0.1


@given(height=st.integers(11, 80), width=st.integers(11, 40), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_both_metrics_are_symmetric_and_bounded_at_any_size(height: int, width: int, seed: int):
    a, b = pair(height, width, channels=1, seed=seed)
    assert psnr(a, b, **PLAIN) == psnr(b, a, **PLAIN) > 0
    assert wang(a, b, **PLAIN) == pytest.approx(wang(b, a, **PLAIN), abs=1e-12)
    assert -1 <= wang(a, b, **PLAIN) < 1


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("first", "second", "options", "message"),
    [
        (torch.rand(3, 20, 20), torch.rand(3, 20, 21), {}, r"one shape, got \(3, 20, 20\) and \(3, 20, 21\)"),
        (torch.rand(1, 3, 20, 20), torch.rand(1, 3, 20, 20), {}, r"got \(1, 3, 20, 20\)"),
        (torch.rand(4, 20, 20), torch.rand(4, 20, 20), {}, r"got \(4, 20, 20\)"),
        (
            torch.rand(3, 20, 20),
            torch.rand(3, 20, 20),
            {"border": 10},
            r"got 10 on pictures of shape \(3, 20, 20\)",
        ),
        (torch.rand(3, 20, 20), torch.rand(3, 20, 20), {"border": -1}, "got -1"),
        (
            torch.rand(3, 20, 20),
            torch.rand(3, 20, 20),
            {"luma": "y"},
            "unknown luma 'y': expected one of rgb",
        ),
        (torch.zeros(3, 20, 20).byte(), torch.zeros(3, 20, 20).byte(), {}, "torch.uint8"),
    ],
)
def test_bad_pairs_are_refused_with_one_line(metric, first: Tensor, second: Tensor, options: dict, message: str):
    with pytest.raises(PixmendError, match=message) as caught:
        metric(first, second, **(PLAIN | options))
    assert "\n" not in str(caught.value)


def test_ssim_refuses_a_picture_smaller_than_its_window():
    a = torch.rand(3, 10, 30)
    with pytest.raises(PixmendError, match="leaves 11 x 11 pixels"):
        wang(a, a, **PLAIN)


def test_luma_refuses_a_batch():
    with pytest.raises(PixmendError, match=r"got \(1, 3, 5, 5\)"):
        bt601(torch.rand(1, 3, 5, 5))
