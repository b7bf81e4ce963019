"""Nothing comes out of a pipeline silently wrong: what networks planted here do is noticed, mended or told."""

import copy
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from pixmend.degrade.resize import imresize
from pixmend.errors import PixmendError
from pixmend.infer.guard import Damaged, Flat, NotFinite, Report, find_faults, unchanged
from pixmend.infer.pipeline import Pipeline
from pixmend.models import build
from pixmend.models.base import Restorer
from pixmend.seeding import generator
from small import SMALL


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=generator(shape))


class Planted(Restorer):
    """Halves the picture; tiles whose first value is ``at`` come out wrong, in bfloat16 only or always."""

    multiple = 8

    def __init__(self, wrong: str, *, at: float | None = None, always: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((), 0.5))
        self.wrong, self.at, self.always = wrong, at, always

    def restore(self, x: Tensor) -> Tensor:
        y = x * self.weight
        planted = self.always or torch.is_autocast_enabled("cpu")
        if not planted or (self.at is not None and float(x[0, 0, 0, 0]) != self.at):
            return y
        wrong = {"nan": y * float("nan"), "inf": y / 0, "flat": torch.zeros_like(y), "far": y * 9, "below": y - 3}
        return wrong[self.wrong]


FAULTS = {"nan": "not finite", "inf": "not finite", "flat": "flat", "far": "out of range", "below": "out of range"}


@pytest.mark.parametrize("wrong", FAULTS)
def test_a_tile_that_is_wrong_in_bfloat16_is_computed_again_in_float32_and_counted(wrong: str) -> None:
    image = noise(3, 64, 150)
    last = Pipeline(Planted(wrong), tile=64).plan(image).steps[0].tiles.columns[-1].start
    network = Planted(wrong, at=float(image[0, 0, last]))
    restored = Pipeline(network, tile=64, precision="bfloat16").restore(image)
    torch.testing.assert_close(restored.pixels, image / 2, atol=2e-3, rtol=0)
    assert restored.report.again == {FAULTS[wrong]: 1} and restored.report.tiles == 4
    assert restored.report.warnings == (f"1 of 4 tiles was {FAULTS[wrong]} in bfloat16 and computed again in float32",)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(("wrong", "error"), [("nan", NotFinite), ("inf", NotFinite), ("flat", Flat)])
def test_a_tile_that_stays_wrong_is_an_error_that_names_it(wrong: str, error: type[Damaged], precision: str) -> None:
    image = noise(3, 128, 64)
    network = Planted(wrong, at=float(image[0, 64, 0]), always=True)
    with pytest.raises(error, match=r"^tile 3 of 3 \(left 0, top 64\): the network gave .*: its weights are damaged$"):
        Pipeline(network, tile=64, precision=precision)(image)  # type: ignore[arg-type]


def test_the_error_of_a_picture_that_is_done_whole_names_no_tile() -> None:
    with pytest.raises(NotFinite, match="^the network gave"):
        Pipeline(Planted("nan", always=True))(noise(3, 20, 20))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_values_far_out_of_range_are_a_result_with_a_warning(precision: str, caplog: pytest.LogCaptureFixture) -> None:
    image = noise(3, 20, 20)
    with caplog.at_level(logging.WARNING):
        result = Pipeline(Planted("far", always=True), precision=precision)(image)  # type: ignore[arg-type]
    torch.testing.assert_close(result, image * 4.5)
    assert (
        f"out of range: values from {float(result.min()):.2f} to {float(result.max()):.2f}, expected 0" in caplog.text
    )


def test_a_network_that_is_always_out_of_range_is_computed_twice_only_once() -> None:
    report = Pipeline(Planted("far", always=True), tile=64, precision="bfloat16").restore(noise(3, 64, 200)).report
    assert report.again == {"out of range": 1} and report.beyond == report.tiles > 2


def test_a_flat_picture_may_come_out_flat_and_out_of_no_range() -> None:
    for image in (torch.zeros(3, 20, 20), torch.full((3, 20, 20), 0.7), noise(3, 20, 20) / 300):
        assert Pipeline(Planted("flat", always=True)).restore(image).report.again == {}


@given(st.floats(-0.9, 0), st.floats(1, 1.9), st.integers(1, 4))
def test_overshoot_of_less_than_the_whole_range_is_no_fault(low: float, high: float, tiles: int) -> None:
    x = noise(tiles, 3, 6, 6)
    assert find_faults(x, low + (high - low) * x) == {}


def test_only_the_tiles_with_a_fault_have_one() -> None:
    x = noise(4, 3, 8, 8)
    y = x.repeat_interleave(2, -1).repeat_interleave(2, -2)
    y[1, 2, 3, 3], y[2], y[3, 0, 0, 0] = float("-inf"), torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1), 2.5
    assert find_faults(x, y) == {1: "not finite", 2: "flat", 3: "out of range"}


def test_a_picture_beyond_white_may_have_a_result_beyond_white() -> None:
    x = noise(1, 3, 8, 8) * 5
    assert find_faults(x, x + 0.5) == {} and find_faults(x, x + 2) == {0: "out of range"}


# Nothing done


def test_a_result_that_is_the_picture_itself_is_told_with_numbers(caplog: pytest.LogCaptureFixture) -> None:
    class Lazy(Planted):
        def restore(self, x: Tensor) -> Tensor:
            return x + 0.05 / 255 * self.weight

    with caplog.at_level(logging.WARNING):
        Pipeline(Lazy("none"))(noise(3, 300, 20))
    assert "the result is the picture itself, no value further from it than 0.025 levels of 255" in caplog.text


def test_a_result_with_one_changed_value_is_not_the_picture_itself() -> None:
    before = noise(3, 600, 10)
    after = before.clone()
    after[2, 599, 9] += 0.11 / 255
    assert unchanged(before, before) == 0 and unchanged(before, after) is None


@pytest.mark.parametrize("size", [(1, 200), (70, 130), (64, 64)])
@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("how", ["a bicubic enlargement", "a repetition of pixels"])
def test_a_mere_enlargement_is_told(how: str, scale: int, size: tuple[int, int]) -> None:
    before = noise(3, *size)
    repeated = before.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    after = repeated if "repetition" in how else imresize(before, scale=scale)
    report = Report()
    report.note_unchanged(before, after)
    assert f"the result is only {how}, no value further" in "".join(report.warnings)
    after[0, -1, -1] += 0.01
    report = Report()
    report.note_unchanged(before, after)
    assert report.warnings == ()


def test_what_has_nothing_learnt_may_do_nothing() -> None:
    class Identity(Restorer):
        def restore(self, x: Tensor) -> Tensor:
            return x

    assert Pipeline(Identity()).restore(noise(3, 20, 20)).report.warnings == ()


def test_a_good_result_has_nothing_to_tell() -> None:
    report = Pipeline(Planted("none"), tile=64).restore(noise(3, 100, 100)).report
    assert (report.tiles, report.warnings) == (9, ())


# Threads


def test_eight_threads_with_several_networks_and_a_shared_one_get_what_one_thread_gets() -> None:
    names = ["edt_t", "swinir", "edsr_baseline", "rcan"]
    pipelines = [Pipeline(build(SMALL[name]), tile=96) for name in names]
    jobs = [(pipelines[index % 4 if index % 2 else 0], noise(3, 20 + index, 90 + index)) for index in range(8)]
    alone = [pipeline.restore(image) for pipeline, image in jobs]
    fresh = {pipeline: Pipeline(copy.deepcopy(pipeline.networks[0]), tile=96) for pipeline in pipelines}
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda job: fresh[job[0]].restore(job[1]), jobs))
    assert all(torch.equal(one.pixels, other.pixels) for one, other in zip(alone, together, strict=True))
    assert [one.report for one in alone] == [other.report for other in together]


def test_reports_of_threads_that_share_a_pipeline_are_their_own() -> None:
    good, bad = noise(3, 64, 100), noise(3, 64, 90)
    pipeline = Pipeline(Planted("flat", at=float(bad[0, 0, 0])), tile=64, precision="bfloat16")
    with ThreadPoolExecutor(8) as pool:
        reports = [each.report for each in pool.map(pipeline.restore, [good, bad] * 8)]
    assert all(report.again == {} for report in reports[::2])
    assert all(report.again == {"flat": 1} for report in reports[1::2])


def test_a_picture_with_values_that_are_not_finite_is_the_pictures_fault() -> None:
    with pytest.raises(PixmendError, match="the picture holds values that are not finite"):
        Pipeline(Planted("none"))(torch.full((3, 4, 4), float("nan")))
