"""TorchResize against OpenCV, Pillow and MATLAB's way, from which it must differ."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixmend.degrade import Bicubic, TorchResize
from pixmend.errors import PixmendError


def random_picture(height: int, width: int) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize(
    ("mode", "factor"),
    [("bilinear", 0.25), ("bilinear", 2), ("bicubic", 0.25), ("bicubic", 0.5), ("bicubic", 2), ("area", 0.25)],
)
def test_without_antialiasing_it_equals_opencv(mode: str, factor: float) -> None:
    cv2 = pytest.importorskip("cv2")
    methods = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}
    picture = random_picture(24, 32)
    size = (int(32 * factor), int(24 * factor))
    expected = cv2.resize(picture.permute(1, 2, 0).numpy(), size, interpolation=methods[mode])
    got = TorchResize(factor=factor, mode=mode)(picture)
    torch.testing.assert_close(got.permute(1, 2, 0), torch.from_numpy(expected), rtol=0, atol=2e-6)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_with_antialiasing_it_equals_pillow_before_its_rounding(mode: str) -> None:
    picture = random_picture(24, 32)
    method = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[mode]
    got = TorchResize(factor=0.25, mode=mode, antialias=True)(picture)
    for channel, expected in zip(got, picture, strict=True):
        resized = np.array(Image.fromarray(expected.numpy()).resize((8, 6), method))
        torch.testing.assert_close(channel, torch.from_numpy(resized), rtol=0, atol=2e-6)


def test_with_antialiasing_bicubic_differs_from_matlab_at_the_border_only() -> None:
    picture = random_picture(64, 64).double()
    apart = (TorchResize(factor=0.25, mode="bicubic", antialias=True)(picture) - Bicubic(scale=4)(picture)).abs()
    assert apart[:, 2:-2, 2:-2].max() < 1e-12 and apart.max() > 1e-3


def test_without_antialiasing_it_is_far_from_matlab() -> None:
    picture = random_picture(64, 64)
    other = TorchResize(factor=0.25, mode="bicubic")(picture)
    assert (other - Bicubic(scale=4)(picture)).abs().mean() > 0.05


@given(height=st.integers(1, 20), width=st.integers(1, 20), factor=st.sampled_from([0.25, 0.4, 0.5, 1.0, 1.3, 2.0, 3]))
@settings(max_examples=60, deadline=None)
def test_sides_are_the_multiplied_ones_without_fractions(height: int, width: int, factor: float) -> None:
    resize = TorchResize(factor=factor, mode="nearest")
    if min(height, width) * factor < 1:
        with pytest.raises(PixmendError, match="leaves no pixel"):
            resize(random_picture(height, width))
        return
    assert resize(random_picture(height, width)).shape == (3, int(height * factor), int(width * factor))


def test_a_batch_keeps_its_leading_dimensions_and_dtype() -> None:
    batch = random_picture(8, 8).expand(2, 5, 3, 8, 8).half()
    resized = TorchResize(factor=0.5, mode="area")(batch)
    assert resized.shape == (2, 5, 3, 4, 4) and resized.dtype == torch.float16


@pytest.mark.parametrize("factor", [0, -1, 65, math.inf, math.nan])
def test_a_factor_that_is_absurd_is_refused(factor: float) -> None:
    with pytest.raises(PixmendError, match="a factor above 0 and up to 64"):
        TorchResize(factor=factor, mode="area")


def test_an_unknown_mode_and_antialiasing_without_effect_are_refused() -> None:
    with pytest.raises(PixmendError, match="got 'lanczos'"):
        TorchResize(factor=2, mode="lanczos")  # type: ignore[arg-type]
    with pytest.raises(PixmendError, match="antialias goes with bilinear and bicubic, got area"):
        TorchResize(factor=2, mode="area", antialias=True)
