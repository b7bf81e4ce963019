"""Any size of a result: which one is meant, which networks lead there, and one resampling that is MATLAB's."""

import logging
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from pixmend.degrade import imresize
from pixmend.errors import PixmendError
from pixmend.image import Picture, WriteOptions, read_picture, write_picture
from pixmend.infer.picture import restore_picture
from pixmend.infer.pipeline import Pipeline
from pixmend.infer.resample import Resample
from pixmend.infer.sizing import Size, chain_scale
from pixmend.infer.stream import carry_out, plan_stream, stream_picture
from pixmend.infer.stream.journal import place_of
from pixmend.models.base import Restorer

SIDES = st.integers(1, 5000)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


class Sharpen(Restorer):
    """A fixed Laplacian that overshoots, and the picture repeated where it is to be enlarged."""

    def __init__(self, scale: int = 1) -> None:
        super().__init__()
        self.scale = scale
        self.weight = torch.nn.Parameter(torch.tensor(1.0))

    def restore(self, x: Tensor) -> Tensor:
        kernel = torch.tensor([[0.0, -0.25, 0.0], [-0.25, 1.0, -0.25], [0.0, -0.25, 0.0]]).expand(3, 1, 3, 3)
        around = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")
        y = x + self.weight * torch.nn.functional.conv2d(around, kernel, groups=3)
        return y.repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2)


# Which size


@pytest.mark.parametrize(
    ("size", "given", "expected"),
    [
        (Size(scale=1.5), (333, 501), (500, 752)),
        (Size(scale=1.15), (10, 100), (12, 115)),
        (Size(scale=0.5), (5, 9), (3, 5)),
        (Size(scale=0.001), (100, 2000), (1, 2)),
        (Size(width=1920), (1000, 1500), (1280, 1920)),
        (Size(width=7), (3, 5000), (1, 7)),
        (Size(height=100), (300, 451), (100, 150)),
        (Size(fit=(3840, 2160)), (1080, 1920), (2160, 3840)),
        (Size(fit=(3840, 2160)), (4000, 3000), (2160, 1620)),
        (Size(fit=(10, 10)), (1, 1), (10, 10)),
        (Size(megapixels=12), (1500, 2000), (3000, 4000)),
    ],
)
def test_a_size_is_rounded_once_and_keeps_the_shape(
    size: Size, given: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert size.of(given) == expected


@given(height=SIDES, width=SIDES, box=st.tuples(SIDES, SIDES))
@settings(max_examples=100, deadline=None)
def test_what_is_to_fit_touches_the_box_and_never_leaves_it(height: int, width: int, box: tuple[int, int]) -> None:
    made = Size(fit=box).of((height, width))
    assert made[0] <= box[1] and made[1] <= box[0]
    assert made[0] == box[1] or made[1] == box[0]


@given(height=SIDES, width=SIDES, asked=SIDES)
@settings(max_examples=100, deadline=None)
def test_the_other_side_is_at_most_half_a_pixel_off_and_never_gone(height: int, width: int, asked: int) -> None:
    made = Size(width=asked).of((height, width))
    assert made[1] == asked
    assert made[0] == 1 or abs(made[0] - height * asked / width) <= 0.5 + 1e-9


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "size: expected one of scale, .* got none"),
        ({"scale": 2, "width": 100}, "size: expected one of"),
        ({"scale": 0}, "scale: expected a number above 0, got 0"),
        ({"scale": math.nan}, "scale: expected a number"),
        ({"scale": math.inf}, "scale: expected a number"),
        ({"megapixels": -1}, "megapixels: expected a number above 0, got -1"),
        ({"width": 0}, "width: expected pixels above 0, got 0"),
        ({"height": 1.5}, "height: expected pixels above 0, got 1.5"),
        ({"fit": (100, 0)}, "fit: expected a width and a height above 0"),
        ({"fit": (100,)}, "fit: expected a width and a height above 0"),
        ({"fit": 100}, "fit: expected a width and a height above 0"),
    ],
)
def test_a_size_that_is_none_is_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(PixmendError, match=told):
        Size(**given)  # type: ignore[arg-type]


# Which networks


@pytest.mark.parametrize(
    ("factor", "have", "expected"),
    [
        (0.5, (2, 3, 4), ()),
        (1, (2, 3, 4), ()),
        (1.2, (2, 3, 4), (2,)),
        (2, (2, 3, 4), (2,)),
        (2.0000000000000004, (2, 3, 4), (2,)),
        (2.01, (2, 3, 4), (3,)),
        (4, (2, 3, 4), (4,)),
        (5, (2, 3, 4), (2, 3)),
        (6.5, (4, 2, 3), (2, 4)),
        (16, (2, 3, 4), (4, 4)),
        (100, (2, 3, 4), (4, 4)),
        (3, (2,), (2, 2)),
        (5, (2,), (2, 2)),
        (2, (1,), ()),
        (2, (), ()),
    ],
)
def test_the_least_enlargement_that_reaches_the_size_is_run(
    factor: float, have: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert chain_scale(factor, have) == expected


@pytest.mark.parametrize("factor", [0, -1, math.nan, math.inf])
def test_a_factor_that_is_none_is_refused(factor: float) -> None:
    with pytest.raises(PixmendError, match="scale: expected a number above 0"):
        chain_scale(factor, (2,))


@pytest.mark.parametrize("size", [Size(width=2000), Size(height=1334), Size(fit=(2000, 9999)), Size(scale=2)])
def test_exactly_twice_the_picture_takes_a_network_of_two(size: Size) -> None:
    assert chain_scale(size.factor((667, 1000)), (2, 3, 4)) == (2,)


# One resampling


@pytest.mark.parametrize(
    ("size", "target"),
    [((40, 50), (17, 23)), ((7, 9), (100, 30)), ((90, 1500), (135, 2250)), ((3, 3), (1, 1)), ((1, 1), (5, 4))],
)
def test_resampling_is_matlabs(size: tuple[int, int], target: tuple[int, int]) -> None:
    image = noise(3, *size)
    torch.testing.assert_close(Resample(size, target).whole(image), imresize(image, size=target), rtol=0, atol=3e-7)


@given(size=st.tuples(st.integers(1, 90), st.integers(1, 90)), target=st.tuples(st.integers(1, 90), st.integers(1, 90)))
@settings(max_examples=60, deadline=None)
def test_any_part_is_bit_for_bit_that_of_the_whole_and_asks_for_rows_that_never_go_back(
    size: tuple[int, int], target: tuple[int, int]
) -> None:
    image, resample = noise(1, *size), Resample(size, target)
    whole = resample.whole(image)
    across = resample.needs(range(target[1]), axis=1)
    before = range(0)
    for row in range(target[0]):
        down = resample.needs(range(row, row + 1), axis=0)
        assert down.start >= before.start and down.stop >= before.stop
        before = down
        crop = image[:, down.start : down.stop, across.start : across.stop]
        assert torch.equal(resample.part(crop, range(row, row + 1), range(target[1])), whole[:, row : row + 1])


def test_a_part_in_the_size_it_has_is_the_picture() -> None:
    image = noise(3, 30, 40)
    assert torch.equal(Resample((30, 40), (30, 40)).whole(image), image)


# Whole pictures


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_a_picture_of_any_channels_comes_in_the_size_asked_for(channels: int) -> None:
    picture = Picture(pixels=noise(channels, 30, 41), icc=b"profile", dpi=(200.0, 100.0))
    result = restore_picture(Pipeline(Sharpen(2)), picture, size=(45, 62))
    assert result.pixels.shape == (channels, 45, 62)
    assert (result.icc, result.dpi) == (b"profile", (200.0, 100.0))
    made = restore_picture(Pipeline(Sharpen(2)), picture).pixels.clamp(0, 1)
    torch.testing.assert_close(result.pixels, imresize(made, size=(45, 62)), rtol=0, atol=3e-7)


def test_the_networks_own_size_is_not_resampled() -> None:
    picture = Picture(pixels=noise(3, 30, 41))
    same = restore_picture(Pipeline(Sharpen(2)), picture, size=(60, 82)).pixels
    assert torch.equal(same, restore_picture(Pipeline(Sharpen(2)), picture).pixels) and same.max() > 1


def test_transparency_is_resampled_once_from_the_picture_and_what_is_hidden_does_not_show() -> None:
    pixels, alpha = torch.zeros(3, 40, 40), torch.zeros(1, 40, 40)
    pixels[:, :, :20], alpha[:, :, :20] = 0.8, 1  # white lies hidden beside it
    pixels[:, :, 20:] = 1
    result = restore_picture(Pipeline(Sharpen(2)), Picture(pixels=pixels, alpha=alpha), size=(50, 50))
    assert result.alpha is not None
    assert torch.equal(result.alpha, imresize(alpha, size=(50, 50)).clamp(0, 1))
    shown = (result.alpha > 0).expand_as(result.pixels)
    assert (result.pixels[shown] - 0.8).abs().max() < 0.01
    opaque = restore_picture(Pipeline(Sharpen(2)), Picture(pixels=pixels, alpha=torch.ones(1, 40, 40)), size=(7, 7))
    assert opaque.alpha is not None and bool((opaque.alpha == 1).all())


def test_a_size_of_nothing_is_refused_before_the_work() -> None:
    seen: list[int] = []
    with pytest.raises(PixmendError, match="size: expected"):
        restore_picture(
            Pipeline(Sharpen(2)),
            Picture(pixels=noise(3, 9, 9)),
            size=(0, 5),
            progress=lambda done, total: seen.append(done),
        )
    assert not seen


@pytest.mark.parametrize("size", [(200_000, 300_000), (1, 10_000_001)])
def test_a_size_that_no_memory_holds_is_refused_before_the_work(size: tuple[int, int]) -> None:
    with pytest.raises(PixmendError, match="allowed are|from 1 to 10000000 pixels"):
        Pipeline(Sharpen(2), device="cpu").plan((9, 9), size=size)
        Resample((9, 9), size)


def test_the_plan_tells_the_size_and_what_it_takes() -> None:
    pipeline = Pipeline(Sharpen(2))
    plain, plan = pipeline.plan((100, 100)), pipeline.plan((100, 100), size=(5000, 5000))
    assert plan.output_size == (5000, 5000) and "to 200 x 200" in str(plan) and "; to 5000 x 5000" in str(plan)
    assert plan.peak_bytes > plain.peak_bytes and plan.peak_bytes - plan.base_bytes >= 4 * 3 * 5000**2
    assert str(pipeline.plan((100, 100), size=(200, 200))) == str(plain)
    with pytest.raises(PixmendError, match="size 5000 x 5000: takes .*allowed are"):
        Pipeline(Sharpen(2), max_memory=plan.peak_bytes - 10**7).plan((100, 100), size=(5000, 5000))


# Larger than memory


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """150 x 140 pixels of colour."""
    path = tmp_path / "source.tif"
    write_picture(path, Picture(pixels=noise(3, 140, 150)))
    return path


SIZES = [(210, 225), (301, 299), (35, 37), (1, 1), (500, 20)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_in_bands_it_is_what_it_is_in_memory(size: tuple[int, int], suffix: str, source: Path, tmp_path: Path) -> None:
    pipeline, target = Pipeline(Sharpen(2), tile=64), tmp_path / f"bands{suffix}"
    plan = plan_stream(pipeline, source, target=target, size=size)
    assert plan.steps.output_size == size and f"to {size[1]} x {size[0]}" in str(plan)
    assert plan.raw_bytes == 3 * size[0] * size[1]
    assert carry_out(pipeline, plan).size == size
    write_picture(tmp_path / "whole.png", restore_picture(pipeline, read_picture(source), size=size))
    assert torch.equal(read_picture(target).pixels, read_picture(tmp_path / "whole.png").pixels)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_transparent_and_deep_pictures_are_the_same_in_bands(depth: int, channels: int, tmp_path: Path) -> None:
    alpha = noise(1, 130, 90, seed=1).clamp(0.1, 1)
    picture = Picture(pixels=noise(channels, 130, 90), alpha=alpha, depth=depth)  # type: ignore[arg-type]
    write_picture(tmp_path / "source.png", picture)
    pipeline = Pipeline(Sharpen(2), tile=64)
    pipeline.networks = (Sharpen(), Sharpen(2))
    for size in ((195, 135), (60, 41)):
        stream_picture(pipeline, tmp_path / "source.png", target=tmp_path / "bands.png", size=size)
        write_picture(tmp_path / "w.png", restore_picture(pipeline, read_picture(tmp_path / "source.png"), size=size))
        after, expected = read_picture(tmp_path / "bands.png"), read_picture(tmp_path / "w.png")
        assert torch.equal(after.pixels, expected.pixels) and after.depth == depth
        assert after.alpha is not None and expected.alpha is not None and torch.equal(after.alpha, expected.alpha)


class Stop(BaseException):
    """Not an Exception, as Ctrl-C is none."""


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_stopped_after_any_tile_the_same_call_makes_the_same_bytes(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixmend.infer.stream.plan.strip_rows", lambda **_: 8)  # of a picture too small for several
    source, size = tmp_path / "source.tif", (420, 450)
    write_picture(source, Picture(pixels=noise(3, 280, 300)))
    pipeline = Pipeline(Sharpen(2), tile=64)
    target, uninterrupted = tmp_path / f"again{suffix}", tmp_path / f"once{suffix}"
    stream_picture(pipeline, source, target=uninterrupted, size=size)
    tiles = plan_stream(pipeline, source, target=target, size=size).steps.tile_count

    for last in (1, tiles // 3, tiles // 2, tiles // 2 + 1, tiles - 1, tiles):

        def stop(done: int, total: int, last: int = last) -> None:
            if done >= last:
                raise Stop

        with pytest.raises(Stop):
            stream_picture(pipeline, source, target=target, size=size, progress=stop)
        assert not target.exists()
    done = stream_picture(pipeline, source, target=target, size=size)
    assert 200 < done.resumed_rows < 420
    assert target.read_bytes() == uninterrupted.read_bytes()
    assert not place_of(target).exists()


@pytest.mark.parametrize("changed", ["size", "ensemble", "strength"])
def test_begun_with_another_size_ensemble_or_strength_it_starts_anew_and_says_so(
    changed: str, source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def stop(done: int, total: int) -> None:
        if done == total - 1:
            raise Stop

    with pytest.raises(Stop):
        stream_picture(Pipeline(Sharpen(), tile=64), source, target=tmp_path / "o.tif", progress=stop)
    options = {"ensemble": {"ensemble": 8}, "strength": {"strength": 0.5}}.get(changed, {})
    pipeline, size = Pipeline(Sharpen(), tile=64, **options), (70, 75) if changed == "size" else None  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        stream_picture(pipeline, source, target=tmp_path / "o.tif", size=size)
    assert f"begun with another {changed}" in caplog.text and "begun anew" in caplog.text
    write_picture(tmp_path / "w.png", restore_picture(pipeline, read_picture(source), size=size))
    assert torch.equal(read_picture(tmp_path / "o.tif").pixels, read_picture(tmp_path / "w.png").pixels)


def test_a_format_is_asked_whether_it_holds_the_size_that_is_wanted(tmp_path: Path) -> None:
    Image.new("L", (40_000, 2)).save(tmp_path / "wide.png")
    pipeline = Pipeline(Sharpen(2))
    with pytest.raises(PixmendError, match="JPEG holds at most 65535 pixels a side"):
        plan_stream(pipeline, tmp_path / "wide.png", target=tmp_path / "o.jpg")
    plan = plan_stream(pipeline, tmp_path / "wide.png", target=tmp_path / "o.jpg", size=(3, 60_000))
    assert plan.steps.output_size == (3, 60_000)
    small = plan_stream(
        pipeline, tmp_path / "wide.png", target=tmp_path / "o.tif", size=(1, 100), options=WriteOptions()
    )
    assert small.needed_bytes < 100
