"""GaussianBlur against OpenCV and its definition."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmend.degrade import GaussianBlur
from pixmend.errors import PixmendError


def random_picture(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize(("sigma", "size"), [(0.2, 21), (1.5, 21), (3.0, 7), (8.0, 21)])
def test_it_equals_opencv(sigma: float, size: int) -> None:
    cv2 = pytest.importorskip("cv2")
    picture = random_picture(3, 31, 40)
    values = picture.permute(1, 2, 0).numpy()
    expected = cv2.GaussianBlur(values, (size, size), sigma, borderType=cv2.BORDER_REFLECT_101)
    got = GaussianBlur(sigma=sigma, size=size)(picture)
    torch.testing.assert_close(got.permute(1, 2, 0), torch.from_numpy(expected), rtol=0, atol=1e-12)


def test_a_point_becomes_the_gaussian_that_sums_to_one() -> None:
    point = torch.zeros(1, 41, 41, dtype=torch.float64)
    point[0, 20, 20] = 1
    spread = GaussianBlur(sigma=2.0)(point)[0]
    assert float(spread.sum()) == pytest.approx(1)
    assert float(spread[20, 23] / spread[20, 20]) == pytest.approx(math.exp(-9 / 8))
    assert torch.allclose(spread, spread.T) and spread[9].sum() == 0


@given(height=st.integers(1, 12), width=st.integers(1, 12), sigma=st.floats(0.1, 10))
@settings(max_examples=40, deadline=None)
def test_a_flat_picture_of_any_size_stays_flat(height: int, width: int, sigma: float) -> None:
    flat = torch.full((3, height, width), 0.7, dtype=torch.float64)
    torch.testing.assert_close(GaussianBlur(sigma=sigma)(flat), flat, rtol=0, atol=1e-12)


def test_a_batch_is_blurred_picture_by_picture_in_its_dtype() -> None:
    batch = random_picture(2, 3, 9, 11).half()
    blurred = GaussianBlur(sigma=1.0)(batch)
    assert blurred.dtype == torch.float16
    assert torch.equal(blurred[1], GaussianBlur(sigma=1.0)(batch[1]))


def test_the_narrowest_gaussian_changes_nothing() -> None:
    picture = random_picture(3, 5, 5)
    assert torch.equal(GaussianBlur(sigma=1e-200)(picture), picture)


@pytest.mark.parametrize("sigma", [0, -1, math.inf, math.nan])
def test_a_sigma_that_is_not_positive_is_refused(sigma: float) -> None:
    with pytest.raises(PixmendError, match="positive sigma"):
        GaussianBlur(sigma=sigma)


@pytest.mark.parametrize("size", [0, 20, -3, 2.5])
def test_an_even_size_is_refused(size: int) -> None:
    with pytest.raises(PixmendError, match="odd size"):
        GaussianBlur(sigma=1.0, size=size)
