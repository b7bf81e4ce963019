"""explain: planted mistakes are named, honest pictures are left in peace, and expected numbers are found."""

import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.nn import functional

from pixmend.degrade.resize import Bicubic, imresize, round8
from pixmend.errors import PixmendError
from pixmend.evaluate.explain import Explanation, explain, explain_files
from pixmend.evaluate.explain.choices import choice_of, choices_around, errors
from pixmend.evaluate.explain.levels import blocks_of, fitted
from pixmend.evaluate.explain.low import RESIZES
from pixmend.evaluate.explain.pairs import pair
from pixmend.evaluate.explain.picture import draw
from pixmend.evaluate.explain.remedies import Moved
from pixmend.evaluate.protocols import CLASSIC_SR, DERAINING
from pixmend.image import read_image, write_image
from pixmend.metrics import psnr, ssim

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def true() -> Tensor:
    return read_image(EXAMPLES / "sign.png")[:, 60:228, 100:280]


@pytest.fixture(scope="module")
def low(true: Tensor) -> Tensor:
    return round8(Bicubic(scale=2)(true))


@pytest.fixture(scope="module")
def restored(low: Tensor) -> Tensor:
    """An honest result of super-resolution."""
    return round8(imresize(low, scale=2))


def score(a: Tensor, b: Tensor, luma: str = "bt601", border: int = 2) -> float:
    return psnr(a, b, border=border, luma=luma, round8=True)


def jpeg(image: Tensor, quality: int) -> Tensor:
    file = io.BytesIO()
    Image.fromarray((image * 255).round().byte().permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255


def mistakes(found: Explanation) -> list[str]:
    return [finding.mistake for finding in found.findings]


def test_an_honest_result_has_no_mistake_and_the_protocols_own_score(restored, true, low):
    found = explain(restored, true, scale=2, low=low)
    assert found.findings == ()
    assert found.psnr == pytest.approx(score(restored, true), abs=1e-6)
    assert found.ssim == ssim(restored, true, border=2, luma="bt601", round8=True, kind="wang")
    assert "None of the known mistakes" in found.verdict
    assert found.low is not None and found.low.is_matlab


@pytest.mark.parametrize("sigma", [5, 50])
def test_noise_is_no_mistake(true, sigma):
    noise = torch.randn(true.shape, generator=torch.Generator().manual_seed(1)) * sigma / 255
    assert explain(round8(true + noise), true).findings == ()


def test_full_range_luma_is_named_by_the_expected_number(restored, true):
    wrong = score(restored, true, luma="full_range")
    (answer,) = explain(restored, true, scale=2, expected=round(wrong, 2)).answers
    (match,) = [one for one in answer.matches if one.differences == ("full-range luma (JPEG, YIQ)",)]
    assert match.value == pytest.approx(wrong, abs=1e-6)
    # rounded to whole levels it is a few thousandths of a dB away, which two decimals do not tell apart
    assert all("full-range" in one.differences[0] for one in answer.matches)


def test_luma_of_exchanged_channels_is_named_by_the_expected_number(restored, true):
    wrong = score(restored.flip(0), true.flip(0))
    (answer,) = explain(restored, true, scale=2, expected=wrong, tolerance=1e-4).answers
    assert answer.matches[0].differences == ("BT.601 luma with red and blue mistaken for each other",)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (lambda image: image.roll((1, -2), (2, 1)), "lies 1 px to the right and 2 px up of TRUE"),
        (lambda image: image.flip(0), "has red and blue exchanged"),
        (lambda image: image[[1, 0, 2]], "has red and green exchanged"),
        (lambda image: image[[0, 2, 1]], "has green and blue exchanged"),
        (lambda image: image[[1, 2, 0]], "has its channels in the order green, blue, red"),
        (lambda image: image[[2, 0, 1]], "has its channels in the order blue, red, green"),
        (lambda image: image + 5 / 255, "is 5 levels too bright"),
        (lambda image: round8((image - 0.5) * 0.95 + 0.5), "has 0.95 times the contrast: +6."),
        (lambda image: round8(image * 0.9), "is too dark by a factor of 0.9"),
        (lambda image: round8(image**1.1), "has a gamma of 1.1 too much"),
        (lambda image: round8(image ** (1 / 1.8)), "has a gamma of 1 / 1.8 too much"),
        (lambda image: image.flip(2), "is mirrored left to right"),
        (lambda image: round8((image * 219 + 16) / 255), "is in studio range"),
        (lambda image: round8(image**2.2), "has a gamma of 2.2 too much"),
    ],
)
def test_a_planted_mistake_is_named_and_undoing_it_gives_the_honest_score(restored, true, plant, said):
    found = explain(plant(restored), true, scale=2)
    (finding,) = found.findings
    assert finding.mistake.startswith(said)
    assert finding.after == pytest.approx(score(restored, true), abs=0.6 if "gamma" in said else 0.1)
    assert said in found.verdict


def test_a_turned_picture_is_found_only_where_its_sides_are_equal(restored, true):
    square = (slice(None), slice(0, 160), slice(0, 160))
    assert mistakes(explain(restored[square].transpose(1, 2), true[square], scale=2)) == [
        "has its rows and columns exchanged"
    ]


def test_a_colour_cast_is_told_for_each_channel(restored, true):
    cast = restored + torch.tensor([4.0, -3.0, 1.0])[:, None, None] / 255
    (finding,) = explain(round8(cast), true).findings
    assert finding.mistake.startswith("has a colour cast: red +") and "green -" in finding.mistake
    assert finding.after == pytest.approx(score(restored, true, luma="rgb", border=0), abs=0.1)


def test_colour_that_is_gone_is_told_though_luma_hardly_changes(restored, true):
    grey = (restored * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(0).expand(3, -1, -1)
    found = explain(round8(grey), true, scale=2)
    (finding,) = found.findings
    assert "its colour is gone" in found.verdict and finding.before is None
    assert explain(round8(grey), round8(grey).clone(), scale=2).findings == ()


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 0.9) | st.floats(1.1, 2.4), st.floats(0.7, 0.9), st.floats(0, 20))
def test_a_fitted_tone_brings_the_levels_back(power, factor, offset):
    rows, columns = torch.arange(96.0)[:, None], torch.arange(128.0)[None]
    true = torch.stack([0.5 + 0.35 * torch.sin(rows / 20 + n) * torch.cos(columns / (24 + 3 * n)) for n in range(3)])
    for restored in (true**power, true * factor + offset / 255):
        blocks = blocks_of(restored, true)
        best = max(fitted([blocks]), key=blocks.gain)
        assert (best.undo(restored) - true).abs().max() < 1.5 / 255


def test_jpeg_after_a_shift_is_costed_with_the_shift_undone(restored, true):
    shift, coded = explain(jpeg(restored.roll(1, 2), 75), true, scale=2).findings
    assert shift.mistake.startswith("lies 1 px") and "quality 75 " in coded.mistake
    assert coded.before == pytest.approx(shift.after)
    assert coded.before < coded.after == pytest.approx(score(restored, true), abs=0.3)


def test_a_picture_moved_after_it_was_a_jpeg_still_shows_the_coding(restored, true):
    assert any("JPEG of about quality 75" in text for text in mistakes(explain(jpeg(restored, 75).roll(3, 1), true)))


def test_two_mistakes_are_found_one_after_the_other(restored, true):
    found = explain(restored.roll(1, 2).flip(0), true, scale=2, expected=round(score(restored, true), 2))
    assert sorted(text.split()[0] for text in mistakes(found)) == ["has", "lies"]
    assert any(match.differences[1:] and "undone" in match.differences[1] for match in found.answers[0].matches)


def test_half_a_pixel_of_a_resize_is_measured(true, low):
    height, width = true.shape[1:]
    rows, columns = ((torch.arange(side) / 2 + 0.5) / (side / 2) * 2 - 1 for side in (height, width))
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij")[::-1], -1)[None]
    legacy = functional.grid_sample(low[None], grid, mode="bicubic", padding_mode="border", align_corners=False)[0]
    (finding,) = explain(round8(legacy), true, scale=2).findings
    assert finding.mistake == "lies 0.5 px to the left and 0.5 px up of TRUE"


def test_aligned_corners_are_found_as_a_stretch(true, low):
    corners = functional.interpolate(low[None], scale_factor=2, mode="bicubic", align_corners=True)[0]
    (finding,) = explain(round8(corners), true, scale=2).findings
    assert "stretched" in finding.mistake and "align_corners=False" in finding.advice


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (lambda image: (image.clamp(0, 1) * 255 + 1e-3).floor() / 255, "was truncated"),
        (lambda image: round8(image * 255 / 256), "is too dark by 1/256"),
        (lambda image: round8(image * 256 / 255), "is too bright by 1/255"),
        (lambda image: (image * 255 * 255 / 256 + 1e-3).floor() / 255, "is too dark by 1/256 and truncated"),
        (lambda image: (round8(image) * 255 * 255 / 256 + 1e-3).floor() / 255, "is one level too dark"),
    ],
)
def test_half_a_level_is_known_by_its_trace(plant, said):
    true = read_image(EXAMPLES / "building_noisy.png")
    (finding,) = explain(plant(imresize(round8(Bicubic(scale=2)(true)), scale=2)), true, scale=2).findings
    assert finding.mistake.startswith(said)
    assert "levels at black" in finding.evidence


@pytest.mark.parametrize("quality", [60, 75, 92])
def test_jpeg_on_the_way_is_known_with_its_quality(restored, true, quality):
    (finding,) = explain(jpeg(restored, quality), true, scale=2).findings
    assert f"quality {quality} " in finding.mistake
    assert finding.estimated and finding.before < finding.after < score(restored, true) + 0.2


def test_jpeg_in_the_true_picture_is_no_mistake_of_the_restored_one(true):
    coded = jpeg(true, 80)
    dark = coded.clone()
    dark[:, 40:48, 40:48] *= 0.5
    assert explain(dark, coded).findings == ()


@pytest.mark.parametrize("name", list(RESIZES))
def test_every_known_resize_of_the_low_picture_is_named(true, name):
    # at other scales some of them are one: the mean of four pixels is bilinear
    made = round8(RESIZES[name](true, 4).float())
    found = explain(true, true, scale=4, low=made).low
    assert found is not None and found.resize == found.alike == name and found.rms < 0.1


def test_resizes_that_are_one_at_this_scale_are_all_named(true):
    found = explain(true, true, scale=2, low=round8(functional.avg_pool2d(true, 2))).low
    assert found is not None and "INTER_AREA" in found.describe() and "INTER_LINEAR" in found.describe()


def test_a_low_picture_without_antialiasing_is_told_with_what_it_is_worth(restored, true, low):
    aliased = round8(functional.interpolate(true[None], scale_factor=0.5, mode="bicubic")[0])
    found = explain(restored, true, low=aliased).low  # the scale is that of the pictures
    assert found is not None and not found.is_matlab
    assert found.enlarged == pytest.approx(score(round8(imresize(aliased, scale=2)), true), abs=1e-6)
    assert found.enlarged_matlab == pytest.approx(score(round8(imresize(low, scale=2)), true), abs=0.01)
    assert "without antialiasing" in found.describe()


def test_a_noisy_low_picture_is_no_known_resize(restored, true, low):
    noise = torch.randn(low.shape, generator=torch.Generator().manual_seed(0)) * 10 / 255
    found = explain(restored, true, low=round8(low + noise)).low
    assert found is not None and "no known resize" in found.describe()


def test_a_number_nobody_can_make_is_said_to_match_nothing_and_the_nearest_is_told(restored, true):
    found = explain(restored, true, scale=2, expected=55.0)
    (answer,) = found.answers
    assert answer.matches == ()
    assert answer.nearest.value == max(number.psnr for number in found.numbers if number.oddness <= 1)
    assert "Nothing that was tried gives PSNR 55.00 dB" in found.verdict


def test_a_mistake_of_the_other_side_is_made_where_nothing_else_gives_the_number(restored, true):
    wrong = score(restored.flip(0), true)
    (answer,) = explain(restored, true, scale=2, expected=wrong, tolerance=0.001).answers
    assert answer.matches[0].differences == ("red and blue of RESTORED exchanged",)


def test_a_named_protocol_comes_before_what_nobody_does(restored, true):
    wrong = score(restored, true, luma="rgb", border=0)
    answer, similar = explain(
        restored, true, scale=2, expected=wrong, tolerance=3.0, expected_ssim=0.9, tolerance_ssim=0.2
    ).answers
    first = next(match for match in answer.matches if match.value == pytest.approx(wrong, abs=1e-9))
    assert first.differences == ("RGB", "border 0") and first.oddness == 1
    assert first.describe("classic_sr") == "colour_denoising (RGB, border 0)"
    assert similar.matches[0].differences == () and "deblurring" in {name for m in similar.matches for name in m.names}


def test_the_nearest_number_is_one_somebody_would_take(restored, true):
    usual = score(restored, true)
    found = explain(restored, true, scale=2, expected=usual - 20)
    (answer,) = found.answers
    closer = [one for one in found.numbers if abs(one.psnr - usual + 20) < abs(answer.nearest.value - usual + 20)]
    assert answer.nearest.oddness <= 1 and closer and all(one.oddness > 1 for one in closer)


def test_the_picture_shows_the_few_ways_that_matter(restored, true):
    found = explain(restored.roll(1, 2), true, scale=2, expected=score(restored, true))
    assert len(found.numbers) > 40
    assert draw(found).height < 900


def test_the_protocol_itself_comes_before_every_other_match(restored, true):
    (answer,) = explain(restored, true, scale=2, expected=score(restored, true), tolerance=0.5).answers
    assert answer.matches[0].differences == ()
    oddness = [match.oddness for match in answer.matches]
    assert oddness == sorted(oddness) and len(oddness) > 1
    assert "to within 0.5 is classic_sr itself" in answer.describe("classic_sr")


def test_an_expected_ssim_is_found_among_the_windows(restored, true):
    wrong = ssim(restored, true, border=2, luma="rgb", round8=True, kind="matlab")
    (answer,) = explain(restored, true, scale=2, expected_ssim=wrong, tolerance_ssim=1e-6).answers
    assert answer.matches[0].differences == ("SSIM of MATLAB's built-in ssim", "RGB")


@pytest.mark.parametrize("luma", ["rgb", "bt601", "bt601_rounded", "ipt", "full_range"])
@pytest.mark.parametrize("round8_", [True, False])
def test_every_luma_and_border_scores_as_metrics_psnr(restored, true, luma, round8_):
    main = choice_of(CLASSIC_SR, scale=2)
    rounding = "8 bit" if round8_ else "none"
    choices = choices_around(main, scale=2, several=False, whole_levels=False)
    choices = [one for one in choices if (one.values, one.rounding, one.peak) == (luma, rounding, "255")]
    odd = restored * 1.02 - 0.003  # neither whole levels nor inside [0, 1]
    assert choices
    for choice, error in errors(odd, true, choices).items():
        expected = psnr(odd, true, border=choice.border, luma=luma, round8=round8_)
        assert error.psnr == pytest.approx(expected, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.floats(-2, 2), st.floats(-2, 2))
def test_moving_back_undoes_a_move(right, down):
    rows, columns = torch.arange(48.0).double()[:, None], torch.arange(64.0).double()[None]
    wave = (torch.sin(rows / 4) + torch.cos(columns / 5))[None]
    moved = (torch.sin((rows - down) / 4) + torch.cos((columns - right) / 5))[None]
    error = (Moved(right=right, down=down)(moved) - wave)[:, 12:-12, 12:-12]
    assert error.abs().max() < 0.01


def write(folder: Path, **pictures: Tensor) -> Path:
    folder.mkdir()
    for name, picture in pictures.items():
        write_image(folder / f"{name}.png", picture)
    return folder


def test_a_folder_is_the_mean_over_its_pictures_in_decibels(tmp_path, restored, true):
    ours = write(tmp_path / "ours", a_x2=restored, b_x2=true * 0.9)
    theirs = write(tmp_path / "theirs", a=true, b=true)
    found = explain_files(ours, theirs, scale=2)
    scores = [score(restored, true), score(read_image(ours / "b_x2.png"), true)]
    assert found.pictures == ("a", "b")
    assert found.psnr == pytest.approx(sum(scores) / 2, abs=1e-6)
    pooled = [one for one in found.numbers if one.choice.average == "error" and one.choice.values == "bt601"]
    mean = sum(10 ** (-one / 10) for one in scores) / 2
    assert pooled[0].psnr == pytest.approx(-10 * math.log10(mean), abs=1e-6)


def folders(tmp_path: Path, true: Tensor, **pictures: Tensor) -> tuple[Path, Path]:
    return write(tmp_path / "ours", **pictures), write(tmp_path / "theirs", **dict.fromkeys(pictures, true))


def test_a_mistake_in_one_picture_of_four_is_laid_on_that_picture(tmp_path, restored, true):
    ours, theirs = folders(tmp_path, true, a=restored, b=restored, c=restored, d=restored.roll(3, 1))
    found = explain_files(ours, theirs, scale=2)
    (finding,) = found.findings
    assert finding.pictures == ("d",) and finding.before == pytest.approx(found.psnr, abs=0.1)
    assert finding.after == pytest.approx(score(restored, true), abs=0.1)
    assert "d lies 3 px down of TRUE" in found.verdict
    assert [one.found for one in found.each] == [(), (), (), ("lies 3 px down of TRUE",)]
    assert found.worst[0].name == "d" and found.worst[0].psnr == pytest.approx(score(restored.roll(3, 1), true))


def test_pictures_with_a_mistake_each_are_all_named(tmp_path, restored, true):
    dark = round8(restored**1.1)
    ours, theirs = folders(tmp_path, true, a=restored, b=restored.flip(0), c=dark, d=restored.roll(1, 2), e=restored)
    found = explain_files(ours, theirs, scale=2)
    assert {one.pictures: one.mistake[:20] for one in found.findings} == {
        ("b",): "has red and blue exchanged"[:20],
        ("c",): "has a gamma of 1.1 too much"[:20],
        ("d",): "lies 1 px to the right of TRUE"[:20],
    }


def test_a_mistake_in_most_pictures_is_not_undone_in_the_honest_one(tmp_path, restored, true):
    moved = restored.roll(1, 2)
    ours, theirs = folders(tmp_path, true, a=moved, b=moved, c=restored, d=moved)
    (finding,) = explain_files(ours, theirs, scale=2).findings
    assert finding.subject == "RESTORED of all but c" and finding.pictures == ("a", "b", "d")
    assert finding.after == pytest.approx(score(restored, true), abs=0.1)


def test_one_jpeg_among_three_pictures_is_named(tmp_path, restored, true):
    ours, theirs = folders(tmp_path, true, a=restored, b=jpeg(restored, 75), c=restored)
    (finding,) = explain_files(ours, theirs, scale=2).findings
    assert finding.subject == "b" and "quality 75 " in finding.mistake


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (["baby_x2_SwinIR", "bird_x2_SwinIR"], ["baby", "bird"]),
        (["babyx2", "birdx2"], ["baby", "bird"]),
        (["img_001_SRF_2_HAT", "img_002_SRF_2_HAT"], ["img_001_SRF_2_HR", "img_002_SRF_2_HR"]),
        (["rain-001", "rain-010"], ["norain-001", "norain-010"]),
        (["1_x2", "10_x2", "2_x2"], ["1", "10", "2"]),
        (["out_head", "out_woman"], ["head", "woman"]),
    ],
)
def test_names_of_the_field_are_paired(ours, theirs):
    assert pair(ours, theirs, where="here") == dict(zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (["man_woman"], ["man", "woman"], "nothing belongs to woman"),
        (["x_man_woman_y", "man"], ["man", "woman"], "man or woman"),
        (["baby_1", "baby_2"], ["baby"], "baby_1 and baby_2 both belong to baby"),
        (["baby", "dog"], ["baby", "cat"], "nothing belongs to dog"),
        (["img_011", "img_012"], ["img_001", "img_002"], "nothing belongs to img_011"),
    ],
)
def test_nothing_is_guessed(ours, theirs, said):
    with pytest.raises(PixmendError, match=said):
        pair(ours, theirs, where="here")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda image: image[:, :-1, :-3],
            "3 pixels more or less across and 1 down: they agree best with their top left corners laid together",
        ),
        (lambda image: image[:, 1:, :], "bottom (left|right) corners"),
        (lambda image: image[:, ::2, ::2], "RESTORED is 2 times smaller"),
        (lambda image: image.repeat(1, 3, 3), "TRUE is 3 times smaller"),
        (lambda image: image.transpose(1, 2), "width and height are exchanged"),
        (lambda image: image[:, :100, :120], "expected one size"),
        (lambda image: image.mean(0, keepdim=True), "RESTORED is grey and TRUE in colour"),
        (lambda image: (image * 255).byte(), "floats"),
        (lambda image: image[:, :20, :20], "one picture"),
    ],
)
def test_pictures_that_do_not_belong_together_are_refused_with_the_reason(restored, true, change: Callable, said):
    with pytest.raises(PixmendError, match=said):
        explain(change(restored), true)


def test_a_true_picture_that_is_no_multiple_of_the_scale_is_cropped_and_that_is_said(restored, true):
    whole = functional.pad(true, (0, 1, 0, 1), mode="replicate")
    found = explain(restored, whole, scale=2)
    assert found.psnr == pytest.approx(score(restored, true), abs=1e-6)
    assert found.notes == ("TRUE was cropped at the right and bottom to the size of RESTORED",)


def test_a_true_picture_cropped_at_the_wrong_end_shows_as_a_move(restored, true):
    assert mistakes(explain(restored[:, :-2, :-2], true[:, 1:-1, 2:], scale=2)) == [
        "lies 2 px to the right and 1 px down of TRUE"
    ]


def test_grey_pictures_are_explained(restored, true):
    a, b = restored[1:2], true[1:2]
    assert explain(a, b, scale=2).psnr == pytest.approx(score(a, b), abs=1e-6)


def test_identical_pictures_are_said_to_be_the_same(true):
    found = explain(true, true, scale=2)
    assert found.psnr == math.inf and found.findings == ()
    assert "are the same" in found.verdict
    assert json.loads(found.to_json())["psnr"] == "inf"
    assert draw(found).width == 1000


def test_too_small_pictures_are_refused():
    with pytest.raises(PixmendError, match="expected at least 27 x 27"):
        explain(torch.rand(3, 26, 40), torch.rand(3, 26, 40), scale=2)


def test_another_protocol_is_the_start_when_named(restored, true):
    found = explain(restored, true, scale=2, protocol=DERAINING)
    assert found.protocol == "deraining"
    assert found.psnr == pytest.approx(score(restored, true, luma="bt601_rounded", border=0), abs=1e-6)


def test_json_and_markdown_hold_every_number(restored, true, low):
    found = explain(restored.roll(1, 2), true, scale=2, low=low, expected=30.0)
    content = json.loads(found.to_json())
    assert len(content["numbers"]) == len(found.numbers) > 40
    assert content["findings"][0]["mistake"] == "lies 1 px to the right of TRUE"
    assert content["low"]["is_matlab"] is True
    assert content["numbers"][0]["description"] == "BT.601 luma; border 2; 8-bit pictures"
    text = found.to_markdown()
    assert found.verdict in text and "full-range luma" in text
