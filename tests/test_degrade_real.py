"""Real-ESRGAN's and BSRGAN's degradations: what is drawn, in which order, and what comes out."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmend.data import degradation, scale
from pixmend.degrade import (
    BSRGAN,
    JPEG,
    Bicubic,
    Chain,
    ColourNoise,
    Decimate,
    EllipticBlur,
    GaussianBlur,
    GaussianNoise,
    PoissonNoise,
    RealESRGAN,
    ResizeTo,
    Round8,
    Sinc,
    TorchResize,
    chain_text,
    multiple,
    parse_chain,
)
from pixmend.errors import PixmendError

BOTH = (RealESRGAN, BSRGAN)
BLURS = (GaussianBlur, EllipticBlur, Sinc)
NOISES = (GaussianNoise, PoissonNoise, ColourNoise)
DRAWN = 2000
REAL = [RealESRGAN(scale=4).drawn(256, 256, seed=(0, n)) for n in range(DRAWN)]
SHUFFLED = [BSRGAN(scale=4).drawn(256, 256, seed=(0, n)) for n in range(DRAWN)]


def picture(height: int, width: int, *, channels: int = 3) -> torch.Tensor:
    coarse = torch.rand(1, channels, 9, 9, generator=torch.Generator().manual_seed(2))
    fine = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")
    return fine[0].clamp(0, 1)


def share(count: int, expected: float) -> None:
    """That so many of all draws are as likely as that: within four standard deviations."""
    assert abs(count / DRAWN - expected) < 4 * math.sqrt(expected * (1 - expected) / DRAWN)


def kinds(steps: tuple) -> list[str]:
    names = {**dict.fromkeys(BLURS, "blur"), **dict.fromkeys(NOISES, "noise"), TorchResize: "resize"}
    return [names.get(type(step), type(step).__name__) for step in steps]


@pytest.mark.parametrize("kind", BOTH)
@given(
    rows=st.integers(1, 9), columns=st.integers(1, 9), scale=st.sampled_from([1, 2, 3, 4]), seed=st.integers(0, 10**6)
)
@settings(max_examples=60, deadline=None)
def test_any_picture_comes_out_8_bit_and_smaller_by_just_the_scale(kind, rows, columns, scale, seed):
    low = kind(scale=scale)(picture(rows * scale, columns * scale), seed)
    assert low.shape == (3, rows, columns) and low.dtype == torch.float32
    assert torch.equal(low, Round8()(low))


@pytest.mark.parametrize("kind", BOTH)
def test_the_key_decides_everything_and_the_global_seed_nothing(kind):
    clean = picture(64, 48)
    torch.manual_seed(0)
    low = kind(scale=4)(clean, (3, 1))
    torch.manual_seed(1)
    assert torch.equal(kind(scale=4)(clean, (3, 1)), low)
    others = [kind(scale=4)(clean, (3, n)) for n in range(2, 12)]
    assert not any(torch.equal(other, low) for other in others)


@pytest.mark.parametrize("kind", BOTH)
def test_what_is_drawn_is_a_chain_that_can_be_printed_read_and_applied(kind):
    clean = picture(64, 64)
    for seed in range(20):
        chain = Chain(*kind(scale=4).drawn(64, 64, seed=seed))
        assert parse_chain(chain_text(chain)) == chain
        assert torch.equal(chain(clean, seed), kind(scale=4)(clean, seed))


@pytest.mark.parametrize("kind", BOTH)
def test_grey_pictures_stay_grey_and_doubles_double(kind):
    grey = picture(32, 32, channels=1).double()
    for seed in range(30):
        low = kind(scale=2)(grey, seed)
        assert low.shape == (1, 16, 16) and low.dtype == torch.float64


@pytest.mark.parametrize("kind", BOTH)
def test_the_picture_given_is_not_changed(kind):
    clean = picture(32, 32)
    before = clean.clone()
    for seed in range(10):
        kind(scale=2)(clean, seed)
    assert torch.equal(clean, before)


@pytest.mark.parametrize("kind", BOTH)
def test_sides_must_be_multiples_of_the_scale(kind):
    assert multiple(kind(scale=4)) == 4
    with pytest.raises(PixmendError, match=rf"{kind.__name__}: expected sides that are multiples of 4, got 3x30x32"):
        kind(scale=4)(picture(30, 32), 0)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("bad", [0, -2, 2.0])
def test_a_scale_that_is_none_is_refused(kind, bad):
    with pytest.raises(PixmendError, match="expected a whole scale of 1 or more"):
        kind(scale=bad)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (torch.rand(2, 8, 8), r"expected a picture \(1 or 3, H, W\), got 2x8x8"),
        (torch.rand(1, 3, 8, 8), "got 1x3x8x8"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), "expected floats"),
        (torch.rand(3, 0, 8), "H, W >= 1"),
    ],
)
def test_what_is_no_picture_is_refused(kind, bad, message):
    with pytest.raises(PixmendError, match=message):
        kind(scale=2)(bad, 0)


def test_real_esrgan_degrades_twice_in_order():
    for steps in REAL:
        names = kinds(steps)
        assert names[:4] == ["blur", "resize", "noise", "JPEG"]
        second = names[4:]
        if second[0] == "blur":
            second = second[1:]
        assert second[:2] == ["ResizeTo", "noise"]
        assert second[2:] in (
            ["ResizeTo", "JPEG", "Round8"],
            ["ResizeTo", "blur", "JPEG", "Round8"],
            ["JPEG", "ResizeTo", "Round8"],
            ["JPEG", "ResizeTo", "blur", "Round8"],
        )


def test_real_esrgan_draws_as_often_as_its_options_say():
    names = [kinds(steps) for steps in REAL]
    share(sum(each[4] == "blur" for each in names), 0.8)
    share(sum("blur" in each[-4:] for each in names), 0.8)
    share(sum(each[-2] == "JPEG" for each in names), 0.5)
    first, ways = [steps[0] for steps in REAL], [steps[1].factor for steps in REAL]
    share(sum(isinstance(blur, Sinc) for blur in first), 0.1)
    share(sum(isinstance(blur, GaussianBlur) for blur in first), 0.9 * 0.45)
    share(sum(factor < 1 for factor in ways), 0.7)
    share(sum(factor > 1 for factor in ways), 0.2)
    elliptic = [blur for blur in first if isinstance(blur, EllipticBlur)]
    share(sum(blur.shape == "plateau" for blur in elliptic), 0.9 * 0.15)
    share(sum(blur.sigma[0] != blur.sigma[1] for blur in elliptic), 0.9 * 0.31)
    noise = [steps[2] for steps in REAL]
    share(sum(isinstance(step, GaussianNoise) for step in noise), 0.5)
    share(sum(step.grey for step in noise), 0.4)
    assert Counter(steps[1].mode for steps in REAL).keys() == {"area", "bilinear", "bicubic"}


def test_real_esrgan_draws_within_its_ranges_the_second_time_weaker():
    first = [step for steps in REAL for step in steps[:4]]
    second = [step for steps in REAL for step in steps[4:]]
    assert all(0.15 <= step.factor <= 1.5 for step in first if isinstance(step, TorchResize))
    for steps, sigma, noise, photons in ((first, 3.0, 30, 3.0), (second, 1.5, 25, 2.5)):
        blurs = [s for s in steps if isinstance(s, GaussianBlur)]
        ends = [s.sigma for s in blurs] + [v for s in steps if isinstance(s, EllipticBlur) for v in s.sigma]
        assert 0.2 <= min(ends) < 0.3 and sigma - 0.1 < max(ends) <= sigma
        levels = [s.sigma for s in steps if isinstance(s, GaussianNoise)]
        assert 1 <= min(levels) < 2 and noise - 1 < max(levels) <= noise
        scales = [s.scale for s in steps if isinstance(s, PoissonNoise)]
        assert min(scales) >= 0.05 and photons - 0.1 < max(scales) <= photons
    qualities = {step.quality for step in (*first, *second) if isinstance(step, JPEG)}
    assert qualities == set(range(30, 96))
    sizes = {step.size for step in (*first, *second) if isinstance(step, BLURS)}
    assert sizes == set(range(7, 22, 2))
    assert {s.clip for s in (*first, *second) if isinstance(s, NOISES)} == {True}


def test_the_wider_a_sinc_the_lower_its_cutoff_may_be():
    sincs = [steps[0] for steps in REAL if isinstance(steps[0], Sinc)]
    narrow = [step.cutoff for step in sincs if step.size < 13]
    wide = [step.cutoff for step in sincs if step.size >= 13]
    assert math.pi / 3 <= min(narrow) + 1e-4 and math.pi / 5 <= min(wide) + 1e-4 < math.pi / 3


def test_real_esrgan_resizes_the_second_time_around_the_size_asked_for():
    sides = [next(step for step in steps if isinstance(step, ResizeTo)).height for steps in REAL]
    assert min(sides) >= int(0.3 * 64) and max(sides) <= 1.2 * 64
    share(sum(side == 64 for side in sides), 0.3 + 0.3 / (0.2 * 64))  # not resized, or up by less than a pixel


def test_bsrgan_ends_with_a_jpeg_and_has_every_part_before_it():
    for steps in SHUFFLED:
        assert isinstance(steps[-1], JPEG)
        parts = steps[1:] if _halved(steps) else steps
        count = Counter(kinds(parts[:-1]))
        assert count["blur"] == 2 and count["noise"] == 1 and count["JPEG"] <= 1
        assert count["ResizeTo"] + count["Decimate"] == 2


def _halved(steps: tuple) -> bool:
    """Whether there is a resizing more than the two of every chain, which then comes first."""
    return sum(isinstance(step, ResizeTo | Decimate | Bicubic) for step in steps) == 3


def test_bsrgan_shuffles_but_resizes_to_the_size_asked_for_last():
    orders = Counter()
    for steps in SHUFFLED:
        resized = [step for step in steps if isinstance(step, ResizeTo | Decimate)]
        assert (resized[-1].height, resized[-1].width) == (64, 64)
        orders[tuple(kinds(steps))] += 1
    assert len(orders) > 60
    share(sum(isinstance(steps[0], NOISES) for steps in SHUFFLED if not _halved(steps)), 0.75 / 6)


def test_bsrgan_draws_as_often_as_its_code():
    share(sum(map(_halved, SHUFFLED)), 0.25)
    share(sum(isinstance(steps[0], Bicubic) for steps in SHUFFLED), 0.125)
    share(sum(any(isinstance(step, Decimate) for step in steps) for steps in SHUFFLED), 0.25)
    share(sum(sum(isinstance(step, JPEG) for step in steps) == 2 for steps in SHUFFLED), 0.9)
    noise = [step for steps in SHUFFLED for step in steps if isinstance(step, NOISES)]
    share(sum(isinstance(step, ColourNoise) for step in noise), 0.2)
    plain = [step for step in noise if isinstance(step, GaussianNoise)]
    share(sum(step.grey for step in plain), 0.4)
    assert {step.sigma for step in plain} == set(range(2, 26))


def test_bsrgan_blurs_less_where_it_halved_before():
    for halved, times in ((False, 4), (True, 2)):
        steps = [step for steps in SHUFFLED if _halved(steps) == halved for step in steps]
        round_ = max(step.sigma for step in steps if isinstance(step, GaussianBlur))
        longest = max(max(step.sigma) for step in steps if isinstance(step, EllipticBlur))
        assert 0.95 < round_ / (2 + 0.2 * times) <= 1
        assert 0.95 < longest / math.sqrt(4 + times) <= 1
        assert {step.scale for step in steps if isinstance(step, Decimate)} == {times}


def test_no_grey_picture_gets_coloured_noise():
    drawn = [BSRGAN(scale=2).drawn(64, 64, seed=n, channels=1) for n in range(200)]
    assert not any(isinstance(step, ColourNoise) for steps in drawn for step in steps)


def test_coloured_noise_of_bsrgan_has_no_channel_against_another():
    noises = [step for steps in SHUFFLED for step in steps if isinstance(step, ColourNoise)]
    values = torch.tensor([step.covariance for step in noises])
    assert values.min() >= 0 and values.max() <= 625
    assert float(values[:, 0, 1].mean()) > 20


@pytest.mark.parametrize(("task", "expected"), [("sr_real_x2", 2), ("sr_real_x4", 4)])
def test_real_photographs_are_a_task_of_their_own(task, expected):
    assert degradation(task) == RealESRGAN(scale=expected)
    assert scale(task) == expected


def test_there_is_no_such_task_at_other_scales():
    with pytest.raises(PixmendError, match="no task is called 'sr_real_x3'"):
        degradation("sr_real_x3")
