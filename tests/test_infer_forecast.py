"""What a plan foretells: memory near the measured one, tiles within what is allowed, and a word where nothing fits."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.infer.footprint import ALLOCATOR_FACTOR, measure_footprint
from pixmend.infer.forecast import memory_words, time_words
from pixmend.infer.memory import free, left_in_groups, machine, resident
from pixmend.infer.pipeline import Pipeline
from pixmend.infer.plan import plan_step
from pixmend.models import build
from pixmend.models.base import Restorer
from small import SMALL

CPU = torch.device("cpu")
FRESH = """
import json, sys, torch
from pathlib import Path
from pixmend.infer.pipeline import Pipeline
from pixmend.models import build
from small import SMALL

network = build(SMALL[sys.argv[1]])
pipeline = Pipeline(network, device="cpu")
image = torch.rand(pipeline.networks[0].in_channels, 100, 260)
foretold = pipeline.plan(image).peak_bytes
Path("/proc/self/clear_refs").write_text("5")
pipeline.restore(image)
lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([foretold, int(lines["VmHWM"].split()[0]) * 1024]))
"""


class Wide(Restorer):
    """Holds so many floats for each pixel at once, and so many whatever the size."""

    multiple = 8

    def __init__(self, *, each: int = 100, fixed: int = 0) -> None:
        super().__init__()
        self.share, self.each, self.fixed = nn.Parameter(torch.full((), 0.5)), each, fixed

    def restore(self, x: Tensor) -> Tensor:
        aside = x.new_ones(self.fixed)
        return x.repeat(1, self.each, 1, 1)[:, :3] * self.share + aside.sum() * 0


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of a part of the work"
)
@pytest.mark.parametrize("name", ["edt_t", pytest.param("restormer", marks=pytest.mark.slow), "rrdbnet"])
def test_the_peak_of_a_whole_process_is_within_a_quarter_of_the_forecast(name: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", FRESH, name], cwd=Path(__file__).parent, check=True, capture_output=True, text=True
    )
    foretold, measured = json.loads(told.stdout)
    assert foretold == pytest.approx(measured, rel=0.25)


def test_memory_is_a_line_through_what_two_small_pictures_take() -> None:
    plain, more = (
        measure_footprint(Wide(each=100, fixed=fixed), device=CPU, precision="float32") for fixed in (0, 10**6)
    )
    assert more.fixed - plain.fixed == pytest.approx(ALLOCATOR_FACTOR * 4 * 10**6, rel=0.01)
    assert plain.per_pixel == pytest.approx(ALLOCATOR_FACTOR * 4 * 300, rel=0.1)
    assert more.per_pixel == pytest.approx(plain.per_pixel, rel=0.01) and plain.seconds > 0


@pytest.mark.parametrize("name", SMALL)
def test_every_family_takes_more_for_more_pixels(name: str) -> None:
    network = build(SMALL[name]).select(None).eval()
    found = measure_footprint(network, device=CPU, precision="float32")
    assert found.per_pixel > 4 * (network.in_channels + network.out_channels * network.scale**2)


def test_a_forecast_leaves_out_the_compiler_of_pytorch() -> None:
    plan = "pm.Pipeline(pm.load('default'), task='dn_g25').plan((100, 100))"
    code = f"import sys, pixmend as pm; {plan}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "torch._dynamo.config" not in loaded.split()


def test_a_picture_given_is_not_counted_twice() -> None:
    image = torch.rand(3, 1500, 1600)
    given, unknown = (Pipeline(Wide()).plan(each) for each in (image, (1500, 1600)))
    assert unknown.base_bytes - given.base_bytes == pytest.approx(image.nbytes, abs=10_000_000)


def test_time_is_that_of_a_small_picture_for_each_pixel_computed() -> None:
    pipeline = Pipeline(Wide(), tile=64)
    plan = pipeline.plan((64, 64 + 32))
    assert plan.seconds == pytest.approx(2 * 64**2 * pipeline.footprints[0].seconds)


# What is allowed


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 4), st.integers(0, 400))
def test_pictures_rows_and_tiles_together_stay_within_what_is_allowed(
    height: int, width: int, scale: int, more: int
) -> None:
    held, per_row, least = 10**6, 12 * width * scale**2, 64 * 64 * 1000 + 10**5
    most = held + max(least + 64 * per_row, 128 * per_row) + more * 10**5
    step = plan_step(
        (height, width),
        scale=scale,
        multiple=8,
        bytes_per_pixel=1000,
        fixed_bytes=10**5,
        tile=None,
        max_memory=most,
        largest=192,
        held=held,
        row_bytes=per_row,
    )
    rows = min(step.tile, height) * per_row
    assert (held + max(step.working_bytes + rows, 2 * rows) <= most and step.tile <= 192) or len(step.tiles) == 1


def test_too_little_memory_says_how_much_is_needed_and_that_much_is_enough() -> None:
    with pytest.raises(PixmendError, match=r"1 MB of memory are too little: .* or more are needed$") as caught:
        Pipeline(Wide(), max_memory=10**6).plan((300, 300))
    *_, number, unit, _, _, _, _ = str(caught.value).split()
    needed = float(number) * {"MB": 1e6, "GB": 1e9}[unit]  # rounded, to a tenth of it where there are gigabytes
    enough = int(needed + {"MB": 1e7, "GB": 1e8}[unit])
    assert 64 <= Pipeline(Wide(), max_memory=enough).plan((300, 300)).steps[0].tile < 192


def test_a_tile_that_takes_more_than_is_allowed_is_refused() -> None:
    usual = Pipeline(Wide(each=1000), tile=192).plan((400, 400))
    with pytest.raises(PixmendError, match=r"^tile 192: takes [\d.]+ .B, allowed are [\d.]+ .B$"):
        Pipeline(Wide(each=1000), tile=192, max_memory=usual.peak_bytes - 5 * 10**7).plan((400, 400))


def test_fewer_windows_at_once_where_less_is_allowed() -> None:
    class Windows(Wide):
        fixed_size = 48

    usual = Pipeline(Windows(each=500)).plan((100, 2000))
    fewer = Pipeline(Windows(each=500), max_memory=usual.peak_bytes - 10**8).plan((100, 2000))
    assert 1 <= fewer.steps[0].batch < usual.steps[0].batch


def test_unless_told_a_share_of_what_is_free_may_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = []
    for left in (10**8, 10**11):
        monkeypatch.setattr("pixmend.infer.device.free", lambda left=left: left)
        tiles.append(Pipeline(Wide(each=400)).plan((400, 400)).steps[0].tile)
    assert tiles[0] < tiles[1] <= 192


def test_a_device_of_its_own_is_counted_apart() -> None:
    plan = Pipeline(Wide(each=1000)).plan((100, 100))
    there = replace(plan, device="cuda:0")
    assert there.device_bytes == plan.steps[0].working_bytes and plan.device_bytes == 0
    assert there.peak_bytes < plan.peak_bytes and "of the device" in str(there)


# The machine


def test_the_machine_has_more_than_is_free_and_this_process_holds_some() -> None:
    assert 0 < free() <= machine() and 5 * 10**7 < resident() < machine()


def test_a_container_has_what_its_limit_leaves(tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup/box"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/box\n")
    for name, content in {"memory.max": "1000", "memory.current": "700", "memory.stat": "inactive_file 50"}.items():
        (group / name).write_text(content)
    assert left_in_groups(tmp_path) == 350


@pytest.mark.parametrize(("count", "words"), [(12_000_000, "12 MB"), (949_000_000, "949 MB"), (2 * 10**9, "2.0 GB")])
def test_memory_is_said_in_megabytes_and_gigabytes(count: int, words: str) -> None:
    assert memory_words(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.1, "1 s"), (99, "99 s"), (600, "10 min"), (9000, "2.5 h"), (864_000, "10 days")]
)
def test_time_is_said_in_units_that_people_use(seconds: float, words: str) -> None:
    assert time_words(seconds) == words
