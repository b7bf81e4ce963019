"""A folder through a network: every file has its record, results are whole or not there, and stopping loses nothing."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

import pytest
import torch
from PIL import Image
from torch import Tensor

import small
from pixmend.errors import PixmendError
from pixmend.image import WriteOptions, read_image, read_picture, write_picture
from pixmend.infer.folder import FAILURES, FolderRun, Record, plan_job, restore_folder
from pixmend.infer.folder.computing import Computing
from pixmend.infer.folder.journal import PLACE
from pixmend.infer.picture import restore_picture
from pixmend.infer.pipeline import Pipeline
from pixmend.models import build
from pixmend.models.base import MultiTask, Restorer


class Darker(Restorer):
    """Twice as large and half as bright."""

    scale, multiple = 2, 8

    def __init__(self, seconds: float = 0) -> None:
        super().__init__()
        self.seconds = seconds
        self.batches: list[int] = []
        self.share = torch.nn.Parameter(torch.tensor(0.5))

    def restore(self, x: Tensor) -> Tensor:
        self.batches.append(len(x))
        time.sleep(self.seconds)
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2) * self.share


def picture(seed: int, *, size: tuple[int, int] = (20, 30)) -> Image.Image:
    values = torch.randint(0, 256, (*size, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return Image.fromarray(values.numpy())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight pictures in a tree, of several formats and sizes."""
    for number in range(8):
        name = f"in/{'ab c'[number % 3]}/{number}{('.png', '.jpg', '.bmp')[number % 3]}"
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture(number, size=(20 + number // 4, 70)).save(tmp_path / name)
    return tmp_path


def pipeline(network: Restorer | MultiTask | None = None, **options: object) -> Pipeline:
    return Pipeline(network or Darker(), device="cpu", **options)  # type: ignore[arg-type]


def run(folder: Path, network: Restorer | None = None, **options: object) -> dict[str, Record]:
    found = restore_folder(pipeline(network), folder / "in", folder / "out", **options)  # type: ignore[arg-type]
    return {record.path.as_posix(): record for record in found}


def statuses(records: dict[str, Record]) -> set[str]:
    return {record.status for record in records.values()}


def results(folder: Path) -> dict[str, bytes]:
    found = (path for path in (folder / "out").rglob("*") if path.is_file() and PLACE not in path.parts)
    return {path.relative_to(folder / "out").as_posix(): path.read_bytes() for path in found}


# What is done


@pytest.mark.parametrize("family", small.SMALL)
def test_a_folder_is_byte_for_byte_what_its_pictures_are_one_by_one(family: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build(small.SMALL[family])
    fix = pipeline(network, task=network.tasks[-1] if network.tasks else None)
    (tmp_path / "in").mkdir()
    for number in range(4):
        picture(number, size=(9, 12 + number // 2)).save(tmp_path / f"in/{number}.png")
    for record in restore_folder(fix, tmp_path / "in", tmp_path / "out"):
        alone = tmp_path / record.path.name
        write_picture(alone, restore_picture(fix, read_picture(tmp_path / "in" / record.path)))
        assert record.status == "done" and (tmp_path / "out" / record.target).read_bytes() == alone.read_bytes()


def test_pictures_in_several_tiles_are_byte_for_byte_the_same_too(folder: Path) -> None:
    torch.manual_seed(0)
    fix = pipeline(build(small.SMALL["edsr_baseline"]), tile=64)
    assert fix.plan((20, 70)).tile_count == 2
    for record in restore_folder(fix, folder / "in", folder / "out"):
        alone = folder / record.path.name
        write_picture(alone, restore_picture(fix, read_picture(folder / "in" / record.path)))
        assert (folder / "out" / record.target).read_bytes() == alone.read_bytes()


def test_a_record_says_what_became_of_a_file(folder: Path) -> None:
    record = run(folder)["a/0.png"]
    assert (record.target.as_posix(), record.status, record.pixels) == ("a/0.png", "done", 1400)
    assert record.reason is None and record.warnings == () and record.seconds > 0


def test_a_bad_file_is_a_record_with_its_reason_and_the_others_are_done(folder: Path) -> None:
    (folder / "in/a/3.png").write_bytes(b"")
    (folder / "in/a/text.png").write_text("no picture")
    (folder / "in/gone.png").symlink_to("nowhere")
    shutil.copy(folder / "in/a/0.png", folder / "in/cut.png")
    os.truncate(folder / "in/cut.png", 2000)
    records = run(folder)
    failed = {path: record.reason or "" for path, record in records.items() if record.status == "failed"}
    assert set(failed) == {"a/3.png", "a/text.png", "gone.png", "cut.png"} and len(records) == 11
    assert failed["a/3.png"] == "the file is empty (0 bytes)"
    assert failed["a/text.png"].startswith("not a picture that can be read")
    assert failed["gone.png"] == "cannot be read: No such file or directory"
    assert failed["cut.png"].startswith("damaged or cut short")
    assert len(results(folder)) == 7 + 1
    listed = json.loads((folder / "out" / FAILURES).read_text())["failed"]
    assert {item["path"]: item["reason"] for item in listed} == failed


def test_the_list_of_failures_goes_when_they_are_mended(folder: Path) -> None:
    (folder / "in/bad.png").touch()
    run(folder)
    picture(9).save(folder / "in/bad.png")
    assert run(folder, skip_existing=True)["bad.png"].status == "done"
    assert not (folder / "out" / FAILURES).exists()


def test_what_a_format_cannot_hold_fails_before_the_work_and_names_the_result(folder: Path) -> None:
    picture(1).convert("RGBA").save(folder / "in/clear.png")
    network = Darker()
    records = run(folder, network, format="jpg")
    assert records["clear.png"].reason == "JPEG cannot store transparency: use .png, .webp or .tif"
    assert len(network.batches) == 2 + 8  # two probes of the memory


def test_options_of_writing_are_kept(folder: Path) -> None:
    run(folder, options=WriteOptions(quality=20), format="jpg")
    fine = results(folder)
    run(folder, options=WriteOptions(quality=90), format="jpg", force=True)
    assert all(len(content) > len(fine[name]) for name, content in results(folder).items())


def test_networks_that_fail_are_told_for_every_picture(folder: Path) -> None:
    class Broken(Darker):
        def restore(self, x: Tensor) -> Tensor:
            if len(self.batches) >= 1:
                raise RuntimeError("shapes do not fit")
            return super().restore(x)

    records = run(folder, Broken())
    assert {record.reason for record in records.values()} == {"internal error: RuntimeError: shapes do not fit"}


# What is skipped, and what is done again


def test_a_second_run_skips_what_is_there_and_computes_nothing(folder: Path) -> None:
    run(folder)
    before, network = results(folder), Darker()
    assert statuses(run(folder, network, skip_existing=True)) == {"skipped"}
    assert results(folder) == before and network.batches == []


@pytest.mark.parametrize("change", ["picture", "network", "precision", "options", "result removed", "strength"])
def test_what_is_not_the_same_is_done_again(change: str, folder: Path) -> None:
    run(folder)
    network, options = Darker(), WriteOptions()
    if change == "picture":
        picture(99).save(folder / "in/a/0.png")
    elif change == "result removed":
        (folder / "out/a/0.png").unlink()
    elif change == "network":
        network.share.data += 0.01
    elif change == "options":
        options = WriteOptions(strip=True)
    more: dict[str, object] = {"precision": {"precision": "bfloat16"}, "strength": {"strength": 0.9}}.get(change, {})
    fix = pipeline(network, **more)
    records = list(restore_folder(fix, folder / "in", folder / "out", skip_existing=True, options=options))
    done = [record.path.as_posix() for record in records if record.status == "done"]
    assert done == ["a/0.png"] if change in ("picture", "result removed") else len(done) == 8


@pytest.mark.parametrize("content", [b"mine", b""])
def test_a_file_that_is_no_result_is_never_replaced_without_force(content: bytes, folder: Path) -> None:
    run(folder)
    (folder / "out/a/0.png").write_bytes(content)  # changed by somebody, or spoilt
    record = run(folder, skip_existing=True)["a/0.png"]
    assert record.status == "failed" and "is none of this command's results" in (record.reason or "")
    assert (folder / "out/a/0.png").read_bytes() == content
    records = run(folder, skip_existing=True, force=True)
    assert records.pop("a/0.png").status == "done" and statuses(records) == {"skipped"}


def test_a_link_in_the_results_is_replaced_and_not_what_it_leads_to(folder: Path) -> None:
    (folder / "out/a").mkdir(parents=True)
    (folder / "precious.png").write_bytes(b"mine")
    (folder / "out/a/0.png").symlink_to(folder / "precious.png")
    run(folder, force=True)
    assert (folder / "precious.png").read_bytes() == b"mine" and read_image(folder / "out/a/0.png").shape[1] == 40


# Stopping


def test_told_to_stop_it_keeps_what_is_done_and_goes_on_later(folder: Path) -> None:
    job = plan_job(folder / "in", folder / "out")
    seen: list[Record] = []
    for record in FolderRun(job, [pipeline(Darker(0.01))], stop=lambda: len(seen) >= 2):
        seen.append(record)
    assert 2 <= len(seen) < 8 and len(results(folder)) == len(seen)
    records = run(folder, skip_existing=True)
    assert sorted(record.status for record in records.values()).count("skipped") == len(seen) and len(records) == 8


def test_leaving_the_loop_ends_the_threads_and_leaves_nothing_half_written(folder: Path) -> None:
    before = threading.active_count()
    for _ in restore_folder(pipeline(Darker(0.01)), folder / "in", folder / "out"):
        break
    assert threading.active_count() == before
    assert all(read_image(folder / "out" / name).shape[2] == 140 for name in results(folder))
    assert [path.name for path in (folder / "out" / PLACE).iterdir()] == ["journal.jsonl"]


def test_a_full_disk_stops_the_work_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, placed = Path.replace, []

    def full(path: Path, target: Path) -> Path:
        if PLACE not in Path(target).parts:
            placed.append(target)
            if len(placed) > 3:
                raise OSError(errno.ENOSPC, "No space left on device")
        return place(path, target)

    monkeypatch.setattr(Path, "replace", full)
    found = FolderRun(plan_job(folder / "in", folder / "out"), [pipeline()])
    records = list(found)
    assert found.stopped == "cannot be written: No space left on device: free space or choose another folder"
    assert [record.status for record in records].count("done") == 3 and len(records) < 8
    monkeypatch.undo()
    assert len([name for name in results(folder) if name != FAILURES]) == 3
    assert statuses(run(folder, skip_existing=True)) == {"done", "skipped"}


SCRIPT = """
import sys, time
sys.path[:0] = {paths!r}
from test_infer_folder_run import Darker, pipeline
from pixmend.infer.folder import restore_folder
fix = pipeline(Darker(0.02))
print("ready", flush=True)
for record in restore_folder(fix, sys.argv[1], sys.argv[2], skip_existing=True):
    assert record.status != "failed", record
    print(record.status, flush=True)
"""


@pytest.mark.slow
def test_killed_at_any_moment_nothing_is_lost_or_half_written(folder: Path) -> None:
    for number in range(40):
        picture(number, size=(20, 30)).save(folder / f"in/{number}.png")
    expected = folder / "expected"
    assert all(r.status == "done" for r in restore_folder(pipeline(Darker(0.02)), folder / "in", expected))
    script = SCRIPT.format(paths=[str(Path(__file__).parent)])
    done = 0
    for attempt in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", script, folder / "in", folder / "out"], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            time.sleep(0.02 + 0.037 * attempt)
            process.kill()
            told = process.stdout.read().split()
        now = results(folder)
        assert all(content == (expected / name).read_bytes() for name, content in now.items())
        assert len(now) >= max(done, len(told))
        done = len(now)
    records = run(folder, Darker(), skip_existing=True)
    assert len(records) == 48 and statuses(records) <= {"done", "skipped"}
    assert sum(record.status == "skipped" for record in records.values()) == done
    assert len(results(folder)) == 48


# Several at once


def test_tiles_of_one_shape_are_computed_together(folder: Path) -> None:
    network = Darker(0.02)
    records = run(folder, network, batch=4)
    assert statuses(records) == {"done"} and max(network.batches) > 1 and max(network.batches) <= 4
    together = results(folder)
    run(folder, force=True)
    assert results(folder) == together


def test_each_picture_of_a_batch_has_its_own_result_and_size() -> None:
    computing = Computing(batch=8, memory=lambda: 10**9)
    computing.start()
    tiles = [torch.rand(1, 3, 9 + number % 3, 16 - number % 5) for number in range(16)]
    found: dict[int, Tensor] = {}
    fix = pipeline(Darker(0.01))

    def ask(number: int) -> None:
        found[number] = computing.run(fix.networks[0], tiles[number], pipeline=fix, order=number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    computing.stop()
    computing.join()
    for number, tile in enumerate(tiles):
        assert torch.equal(found[number], tile.repeat_interleave(2, -1).repeat_interleave(2, -2) * 0.5)


def test_too_many_at_once_for_the_memory_are_done_one_by_one(folder: Path) -> None:
    class Small(Darker):
        def restore(self, x: Tensor) -> Tensor:
            if len(x) > 1:
                raise torch.OutOfMemoryError("no")
            return super().restore(x)

    records = run(folder, Small(0.01), batch=4)
    assert statuses(records) == {"done"}


def test_several_devices_share_the_work(folder: Path) -> None:
    first, second = Darker(0.02), Darker(0.02)
    found = list(restore_folder([pipeline(first), pipeline(second)], folder / "in", folder / "out"))
    assert len(found) == 8 and {record.status for record in found} == {"done"}
    assert len(first.batches) > 1 and len(second.batches) > 1
    shared = results(folder)
    run(folder, force=True)
    assert results(folder) == shared


@pytest.mark.parametrize("shared", [True, False])
def test_calls_of_eight_threads_at_once_do_not_mix(shared: bool) -> None:
    class Times(Darker):
        def __init__(self, factor: float) -> None:
            super().__init__(0.002)
            self.share.data.fill_(factor)

    factors = [0.5] * 8 if shared else [0.1 * (number + 1) for number in range(8)]
    fixes = [pipeline(Times(factor), tile=64) for factor in factors]
    fixes = fixes[:1] * 8 if shared else fixes
    wrong: list[int] = []

    def call(number: int) -> None:
        for repeat in range(3):
            image = torch.full((3, 90, 70 + number), 0.01 * (8 * repeat + number))
            image[:, ::2] += 0.2
            expected = image.repeat_interleave(2, -1).repeat_interleave(2, -2) * factors[number]
            if not torch.allclose(fixes[number](image), expected, atol=1e-6):
                wrong.append(number)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# Guards


class Odd(Darker):
    """What is asked for, once the memory was probed."""

    scale = 1

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def restore(self, x: Tensor) -> Tensor:
        self.batches.append(len(x))
        if self.how == "flat in bfloat16" and not torch.is_autocast_enabled("cpu"):
            return x * self.share
        return {"nothing": x, "nan": x * float("nan"), "far": x * 3}.get(self.how, torch.zeros_like(x))


@pytest.mark.parametrize(
    ("how", "status", "told"),
    [
        ("nothing", "done", "the result is the picture itself"),
        ("far", "done", "expected 0 to 1"),
        ("nan", "failed", "values that are not finite"),
        ("flat", "failed", "one value everywhere"),
    ],
)
def test_a_result_that_cannot_be_right_is_told(how: str, status: str, told: str, folder: Path) -> None:
    for record in run(folder, Odd(how)).values():
        assert record.status == status and told in (record.reason or "; ".join(record.warnings))


def test_a_tile_that_is_flat_at_lower_precision_is_computed_again(folder: Path) -> None:
    fix = pipeline(Odd("flat in bfloat16"), precision="bfloat16")
    for record in restore_folder(fix, folder / "in", folder / "out"):
        assert record.status == "done" and read_image(folder / "out" / record.target).std() > 0.1
        assert record.warnings == ("the picture was flat in bfloat16 and computed again in float32",)


def test_warnings_of_the_library_stand_in_the_record_of_their_picture(folder: Path) -> None:
    class Small(Darker):
        def restore(self, x: Tensor) -> Tensor:
            if max(x.shape[-2:]) > 100:
                raise torch.OutOfMemoryError("no")
            return super().restore(x)

    picture(1, size=(150, 150)).save(folder / "in/large.png")
    records = run(folder, Small())
    assert "out of memory with tiles of 152, going on with tiles of" in records.pop("large.png").warnings[0]
    assert all(record.warnings == () for record in records.values())


def test_a_picture_that_changes_while_it_is_read_is_not_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim, original = folder / "in/a/0.png", hashlib.file_digest

    def meddle(file: BinaryIO, name: str) -> object:
        found = original(file, name)
        if file.name == str(victim):
            picture(int(time.time_ns() % 2**31)).save(victim)
        return found

    monkeypatch.setattr("hashlib.file_digest", meddle)
    records = run(folder)
    assert records.pop("a/0.png").reason == "has changed while it was read: run again"
    assert statuses(records) == {"done"} and not (folder / "out/a/0.png").exists()


def test_another_job_in_the_same_folder_is_refused(folder: Path) -> None:
    first = iter(restore_folder(pipeline(Darker(0.01)), folder / "in", folder / "out"))
    next(first)
    with pytest.raises(PixmendError, match="another pixmend is writing its results here"):
        run(folder, force=True)
    assert len(list(first)) == 7
