"""The three kinds of SSIM against their definitions written out, and masks."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.metrics import psnr, ssim

PLAIN = {"border": 0, "luma": "rgb", "round8": False}
C1, C2 = 0.01**2, 0.03**2


def pair(channels: int = 3, height: int = 37, width: int = 45) -> tuple[Tensor, Tensor]:
    """A smooth picture and a noisy copy of it, float64."""
    generator = torch.Generator().manual_seed(channels)
    rows, columns = torch.linspace(0, 3, height)[:, None], torch.linspace(0, 4, width)[None]
    phase = torch.rand(channels, 1, 1, generator=generator)
    picture = 0.5 + 0.4 * torch.sin(rows + 6 * phase) * torch.cos(columns)
    noisy = picture + 0.05 * torch.randn(picture.shape, generator=generator)
    return picture.double(), noisy.clamp(0, 1).double()


def map_of(mean_x, mean_y, variance_x, variance_y, covariance) -> np.ndarray:
    """Equation 13 of Wang et al. (2004)."""
    above = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    return above / ((mean_x**2 + mean_y**2 + C1) * (variance_x + variance_y + C2))


def gaussian_volume(values: np.ndarray) -> np.ndarray:
    """(C, H, W) smoothed along all three sides, or two where C is 1; border values repeated."""
    from scipy.ndimage import gaussian_filter

    sigma = (1.5 if values.shape[0] > 1 else 0, 1.5, 1.5)
    return gaussian_filter(values, sigma=sigma, radius=tuple(5 if s else 0 for s in sigma), mode="nearest")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(37, 45), (64, 33), (5, 7), (1, 1)])
def test_matlabs_ssim_smooths_colour_as_a_volume_and_counts_every_pixel(channels: int, size: tuple[int, int]):
    pictures = pair(channels, *size)
    x, y = (picture.numpy() for picture in pictures)
    mean_x, mean_y = gaussian_volume(x), gaussian_volume(y)
    variances = (gaussian_volume(each * each) - mean * mean for each, mean in ((x, mean_x), (y, mean_y)))
    expected = map_of(mean_x, mean_y, *variances, gaussian_volume(x * y) - mean_x * mean_y).mean()
    assert ssim(*pictures, kind="matlab", **PLAIN) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("size", [(37, 45), (70, 40), (7, 7)])
def test_uniform_ssim_is_scikit_images_written_out(size: tuple[int, int]):
    from scipy.ndimage import uniform_filter

    pictures = pair(3, *size)
    values = []
    for x, y in zip(*(picture.numpy() for picture in pictures), strict=True):
        mean_x, mean_y, xx, yy, xy = (uniform_filter(each, 7) for each in (x, y, x * x, y * y, x * y))
        moments = (xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y)
        values.append(map_of(mean_x, mean_y, *(49 / 48 * each for each in moments))[3:-3, 3:-3].mean())
    assert ssim(*pictures, kind="uniform", **PLAIN) == pytest.approx(np.mean(values), abs=1e-9)


def test_the_volume_of_matlab_takes_differences_between_channels_for_structure():
    # one flat colour and noise: nothing to compare within a channel, but the colour is the same in both
    colour = torch.tensor([0.2, 0.5, 0.8]).double().view(3, 1, 1).expand(3, 40, 40)
    noisy = colour + 0.05 * torch.randn(colour.shape, generator=torch.Generator().manual_seed(5)).double()
    assert ssim(noisy, colour, kind="wang", **PLAIN) < 0.5
    assert ssim(noisy, colour, kind="matlab", **PLAIN) > 0.9


def test_kinds_differ_and_an_unknown_one_is_refused():
    a, b = pair()
    assert len({round(ssim(a, b, kind=kind, **PLAIN), 4) for kind in ("wang", "matlab", "uniform")}) == 3
    with pytest.raises(PixmendError, match="unknown kind 'gaussian': expected one of wang, matlab, uniform"):
        ssim(a, b, kind="gaussian", **PLAIN)  # type: ignore[arg-type]


def test_every_kind_asks_for_a_picture_of_one_window():
    for kind, size in (("wang", 11), ("uniform", 7), ("matlab", 1)):
        picture = torch.rand(3, size + 4, size + 4)
        assert ssim(picture, picture, kind=kind, **(PLAIN | {"border": 2})) == pytest.approx(1)
        with pytest.raises(PixmendError, match=f"leaves {size} x {size} pixels"):
            ssim(picture, picture, kind=kind, **(PLAIN | {"border": 3}))


@pytest.mark.parametrize("luma", ["rgb", "bt601"])
def test_a_mask_of_ones_changes_nothing(luma: str):
    a, b = pair()
    ones = torch.ones(1, 37, 45)
    options = PLAIN | {"luma": luma, "border": 2}
    assert psnr(a, b, mask=ones, **options) == pytest.approx(psnr(a, b, **options), abs=1e-12)
    for kind in ("wang", "matlab", "uniform"):
        expected = ssim(a, b, kind=kind, **options)
        assert ssim(a, b, kind=kind, mask=ones, **options) == pytest.approx(expected, abs=1e-12)


def test_psnr_counts_what_the_mask_keeps():
    a, b = pair(height=80)
    mask = torch.zeros(1, 80, 45)
    mask[:, 5:70, 8:40] = 1
    assert psnr(a, b, mask=mask, **PLAIN) == pytest.approx(psnr(a[:, 5:70, 8:40], b[:, 5:70, 8:40], **PLAIN), abs=1e-9)


def test_psnr_counts_channels_by_their_own_mask():
    a, b = pair()
    mask = torch.zeros(3, 37, 45)
    mask[1] = 1
    assert psnr(a, b, mask=mask, **PLAIN) == pytest.approx(psnr(a[1:2], b[1:2], **PLAIN), abs=1e-9)


def test_masked_ssim_is_the_mean_over_centres_the_mask_keeps_per_channel():
    # a mask of one pixel is the similarity of the one window around it
    a, b = pair(height=80)
    mask = torch.zeros(3, 80, 45)
    places = ((40, 20), (11, 30), (70, 39))
    for channel, (row, column) in enumerate(places):
        mask[channel, row, column] = 1
    windows = [
        ssim(*(image[c : c + 1, r - 5 : r + 6, k - 5 : k + 6] for image in (a, b)), kind="wang", **PLAIN)
        for c, (r, k) in enumerate(places)
    ]
    assert ssim(a, b, kind="wang", mask=mask, **PLAIN) == pytest.approx(sum(windows) / 3, abs=1e-9)


def test_a_mask_is_given_before_the_border_is_left_out():
    a, b = pair()
    mask = (torch.rand(1, 37, 45, generator=torch.Generator().manual_seed(1)) > 0.3).float()
    inner = (slice(None), slice(4, -4), slice(4, -4))
    for metric in (psnr, lambda *args, **options: ssim(*args, kind="wang", **options)):
        expected = metric(a[inner], b[inner], mask=mask[inner], **PLAIN)
        assert metric(a, b, mask=mask, **(PLAIN | {"border": 4})) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("shape", "luma", "message"),
    [
        ((1, 37, 44), "rgb", r"expected a mask \(1, 37, 45\) for luma rgb, got \(1, 37, 44\)"),
        ((37, 45), "rgb", r"got \(37, 45\)"),
        ((3, 37, 45), "bt601", r"for luma bt601, got \(3, 37, 45\)"),
    ],
)
def test_a_mask_of_another_shape_is_refused(shape: tuple[int, ...], luma: str, message: str):
    a, b = pair()
    with pytest.raises(PixmendError, match=message):
        psnr(a, b, mask=torch.ones(shape), **(PLAIN | {"luma": luma}))


def test_a_mask_that_leaves_nothing_is_refused():
    a, b = pair()
    mask = torch.zeros(1, 37, 45)
    mask[:, 0] = 1
    assert math.isfinite(psnr(a, b, mask=mask, **PLAIN))
    with pytest.raises(PixmendError, match="nothing is left to score"):
        psnr(a, b, mask=mask, **(PLAIN | {"border": 1}))
    with pytest.raises(PixmendError, match="nothing is left to score"):
        ssim(a, b, kind="wang", mask=mask, **PLAIN)  # no window is centred in the first row
