"""``pixmend restore FOLDER`` does every picture that can be done, and tells the truth about each, also when stopped."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import pixmend
from pixmend import cli
from pixmend.image import read_image, read_picture
from pixmend.models.base import MultiTask, Restorer
from pixmend.seeding import generator


class Darker(Restorer):
    """Repeats pixels, darkened."""

    def __init__(self, task: str) -> None:
        super().__init__()
        self.tasks, self.scale = (task,), 2 if task == "sr_x2" else 1
        self.share = nn.Parameter(torch.tensor(0.5))

    def restore(self, x: Tensor) -> Tensor:
        time.sleep(float(os.environ.get("SECONDS_A_PICTURE", "0")))
        return x.repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2) * self.share


class Everything(MultiTask):
    tasks = ("sr_x2", "dn_g15")

    def select(self, task: str | None = None) -> Restorer:
        return Darker(self.check_task(task))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with three pictures in ``in`` and a network for every ``--model``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pixmend, "load", lambda name: Everything(), raising=False)
    make(tmp_path)
    return tmp_path


def make(folder: Path, *, count: int = 3) -> None:
    (folder / "in/ü b").mkdir(parents=True, exist_ok=True)
    for number in range(count):
        values = torch.randint(0, 256, (10, 12 + number % 3, 3), generator=generator(number), dtype=torch.uint8)
        Image.fromarray(values.numpy()).save(folder / ("in" if number % 3 else "in/ü b") / f"{number}.png")


def files(folder: Path) -> list[str]:
    hidden = {".pixmend", "in"}
    found = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return [path.as_posix() for path in found if not hidden & set(path.parts)]


def run(*arguments: str) -> int:
    return cli.run(["restore", *arguments])


# What it writes and says


def test_a_folder_is_restored_beside_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("in") == 0
    assert files(folder) == ["in_restored/1.png", "in_restored/2.png", "in_restored/ü b/0.png"]
    assert read_image("in_restored/1.png").shape == (3, 20, 26)
    told = capsys.readouterr()
    assert told.out.startswith("in_restored: 3 restored; 0.00 megapixels in ") and told.out.count("\n") == 1
    assert told.err == "nothing asked for: enlarging twice (--scale 2)\n3 pictures into in_restored; cpu, float32\n"


def test_the_folder_may_be_named_by_a_dot(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "in")
    assert run(".", "-q") == 0
    assert (folder / "in_restored/1.png").exists()


def test_what_was_asked_for_is_done_in_the_format_asked_for(folder: Path) -> None:
    assert run("in", "out", "--denoise", "15", "--scale", "2", "--format", "webp") == 0
    assert files(folder) == ["out/1.webp", "out/2.webp", "out/ü b/0.webp"]
    assert read_picture("out/1.webp").format == "WEBP" and read_image("out/1.webp").mean() < 0.2  # darkened twice


def test_quiet_says_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("in", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_what_is_left_out_of_the_folder_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("notes.txt", ".hidden.png", "Thumbs.db"):
        (folder / "in" / name).touch()
    assert run("in", "out") == 0
    assert "3 pictures into out (left out: 1 hidden, 2 not pictures by name)" in capsys.readouterr().err


def test_failures_are_a_table_a_file_and_code_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in/empty.png").touch()
    (folder / "in/[red]text.jpg").write_text("no picture")
    assert run("in", "out") == 1
    told = capsys.readouterr().out
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in told.splitlines()[1:] if line.strip(" ─")}
    assert rows["empty.png"].strip() == "the file is empty (0 bytes)" and rows["[red]text.jpg"].startswith("not a pict")
    assert "out: 3 restored, 2 failed; " in told
    assert len(json.loads((folder / "out/failures.json").read_text())["failed"]) == 2


def test_quiet_names_the_first_failure_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in/empty.png").touch()
    assert run("in", "out", "-q") == 1
    assert capsys.readouterr() == ("", "pixmend: error: in/empty.png: the file is empty (0 bytes)\n")


def test_json_is_one_object_with_the_truth_about_each_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in/10.png").touch()
    assert run("in", "out", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["done"], told["skipped"], told["failed"], told["left"], told["stopped"]) == (3, 0, 1, 0, None)
    assert [(item["path"], item["status"]) for item in told["files"]] == [
        ("1.png", "done"),
        ("2.png", "done"),
        ("10.png", "failed"),
        ("ü b/0.png", "done"),
    ]
    assert told["files"][2]["reason"] == "the file is empty (0 bytes)" and told["tasks"] == ["sr_x2"]


def test_a_second_run_skips_and_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("in", "out")
    (folder / "out/1.png").unlink()
    capsys.readouterr()
    assert run("in", "out", "--skip-existing") == 0
    assert capsys.readouterr().out.startswith("out: 1 restored, 2 skipped; ")


def test_force_replaces_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("in", "out")
    assert run("in", "out", "--force") == 0
    assert capsys.readouterr().out.count("3 restored") == 2


def test_two_devices_are_given_with_a_comma(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("in", "out", "--device", "cpu,cpu") == 0
    assert "; cpu and cpu, float32" in capsys.readouterr().err


def test_names_that_are_no_text_are_restored_and_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = os.fsencode(folder / "in") + b"/\xff\x1b[31m.png"
    with open(odd, "wb") as file:  # noqa: PTH123
        file.write((folder / "in/1.png").read_bytes())
    with open(odd + b".jpg", "wb"):  # noqa: PTH123
        pass
    assert run("in", "out") == 1
    assert "\x1b" not in capsys.readouterr().out
    assert run("in", "out", "--json", "--skip-existing") == 1
    assert json.loads(capsys.readouterr().out)["skipped"] == 4


# What is refused before the work


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["in", "in"], "is the folder of the pictures itself"),
        (["in", "in/1.png"], "is a file, expected a folder"),
        (["in", "old"], "old/1.png: exists already: give --skip-existing"),
        (["in", "out", "--format", "psd"], "--format psd: expected one of png"),
        (["in", "out", "--denoise", "25"], "have no task dn_g25"),
        (["in", "out", "--compare"], "--compare is for one picture"),
        (["in", "out", "--right", "in/1.png"], "--right is for one picture"),
        (["in", "out", "--device", "cpu,nonsense"], "device 'nonsense' cannot be used"),
        (["in/1.png", "--skip-existing"], "--skip-existing is for a folder"),
        (["in/1.png", "--batch", "2"], "--batch is for a folder"),
        (["in/1.png", "--json"], "--json is for a folder"),
        (["/"], "has no name to put the results beside"),
        (["empty"], "no pictures in it or below"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_nothing_written(
    arguments: list[str], told: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "old").mkdir()
    (folder / "empty").mkdir()
    (folder / "old/1.png").write_bytes(b"old")
    before = files(folder)
    assert run(*arguments, "-q") == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and told in captured.err
    assert files(folder) == before


def test_a_full_disk_is_one_line_that_says_how_to_go_on(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    run("in", "out")
    (folder / "out/1.png").unlink()
    monkeypatch.setattr("os.fsync", full)
    assert run("in", "out", "--skip-existing") == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("pixmend: error: out: cannot be written: No space left on device: free space")
    assert told.endswith("the same command with --skip-existing goes on")


# Interrupted


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import pixmend
from pixmend import cli
from test_cli_restore_folder import Everything
pixmend.load = lambda name: Everything()
sys.exit(cli.run(["restore", "in", "out"]))
"""


@pytest.fixture
def start(folder: Path) -> Callable[[], subprocess.Popen[str]]:
    """A command over forty pictures, once it has done three."""
    make(folder, count=40)

    def begin() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(tests=str(Path(__file__).parent))],
            cwd=folder,
            env=os.environ | {"SECONDS_A_PICTURE": "0.05", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while len(list((folder / "out").rglob("*.png"))) < 3 and process.poll() is None:
            time.sleep(0.02)
        return process

    return begin


@pytest.mark.parametrize(
    "signals",
    [
        pytest.param([signal.SIGINT], id="once"),
        pytest.param([signal.SIGINT, signal.SIGINT], id="twice", marks=pytest.mark.slow),
        pytest.param([signal.SIGTERM], id="ended", marks=pytest.mark.slow),
    ],
)
def test_interrupted_it_keeps_what_is_done_and_the_same_command_goes_on(
    signals: list[signal.Signals],
    start: Callable[[], subprocess.Popen[str]],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    process = start()
    for number in signals:
        process.send_signal(number)
        time.sleep(0.03)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    assert err.endswith("pixmend: interrupted, nothing half-written\n")
    done = [path for path in files(folder) if path.endswith(".png")]
    assert 3 <= len(done) < 40 and all(read_image(path).shape[1] == 20 for path in done)
    if len(signals) == 1:
        assert f"out: {len(done)} restored, {40 - len(done)} left" in out
        assert f"{40 - len(done)} of 40 pictures are left: the same command with --skip-existing goes on" in err
    assert run("in", "out", "--skip-existing", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["skipped"], told["done"]) == (len(done), 40 - len(done))
