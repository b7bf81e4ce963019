"""A pipeline gives the network's own result for any size, and says what it cannot do."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.image import Picture, read_image, write_image
from pixmend.infer.compare import compare
from pixmend.infer.device import is_out_of_memory
from pixmend.infer.footprint import ALLOCATOR_FACTOR, bytes_per_pixel
from pixmend.infer.forecast import memory_words
from pixmend.infer.picture import restore_picture
from pixmend.infer.pipeline import Pipeline
from pixmend.models.base import MultiTask, Restorer
from pixmend.seeding import generator


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=generator(shape))


def enlarge(image: Tensor, scale: int) -> Tensor:
    return image.repeat_interleave(scale, -1).repeat_interleave(scale, -2)


class Enlarger(Restorer):
    """Repeats pixels; fails, if asked to, on tiles above a size or outside float32."""

    def __init__(self, *, scale: int = 1, multiple: int = 8) -> None:
        super().__init__()
        self.scale, self.multiple = scale, multiple
        self.weight = nn.Parameter(torch.ones(()))
        self.shapes: list[tuple[int, int]] = []
        self.room: int | None = None
        self.refusal: Exception = torch.OutOfMemoryError("out of memory")
        self.overflows: tuple[torch.dtype, ...] = ()

    def restore(self, x: Tensor) -> Tensor:
        self.shapes.append((x.shape[-2], x.shape[-1]))
        if self.room is not None and x.shape[-2] * x.shape[-1] > self.room**2:
            raise self.refusal
        lower = torch.is_autocast_enabled("cpu")
        if (torch.bfloat16 if lower else torch.float32) in self.overflows:
            return enlarge(x, self.scale) * float("inf")
        return enlarge(x, self.scale) * self.weight


class Blur(Restorer):
    """A convolution over 5 pixels: its result near a tile's edge depends on what lies beyond."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 5, padding=2, padding_mode="reflect")

    def restore(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Both(MultiTask):
    """Adds 0.25 for one task, doubles the size for the other."""

    tasks = ("dn_g25", "sr_x2")

    def select(self, task: str | None = None) -> Restorer:
        if self.check_task(task) == "sr_x2":
            return Enlarger(scale=2)
        network = Enlarger()
        network.weight.data.fill_(2.0)
        return network


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (65, 130), (129, 64)])
def test_tiles_give_what_the_whole_picture_gives(scale: int, size: tuple[int, int]) -> None:
    image = noise(3, *size)
    result = Pipeline(Enlarger(scale=scale), tile=64)(image)
    torch.testing.assert_close(result, enlarge(image, scale), atol=5e-7, rtol=0)


def test_tiles_of_a_convolution_come_within_its_effect_at_the_faded_edges() -> None:
    torch.manual_seed(0)
    network, image = Blur(), noise(3, 150, 150)
    tiled, whole = (Pipeline(network, tile=tile)(image) for tile in (64, None))
    assert (tiled - whole).abs().max() < 0.1 * whole.std()


def test_an_ordinary_picture_is_one_tile_and_exactly_the_networks_result() -> None:
    network, image = Blur().eval(), noise(3, 40, 50)
    with torch.no_grad():
        assert torch.equal(Pipeline(network)(image), network(image[None])[0])


def test_a_grey_picture_stays_grey() -> None:
    image = noise(1, 20, 30)
    result = Pipeline(Enlarger(scale=2))(image)
    torch.testing.assert_close(result, enlarge(image, 2), atol=1e-6, rtol=0)


def test_tasks_are_chained_in_the_order_given() -> None:
    image = noise(3, 9, 11) / 2
    pipeline = Pipeline(Both(), task=("dn_g25", "sr_x2"))
    assert pipeline.scale == 2
    torch.testing.assert_close(pipeline(image), enlarge(image * 2, 2))


def test_an_unknown_task_is_refused_with_those_there_are() -> None:
    with pytest.raises(PixmendError, match="no task 'sr_x3': this network has dn_g25, sr_x2"):
        Pipeline(Both(), task="sr_x3")


def test_several_tasks_and_none_named_is_refused() -> None:
    with pytest.raises(PixmendError, match="a task must be named"):
        Pipeline(Both())


def test_an_empty_chain_of_tasks_is_refused() -> None:
    with pytest.raises(PixmendError, match="task: expected one or more names"):
        Pipeline(Both(), task=())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_network_of_another_precision_is_used_in_float32(dtype: torch.dtype) -> None:
    network, image = Blur().to(dtype), noise(3, 16, 16)
    assert Pipeline(network)(image).dtype == torch.float32
    assert network.conv.weight.dtype == torch.float32


def test_the_result_may_be_changed_in_place() -> None:
    Pipeline(Enlarger())(noise(3, 70, 70)).clamp_(0, 1)


def test_the_picture_given_is_not_changed() -> None:
    image = noise(3, 70, 70)
    Pipeline(Enlarger(), tile=64)(image)
    assert torch.equal(image, noise(3, 70, 70))


def test_the_network_is_put_into_evaluation() -> None:
    network = Enlarger().train()
    Pipeline(network)
    assert not network.training


def test_progress_counts_the_tiles_of_the_whole_chain() -> None:
    seen: list[tuple[int, int]] = []
    pipeline = Pipeline(Both(), task=("dn_g25", "sr_x2"), tile=64)
    pipeline(noise(3, 80, 10), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)] and pipeline.plan((80, 10)).tile_count == 4


# Memory


@pytest.mark.parametrize(
    "refusal",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 12345 bytes."),
        MemoryError(),
    ],
)
def test_out_of_memory_halves_the_tile_goes_on_and_says_so(
    refusal: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    network, image = Enlarger(scale=2), noise(3, 200, 200)
    pipeline = Pipeline(network, tile=128)
    network.room, network.refusal = 70, refusal
    with caplog.at_level(logging.WARNING):
        result = pipeline(image)
    torch.testing.assert_close(result, enlarge(image, 2), atol=1e-6, rtol=0)
    assert caplog.messages[0] == "out of memory with tiles of 128, going on with tiles of 64"
    assert sum(shape == (128, 128) for shape in network.shapes) == 1


def test_a_whole_picture_that_does_not_fit_is_done_in_tiles_after_all() -> None:
    network, image = Enlarger(), noise(3, 150, 260)
    network.room = 100
    torch.testing.assert_close(Pipeline(network)(image), image, atol=1e-6, rtol=0)


def test_too_little_memory_for_the_smallest_tile_is_an_error() -> None:
    network = Enlarger()
    pipeline = Pipeline(network, tile=128)
    pipeline.plan((200, 200))  # measures the network, for which there still is room
    network.room = 20
    with pytest.raises(PixmendError, match="out of memory even with the smallest tile, 64 pixels"):
        pipeline(noise(3, 200, 200))


def test_any_other_error_of_the_network_is_not_swallowed() -> None:
    network = Enlarger()
    pipeline = Pipeline(network, tile=64)
    pipeline.plan((100, 100))
    network.room, network.refusal = 20, RuntimeError("shapes do not fit")
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        pipeline(noise(3, 100, 100))


def test_other_errors_are_not_taken_for_want_of_memory() -> None:
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_max_memory_makes_tiles_small_enough() -> None:
    network = Enlarger(scale=2)
    usual = Pipeline(network).plan((500, 400))
    plan = Pipeline(network, max_memory=usual.peak_bytes - 10**6).plan((500, 400))
    assert plan.peak_bytes <= usual.peak_bytes - 10**6 and plan.steps[0].tile < usual.steps[0].tile


def test_working_memory_is_the_peak_of_the_tensors_alive() -> None:
    def run(x: Tensor) -> Tensor:
        wide = x.repeat(1, 10, 1, 1)  # 10 times the input is alive, beside 20 times in the next line
        return torch.cat([wide, wide], dim=1)[:, :1].clone()

    measured = bytes_per_pixel(run, torch.zeros(1, 1, 32, 32))
    assert measured == round((10 + 20 + 1) * 4 * ALLOCATOR_FACTOR)


def test_a_plan_reads_as_one_line_with_sizes_tiles_and_memory() -> None:
    pipeline = Pipeline(Both(), task=("dn_g25", "sr_x2"), tile=64)
    plan = pipeline.plan(noise(3, 60, 100))
    assert plan.output_size == (120, 200)
    memory = f"about {memory_words(plan.peak_bytes)}"
    assert str(plan) == (
        f"100 x 60, 3 tiles of 64; then 100 x 60 to 200 x 120, 3 tiles of 64; cpu, float32, {memory}, 1 s"
    )


def test_the_peak_counts_the_pictures_at_the_worst_moment() -> None:
    plan = Pipeline(Both(), task=("dn_g25", "sr_x2")).plan((64, 64))
    pixels = 3 * 64 * 64 * 4
    pictures = pixels * (1 + 1 + 4)  # the original, the denoised, the enlarged one
    rows = max(plan.steps[1].working_bytes + 4 * pixels, 2 * 4 * pixels)  # one band at work, two to be blended
    assert plan.peak_bytes == plan.base_bytes + pictures + rows


# Guards


def test_bfloat16_is_used_when_asked_for() -> None:
    torch.manual_seed(0)
    image = noise(3, 16, 16)
    lower = Pipeline(Blur(), precision="bfloat16")(image)
    assert lower.dtype == torch.float32 and torch.equal(lower, lower.bfloat16().float())


def test_a_tile_that_is_not_finite_is_computed_again_in_float32(caplog: pytest.LogCaptureFixture) -> None:
    network, image = Enlarger(), noise(3, 16, 16)
    network.overflows = (torch.bfloat16,)
    with caplog.at_level(logging.WARNING):
        result = Pipeline(network, precision="bfloat16")(image)
    assert torch.equal(result, image) and "again in float32" in caplog.text


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_tile_that_stays_not_finite_is_an_error(precision: str) -> None:
    network = Enlarger()
    network.overflows = (torch.bfloat16, torch.float32)
    with pytest.raises(PixmendError, match="not finite: its weights are damaged"):
        Pipeline(network, precision=precision)(noise(3, 16, 16))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (torch.zeros(4, 5, 5), r"\(4, 5, 5\)"),
        (torch.zeros(1, 3, 5, 5), r"\(1, 3, 5, 5\)"),
        (torch.zeros(3, 0, 5), r"\(3, 0, 5\)"),
        (torch.zeros(3, 5, 5, dtype=torch.uint8), "torch.uint8"),
        (torch.full((3, 5, 5), float("nan")), "not finite"),
    ],
)
def test_what_is_not_a_picture_is_refused(image: Tensor, told: str) -> None:
    with pytest.raises(PixmendError, match=told):
        Pipeline(Enlarger())(image)


@pytest.mark.parametrize("device", ["nonsense", "cuda:99", "meta", "mkldnn", ""])
def test_a_device_this_machine_lacks_is_refused(device: str) -> None:
    with pytest.raises(PixmendError, match=f"device '{device}' cannot be used on this machine"):
        Pipeline(Enlarger(), device=device)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(PixmendError, match="precision 'float16' is not one of float32, bfloat16"):
        Pipeline(Enlarger(), precision="float16")  # type: ignore[arg-type]


# Whole pictures


def test_transparency_is_enlarged_with_the_picture_and_metadata_kept() -> None:
    picture = Picture(pixels=noise(3, 10, 12), alpha=noise(1, 10, 12), icc=b"profile", exif=b"exif")
    result = restore_picture(Pipeline(Enlarger(scale=2)), picture)
    assert result.pixels.shape == (3, 20, 24) and result.alpha is not None
    assert result.alpha.shape == (1, 20, 24) and result.alpha.min() >= 0 and result.alpha.max() <= 1
    assert (result.icc, result.exif) == (b"profile", b"exif")


def test_an_opaque_picture_stays_opaque() -> None:
    picture = Picture(pixels=noise(3, 10, 12), alpha=torch.ones(1, 10, 12))
    alpha = restore_picture(Pipeline(Enlarger(scale=3)), picture).alpha
    assert alpha is not None and bool((alpha > 1 - 1e-6).all())


def test_transparency_is_untouched_where_the_size_stays() -> None:
    picture = Picture(pixels=noise(3, 10, 12), alpha=noise(1, 10, 12))
    alpha = restore_picture(Pipeline(Enlarger()), picture).alpha
    assert alpha is not None and torch.equal(alpha, noise(1, 10, 12))


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (40, 30), (800, 900)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_comparison_of_any_size_is_a_picture_of_two_by_two(scale: int, size: tuple[int, int], channels: int) -> None:
    before = Picture(pixels=noise(channels, *size), alpha=noise(1, *size))
    after = replace(before, pixels=enlarge(before.pixels, scale), alpha=None)
    sheet = compare(before, {"after sr_x2": after})
    assert sheet.shape[0] == 3 and sheet.min() >= 0 and sheet.max() <= 1
    assert 100 < sheet.shape[1] < 2000 and 300 < sheet.shape[2] < 2000


def test_a_comparison_shows_the_result_in_its_right_half() -> None:
    before = Picture(pixels=torch.zeros(3, 40, 40))
    sheet = compare(before, {"after sr_x2": Picture(pixels=torch.ones(3, 80, 80))})
    left, right = sheet[:, :, : sheet.shape[2] // 2], sheet[:, :, sheet.shape[2] // 2 :]
    assert (left == 1).all(dim=0).float().mean() < 0.01 and (right == 1).all(dim=0).float().mean() > 0.5


def test_a_comparison_enlarges_the_most_detailed_place() -> None:
    pixels = torch.zeros(3, 600, 600)
    pixels[:, 450:550, 100:200] = noise(3, 100, 100)
    sheet = compare(Picture(pixels=pixels), {"after dn_g25": Picture(pixels=pixels)})
    detail = sheet[:, 800:, 740:]
    assert detail.std() > 2 * pixels.std()


class Windowed(Restorer):
    """Takes windows of 48 alone, and notes how many at once."""

    fixed_size, scale = 48, 2

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def restore(self, x: Tensor) -> Tensor:
        assert x.shape[-2:] == (48, 48)
        self.batches.append(len(x))
        return enlarge(x, 2)


def test_a_network_of_fixed_size_gets_its_windows_many_at_once() -> None:
    network, image = Windowed(), torch.rand(3, 100, 300)
    pipeline = Pipeline(network, device="cpu")
    step = pipeline.plan(image).steps[0]
    assert (step.tile, step.batch) == (48, len(step.tiles.columns))
    result = pipeline(image)
    assert network.batches[-len(step.tiles.rows) :] == [step.batch] * len(step.tiles.rows)
    torch.testing.assert_close(result, network(image[None])[0])


def test_a_network_of_fixed_size_takes_no_other_tile() -> None:
    with pytest.raises(PixmendError, match="tile 96: this network sees windows of 48 pixels and no others"):
        Pipeline(Windowed(), device="cpu", tile=96).plan((100, 100))


@pytest.mark.parametrize("side", [150, 200, 480, 511, 1000, 4000])
def test_windows_cost_at_most_a_quarter_of_a_window_every_12_pixels(side: int) -> None:
    every_12 = len({*range(0, side - 48 + 1, 12), side - 48}) ** 2
    step = Pipeline(Windowed(), device="cpu").plan((side, side)).steps[0]
    assert len(step.tiles) <= every_12 / 4


def test_fewer_windows_at_once_where_the_memory_ends() -> None:
    class Small(Windowed):  # as a device that is too small for three
        def restore(self, x: Tensor) -> Tensor:
            if len(x) > 2:
                raise torch.OutOfMemoryError("no")
            return super().restore(x)

    network, image = Small(), torch.rand(3, 60, 200)
    torch.testing.assert_close(Pipeline(network, device="cpu")(image), Windowed()(image[None])[0])


class Grey(Restorer):
    """Inverts one channel."""

    in_channels = out_channels = 1

    def restore(self, x: Tensor) -> Tensor:
        return 1 - x


def test_colours_go_through_a_grey_network_one_by_one() -> None:
    image = torch.rand(3, 30, 40)
    torch.testing.assert_close(Pipeline(Grey(), device="cpu")(image), 1 - image)


class TwoViews(Restorer):
    """The mean of two views."""

    in_channels = 6

    def restore(self, x: Tensor) -> Tensor:
        return (x[:, :3] + x[:, 3:]) / 2


@pytest.mark.parametrize("colours", [1, 3])
def test_two_views_go_in_and_one_picture_comes_out(colours: int) -> None:
    left, right = torch.rand(2, colours, 20, 30)
    result = Pipeline(TwoViews(), device="cpu")(torch.cat([left, right]))
    torch.testing.assert_close(result, (left + right) / 2)


def test_a_chain_whose_channels_do_not_meet_is_refused() -> None:
    class Views(TwoViews):
        tasks = ("defocus_dual",)

    with pytest.raises(PixmendError, match="6 channels go in and 3 come out: no chain"):
        Pipeline(Views(), task=("defocus_dual", "defocus_dual"), device="cpu")


def test_a_pipeline_does_folders_and_what_exceeds_the_memory_as_it_does_a_picture(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in" / "a.png", noise(3, 20, 30))
    fix = Pipeline(Enlarger(scale=2))
    alone = fix(read_image(tmp_path / "in" / "a.png"))
    assert [record.status for record in fix.folder(tmp_path / "in", tmp_path / "out")] == ["done"]
    fix.stream(tmp_path / "in" / "a.png", tmp_path / "b.png")
    for result in (tmp_path / "out" / "a.png", tmp_path / "b.png"):
        assert float((read_image(result) - alone.clamp(0, 1)).abs().max()) <= 0.51 / 255
