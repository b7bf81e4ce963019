"""How far a cut is felt is measured, and tiles overlap by as much as was asked or measured."""

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import pixmend as pm
from pixmend.errors import PixmendError
from pixmend.evaluate.baseline import BicubicEnlarge
from pixmend.infer.pipeline import NotFinite, Pipeline
from pixmend.infer.reach import LEVELS, Reach, measure_reach
from pixmend.models import build
from pixmend.models.base import Restorer
from pixmend.seeding import generator
from small import SMALL


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=generator(shape))


def faint(*shape: int) -> Tensor:
    return 0.5 + 0.1 * noise(*shape)


class Convolutions(Restorer):
    """So many of 3 x 3, of random weights."""

    def __init__(self, count: int, *, multiple: int = 1) -> None:
        super().__init__()
        self.multiple = multiple
        kernel = torch.rand(3, 3, 3, 3, generator=generator(1))
        self.kernel, self.count = nn.Parameter(kernel / kernel.sum((1, 2, 3), keepdim=True)), count
        self.calls = 0

    def restore(self, x: Tensor) -> Tensor:
        self.calls += 1
        for _ in range(self.count):
            x = F.conv2d(F.pad(x, (1, 1, 1, 1), "reflect"), self.kernel)
        return x


class Pooled(Restorer):
    """Adds the mean of the whole picture."""

    def restore(self, x: Tensor) -> Tensor:
        return x + x.mean((-2, -1), keepdim=True)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_a_cut_is_felt_by_as_many_pixels_as_there_are_convolutions(count: int) -> None:
    reach = measure_reach(Convolutions(count), noise(3, 40, 48), side=40)
    assert bool((reach.largest[:count] > 0.01).all()) and float(reach.largest[count:].max()) < 1e-3
    assert reach.distance(0.01) == count and reach.independent and reach.span == 20


@pytest.mark.parametrize("scale", [2, 3])
def test_bicubic_enlargement_feels_a_cut_two_pixels_far(scale: int) -> None:
    reach = measure_reach(BicubicEnlarge(scale), noise(3, 32, 32))
    assert bool((reach.largest[2 * scale :] < 1e-3).all()) and 1 < (reach.distance(0.01) or 0) <= 2


def test_what_a_network_takes_from_the_whole_picture_is_felt_everywhere() -> None:
    image = noise(3, 64, 64)
    image[:, :32] *= 0.5
    reach = measure_reach(Pooled(), image)
    means = [part.mean((-2, -1)) for part in (image, image[:, :32], image[:, 32:])]
    largest = max(float((part - means[0]).abs().max()) for part in means[1:]) * 255
    assert reach.plateau == pytest.approx(largest, rel=1e-3) and not reach.independent
    assert reach.distance() is None


@pytest.mark.parametrize("name", SMALL)
def test_every_family_is_cut_on_the_grid_of_its_windows(name: str) -> None:
    network = build(SMALL[name])
    network = network.select(network.tasks[0] if network.tasks else None)
    side = max(2 * network.multiple, 16)
    reach = measure_reach(network, noise(network.in_channels, side, side))
    assert reach.span >= side // 2 // network.multiple * network.multiple
    assert len(reach.largest) == len(reach.rms) == reach.span * network.scale
    assert bool((reach.rms <= reach.largest).all()) and float(reach.largest.max()) > 0


def test_the_network_is_measured_as_it_restores_and_left_as_it_was() -> None:
    class Dropping(Convolutions):
        def restore(self, x: Tensor) -> Tensor:
            return F.dropout(super().restore(x), training=self.training)

    network = Dropping(1).train()
    assert measure_reach(network, noise(3, 40, 40)).independent and network.training


def test_the_most_textured_places_of_the_picture_are_cut() -> None:
    image = torch.full((3, 96, 160), 0.5)
    image[:, 40:80, 120:160] = noise(3, 40, 40)
    image[:, :30, :30] = 0.5 + 0.1 * noise(3, 30, 30)
    reach = measure_reach(Convolutions(1, multiple=8), image, side=48, places=2)
    assert all(top % 8 == left % 8 == 0 for top, left in reach.places) and reach.size == (48, 48)
    (top, left), second = reach.places
    assert top <= 40 and top + 48 >= 80 and left == 112 and second == (0, 0)


def test_a_picture_too_small_for_a_cut_and_a_network_that_cuts_itself_are_refused() -> None:
    with pytest.raises(PixmendError, match="15 x 8 pixels are too few to be cut on a grid of 8"):
        measure_reach(Convolutions(1, multiple=8), noise(3, 8, 15))
    network = Convolutions(1)
    network.fixed_size = 48
    with pytest.raises(PixmendError, match="windows of 48 pixels"):
        measure_reach(network, noise(3, 96, 96))


def test_damaged_weights_are_said_so_whether_measured_or_restored_with() -> None:
    network = Convolutions(1)
    network.kernel.data.fill_(float("nan"))
    with pytest.raises(PixmendError, match="not finite: its weights are damaged"):
        measure_reach(network, noise(3, 40, 40))
    with pytest.raises(NotFinite):
        Pipeline(network, tile=64, overlap="measured")(noise(3, 64, 100))


def planted(*levels: float) -> Reach:
    errs = torch.tensor(levels)
    return Reach(largest=errs, rms=errs, scale=1, multiple=1, places=((0, 0),), size=(8, 8))


def test_what_blending_leaves_is_the_error_in_the_middle_of_the_ramp_or_beyond_it() -> None:
    reach = planted(8.0, 4.0, 1.0, 0.25)
    assert reach.blended(0) == 8.0
    assert reach.blended(1) == pytest.approx(8.0)  # both tiles have half a share of the only pixel
    assert reach.blended(2) == pytest.approx(4)  # the outer quarters of the overlap have no share
    assert reach.blended(3) == pytest.approx(4)  # in the middle, half of each; at the edges none
    assert planted(0.0, 0.0, 3.0, 0.0).blended(2) == 3.0
    with pytest.raises(PixmendError, match="0 to 4"):
        reach.blended(5)


def test_the_smallest_overlap_that_is_enough_is_taken_else_the_smallest_of_the_best() -> None:
    assert planted(*[1.0, 0.3, 0.0, 0.0] + 4 * [0.0]).overlap() == 2
    assert planted(*[0.4] * 8).overlap() == 0
    assert planted(*[9.0, 2.0] + 6 * [2.0]).overlap() == 2


@pytest.mark.parametrize(("task", "tile"), [("sr_x2", 64), ("dn_g25", 128)])
def test_tiles_of_the_bundled_network_differ_by_what_was_foretold(task: str, tile: int) -> None:
    network = pm.load("default").select(task)
    image = pm.read_image("examples/sign.png")[:, 60 : 60 + tile, 40 : 40 + 3 * tile // 2]
    overlap = tile // 2
    reach = measure_reach(network, image, side=tile, places=2)
    whole = Pipeline(network, tile=3 * tile // 2)(image)
    blended = Pipeline(network, tile=tile, overlap=overlap)
    assert blended.plan(image).tile_count == 2
    left = float((blended(image) - whole).abs().max()) * 255
    assert 0 < left <= 1.6 * reach.blended(overlap)


def test_the_measured_overlap_leaves_half_a_level_where_one_does(caplog: pytest.LogCaptureFixture) -> None:
    network, image = Convolutions(4, multiple=2), faint(3, 64, 150)
    pipeline = Pipeline(network, tile=64, overlap="measured")
    with caplog.at_level(logging.WARNING):
        result = pipeline(image)
    step = pipeline.plan(image).steps[0]
    assert float((result - network(image[None])[0].detach()).abs().max()) * 255 <= LEVELS
    assert 0 < step.overlap < 32 and not caplog.records
    assert f"tiles of 64 overlapping by {step.overlap}" in str(step)


def test_an_overlap_is_measured_once_and_by_one_thread() -> None:
    network = Convolutions(2)
    pipeline = Pipeline(network, tile=64, overlap="measured")
    images = [faint(3, 64, 100), faint(3, 100, 64)]
    plans = [pipeline.plan(image) for image in images]
    assert "overlapping by 32 until it is measured" in str(plans[0])
    before = network.calls
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(pipeline, images))
    assert network.calls - before == 5 + sum(pipeline.plan(image).tile_count for image in images)
    for image, result in zip(images, results, strict=True):
        torch.testing.assert_close(result, network(image[None])[0], atol=LEVELS / 255, rtol=0)


def test_where_no_overlap_is_enough_a_warning_says_what_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    image = torch.cat([noise(3, 64, 70), noise(3, 64, 70) / 4], 2)
    with caplog.at_level(logging.WARNING):
        Pipeline(Pooled(), tile=64, overlap="measured")(image)
    assert "no overlap up to 32 pixels hides the tiles: with 0," in caplog.text


def test_without_memory_to_measure_the_usual_overlap_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    class Full(Convolutions):
        def restore(self, x: Tensor) -> Tensor:
            if self.calls == 2:  # after the two on which memory is measured
                self.calls += 1
                raise torch.OutOfMemoryError("out of memory")
            return super().restore(x)

    pipeline = Pipeline(Full(1), tile=64, overlap="measured")
    with caplog.at_level(logging.WARNING):
        pipeline(noise(3, 64, 100))
    assert "out of memory while the overlap was measured: tiles overlap by 32" in caplog.text


def test_progress_ends_with_all_tiles_also_where_measuring_changed_their_number() -> None:
    told: list[tuple[int, int]] = []
    Pipeline(Convolutions(1), tile=64, overlap="measured")(
        noise(3, 64, 150), progress=lambda done, total: told.append((done, total))
    )
    assert told[-1][0] == told[-1][1] == len(told)


@pytest.mark.parametrize(("overlap", "taken"), [(0, 0), (1, 8), (16, 16), (25, 32)])
def test_an_overlap_in_pixels_is_rounded_up_to_the_grid(overlap: int, taken: int) -> None:
    network, image = Convolutions(1, multiple=8), noise(3, 64, 150)
    step = Pipeline(network, tile=64, overlap=overlap).plan(image).steps[0]
    assert step.overlap == taken and f"tiles of 64 overlapping by {taken}" in str(step)
    shared = [
        before.stop - after.start for before, after in zip(step.tiles.columns, step.tiles.columns[1:], strict=False)
    ]
    assert min(shared) >= taken


def test_a_tile_is_chosen_for_the_overlap_asked_for() -> None:
    base = Pipeline(Convolutions(1)).plan((300, 300))
    step = Pipeline(Convolutions(1), max_memory=base.peak_bytes - 10**6, overlap=40).plan((300, 300)).steps[0]
    assert len(step.tiles) > 1 and step.tile >= 80


@pytest.mark.parametrize("overlap", [-1, 2.5, "32", "all", True])
def test_what_is_no_overlap_is_refused(overlap: object) -> None:
    with pytest.raises(PixmendError, match="overlap: expected pixels, 0 or more, or 'measured', got"):
        Pipeline(Convolutions(1), overlap=overlap)  # type: ignore[arg-type]


def test_more_than_half_a_tile_is_refused() -> None:
    with pytest.raises(PixmendError, match="overlap 33: more than half a tile of 64: use 32"):
        Pipeline(Convolutions(1), tile=64, overlap=33).plan((100, 100))
    with pytest.raises(PixmendError, match="overlap 500: more than half of any tile, since none may exceed 192"):
        Pipeline(Convolutions(1), overlap=500, device="cpu").plan((900, 900))


def test_a_network_that_cuts_its_own_windows_takes_no_overlap() -> None:
    network = Convolutions(1)
    network.fixed_size = 48
    with pytest.raises(PixmendError, match="overlap: this network blends windows of 48 pixels itself"):
        Pipeline(network, overlap="measured")
