"""Kernels against their formulas, and the filters, resizings and noises that real photographs are degraded by."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmend.degrade import (
    Bicubic,
    ColourNoise,
    Decimate,
    EllipticBlur,
    GaussianBlur,
    GaussianNoise,
    PoissonNoise,
    ResizeTo,
    Sharpen,
    Sinc,
    TorchResize,
)
from pixmend.errors import PixmendError

SHAPES = st.sampled_from(["gaussian", "plateau"])


def random_picture(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def moments(kernel: torch.Tensor) -> torch.Tensor:
    """The covariance (2, 2) of x to the right and y upwards, weighed by the kernel."""
    place = torch.arange(kernel.shape[0], dtype=torch.float64) - kernel.shape[0] // 2
    x, y = place.expand_as(kernel), -place[:, None].expand_as(kernel)
    return torch.stack([(kernel * a * b).sum() for a in (x, y) for b in (x, y)]).view(2, 2)


@given(
    sigma=st.tuples(st.floats(1e-6, 5), st.floats(1e-6, 5)),
    angle=st.floats(-360, 360),
    shape=SHAPES,
    beta=st.floats(0.3, 8),
    size=st.sampled_from([1, 7, 21]),
)
@settings(max_examples=80, deadline=None)
def test_an_elliptic_kernel_sums_to_one_is_nowhere_negative_and_the_same_upside_down(sigma, angle, shape, beta, size):
    kernel = EllipticBlur(sigma=sigma, angle=angle, shape=shape, beta=beta, size=size).kernel()
    assert kernel.shape == (size, size)
    assert float(kernel.sum()) == pytest.approx(1) and kernel.min() >= 0
    torch.testing.assert_close(kernel, kernel.flip(0, 1))
    assert kernel[size // 2, size // 2] == kernel.max()


@given(sigma=st.tuples(st.floats(0.8, 3), st.floats(0.8, 3)), angle=st.floats(-180, 180))
@settings(max_examples=40, deadline=None)
def test_the_covariance_of_a_drawn_out_gaussian_is_the_one_asked_for(sigma, angle):
    along, turn = math.radians(angle), torch.empty(2, 2, dtype=torch.float64)
    turn[0] = torch.tensor([math.cos(along), -math.sin(along)])
    turn[1] = torch.tensor([math.sin(along), math.cos(along)])
    expected = turn @ torch.diag(torch.tensor(sigma, dtype=torch.float64).square()) @ turn.T
    kernel = EllipticBlur(sigma=sigma, angle=angle, size=41).kernel()
    torch.testing.assert_close(moments(kernel), expected, rtol=0.01, atol=0.01)


def test_an_elliptic_blur_that_is_round_is_the_gaussian_blur():
    picture = random_picture(3, 30, 41)
    elliptic = EllipticBlur(sigma=(1.7, 1.7), angle=33)(picture)
    torch.testing.assert_close(elliptic, GaussianBlur(sigma=1.7)(picture), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("gaussian", lambda q, beta: math.exp(-0.5 * q**beta)), ("plateau", lambda q, beta: 1 / (1 + q**beta))],
)
def test_beta_makes_it_more_peaked_or_flatter(shape, expected):
    for beta in (0.5, 1.0, 2.5):
        kernel = EllipticBlur(sigma=(2.0, 1.0), shape=shape, beta=beta).kernel()
        assert float(kernel[10, 13] / kernel[10, 10]) == pytest.approx(expected((3 / 2) ** 2, beta))
        assert float(kernel[12, 10] / kernel[10, 10]) == pytest.approx(expected(2.0**2, beta))


def test_the_angle_goes_up_from_the_right():
    kernel = EllipticBlur(sigma=(3.0, 0.5), angle=45).kernel()
    assert kernel[7, 13] > 100 * kernel[13, 13]


@pytest.mark.parametrize("cutoff", [0.7, math.pi / 3, 3.0])
def test_a_sinc_is_its_formula_made_to_sum_to_one(cutoff):
    special = pytest.importorskip("scipy.special")
    kernel = Sinc(cutoff=cutoff, size=15).kernel()
    assert float(kernel.sum()) == pytest.approx(1)
    distance = math.hypot(3, 2)
    beside = cutoff * special.j1(cutoff * distance) / (2 * math.pi * distance)
    assert float(kernel[7 + 3, 7 - 2] / kernel[7, 7]) == pytest.approx(beside / (cutoff**2 / (4 * math.pi)))


def test_a_sinc_takes_away_what_is_too_fast_and_keeps_what_is_slow():
    x = torch.arange(128, dtype=torch.float64)
    slow, fast = (0.5 + 0.4 * torch.cos(rate * x).expand(1, 128, 128) for rate in (0.3, 2.5))
    inner = (slice(None), slice(24, 104), slice(24, 104))
    sinc = Sinc(cutoff=1.2)
    torch.testing.assert_close(sinc(slow)[inner], slow[inner], rtol=0, atol=0.06)
    assert float((sinc(fast)[inner] - 0.5).abs().max()) < 0.05


def test_a_sinc_rings_at_an_edge():
    edge = torch.zeros(1, 64, 64, dtype=torch.float64)
    edge[..., 32:] = 1
    assert float(Sinc(cutoff=1.5)(edge).max()) > 1.04 and float(Sinc(cutoff=1.5)(edge).min()) < -0.04


@pytest.mark.parametrize("blur", [EllipticBlur(sigma=(2.5, 0.7), angle=70), Sinc(cutoff=1.1, size=13)])
@pytest.mark.parametrize(("height", "width"), [(30, 41), (4, 57), (1, 1)])
def test_filtering_is_the_correlation_with_the_mirrored_picture(blur, height, width):
    picture, kernel = random_picture(3, height, width), blur.kernel()
    reach = kernel.shape[0] // 2
    padded = torch.from_numpy(np.pad(picture.numpy(), ((0, 0), (reach, reach), (reach, reach)), mode="reflect"))
    expected = torch.nn.functional.conv2d(padded[:, None], kernel[None, None])[:, 0]
    torch.testing.assert_close(blur(picture), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("blur", [EllipticBlur(sigma=(2.5, 0.7)), Sinc(cutoff=1.1), Decimate(scale=2, sigma=0.8)])
def test_a_flat_picture_stays_flat_and_a_dtype_what_it_is(blur):
    for dtype in (torch.float16, torch.float32, torch.float64):
        flat = torch.full((2, 3, 8, 10), 0.7, dtype=dtype)
        result = blur(flat)
        assert result.dtype == dtype
        torch.testing.assert_close(result, torch.full_like(result, 0.7), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EllipticBlur(sigma=(0, 1)), "EllipticBlur: expected two sigmas and a beta above 0"),
        (lambda: EllipticBlur(sigma=(1, math.inf)), "EllipticBlur: expected two sigmas"),
        (lambda: EllipticBlur(sigma=(1, 1), beta=0), "EllipticBlur: expected two sigmas"),
        (lambda: EllipticBlur(sigma=(1, 1), angle=math.nan), "EllipticBlur: expected two sigmas"),
        (lambda: EllipticBlur(sigma=(1, 1), shape="box"), "the shape gaussian or plateau, got 'box'"),
        (lambda: EllipticBlur(sigma=(1, 1), size=8), "EllipticBlur: expected an odd size of 1 or more, got 8"),
        (lambda: Sinc(cutoff=0), "Sinc: expected a cutoff above 0 and up to pi, got 0"),
        (lambda: Sinc(cutoff=4), "Sinc: expected a cutoff"),
        (lambda: Sinc(cutoff=1, size=0), "Sinc: expected an odd size"),
        (lambda: Decimate(scale=0, sigma=1), "Decimate: expected a whole scale of 1 or more and a positive sigma"),
        (lambda: Decimate(scale=2, sigma=0), "Decimate: expected a whole scale"),
        (lambda: Decimate(scale=2, sigma=1)(torch.rand(3, 4, 5)), "multiples of 2, got 4 x 5"),
        (lambda: ResizeTo(height=0, width=3, mode="area"), "ResizeTo: expected sides of 1 or more, got 0 x 3"),
        (lambda: ResizeTo(height=3, width=3, mode="lanczos"), "ResizeTo: expected a mode of nearest"),
        (lambda: Sharpen(amount=-1), "Sharpen: expected an amount and a threshold of 0 or more"),
        (lambda: Sharpen(threshold=math.nan), "Sharpen: expected an amount"),
        (lambda: ColourNoise(covariance=((1, 2), (2, 1))), "ColourNoise: expected a covariance"),
        (lambda: ColourNoise(covariance=((1, 0, 0), (1, 1, 0), (0, 0, 1))), "ColourNoise: expected a covariance"),
        (lambda: ColourNoise(covariance=((1, 2, 0), (2, 1, 0), (0, 0, 1))), "ColourNoise: expected a covariance"),
        (lambda: COLOURED(torch.rand(1, 4, 4), 0), "ColourNoise: expected a picture of 3 channels, got shape"),
        (lambda: Sinc(cutoff=1)(torch.zeros(3, 4, 4, dtype=torch.uint8)), "Sinc: expected floats"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(PixmendError, match=message):
        make()


COLOURED = ColourNoise(covariance=((400.0, 100.0, 0.0), (100.0, 100.0, 0.0), (0.0, 0.0, 25.0)))


def test_coloured_noise_has_the_covariance_asked_for():
    noise = (COLOURED(torch.full((3, 300, 300), 0.5, dtype=torch.float64), seed=1) - 0.5) * 255
    torch.testing.assert_close(
        noise.flatten(1).cov(), torch.tensor(COLOURED.covariance, dtype=torch.float64), rtol=0.02, atol=1.5
    )
    assert float((noise[:, :, 1:] * noise[:, :, :-1]).mean().abs()) < 2


def test_coloured_noise_of_full_covariance_is_grey():
    noise = ColourNoise(covariance=((100.0,) * 3,) * 3)(torch.full((3, 20, 20), 0.5), seed=1) - 0.5
    torch.testing.assert_close(noise[0], noise[2], rtol=0, atol=1e-6)


def test_noise_is_clipped_only_if_asked():
    black = torch.zeros(3, 40, 40)
    strong = ((2500.0, 0.0, 0.0), (0.0, 2500.0, 0.0), (0.0, 0.0, 2500.0))
    for free, clipped in (
        (ColourNoise(covariance=strong), ColourNoise(covariance=strong, clip=True)),
        (PoissonNoise(scale=9), PoissonNoise(scale=9, clip=True)),
    ):
        image = random_picture(3, 40, 40).float() if isinstance(free, PoissonNoise) else black
        assert free(image, 0).min() < 0
        assert torch.equal(clipped(image, 0), free(image, 0).clamp(0, 1))


@pytest.mark.parametrize("noise", [GaussianNoise(sigma=20, grey=True), PoissonNoise(grey=True)])
def test_grey_noise_is_the_same_in_all_channels_and_of_the_same_spread(noise):
    picture = random_picture(3, 200, 200) * 0.1 + 0.45
    added = noise(picture, 4) - picture
    torch.testing.assert_close(added[0], added[1], rtol=0, atol=1e-6)
    colour = type(noise)(**{"sigma": 20} if isinstance(noise, GaussianNoise) else {})(picture, 4) - picture
    assert float(added.std()) == pytest.approx(float(colour.std()), rel=0.1)
    assert not torch.allclose(colour[0], colour[1], atol=1e-3)


def test_grey_noise_of_light_is_that_of_the_brightness():
    green = torch.zeros(3, 200, 200)
    green[1] = (torch.arange(200) / 199).expand(200, 200)
    added = PoissonNoise(grey=True)(green, 0) - green
    levels = len({round(0.587 * n / 199 * 255) for n in range(200)})
    photons = 2 ** math.ceil(math.log2(levels))
    bright = added[0][:, 150:]
    assert float(bright.var()) == pytest.approx(0.587 * 0.877 / photons, rel=0.06)


def test_decimating_keeps_what_lies_in_the_middle_of_each_block():
    ramp = (torch.arange(24, dtype=torch.float64) / 24).expand(1, 24, 24)
    for scale in (2, 3, 4):
        inner = slice(12 // scale + 1, -(12 // scale) - 1)
        low = Decimate(scale=scale, sigma=1.0)(ramp)
        middle = ramp.unflatten(2, (-1, scale)).mean(3)[:, ::scale]
        torch.testing.assert_close(low[:, inner, inner], middle[:, inner, inner], rtol=0, atol=0.02)


def test_decimating_without_blur_keeps_single_pixels_and_aliases():
    picture = random_picture(3, 12, 12)
    torch.testing.assert_close(Decimate(scale=3, sigma=1e-6)(picture), picture[:, 1::3, 1::3])
    pairs = picture[:, 1::4] / 2 + picture[:, 2::4] / 2
    torch.testing.assert_close(Decimate(scale=4, sigma=1e-200)(picture), (pairs[..., 1::4] + pairs[..., 2::4]) / 2)


def test_resizing_to_a_size_is_resizing_by_a_factor_that_leads_there():
    picture = random_picture(3, 20, 40)
    for mode in ("nearest", "bilinear", "bicubic", "area"):
        by_factor = TorchResize(factor=0.5, mode=mode)(picture)
        torch.testing.assert_close(ResizeTo(height=10, width=20, mode=mode)(picture), by_factor)
        assert torch.equal(ResizeTo(height=20, width=40, mode=mode)(picture), picture)


def test_sharpening_raises_the_contrast_of_edges_and_leaves_faint_grain_alone():
    edge = torch.full((3, 96, 96), 0.3, dtype=torch.float64)
    edge[..., 48:] = 0.7
    sharp = Sharpen()(edge)
    assert float(sharp[0, 48, 47]) < 0.29 and float(sharp[0, 48, 48]) > 0.71
    grain = 0.5 + 0.01 * (random_picture(3, 96, 96) - 0.5)
    assert torch.equal(Sharpen()(grain), grain)
    assert float(Sharpen(amount=3)(edge * 1.4).max()) <= 1


def test_sharpening_equals_the_formula_written_out_with_opencv():
    cv2 = pytest.importorskip("cv2")
    small = Bicubic(scale=4)(random_picture(3, 256, 192)).clamp(0, 1)
    picture = torch.nn.functional.interpolate(small[None], scale_factor=4, mode="bicubic")[0].clamp(0, 1)
    values = picture.permute(1, 2, 0).numpy()
    lost = values - cv2.GaussianBlur(values, (51, 51), 0)
    soft = cv2.GaussianBlur((abs(lost) * 255 > 10).astype("float64"), (51, 51), 0)
    expected = soft * (values + 0.5 * lost).clip(0, 1) + (1 - soft) * values
    torch.testing.assert_close(Sharpen()(picture).permute(1, 2, 0), torch.from_numpy(expected), rtol=0, atol=1e-9)
