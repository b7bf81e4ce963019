"""A watched folder: what comes is restored once it is whole, and what changes again, until it is told to stop."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.image import read_image
from pixmend.infer.folder import FolderRun, Record, watch_folder
from pixmend.infer.folder.journal import PLACE
from pixmend.infer.pipeline import Pipeline
from pixmend.models.base import Restorer

pytest.importorskip("watchfiles")


class Darker(Restorer):
    """Half as bright."""

    def __init__(self, seconds: float = 0) -> None:
        super().__init__()
        self.seconds = seconds
        self.share = torch.nn.Parameter(torch.tensor(0.5))

    def restore(self, x: Tensor) -> Tensor:
        time.sleep(self.seconds)
        return x * self.share


def save(path: Path, colour: int = 100) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.linear_gradient("L").resize((40, 30)).point(lambda value: value * colour // 255)
    picture.save(path)
    return path.read_bytes()


class Watching:
    """A folder that a thread watches; what it says so far."""

    def __init__(self, run: FolderRun) -> None:
        self.run = run
        self.records: list[Record] = []

    def said(self) -> list[tuple[str, str]]:
        return [(record.path.as_posix(), record.status) for record in self.records]

    def until(self, *said: tuple[str, str]) -> None:
        end = time.monotonic() + 20
        while not set(said) <= set(self.said()):
            assert time.monotonic() < end, self.records
            time.sleep(0.02)


Watch = Callable[..., AbstractContextManager[Watching]]


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """In less time than people have: files are whole after a quarter of a second."""
    from pixmend.infer.folder import start, watch

    monkeypatch.setattr(start, "arrivals", lambda job: watch.arrivals(job, settled=0.25))
    (tmp_path / "in").mkdir()

    @contextmanager
    def begin(out: str = "out", *, network: Restorer | None = None) -> Iterator[Watching]:
        ended = threading.Event()
        fix = Pipeline(network or Darker(), device="cpu")
        watching = Watching(watch_folder(fix, tmp_path / "in", tmp_path / out, stop=ended.is_set))
        thread = threading.Thread(target=_follow, args=(watching,))
        thread.start()
        try:
            while not (tmp_path / out / PLACE).exists() and thread.is_alive():
                time.sleep(0.02)
            yield watching
        finally:
            ended.set()
            thread.join(timeout=20)
            assert not thread.is_alive()

    return begin


def _follow(watching: Watching) -> None:
    for record in watching.run:
        watching.records.append(record)


def test_what_is_there_is_done_then_what_comes_in_new_folders_too(watched: Watch, tmp_path: Path) -> None:
    save(tmp_path / "in/0.png")
    with watched() as watching:
        watching.until(("0.png", "done"))
        save(tmp_path / "in/a/b/1.png")
        save(tmp_path / "elsewhere/2.jpg")
        (tmp_path / "elsewhere").rename(tmp_path / "in/moved")
        (tmp_path / "in/notes.txt").write_text("no picture")
        save(tmp_path / "in/.hidden.png")
        watching.until(("a/b/1.png", "done"), ("moved/2.jpg", "done"))
        (tmp_path / "in/0.png").unlink()
        time.sleep(0.6)
    assert len(watching.records) == 3 and (tmp_path / "out/0.png").exists()


def test_a_picture_that_is_still_being_copied_is_not_taken_half(watched: Watch, tmp_path: Path) -> None:
    content = save(tmp_path / "whole.png")
    with watched() as watching, (tmp_path / "in/1.png").open("wb") as file:
        for start in range(0, len(content), len(content) // 9):
            file.write(content[start : start + len(content) // 9])
            file.flush()
            time.sleep(0.1)
        assert watching.records == []
        watching.until(("1.png", "done"))
    assert watching.said() == [("1.png", "done")]


def test_a_copy_that_stalled_is_a_failure_and_done_when_it_goes_on(watched: Watch, tmp_path: Path) -> None:
    content = save(tmp_path / "whole.png")
    with watched() as watching:
        (tmp_path / "in/1.png").write_bytes(content[: len(content) // 2])
        watching.until(("1.png", "failed"))
        (tmp_path / "in/1.png").write_bytes(content)
        watching.until(("1.png", "done"))
    assert not (tmp_path / "out/failures.json").exists()


def test_a_picture_that_changes_while_it_is_restored_has_the_later_result(watched: Watch, tmp_path: Path) -> None:
    with watched(network=Darker(0.7)) as watching:
        save(tmp_path / "in/1.png", 100)
        time.sleep(0.8)
        save(tmp_path / "in/1.png", 200)
        end = time.monotonic() + 20
        while len(watching.records) < 2 and time.monotonic() < end:
            time.sleep(0.02)
    assert abs(float(read_image(tmp_path / "out/1.png").max()) - 100 / 255) < 0.01


def test_results_inside_the_folder_are_not_restored_again(watched: Watch, tmp_path: Path) -> None:
    with watched("in/out") as watching:
        save(tmp_path / "in/1.png")
        watching.until(("1.png", "done"))
        time.sleep(0.8)
    assert watching.said() == [("1.png", "done")]


def test_a_picture_whose_result_is_anothers_is_refused_until_that_one_is_gone(watched: Watch, tmp_path: Path) -> None:
    save(tmp_path / "in/1.png")
    with watched() as watching:
        watching.until(("1.png", "done"))
        save(tmp_path / "in/1.gif")
        watching.until(("1.gif", "failed"))
        assert watching.records[-1].reason == "its result would be that of 1.png: rename one of them"
        (tmp_path / "in/1.png").unlink()
        os.utime(tmp_path / "in/1.gif", (1, 1))
        watching.until(("1.gif", "done"))


def test_a_second_time_only_what_came_meanwhile_is_done(watched: Watch, tmp_path: Path) -> None:
    save(tmp_path / "in/1.png")
    with watched() as watching:
        watching.until(("1.png", "done"))
    save(tmp_path / "in/2.png")
    with watched() as watching:
        watching.until(("1.png", "skipped"), ("2.png", "done"))


def test_where_nothing_tells_of_changes_they_are_looked_for(
    watched: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "1")
    with watched() as watching:
        save(tmp_path / "in/a/1.png")
        watching.until(("a/1.png", "done"))


def test_the_folder_that_is_gone_ends_it_and_is_told(watched: Watch, tmp_path: Path) -> None:
    save(tmp_path / "in/1.png")
    with watched() as watching:
        watching.until(("1.png", "done"))
        shutil.rmtree(tmp_path / "in")
        end = time.monotonic() + 20
        while watching.run.stopped is None and time.monotonic() < end:
            time.sleep(0.02)
    assert watching.run.stopped == f"{tmp_path / 'in'}: the folder is gone"


def test_a_folder_of_results_around_the_pictures_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "out/in/1.png")
    run = watch_folder(Pipeline(Darker(), device="cpu"), tmp_path / "out/in", tmp_path / "out")
    assert list(run) == [] and "holds the folder that is watched" in (run.stopped or "")


def test_what_comes_between_the_plan_and_the_watch_is_not_missed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    seen: list[Record] = []
    run = watch_folder(Pipeline(Darker(), device="cpu"), tmp_path / "in", tmp_path / "out", stop=lambda: bool(seen))
    save(tmp_path / "in/1.png")
    for record in run:
        seen.append(record)
    assert [record.status for record in seen] == ["done"]


def test_what_is_no_folder_is_refused_before_the_watch(tmp_path: Path) -> None:
    with pytest.raises(PixmendError, match="no such folder"):
        watch_folder(Pipeline(Darker(), device="cpu"), tmp_path / "none", tmp_path / "out")
