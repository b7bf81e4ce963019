"""Alignment as RealBlur is scored: a known warp is undone, and what cannot be aligned is said."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.evaluate.alignment import align
from pixmend.image import read_image
from pixmend.metrics import psnr, ssim

PLAIN = {"border": 0, "luma": "rgb", "round8": False}
SHIFT = ((1.0, 0.0, 4.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
TILT = ((1.004, 0.003, 2.3), (-0.002, 0.998, -1.6), (2e-6, -3e-6, 1.0))


@pytest.fixture(scope="module")
def sign() -> Tensor:
    path = Path(__file__).parent.parent / "examples" / "sign.png"
    return read_image(path)[:, 60:220, 100:300]


def warped(image: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """The pixel at p moves to matrix p."""
    import cv2

    rows_first = image.permute(1, 2, 0).contiguous().numpy()
    size = (image.shape[2], image.shape[1])
    moved = cv2.warpPerspective(
        rows_first, np.array(matrix), size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return torch.from_numpy(moved).permute(2, 0, 1)


@pytest.mark.parametrize("matrix", [SHIFT, TILT])
def test_a_known_warp_and_a_change_of_brightness_are_undone(sign: Tensor, matrix: tuple[tuple[float, ...], ...]):
    moved = 0.8 * warped(sign, matrix)
    found = align(moved, sign)
    assert psnr(moved, sign, **PLAIN) < 20
    assert psnr(found.restored, found.true, mask=found.mask, **PLAIN) > 30
    assert ssim(found.restored, found.true, kind="wang", mask=found.mask, **PLAIN) > 0.97


def test_a_plain_shift_is_undone_but_for_the_brightness_matched_before_it(sign: Tensor):
    moved = warped(sign, SHIFT)
    found = align(moved, sign)
    gain = (sign * moved).sum() / moved.square().sum()
    inside = (slice(None), slice(8, -8), slice(8, -8))
    assert psnr(found.restored[inside] / gain, sign[inside], **PLAIN) > 45


def test_what_the_moved_picture_does_not_cover_is_masked_out_of_both(sign: Tensor):
    # the picture was shifted right by 4, so its last 4 columns are lost
    found = align(warped(sign, SHIFT), sign)
    assert found.mask.shape == (1, 160, 200)
    assert set(found.mask.unique().tolist()) == {0.0, 1.0}
    assert not found.mask[..., -3:].any() and found.mask[:, 8:-8, 8:-8].all()
    outside = (found.mask == 0).expand(3, -1, -1)
    assert not found.restored[outside].any() and not found.true[outside].any()


def test_a_picture_that_lies_right_already_stays(sign: Tensor):
    found = align(sign, sign)
    assert psnr(found.restored, found.true, mask=found.mask, **PLAIN) > 60


def test_the_pictures_given_are_not_changed(sign: Tensor):
    moved, true = warped(sign, SHIFT), sign.clone()
    before = moved.clone()
    align(moved, true)
    assert torch.equal(moved, before) and torch.equal(true, sign)


def test_float64_is_taken_and_float32_comes_back(sign: Tensor):
    found = align(warped(sign, SHIFT).double(), sign.double())
    assert found.restored.dtype == found.true.dtype == found.mask.dtype == torch.float32


@pytest.mark.parametrize(
    ("restored", "message"),
    [
        (torch.full((3, 160, 200), 0.5), "could not be laid on each other.*check that they show the same scene"),
        (torch.zeros(3, 160, 200), "the restored picture is black"),
        (torch.rand(3, 160, 199), r"of one shape, got \(3, 160, 199\) and \(3, 160, 200\)"),
        (torch.zeros(3, 160, 200, dtype=torch.uint8), "torch.uint8 and torch.float32: divide 8-bit by 255"),
    ],
)
def test_what_cannot_be_aligned_is_refused_with_one_line(sign: Tensor, restored: Tensor, message: str):
    with pytest.raises(PixmendError, match=message) as caught:
        align(restored, sign)
    assert "\n" not in str(caught.value)


def test_grey_pictures_are_refused(sign: Tensor):
    with pytest.raises(PixmendError, match=r"two pictures \(3, H, W\)"):
        align(sign[:1], sign[:1])


def test_a_missing_opencv_is_named_with_the_extra_that_brings_it(sign: Tensor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(PixmendError, match=r'pip install "pixmend\[evaluate\]"'):
        align(sign, sign)
