"""``pixmend restore FOLDER`` foretells with ``--dry-run``, goes on with ``--watch``, and its results are made again."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

import pixmend
from pixmend import cli
from pixmend.image import read_image
from pixmend.seeding import generator
from test_cli_restore_folder import Everything


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with three pictures in ``in`` and a network for every ``--model``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pixmend, "load", lambda name: Everything(), raising=False)
    (tmp_path / "in").mkdir()
    for number in range(3):
        values = torch.randint(0, 256, (10 + number, 12, 3), generator=generator(number), dtype=torch.uint8)
        Image.fromarray(values.numpy()).save(tmp_path / f"in/{number}.png")
    return tmp_path


def run(*arguments: str) -> int:
    return cli.run(["restore", *arguments])


# Foretold


def test_a_dry_run_tells_what_would_be_done_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "in/empty.png").touch()
    (folder / "in/notes.txt").touch()
    assert run("in", "out", "--dry-run", "--scale", "2") == 0
    told = capsys.readouterr().out
    for words in ("nothing is done yet", "3 to do, 1 to fail, 1 no pictures by name", "sr_x2", "for the whole program"):
        assert words in told
    assert "empty.png" in told and not (folder / "out").exists()


def test_a_dry_run_in_json_is_one_object(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("in", "out", "--skip-existing", "-q") == 0
    (folder / "out/1.png").unlink()
    capsys.readouterr()
    assert run("in", "out", "--skip-existing", "--dry-run", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["todo"], told["skipped"], told["failing"]) == (["1.png"], ["0.png", "2.png"], [])
    assert told["pixels"] == 132 and told["output_pixels"] == 528 and told["tasks"] == [["sr_x2"]]


def test_too_little_memory_is_one_line_before_the_work(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("in", "out", "--max-memory", "50MB") == 1
    assert "50 MB of memory are too little" in capsys.readouterr().err and not (folder / "out").exists()


# Sizes, and what results say


@pytest.mark.parametrize("arguments", [("--fit", "30x30"), ("--denoise", "15"), ("--scale", "2", "--strength", "0.5")])
def test_results_of_a_folder_are_made_again(
    arguments: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("in", "out", *arguments) == 0
    for number in range(3):
        assert cli.run(["rerun", f"out/{number}.png", f"in/{number}.png"]) == 0
    assert capsys.readouterr().out.count("and it is the same") == 3


def test_a_box_is_for_each_picture(folder: Path) -> None:
    Image.new("RGB", (60, 20), (9, 99, 200)).save(folder / "in/wide.png")
    assert run("in", "out", "--fit", "30x30") == 0
    assert read_image("out/0.png").shape == (3, 25, 30) and read_image("out/wide.png").shape == (3, 10, 30)
    assert abs(float(read_image("out/wide.png")[2].mean()) - 200 / 255) < 0.01  # made smaller, by no network


def test_another_size_is_another_job(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("in", "out", "--fit", "30x30", "-q") == 0
    assert run("in", "out", "--fit", "30x30", "--skip-existing") == 0
    assert run("in", "out", "--fit", "29x29", "--skip-existing") == 0
    told = capsys.readouterr().out
    assert "0 restored, 3 skipped" in told and told.splitlines()[-1].startswith("out: 3 restored; ")


# Watched


@pytest.mark.parametrize(("mended", "code"), [(True, 0), (False, 1)])
def test_a_watch_tells_each_picture_and_ends_with_ctrl_c(
    mended: bool, code: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("watchfiles")
    (folder / "in/new.png").write_bytes(b"not yet")

    def come() -> None:
        end, picture = time.monotonic() + 20, Image.new("RGB", (9, 9), (9, 99, 200))
        while not (folder / "out/2.png").exists() and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(1.5)  # by now the first state of new.png has failed
        if mended:
            picture.save(folder / "in/new.png")
        while mended and not (folder / "out/new.png").exists() and time.monotonic() < end:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=come)
    thread.start()
    assert run("in", "out", "--watch") == code
    thread.join()
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert {line.split(",")[0] for line in lines[:3]} == {f"{number}.png: restored" for number in range(3)}
    assert ("new.png: restored" in told.out) == mended and "new.png: failed: not a picture" in told.err
    assert lines[-1] == f"out: {3 + mended} restored, 1 failed"


def test_what_is_no_folder_is_not_watched(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("in/0.png", "--watch") == 1
    assert "--watch is for a folder" in capsys.readouterr().err
