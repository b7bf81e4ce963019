"""imresize against MATLAB's and Octave's own output, and its properties."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from pixmend.degrade import Bicubic, Chain, Round8, imresize, round8
from pixmend.errors import PixmendError

DATA = Path(__file__).parent / "data"
OCTAVE = json.loads((DATA / "imresize_octave.json").read_text())["cases"]
SCALES = st.one_of(st.sampled_from([1 / 4, 1 / 3, 1 / 2, 2.0, 3.0, 4.0]), st.floats(0.2, 4))
SIDES = st.integers(1, 24)


def eight_bit(name: str) -> Tensor:
    with Image.open(DATA / name) as picture:
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def random_picture(height: int, width: int, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(3, height, width, generator=draw, dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrinking_gives_matlabs_eight_bit_picture(scale: int, dtype: torch.dtype) -> None:
    # The top left 48 x 48 of Set5's butterfly and of its published MATLAB low-resolution pictures; four low
    # pixels at the right and bottom are left out, because there the whole picture was seen.
    high = eight_bit("butterfly_high.png").to(dtype) / 255
    low = Chain(Bicubic(scale=scale), Round8())(high, seed=0)
    got = (low * 255).round().to(torch.uint8)
    assert torch.equal(got[:, :-4, :-4], eight_bit(f"butterfly_x{scale}.png")[:, :-4, :-4])


@pytest.mark.parametrize("case", OCTAVE, ids=lambda case: f"scale {case['scale']:.2f}")
def test_doubles_agree_with_octave(case: dict) -> None:
    # Only scales at which the weights sum to one anyway: elsewhere MATLAB normalises them, Octave does not.
    row, column = torch.meshgrid(torch.arange(13), torch.arange(17), indexing="ij")
    image = ((37 * row + 101 * column + 13 * row * column) % 256).double() / 255
    expected = torch.tensor(case["values"], dtype=torch.float64).view(case["rows"], case["columns"])
    torch.testing.assert_close(imresize(image, scale=case["scale"]), expected, rtol=0, atol=1e-9)


@given(height=SIDES, width=SIDES, scale=SCALES)
@settings(max_examples=60, deadline=None)
def test_sides_are_the_scaled_ones_rounded_up(height: int, width: int, scale: float) -> None:
    resized = imresize(random_picture(height, width), scale=scale)
    assert resized.shape == (3, math.ceil(height * scale), math.ceil(width * scale))


@given(height=SIDES, width=SIDES, scale=SCALES)
@settings(max_examples=60, deadline=None)
def test_a_flat_picture_stays_flat(height: int, width: int, scale: float) -> None:
    resized = imresize(torch.full((1, height, width), 0.3, dtype=torch.float64), scale=scale)
    torch.testing.assert_close(resized, torch.full_like(resized, 0.3), rtol=0, atol=1e-12)


@given(height=SIDES, width=SIDES, scale=SCALES)
@settings(max_examples=40, deadline=None)
def test_resizing_is_linear(height: int, width: int, scale: float) -> None:
    a, b = random_picture(height, width, 1), random_picture(height, width, 2)
    together = imresize(2 * a - 3 * b, scale=scale)
    apart = 2 * imresize(a, scale=scale) - 3 * imresize(b, scale=scale)
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-12)


@given(rows=st.integers(1, 8), columns=st.integers(1, 8), factor=st.sampled_from([1 / 4, 1 / 3, 1 / 2, 2, 3, 4]))
@settings(max_examples=40, deadline=None)
def test_flips_commute_with_resizing_when_the_sides_divide(rows: int, columns: int, factor: float) -> None:
    image = random_picture(12 * rows, 12 * columns)
    for dims in ((-1,), (-2,), (-2, -1)):
        flipped = imresize(image.flip(dims), scale=factor)
        torch.testing.assert_close(flipped, imresize(image, scale=factor).flip(dims), rtol=0, atol=1e-12)


def test_transposing_commutes_with_resizing() -> None:
    image = random_picture(20, 33)
    resized = imresize(image.transpose(-2, -1), size=(11, 50))
    torch.testing.assert_close(resized, imresize(image, size=(50, 11)).transpose(-2, -1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1 / 3, 2.0])
def test_a_picture_of_many_blocks_is_the_sum_of_its_taps(scale: float) -> None:
    # 700 samples fill several blocks; the reference is the definition, one output at a time over all inputs.
    line = random_picture(1, 700)[:1]
    length, stretch = math.ceil(700 * scale), min(scale, 1.0)
    mirrored = torch.cat((line.flip(-1), line, line.flip(-1)), -1)[0, 0]
    place = torch.arange(2100, dtype=torch.float64) - 700
    expected = []
    for out in range(length):
        distance = (((out + 0.5) / scale - 0.5 - place) * stretch).abs()
        weight = torch.where(distance <= 1, 1.5 * distance**3 - 2.5 * distance**2 + 1, 0.0)
        outer = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
        weight = weight + torch.where((distance > 1) & (distance <= 2), outer, 0.0)
        expected.append((weight * mirrored).sum() / weight.sum())
    got = imresize(line, scale=scale)[0, 0]
    torch.testing.assert_close(got, torch.stack(expected), rtol=0, atol=1e-12)


def test_size_equals_scale_where_both_say_the_same() -> None:
    image = random_picture(24, 36)
    assert torch.equal(imresize(image, size=(8, 12)), imresize(image, scale=1 / 3))


def test_scale_one_changes_nothing() -> None:
    image = random_picture(5, 7)
    assert torch.equal(imresize(image, scale=1), image)


def test_shrinking_undoes_enlarging_on_a_smooth_picture() -> None:
    row = torch.linspace(0, 3, 40, dtype=torch.float64).sin()
    image = row[:, None] * row[None, :]
    back = imresize(imresize(image, scale=4), scale=1 / 4)
    torch.testing.assert_close(back, image, rtol=0, atol=5e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_dtype_is_kept(dtype: torch.dtype) -> None:
    image = random_picture(12, 12).to(dtype)
    assert Bicubic(scale=2)(image).dtype == dtype
    assert round8(image).dtype == dtype


def test_a_batch_is_resized_picture_by_picture() -> None:
    batch = torch.stack((random_picture(12, 18, 1), random_picture(12, 18, 2)))
    assert torch.equal(imresize(batch, scale=0.5)[1], imresize(batch[1], scale=0.5))


def test_gradients_flow_even_when_the_weights_were_first_made_in_inference_mode() -> None:
    image = random_picture(26, 34).requires_grad_()
    with torch.inference_mode():
        imresize(image, scale=0.5)
    imresize(image, scale=0.5).sum().backward()
    assert image.grad is not None and image.grad.abs().sum() > 0


def test_bicubic_overshoots_and_is_not_clipped() -> None:
    edge = torch.zeros(1, 16, 16)
    edge[..., 7:] = 1
    low = Bicubic(scale=2)(edge)
    assert low.min() < 0 and low.max() > 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_half_is_rounded_up(dtype: torch.dtype) -> None:
    level = torch.arange(255)
    halves = ((level.double() + 0.5) / 255).to(dtype).view(1, 1, 255)
    assert torch.equal((round8(halves) * 255).round().long().flatten(), level + 1)


def test_rounding_clips_and_leaves_eight_bit_values_alone() -> None:
    levels = torch.arange(256, dtype=torch.float32).view(1, 16, 16) / 255
    assert torch.equal(round8(levels), levels)
    assert round8(torch.tensor([[-0.2, 1.3]])).tolist() == [[0.0, 1.0]]


def test_a_picture_that_does_not_divide_is_refused_with_the_size_to_crop_to() -> None:
    with pytest.raises(PixmendError, match=r"multiples of 4, got 13 x 18: crop to 12 x 16"):
        Bicubic(scale=4)(random_picture(13, 18))


def test_a_picture_smaller_than_the_scale_is_refused() -> None:
    with pytest.raises(PixmendError, match=r"multiples of 4, got 3 x 8: at least 4 x 4"):
        Bicubic(scale=4)(random_picture(3, 8))


@pytest.mark.parametrize("scale", [0, -2, 1.5])
def test_bicubic_takes_whole_scales_only(scale: float) -> None:
    with pytest.raises(PixmendError, match="whole scale of 1 or more"):
        Bicubic(scale=scale)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "one of the two"),
        ({"scale": 2.0, "size": (4, 4)}, "one of the two"),
        ({"scale": 0.0}, "positive scale"),
        ({"scale": math.nan}, "positive scale"),
        ({"size": (0, 4)}, "1 or more"),
    ],
)
def test_imresize_names_the_setting_that_is_wrong(settings: dict, message: str) -> None:
    with pytest.raises(PixmendError, match=message):
        imresize(random_picture(4, 4), **settings)


def test_eight_bit_tensors_are_refused() -> None:
    with pytest.raises(PixmendError, match="divide 8-bit values by 255 first"):
        imresize(torch.zeros(3, 4, 4, dtype=torch.uint8), scale=2)


def test_an_empty_picture_is_refused() -> None:
    with pytest.raises(PixmendError, match=r"got shape \(3, 0, 4\)"):
        round8(torch.zeros(3, 0, 4))
