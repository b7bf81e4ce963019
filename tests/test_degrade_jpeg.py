"""JPEG against OpenCV's encoder, and what it refuses."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pixmend.degrade import JPEG, round8
from pixmend.errors import PixmendError


def smooth_picture(channels: int, height: int = 37, width: int = 50) -> Tensor:
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    waves = [torch.sin(row / (3 + c) + c) * torch.cos(column / (5 - c)) for c in range(channels)]
    noise = torch.rand(channels, height, width, generator=torch.Generator().manual_seed(1))
    return 0.5 + 0.4 * torch.stack(waves) + 0.1 * noise


def eight_bit(image: Tensor) -> np.ndarray:
    return (round8(image) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def assert_same_bits(picture: Tensor, *, quality: int) -> None:
    cv2 = pytest.importorskip("cv2")
    values = eight_bit(picture)
    colour = picture.shape[0] == 3
    _, file = cv2.imencode(".jpg", values[..., ::-1] if colour else values, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(file, cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE)
    got = eight_bit(JPEG(quality=quality)(picture))
    assert np.array_equal(got, decoded[..., ::-1] if colour else decoded[..., None])


@pytest.mark.parametrize("quality", [1, 10, 20, 30, 40, 75, 95, 100])
def test_colour_is_coded_as_opencv_codes_it(quality: int) -> None:
    assert_same_bits(smooth_picture(3), quality=quality)


@pytest.mark.parametrize("quality", [10, 40, 90])
def test_one_channel_is_coded_as_a_grey_file_as_opencv_codes_it(quality: int) -> None:
    assert_same_bits(smooth_picture(1), quality=quality)


@pytest.mark.parametrize(("channels", "height", "width"), [(3, 1, 1), (3, 1, 17), (1, 9, 1), (3, 8, 8)])
def test_any_size_keeps_its_shape(channels: int, height: int, width: int) -> None:
    picture = smooth_picture(channels, height, width)
    assert JPEG(quality=30)(picture).shape == picture.shape


def test_a_lower_quality_is_further_from_the_picture() -> None:
    picture = round8(smooth_picture(3))
    errors = [float((JPEG(quality=quality)(picture) - picture).square().mean()) for quality in (95, 60, 20, 5)]
    assert errors == sorted(errors) and errors[0] > 0


def test_full_colour_resolution_keeps_a_fine_colour_pattern_that_half_loses() -> None:
    stripes = torch.zeros(3, 16, 16)
    stripes[0, :, ::2] = 1
    stripes[2, :, 1::2] = 1
    kept, lost = (JPEG(quality=95, subsampling=kind)(stripes) for kind in ("4:4:4", "4:2:0"))
    assert (kept - stripes).abs().mean() < 0.03
    assert (lost - stripes).abs().mean() > 0.2


def test_the_input_is_clipped_and_rounded_first() -> None:
    picture = smooth_picture(3) * 1.5 - 0.2
    assert torch.equal(JPEG(quality=40)(picture), JPEG(quality=40)(round8(picture)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_the_dtype_is_kept_and_the_input_left_alone(dtype: torch.dtype) -> None:
    picture = smooth_picture(3).to(dtype)
    before = picture.clone()
    coded = JPEG(quality=50)(picture)
    assert coded.dtype == dtype
    assert torch.equal(picture, before)
    assert torch.equal(round8(coded), coded)


@pytest.mark.parametrize("quality", [0, 101, -5, 40.5, "40"])
def test_a_quality_that_is_none_is_refused(quality: int) -> None:
    with pytest.raises(PixmendError, match="whole quality of 1 to 100"):
        JPEG(quality=quality)


def test_another_subsampling_is_refused() -> None:
    with pytest.raises(PixmendError, match=r"4:2:0 or 4:4:4, got '4:2:2'"):
        JPEG(quality=40, subsampling="4:2:2")  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(2, 8, 8), (1, 3, 8, 8), (8, 8), (3, 1, 65_536)])
def test_what_no_jpeg_file_can_hold_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(PixmendError, match=r"JPEG: expected a picture \(1 or 3, H, W\)"):
        JPEG(quality=40)(torch.zeros(shape))
