"""Pictures in bands: the same as in memory, the same after any kill, and refused in time where it cannot be."""

import errno
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.image import Picture, WriteOptions, read_picture, write_picture
from pixmend.image.bands import open_bands
from pixmend.infer.picture import restore_picture
from pixmend.infer.pipeline import Pipeline
from pixmend.infer.plan import smallest_tile
from pixmend.infer.stream import carry_out, certify, plan_stream, stream_picture
from pixmend.infer.stream.journal import place_of
from pixmend.models import build
from pixmend.models.base import MultiTask, Restorer
from small import SMALL


class Sharpen(Restorer):
    """A fixed Laplacian, and the picture repeated where it is to be enlarged."""

    def __init__(self, scale: int = 1, *, strength: float = 1.0, fixed_size: int | None = None) -> None:
        super().__init__()
        self.scale, self.fixed_size = scale, fixed_size
        self.weight = torch.nn.Parameter(torch.tensor(float(strength)))

    def restore(self, x: Tensor) -> Tensor:
        kernel = torch.tensor([[0.0, -0.25, 0.0], [-0.25, 1.0, -0.25], [0.0, -0.25, 0.0]]).expand(3, 1, 3, 3)
        y = x + self.weight * torch.nn.functional.conv2d(x, kernel, padding=1, groups=3)
        return y.repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """150 x 140 pixels of colour."""
    path = tmp_path / "source.tif"
    write_picture(path, Picture(pixels=noise(3, 140, 150)))
    return path


def whole(pipeline: Pipeline, source: Path, target: Path) -> Picture:
    write_picture(target, restore_picture(pipeline, read_picture(source)))
    return read_picture(target)


@pytest.mark.parametrize("name", SMALL)
def test_every_network_gives_in_bands_what_it_gives_in_memory(name: str, source: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build(SMALL[name]).eval()
    task = network.tasks[0] if isinstance(network, MultiTask) else None
    small = tmp_path / "small.png"
    write_picture(small, Picture(pixels=noise(3, 70, 100)))
    pipeline = Pipeline(network, task=task, tile=smallest_tile(network.select(task).multiple))
    stream_picture(pipeline, small, target=tmp_path / "bands.png")
    assert torch.equal(
        read_picture(tmp_path / "bands.png").pixels, whole(pipeline, small, tmp_path / "whole.png").pixels
    )


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_colour_of_8_and_16_bits_stay_what_they_are(
    suffix: str, depth: int, channels: int, tmp_path: Path
) -> None:
    before = Picture(pixels=noise(channels, 130, 90), depth=depth, dpi=(200.0, 100.0))  # type: ignore[arg-type]
    write_picture(tmp_path / f"source{suffix}", before)
    pipeline = Pipeline(Sharpen(2), tile=64)
    stream_picture(pipeline, tmp_path / f"source{suffix}", target=tmp_path / f"bands{suffix}")
    after = read_picture(tmp_path / f"bands{suffix}")
    expected = whole(pipeline, tmp_path / f"source{suffix}", tmp_path / f"whole{suffix}")
    assert torch.equal(after.pixels, expected.pixels)
    assert (after.depth, after.dpi) == (depth, expected.dpi)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_stored_turned_comes_out_upright(turn: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271], exif[274] = "maker", turn
    values = (noise(90, 130, 3).numpy() * 255).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "source.jpg", exif=exif, quality=95)
    pipeline = Pipeline(Sharpen(), tile=64)
    stream_picture(pipeline, tmp_path / "source.jpg", target=tmp_path / "bands.png")
    after, expected = read_picture(tmp_path / "bands.png"), whole(pipeline, tmp_path / "source.jpg", tmp_path / "w.png")
    assert torch.equal(after.pixels, expected.pixels)
    assert after.exif == expected.exif


def test_profile_exif_xmp_and_provenance_travel_along_into_every_format(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271] = "maker"
    xmp = b"<x:xmpmeta><rdf:RDF><a/></rdf:RDF></x:xmpmeta>"
    picture = Picture(pixels=noise(3, 80, 90), icc=b"profile" * 20, exif=exif.tobytes(), xmp=xmp, dpi=(72.0, 72.0))
    write_picture(tmp_path / "source.tif", picture)
    for suffix in (".tif", ".png", ".jpg"):
        made = {"model": "sharp"}
        stream_picture(
            Pipeline(Sharpen(), tile=64), tmp_path / "source.tif", target=tmp_path / f"o{suffix}", provenance=made
        )
        after = read_picture(tmp_path / f"o{suffix}")
        assert after.icc == picture.icc and after.dpi == pytest.approx((72, 72), rel=1e-3)
        assert after.exif is not None and b"maker" in after.exif
        assert after.xmp is not None and b"<a/>" in after.xmp and b"sharp" in after.xmp


def test_transparency_is_enlarged_and_what_is_hidden_does_not_bleed(tmp_path: Path) -> None:
    pixels, alpha = noise(3, 140, 150), torch.ones(1, 140, 150)
    alpha[:, 40:100, 50:110], pixels[:, 40:100, 50:110] = 0, 1.0
    write_picture(tmp_path / "source.png", Picture(pixels=pixels, alpha=alpha, depth=16))
    pipeline = Pipeline(Sharpen(2), tile=64)
    stream_picture(pipeline, tmp_path / "source.png", target=tmp_path / "bands.png")
    after, expected = (
        read_picture(tmp_path / "bands.png"),
        whole(pipeline, tmp_path / "source.png", tmp_path / "w.png"),
    )
    assert after.alpha is not None and expected.alpha is not None
    assert (after.alpha - expected.alpha).abs().max() < 1.1 / 65535
    seen = after.alpha > 0.99
    assert (((after.pixels - expected.pixels).abs() * seen).max()) < 0.1
    assert torch.equal(after.pixels[:, :60], expected.pixels[:, :60])


def test_several_networks_in_a_row_give_what_they_give_in_memory(source: Path, tmp_path: Path) -> None:
    pipeline = Pipeline(Sharpen(2), tile=64)
    pipeline.networks = (Sharpen(), Sharpen(2), Sharpen())
    stream_picture(pipeline, source, target=tmp_path / "bands.png")
    assert torch.equal(read_picture(tmp_path / "bands.png").pixels, whole(pipeline, source, tmp_path / "w.png").pixels)


def test_windows_of_a_fixed_size_are_computed_some_at_once(source: Path, tmp_path: Path) -> None:
    pipeline = Pipeline(Sharpen(fixed_size=48))
    plan = plan_stream(pipeline, source, target=tmp_path / "bands.png")
    assert plan.steps.steps[0].batch > 1
    carry_out(pipeline, plan)
    assert torch.equal(read_picture(tmp_path / "bands.png").pixels, whole(pipeline, source, tmp_path / "w.png").pixels)


def test_jpeg_is_what_the_encoder_makes_of_the_whole(source: Path, tmp_path: Path) -> None:
    pipeline = Pipeline(Sharpen(), tile=64)
    stream_picture(pipeline, source, target=tmp_path / "bands.jpg", options=WriteOptions(quality=80))
    write_picture(tmp_path / "w.jpg", restore_picture(pipeline, read_picture(source)), options=WriteOptions(quality=80))
    assert (read_picture(tmp_path / "bands.jpg").pixels - read_picture(tmp_path / "w.jpg").pixels).abs().max() < 2 / 255


def test_a_tiff_of_more_than_4_gigabytes_is_a_bigtiff_and_others_are_not(source: Path, tmp_path: Path) -> None:
    from pixmend.image.bands_write import growing

    nothing = torch.zeros(())
    heads = []
    for side in (1000, 40_000):
        picture = Picture(pixels=nothing.expand(3, side, side))
        heads.append(growing(picture, "o", file_format="TIFF", options=WriteOptions(), rows=8).start()[:4])
    assert heads == [b"II*\0", b"II+\0"]


class Stop(BaseException):
    """Not an Exception, as Ctrl-C is none."""


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_stopped_after_any_tile_the_same_call_makes_the_same_bytes(suffix: str, source: Path, tmp_path: Path) -> None:
    pipeline = Pipeline(Sharpen(2), tile=64)
    target, uninterrupted = tmp_path / f"again{suffix}", tmp_path / f"once{suffix}"
    stream_picture(pipeline, source, target=uninterrupted)
    tiles = plan_stream(pipeline, source, target=target).steps.tile_count

    for last in (1, 5, 6, tiles // 2, tiles // 2 + 1, tiles - 1, tiles):
        interrupted(pipeline, source, target, at=last / tiles)
        assert not target.exists()
    resumed = stream_picture(pipeline, source, target=target).resumed_rows
    assert resumed > 140
    assert target.read_bytes() == uninterrupted.read_bytes()
    assert not place_of(target).exists()


def test_progress_goes_on_where_it_was(source: Path, tmp_path: Path) -> None:
    pipeline, seen = Pipeline(Sharpen(), tile=64), []

    def stop(done: int, total: int) -> None:
        if done == total - 2:
            raise Stop

    with pytest.raises(Stop):
        stream_picture(pipeline, source, target=tmp_path / "o.tif", progress=stop)
    stream_picture(pipeline, source, target=tmp_path / "o.tif", progress=lambda done, total: seen.append((done, total)))
    totals = {total for _, total in seen}
    assert len(totals) == 1 and seen[0][0] > 1
    assert [done for done, _ in seen] == list(range(seen[0][0], totals.pop() + 1))


def interrupted(pipeline: Pipeline, source: Path, target: Path, *, at: float = 0.8) -> None:
    def stop(done: int, total: int) -> None:
        if done >= at * total:
            raise Stop

    with pytest.raises(Stop):
        stream_picture(pipeline, source, target=target, progress=stop)


@pytest.mark.parametrize("damage", ["torn line", "longer part", "shorter part", "other bytes", "no part"])
def test_what_a_power_cut_leaves_behind_is_found_and_made_again(damage: str, source: Path, tmp_path: Path) -> None:
    pipeline = Pipeline(Sharpen(), tile=64)
    target, uninterrupted = tmp_path / "again.png", tmp_path / "once.png"
    stream_picture(pipeline, source, target=uninterrupted)
    interrupted(pipeline, source, target)
    journal, part = place_of(target) / "journal.jsonl", place_of(target) / "picture.part"
    content = part.read_bytes()
    if damage == "torn line":
        journal.write_bytes(journal.read_bytes()[:-9])
    elif damage == "no part":
        part.unlink()
    else:
        changed = {"longer part": content + b"more", "shorter part": content[:-9]}
        part.write_bytes(changed.get(damage, bytes([*content[:2000], content[2000] ^ 1, *content[2001:]])))
    stream_picture(pipeline, source, target=target)
    assert target.read_bytes() == uninterrupted.read_bytes()


@pytest.mark.parametrize(
    ("change", "told"), [("picture", "another picture"), ("model", "another model"), ("options", "another options")]
)
def test_with_another_picture_model_or_options_it_starts_anew_and_says_so(
    change: str, told: str, source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target, options = tmp_path / "o.tif", WriteOptions()
    interrupted(Pipeline(Sharpen(), tile=64), source, target)
    if change == "picture":
        write_picture(source, Picture(pixels=noise(3, 140, 150, seed=1)))
    if change == "options":
        options = WriteOptions(compression="none")
    pipeline = Pipeline(Sharpen(strength=0.5 if change == "model" else 1), tile=64)
    with caplog.at_level(logging.WARNING):
        done = stream_picture(pipeline, source, target=target, options=options)
    assert f"begun with {told}" in caplog.text and "begun anew" in caplog.text
    assert done.resumed_rows == 0
    assert torch.equal(read_picture(target).pixels, whole(pipeline, source, tmp_path / "w.tif").pixels)


def test_killed_between_the_last_step_and_cleaning_up_only_cleans_up(source: Path, tmp_path: Path) -> None:
    pipeline, target = Pipeline(Sharpen(), tile=64), tmp_path / "o.tif"
    interrupted(pipeline, source, target, at=1)
    kept = tmp_path / "kept"
    shutil.copytree(place_of(target), kept)
    stream_picture(pipeline, source, target=target)
    content, seen = target.read_bytes(), []
    shutil.copytree(kept, place_of(target))
    journal = place_of(target) / "journal.jsonl"
    journal.write_bytes(journal.read_bytes() + b'{"finished": "picture.part"}\n')
    (place_of(target) / "picture.part").unlink()
    stream_picture(pipeline, source, target=target, progress=lambda done, total: seen.append(done))
    assert target.read_bytes() == content and not seen and not place_of(target).exists()


def test_a_full_disk_stops_with_one_line_and_keeps_what_is_done(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, target = Pipeline(Sharpen(), tile=64), tmp_path / "o.tif"
    stream_picture(pipeline, source, target=tmp_path / "once.tif")
    count, real = 0, os.fsync

    def full(descriptor: int) -> None:
        nonlocal count
        count += 1
        if count == 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PixmendError, match=r"the disk is full at row \d+ of 140, which are kept"):
        stream_picture(pipeline, source, target=target)
    monkeypatch.undo()
    assert not target.exists()
    assert stream_picture(pipeline, source, target=target).resumed_rows > 0
    assert target.read_bytes() == (tmp_path / "once.tif").read_bytes()


def test_two_processes_do_not_write_one_result(source: Path, tmp_path: Path) -> None:
    from pixmend.infer.stream.journal import open_journal

    with (
        open_journal(tmp_path / "o.tif"),
        pytest.raises(PixmendError, match="another pixmend is writing it"),
    ):
        stream_picture(Pipeline(Sharpen(), tile=64), source, target=tmp_path / "o.tif")


def test_a_disk_with_too_little_room_is_refused_before_the_work(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 100, 100))
    with pytest.raises(PixmendError, match=r"takes at least .* are free"):
        stream_picture(Pipeline(Sharpen(), tile=64), source, target=tmp_path / "o.tif")
    assert not place_of(tmp_path / "o.tif").exists()


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("o.webp", "WEBP holds at most"),
        ("o.bmp", "cannot be written row by row"),
        ("o.jpg", "JPEG holds at most 65535 pixels a side"),
        ("nowhere/o.tif", "not an existing folder"),
        ("o", "cannot tell the output format"),
    ],
)
def test_a_result_that_cannot_be_written_so_is_refused_before_the_work(target: str, told: str, tmp_path: Path) -> None:
    Image.new("L", (40_000, 2)).save(tmp_path / "wide.png")
    with pytest.raises(PixmendError, match=told):
        stream_picture(Pipeline(Sharpen(2)), tmp_path / "wide.png", target=tmp_path / target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wide.png"]


def save_16_bits_of_floats(path: Path) -> None:
    write_picture(path, Picture(pixels=noise(3, 20, 20), depth=32))


@pytest.mark.parametrize(
    ("name", "make", "told"),
    [
        ("a.webp", lambda path: Image.new("RGB", (9, 9)).save(path), "only PNG, JPEG and TIFF"),
        ("a.jpg", lambda path: Image.new("CMYK", (9, 9)).save(path), "convert it to RGB first"),
        ("a.tif", save_16_bits_of_floats, "floats or several channels"),
        ("a.png", lambda path: path.write_bytes(b""), "the file is empty"),
        ("a.png", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\nabc"), "damaged or cut short"),
        ("a.png", lambda path: None, "no such file"),
    ],
)
def test_what_cannot_be_read_row_by_row_is_refused_in_one_line(
    name: str, make: object, told: str, tmp_path: Path
) -> None:
    make(tmp_path / name)  # type: ignore[operator]
    with pytest.raises(PixmendError, match=told) as error:
        stream_picture(Pipeline(Sharpen()), tmp_path / name, target=tmp_path / "o.tif")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_picture_cut_short_fails_at_the_row_and_leaves_no_result(name: str, tmp_path: Path) -> None:
    Image.fromarray((noise(400, 300, 3).numpy() * 255).astype(np.uint8)).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(PixmendError, match="damaged or cut short"):
        stream_picture(Pipeline(Sharpen(), tile=64), tmp_path / name, target=tmp_path / "o.tif")
    assert not (tmp_path / "o.tif").exists()


def test_damaged_weights_fail_and_name_the_tile(source: Path, tmp_path: Path) -> None:
    with pytest.raises(PixmendError, match=r"tile 1 of .*not finite"):
        stream_picture(Pipeline(Sharpen(strength=float("nan")), tile=64), source, target=tmp_path / "o.tif")


def test_a_result_that_is_the_picture_itself_is_told(source: Path, tmp_path: Path) -> None:
    done = stream_picture(Pipeline(Sharpen(strength=0), tile=64), source, target=tmp_path / "o.tif")
    assert "the picture itself" in done.warnings[0]
    assert not stream_picture(Pipeline(Sharpen(), tile=64), source, target=tmp_path / "p.tif").warnings


def test_little_memory_makes_smaller_tiles_and_too_little_is_refused(source: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    pipeline = Pipeline(build(SMALL["edsr_baseline"]))
    write_picture(source, Picture(pixels=noise(3, 300, 300)))
    roomy = plan_stream(pipeline, source, target=tmp_path / "o.tif")
    tight = plan_stream(pipeline, source, target=tmp_path / "o.tif", memory=roomy.peak_bytes * 19 // 20)
    assert tight.peak_bytes < roomy.peak_bytes
    assert tight.steps.steps[0].tile < roomy.steps.steps[0].tile
    with pytest.raises(PixmendError, match="of memory are too little"):
        plan_stream(pipeline, source, target=tmp_path / "o.tif", memory=roomy.held_bytes)


def test_the_header_of_a_huge_picture_is_read_without_its_pixels(tmp_path: Path) -> None:
    from pixmend.image.bands_write import growing

    picture = Picture(pixels=torch.zeros(()).expand(3, 3000, 200_000), dpi=(300.0, 300.0))
    file = growing(picture, "o", file_format="PNG", options=WriteOptions(), rows=1)
    (tmp_path / "huge.png").write_bytes(file.start() + file.pack(np.zeros((1, 200_000, 3), np.uint8))[0])
    banded = open_bands(tmp_path / "huge.png")
    assert banded.size == (3000, 200_000) and banded.picture.dpi == pytest.approx((300, 300), rel=1e-3)


def test_the_certificate_sees_no_seam_where_tiles_overlap_enough_and_one_where_not(
    source: Path, tmp_path: Path
) -> None:
    write_picture(source, Picture(pixels=noise(3, 128, 192)))  # which tiles of 64 cover edge to edge
    found = []
    for overlap in (32, 0):
        pipeline = Pipeline(Sharpen(2), tile=64, overlap=overlap)
        plan = plan_stream(pipeline, source, target=tmp_path / "o.tif")
        found.append(certify(pipeline, plan, places=2))
    assert found[0].largest < 0.001 < 1 < found[1].largest
    assert found[0].decibels < 0.005 < found[1].decibels
    assert len(found[0].seams) == 2


def test_the_certificate_tells_the_difference_of_the_file_to_the_whole_result(source: Path, tmp_path: Path) -> None:
    write_picture(source, Picture(pixels=noise(3, 128, 192)))
    pipeline = Pipeline(Sharpen(2), tile=64, overlap=0)
    certificate = certify(pipeline, plan_stream(pipeline, source, target=tmp_path / "o.tif"), places=1)
    seam = certificate.seams[0]
    part = slice(seam.top, seam.top + seam.height), slice(seam.left, seam.left + seam.width)
    pixels = read_picture(source).pixels
    tiled, at_once = pipeline(pixels), pipeline.networks[0](pixels[None]).detach()[0]
    difference = (tiled - at_once)[:, *part].abs().max() * 255
    assert seam.largest == pytest.approx(float(difference), rel=1e-3) and seam.largest > 1


KILLED = """
import os, signal, sys
import torch
sys.path.insert(0, sys.argv[1])
from test_infer_stream import Sharpen
from pixmend.infer.pipeline import Pipeline
from pixmend.infer.plan import smallest_tile
from pixmend.infer.stream import stream_picture
last = int(sys.argv[4])
def progress(done, total):
    if done == last:
        os.kill(os.getpid(), signal.SIGKILL)
done = stream_picture(Pipeline(Sharpen(2), tile=64), sys.argv[2], target=sys.argv[3], progress=progress)
print(done.resumed_rows)
"""


def another_process(source: Path, target: Path, *, last: int = 0) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(source), str(target), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_killed_twice_the_next_process_makes_the_same_bytes(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "o.tif"
    for last in (8, 15):
        process = another_process(source, target, last=last)
        assert process.wait() == -signal.SIGKILL
    process = another_process(source, target)
    told, _ = process.communicate()
    assert process.returncode == 0 and int(told) > 0
    stream_picture(Pipeline(Sharpen(2), tile=64), source, target=tmp_path / "once.tif")
    assert target.read_bytes() == (tmp_path / "once.tif").read_bytes()


@pytest.mark.slow
def test_killed_ten_times_at_random_it_makes_the_same_bytes(tmp_path: Path) -> None:
    source, target, draw = tmp_path / "source.png", tmp_path / "o.png", random.Random(0)
    write_picture(source, Picture(pixels=noise(3, 1500, 1200)))
    kills = 0
    while kills < 10:
        process = another_process(source, target)
        while process.poll() is None and not place_of(target).exists():
            time.sleep(0.05)
        time.sleep(draw.uniform(0, 0.6))
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
    assert kills >= 3
    if not target.exists():
        assert another_process(source, target).wait() == 0
    stream_picture(Pipeline(Sharpen(2), tile=64), source, target=tmp_path / "once.png")
    assert target.read_bytes() == (tmp_path / "once.png").read_bytes()
