"""A video through a network: every frame at its time, all else copied, its colours kept, and nothing lost by a kill."""

import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import small
from pixmend.errors import PixmendError
from pixmend.infer.pipeline import Pipeline
from pixmend.infer.stream.journal import place_of
from pixmend.models import build
from pixmend.models.base import Restorer

pytest.importorskip("av")

import av

import clips
from pixmend.infer.video import RestoredVideo, carry_out, look_at, plan_video, restore_video
from pixmend.infer.video.frames import Colour, Damage, frames_of


class Darker(Restorer):
    """Pixels repeated ``scale`` times and darkened by a share."""

    def __init__(self, scale: int = 2, *, share: float = 0.9) -> None:
        super().__init__()
        self.scale = scale
        self.share = torch.nn.Parameter(torch.tensor(share))
        self.seen = 0

    def restore(self, x: Tensor) -> Tensor:
        self.seen += 1
        return x.repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2) * self.share


def pipeline(scale: int = 2, **options: object) -> Pipeline:
    return Pipeline(Darker(scale), device="cpu", **options)  # type: ignore[arg-type]


def run(source: Path, target: Path, *, scale: int = 2, **options: object) -> RestoredVideo:
    return restore_video(pipeline(scale), source, target=target, **options)  # type: ignore[arg-type]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Thirty frames with two languages, in pieces of twelve frames."""
    times = [3200 * number for number in range(30)]
    return clips.make(tmp_path / "clip.mp4", times=times, audio=("aac", "aac"))


# Frames and their times


@pytest.mark.parametrize("family", small.SMALL)
def test_frames_are_what_each_network_makes_of_them_one_by_one(family: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build(small.SMALL[family])
    fix = Pipeline(network, task=network.tasks[-1] if network.tasks else None, device="cpu")
    source = clips.make(tmp_path / "in.mkv", frames=2, size=(16, 20))
    restore_video(fix, source, target=tmp_path / "out.mkv", lossless=True)
    found = clips.look(tmp_path / "out.mkv")
    frames = list(frames_of(look_at(source), damage=Damage()))
    assert len(found.pixels) == len(frames) == 2
    for pixels, frame in zip(found.pixels, frames, strict=True):
        expected = fix.restore(frame.tensor).pixels.clamp(0, 1).mul(255).round().permute(1, 2, 0)
        assert np.array_equal(pixels, expected.expand(-1, -1, 3).numpy())


@pytest.mark.parametrize("name", ["in.mp4", "in.mov", "in.mkv", "in.avi", "in.ts", "in.webm"])
@pytest.mark.parametrize("end", [".mp4", ".mkv", ".mov", ".webm"])
def test_every_frame_keeps_its_time_from_any_container_to_any_other(name: str, end: str, tmp_path: Path) -> None:
    codec = "libvpx-vp9" if name == "in.webm" else "libx264"
    source = clips.make(tmp_path / name, frames=15, codec=codec, time_base=Fraction(1, 25), times=list(range(15)))
    before = clips.look(source).times
    if name == "in.avi":  # which has places only, in the order of decoding
        before = [Fraction(number, 25) for number in range(15)]
    done = run(source, tmp_path / f"out{end}")
    after = clips.look(tmp_path / f"out{end}")
    assert done.frames == len(after.times) == len(before) == 15
    for there, here in zip(before, after.times, strict=True):
        assert abs(there - here) <= (Fraction(1, 1000) if end in (".mkv", ".webm") else 0)
    assert after.pixels[0].shape == (64, 96, 3)


def test_variable_rates_late_starts_and_frames_stored_out_of_order_come_out_as_they_were(tmp_path: Path) -> None:
    steps = random.Random(0).choices((256, 512, 700, 4100), k=40)
    times = [6400 + sum(steps[:number]) for number in range(40)]
    source = clips.make(tmp_path / "in.mp4", times=times, options={"bf": "3", "b-pyramid": "normal"}, audio=("aac",))
    before = clips.look(source)
    run(source, tmp_path / "out.mp4")
    after = clips.look(tmp_path / "out.mp4")
    assert before.times == [Fraction(time, 12800) for time in times] == after.times
    assert before.others == after.others and before.others
    for there, here in zip(before.pixels, after.pixels, strict=True):
        assert abs(here[::2, ::2].mean() - 0.9 * there.mean()) < 2


def test_frames_without_times_follow_each_other_and_that_is_told(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "in.h264", frames=6, container="h264", options={"bf": "0"})
    done = run(source, tmp_path / "out.mp4")
    times = clips.look(tmp_path / "out.mp4").times
    assert times == [Fraction(number, 25) for number in range(6)]
    assert any("without a time" in line for line in done.warnings)


def test_a_frame_that_repeats_the_one_before_is_not_computed_again(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "in.mkv", frames=20, codec="ffv1", still=True)
    network = Darker()
    fix = Pipeline(network, device="cpu")
    fix.plan((32, 48))
    network.seen = 0
    done = restore_video(fix, source, target=tmp_path / "out.mkv", lossless=True)
    assert (done.frames, done.reused, network.seen) == (20, 19, 1)
    found = clips.look(tmp_path / "out.mkv")
    assert all(np.array_equal(pixels, found.pixels[0]) for pixels in found.pixels)


def test_the_result_may_have_any_size_and_odd_sides(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "in.mp4", frames=3)
    run(source, tmp_path / "out.mp4", size=(45, 67))
    found = clips.look(tmp_path / "out.mp4")
    assert found.pixels[0].shape == (45, 67, 3) and found.layout == "yuv444p"
    assert "4:4:4" in plan_video(pipeline(), source, target=tmp_path / "o.mp4", size=(45, 67)).notes[0]
    run(source, tmp_path / "out.webm", size=(45, 67))
    assert clips.look(tmp_path / "out.webm").layout == "yuv420p"


def test_a_grey_clip_is_written_as_all_players_show_it(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "in.mkv", frames=2, codec="ffv1", layout="gray")
    run(source, tmp_path / "out.mp4")
    found = clips.look(tmp_path / "out.mp4")
    assert found.layout == "yuv420p" and np.ptp(found.pixels[1].astype(int), axis=-1).max() <= 2


def test_one_tile_is_chosen_for_all_frames_whatever_memory_is_free_later(clip: Path, tmp_path: Path) -> None:
    plan = plan_video(pipeline(tile=64), clip, target=tmp_path / "o.mp4")
    assert plan.tile == 64
    assert plan_video(pipeline(), clip, target=tmp_path / "o.mp4").tile is not None


# What else is in a file


def test_audio_and_subtitles_are_copied_byte_for_byte_with_their_times_and_languages(
    clip: Path, tmp_path: Path
) -> None:
    run(clip, tmp_path / "out.mp4")
    before, after = clips.look(clip), clips.look(tmp_path / "out.mp4")
    assert before.others == after.others and set(after.others) == {1, 2}
    assert after.languages == ["deu", "fra"]


def test_subtitles_fonts_and_chapters_travel_along(tmp_path: Path) -> None:
    source = with_subtitles(tmp_path)
    run(source, tmp_path / "out.mkv")
    before, after = clips.look(source), clips.look(tmp_path / "out.mkv")
    assert before.others == after.others and after.others[1][0][1] == b"Guten Tag"
    with av.open(str(tmp_path / "out.mkv")) as file:
        assert [chapter["metadata"] for chapter in file.chapters()] == [{"title": "One"}]
        assert [each.type for each in file.streams] == ["video", "subtitle", "attachment"]


def with_subtitles(folder: Path) -> Path:
    """A clip with a line of text, a font and a chapter."""
    plain = clips.make(folder / "plain.mkv", frames=10)
    path = folder / "subtitled.mkv"
    (folder / "text.srt").write_text("1\n00:00:00,100 --> 00:00:00,300\nGuten Tag\n")
    with av.open(str(plain)) as given, av.open(str(folder / "text.srt")) as text, av.open(str(path), "w") as made:
        pictures = made.add_stream_from_template(given.streams.video[0], opaque=True)
        words = made.add_stream_from_template(text.streams[0], opaque=True)
        made.add_attachment("some.ttf", "font/ttf", b"no font at all")
        made.set_chapters(
            [{"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}}]
        )
        for packets, stream in ((given.demux(), pictures), (text.demux(), words)):
            for packet in packets:
                if packet.pts is not None:
                    packet.stream = stream
                    made.mux(packet)
    return path


@pytest.mark.parametrize(
    ("source", "end", "told"),
    [("subtitled", ".mp4", "subtitle stream 1"), ("clip", ".webm", "audio stream 1")],
)
def test_a_container_that_cannot_hold_a_stream_is_refused_before_the_work(
    source: str, end: str, told: str, clip: Path, tmp_path: Path
) -> None:
    path = with_subtitles(tmp_path) if source == "subtitled" else clip
    with pytest.raises(PixmendError, match=rf"cannot hold {told} \(.*give a name that ends in \.mkv"):
        run(path, tmp_path / f"out{end}")
    assert not place_of(tmp_path / f"out{end}").exists()


def test_titles_and_dates_are_kept_unless_they_are_to_be_stripped(tmp_path: Path) -> None:
    tags = {"title": "Ferien", "artist": "Wir", "date": "2020"}
    source = clips.make(tmp_path / "in.mp4", frames=3, metadata=tags)
    run(source, tmp_path / "out.mp4")
    assert tags.items() <= clips.look(tmp_path / "out.mp4").metadata.items()
    run(source, tmp_path / "bare.mp4", strip=True)
    assert not tags.keys() & clips.look(tmp_path / "bare.mp4").metadata.keys()


TURNS = {
    90: [0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30],
    -90: [0, 65536, 0, -65536, 0, 0, 32 << 16, 0, 1 << 30],
    180: [-65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30],
}


@pytest.mark.parametrize("end", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("turn", TURNS)
def test_rotation_is_told_once_and_frames_are_stored_as_they_were(turn: int, end: str, tmp_path: Path) -> None:
    source = clips.make(tmp_path / "in.mov", frames=2, display=TURNS[turn])
    run(source, tmp_path / f"out{end}")
    before, after = clips.look(source), clips.look(tmp_path / f"out{end}")
    assert abs(before.rotation) == abs(after.rotation) == abs(turn) and before.rotation == after.rotation
    assert after.pixels[0].shape == (64, 96, 3)
    if end in (".mp4", ".mov"):  # the others know angles only
        assert before.matrix and after.matrix and after.matrix[6:8] == tuple(2 * each for each in before.matrix[6:8])


def test_pixels_that_are_not_square_stay_so(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "in.mp4", frames=2, aspect=Fraction(16, 15))
    run(source, tmp_path / "out.mp4")
    assert clips.look(tmp_path / "out.mp4").aspect == Fraction(16, 15)


# Colours

KINDS = [(matrix, full, layout) for matrix in (1, 6, 9) for full in (False, True) for layout in ("yuv420p", "yuv444p")]


@pytest.mark.parametrize(("matrix", "full", "layout"), [*KINDS, (9, False, "yuv420p10le"), (1, False, "yuv422p")])
def test_an_identity_returns_every_sample_to_within_a_level(
    matrix: int, full: bool, layout: str, tmp_path: Path
) -> None:
    source = clips.make(tmp_path / "in.mkv", frames=1, codec="ffv1", layout=layout, matrix=matrix, full=full)
    found = look_at(source)
    assert (found.matrix, found.range) == (matrix, 2 if full else 1)
    colour = Colour(found)
    (frame,) = frames_of(found, damage=Damage())
    back = colour.to_frame(frame.tensor, layout=layout, depth=found.depth)
    with av.open(str(source)) as file:
        there = next(file.decode(video=0))
    for ours, theirs in zip(back.planes, there.planes, strict=True):
        kind = np.uint16 if found.depth > 8 else np.uint8
        rows = [np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width] for plane in (ours, theirs)]
        assert np.abs(rows[0].astype(int) - rows[1]).max() <= (2 if found.depth > 8 else 1)


@pytest.mark.parametrize(("matrix", "kr", "kb"), [(1, 0.2126, 0.0722), (6, 0.299, 0.114), (9, 0.2627, 0.0593)])
def test_colours_are_decoded_by_the_matrix_and_range_of_their_tags(
    matrix: int, kr: float, kb: float, tmp_path: Path
) -> None:
    source = clips.make(tmp_path / "in.mkv", frames=1, codec="ffv1", layout="yuv444p", matrix=matrix)
    (frame,) = frames_of(look_at(source), damage=Damage())
    with av.open(str(source)) as file:
        planes = [np.frombuffer(p, np.uint8).reshape(p.height, -1)[:, : p.width] for p in next(file.decode()).planes]
    y, u, v = (planes[0] - 16.0) / 219, (planes[1] - 128.0) / 224, (planes[2] - 128.0) / 224
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    expected = np.stack([red, (y - kr * red - kb * blue) / (1 - kr - kb), blue])
    assert np.abs(frame.tensor.numpy() - expected.clip(0, 1)).max() < 0.5 / 255


@pytest.mark.parametrize("end", [".mp4", ".mov", ".mkv"])
def test_the_colour_tags_and_ten_bits_are_kept(end: str, tmp_path: Path) -> None:
    quiet = {"x265-params": "log-level=error"}
    source = clips.make(
        tmp_path / f"in{end}",
        frames=4,
        size=(128, 128),
        codec="libx265",
        layout="yuv420p10le",
        matrix=9,
        tags=(9, 16),
        options=quiet,
    )
    plan = plan_video(pipeline(1), source, target=tmp_path / f"out{end}")
    assert "HDR by PQ" in plan.notes[0]
    carry_out(pipeline(1), plan)
    found = clips.look(tmp_path / f"out{end}")
    assert (found.layout, found.codec, found.tags) == ("yuv420p10le", "hevc", (9, 1, 9, 16))


def test_what_has_no_tag_is_tagged_as_players_take_it_though_it_grows_to_high_definition(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "in.mp4", frames=1, size=(320, 16), matrix=2, tags=(2, 2))
    run(source, tmp_path / "out.mp4")
    assert clips.look(tmp_path / "out.mp4").tags == (6, 1, 2, 2)


@pytest.mark.parametrize(("rows", "matrix"), [(576, 6), (578, 1)])
def test_without_a_tag_the_rows_tell_the_matrix(rows: int, matrix: int, tmp_path: Path) -> None:
    source = clips.make(tmp_path / "in.mp4", frames=1, size=(rows, 16), matrix=2, tags=(2, 2))
    assert look_at(source).matrix == matrix


def test_lossless_is_the_result_in_rgb_to_the_bit(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "in.mkv", frames=2, codec="ffv1", layout="bgr0")
    run(source, tmp_path / "out.mkv", scale=1, lossless=True)
    before, after = clips.look(source), clips.look(tmp_path / "out.mkv")
    assert after.layout == "bgr0"
    for there, here in zip(before.pixels, after.pixels, strict=True):
        assert np.abs(there * 0.9 - here).max() <= 0.6


def test_more_quality_makes_a_larger_file_nearer_to_the_result(clip: Path, tmp_path: Path) -> None:
    sizes = []
    for quality in (20, 80, 100):
        run(clip, tmp_path / f"{quality}.mp4", quality=quality)
        sizes.append((tmp_path / f"{quality}.mp4").stat().st_size)
    assert sizes == sorted(sizes) and sizes[0] < sizes[2]
    run(clip, tmp_path / "default.mp4")
    assert (tmp_path / "default.mp4").read_bytes() == (tmp_path / "80.mp4").read_bytes()


# Stopped, and continued


def stop_at(number: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done == number:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("end", [".mp4", ".mkv"])
@pytest.mark.parametrize("at", [1, 24, 25, 29])
def test_stopped_at_any_frame_the_same_call_makes_the_same_bytes(at: int, end: str, clip: Path, tmp_path: Path) -> None:
    whole, target = tmp_path / f"whole{end}", tmp_path / f"out{end}"
    run(clip, whole)
    with pytest.raises(KeyboardInterrupt):
        run(clip, target, progress=stop_at(at))
    assert not target.exists() and place_of(target).exists()
    assert run(clip, target).resumed == at
    assert target.read_bytes() == whole.read_bytes()
    assert not place_of(target).exists() and not place_of(whole).exists()


@pytest.mark.parametrize("at", [5, 26])  # before the first piece is whole, and after
@pytest.mark.parametrize("change", ["video", "model", "options"])
def test_with_another_video_model_or_options_it_starts_anew_and_says_so(
    change: str, at: int, clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        run(clip, target, progress=stop_at(at))
    network = Darker(share=0.5 if change == "model" else 0.9)
    if change == "video":
        clips.make(clip, frames=20, times=[3200 * number for number in range(20)])
    quality = 50 if change == "options" else None
    done = restore_video(Pipeline(network, device="cpu"), clip, target=target, quality=quality)
    assert done.resumed == 0 and f"begun with another {change}, and is begun anew" in caplog.text
    assert len(clips.look(target).times) == done.frames == (20 if change == "video" else 30)


def test_killed_between_the_last_step_and_cleaning_up_only_cleans_up(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        run(clip, target, progress=stop_at(29))
    shutil.copytree(place_of(target), tmp_path / "kept")
    run(clip, target)
    content = target.read_bytes()
    target.unlink()
    shutil.copytree(tmp_path / "kept", place_of(target))
    assert run(clip, target).resumed == 29 and target.read_bytes() == content


def test_what_was_begun_with_one_tile_goes_on_with_it_whatever_would_be_chosen_now(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        restore_video(pipeline(tile=80), clip, target=tmp_path / "out.mp4", progress=stop_at(5))
    assert plan_video(pipeline(), clip, target=tmp_path / "out.mp4").tile != 80
    assert run(clip, tmp_path / "out.mp4").resumed == 5


@pytest.mark.parametrize(("name", "kept"), [("frames.part", 28), ("picture.part", 12)])
def test_what_a_power_cut_has_spoilt_is_made_again(name: str, kept: int, clip: Path, tmp_path: Path) -> None:
    run(clip, tmp_path / "whole.mp4")
    target = tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        run(clip, target, progress=stop_at(29))
    part = place_of(target) / name
    content = part.read_bytes()
    part.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert run(clip, target).resumed == kept
    assert target.read_bytes() == (tmp_path / "whole.mp4").read_bytes()


SCRIPT = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from test_infer_video import run
print("ready", flush=True)
run(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_killed_at_random_moments_it_makes_the_same_bytes(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "in.mp4", times=[3200 * number for number in range(400)], audio=("aac",))
    run(source, tmp_path / "whole.mp4")
    target, draw, kills = tmp_path / "out.mp4", random.Random(0), 0
    script = SCRIPT.format(paths=[str(Path(__file__).parent)])
    while not target.exists() or place_of(target).exists():
        with subprocess.Popen(
            [sys.executable, "-c", script, str(source), str(target)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            if kills < 8:
                time.sleep(draw.uniform(0, 1))
                kills += process.poll() is None
                process.kill()
    assert kills >= 2
    assert target.read_bytes() == (tmp_path / "whole.mp4").read_bytes()


# What is wrong with files


def test_damaged_packets_are_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "in.mp4", frames=40)
    content = bytearray(source.read_bytes())
    with av.open(str(source)) as file:
        damaged = [packet for packet in file.demux() if packet.size][10:30:10]
    for number, packet in enumerate(damaged):
        assert packet.pos is not None
        middle = packet.pos + packet.size // 3
        content[middle : middle + 20] = random.Random(number).randbytes(20)
    source.write_bytes(content)
    done = run(source, tmp_path / "out.mp4")
    assert done.frames == 40 - done.lost == len(clips.look(tmp_path / "out.mp4").times)
    assert any("damaged" in line for line in done.warnings)


@pytest.mark.parametrize("end", [".mp4", ".mkv", ".avi", ".webm", ".flv"])
def test_a_file_cut_short_is_restored_as_far_as_it_goes_and_says_so(end: str, tmp_path: Path) -> None:
    source = plain(tmp_path / f"in{end}")
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 7 // 10])
    done = run(source, tmp_path / "out.mkv")
    assert 0 < done.frames < 38
    told = rf"{done.frames} of the 40 frames" if end in (".mp4", ".avi") else r"[01]\.\d of the 1\.[67] s"
    assert any(re.match(rf"{told} the file tells of came: it is cut short or damaged", line) for line in done.warnings)


@pytest.mark.parametrize("end", [".mkv", ".avi", ".webm"])
def test_frames_that_are_lost_without_an_error_are_told(end: str, tmp_path: Path) -> None:
    source = plain(tmp_path / f"in{end}")
    content = bytearray(source.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    source.write_bytes(content)
    done = run(source, tmp_path / "out.mkv")
    assert done.frames < 38 and done.lost == 0
    assert any("the file tells of came" in line for line in done.warnings)


def plain(path: Path) -> Path:
    """Forty frames at 25 a second; its index is at the beginning where it is an MP4."""
    codec = "libvpx-vp9" if path.suffix == ".webm" else "libx264"
    source = clips.make(path, size=(96, 96), codec=codec, time_base=Fraction(1, 25), times=list(range(40)))
    if path.suffix == ".mp4":
        copy(source.rename(path.with_name("late.mp4")), path, options={"movflags": "+faststart"})
    return path


def copy(source: Path, target: Path, **options: dict[str, str]) -> None:
    """The pictures, not encoded again."""
    with av.open(str(source)) as given, av.open(str(target), "w", **options) as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)


@pytest.mark.parametrize("end", [".mp4", ".mkv", ".webm", ".flv"])
@pytest.mark.parametrize("last", [0, 25_600])
def test_a_whole_file_of_any_rate_is_not_said_to_be_cut(last: int, end: str, tmp_path: Path) -> None:
    steps = random.Random(0).choices((256, 512, 700, 4100), k=20)
    times = [6400 + sum(steps[:number]) for number in range(20)]
    codec = "libvpx-vp9" if end == ".webm" else "libx264"
    source = clips.make(tmp_path / f"in{end}", times=[*times, times[-1] + 512 + last], codec=codec)
    done = run(source, tmp_path / "out.mkv")
    assert (done.frames, done.warnings) == (21, ())


@pytest.mark.parametrize("end", [".mp4", ".mkv", ".avi", ".flv"])
def test_sound_that_goes_on_without_pictures_is_no_cut(end: str, tmp_path: Path) -> None:
    source = tmp_path / f"in{end}"
    clips.make(source, time_base=Fraction(1, 25), times=list(range(12)), audio=("aac",))  # whose sound is longer
    assert run(source, tmp_path / "out.mkv").warnings == ()


def test_frames_that_an_edit_list_hides_are_not_missed(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "in.mp4", frames=40, options={"bf": "0"})
    content = bytearray(source.read_bytes())
    at = content.index(b"elst") + 12  # its one entry: how long it lasts, in milliseconds
    content[at : at + 4] = (800).to_bytes(4, "big")
    source.write_bytes(content)
    with av.open(str(source)) as file:
        assert file.streams.video[0].frames == 40
    done = run(source, tmp_path / "out.mp4")
    assert done.frames < 38 and done.warnings == ()


def test_a_time_base_that_is_told_for_a_rate_is_not_believed(tmp_path: Path) -> None:
    copy(clips.make(tmp_path / "in.mp4", frames=40), tmp_path / "in.mkv")
    with av.open(str(tmp_path / "in.mkv")) as file:
        assert file.streams.video[0].average_rate == 12800
    found = look_at(tmp_path / "in.mkv")
    assert (found.rate, found.frames) == (25, 40)


def write_sound(path: Path) -> None:
    with av.open(str(path), "w") as made:
        clips._sound(made, made.add_stream("aac", 48000), pitch=220, seconds=0.2)


def write_garbage(path: Path) -> None:
    path.write_bytes(random.Random(0).randbytes(20_000))


def write_protected(path: Path) -> None:
    clips.make(path, frames=3)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"avc1\0\0\0\0", b"encv\0\0\0\0"))


def write_picture(path: Path) -> None:
    from PIL import Image

    Image.fromarray(clips.picture(0)).save(path, format="PNG")


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (write_sound, "expected a video, got audio aac: there is nothing to restore"),
        (write_garbage, "not a video that can be read"),
        (write_picture, "expected a video, got a picture"),
        (write_protected, "its pictures are protected"),
        (lambda path: path.write_bytes(b""), "not a video that can be read"),
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "not a video that can be read"),
    ],
)
def test_what_is_no_video_is_refused_in_one_line(write: Callable[[Path], object], told: str, tmp_path: Path) -> None:
    write(tmp_path / "in.mp4")
    with pytest.raises(PixmendError, match=told) as error:
        run(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert "\n" not in str(error.value) and not place_of(tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("target", "options", "told"),
    [
        ("out.avi", {}, "expected a name that ends in .mp4"),
        ("out", {}, "expected a name that ends in .mp4"),
        ("out.mp4", {"lossless": True}, "FFV1 in .mkv"),
        ("out.mkv", {"lossless": True, "quality": 80}, "has no quality"),
        ("out.mp4", {"quality": 101}, "expected 1 to 100"),
        ("nowhere/out.mp4", {}, "is not an existing folder"),
        ("out.mp4", {"size": (20_000, 20_000)}, "libx264 cannot encode 20000 x 20000"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(
    target: str, options: dict[str, object], told: str, clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(PixmendError, match=told):
        run(clip, tmp_path / target, **options)
    assert not place_of(tmp_path / target).exists()


def test_a_network_that_fails_names_the_frame(clip: Path, tmp_path: Path) -> None:
    class Broken(Darker):
        def restore(self, x: Tensor) -> Tensor:
            result = super().restore(x)
            return result * float("nan") if x.shape[-2:] == (32, 48) and self.seen > 8 else result

    with pytest.raises(PixmendError, match="frame [0-9]+: the network gave values that are not finite"):
        restore_video(Pipeline(Broken(), device="cpu"), clip, target=tmp_path / "out.mp4")


def test_a_network_that_does_nothing_is_told(clip: Path, tmp_path: Path) -> None:
    done = restore_video(Pipeline(Darker(1, share=1.0), device="cpu"), clip, target=tmp_path / "out.mp4")
    assert "30 of 30 frames came out as they went in" in done.warnings[0]


def test_interlaced_frames_and_transparency_are_told_before_the_work(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "in.mp4", frames=3, options={"x264-params": "tff=1"})
    assert "interlaced" in plan_video(pipeline(), source, target=tmp_path / "o.mp4").notes[0]
    source = clips.make(tmp_path / "in.mkv", frames=1, codec="ffv1", layout="bgra")
    assert "transparency" in plan_video(pipeline(), source, target=tmp_path / "o.mp4").notes[0]
