"""Metrics, luma and resizing against values that real Octave computed from definitions written independently."""

import pytest
import torch

import octave

CASES = list(octave.scores())


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(map(str, case[:3])))
def test_a_score_is_octaves(case: tuple[str, str, int, float]):
    metric, luma, border, value = case
    assert octave.score(metric, luma, border) == pytest.approx(value, abs=1e-6)


def test_every_score_has_a_value_of_octave():
    assert {metric for metric, *_ in CASES} == {"psnr", "ssim_wang", "ssim_matlab", "psnr_b", "psnr_b_swapped"}
    assert {luma for _, luma, *_ in CASES} == {"rgb", "grey", "bt601", "bt601_rounded", "ipt", "full_range"}
    assert {border for *_, border, _ in CASES} == {0, 3}


@pytest.mark.parametrize("case", list(octave.lumas()), ids=lambda case: case[0])
def test_luma_is_octaves_rgb2ycbcr(case: tuple[str, torch.Tensor, torch.Tensor]):
    torch.testing.assert_close(case[1], case[2], rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", list(octave.resized()), ids=lambda case: f"scale {case[0]:.2f}")
def test_resized_doubles_are_octaves(case: tuple[float, torch.Tensor, torch.Tensor]):
    torch.testing.assert_close(case[1], case[2], rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", list(octave.resized_pictures()), ids=lambda case: f"scale {case[0]:.2f}")
def test_resized_pictures_are_octaves_to_the_last_bit(case: tuple[float, torch.Tensor, torch.Tensor]):
    assert torch.equal(case[1], case[2])
