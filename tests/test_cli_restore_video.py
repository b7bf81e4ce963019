"""``pixmend restore CLIP`` writes what it says, goes on after a stop, and answers bad input with one line."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import pixmend
from pixmend import cli
from pixmend.infer.stream.journal import place_of
from pixmend.models.base import Restorer

pytest.importorskip("av")

import clips


class Twice(Restorer):
    """Repeats pixels and darkens them; may be stopped at a frame."""

    scale = 2
    tasks = ("sr_x2",)

    def __init__(self) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor(0.5))
        self.left = -1

    def restore(self, x: Tensor) -> Tensor:
        if x.shape[-2:] == clips.SIZE:  # no small picture that is measured
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2) * self.share


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Twice:
    """What every ``--model`` loads."""
    network = Twice()
    monkeypatch.setattr(pixmend, "load", lambda name: network, raising=False)
    return network


@pytest.fixture
def folder(tmp_path: Path, network: Twice, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with clip.mp4 of 15 frames, four a second, in pieces of 12."""
    monkeypatch.chdir(tmp_path)
    clips.make(tmp_path / "clip.mp4", times=[3200 * number for number in range(15)], audio=("aac",))
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Code, output and error output of the command."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["restore", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_a_clip_is_enlarged_beside_itself_with_its_sound(run: Run, folder: Path) -> None:
    code, out, err = run("clip.mp4")
    assert code == 0, err
    assert out.startswith("clip_x2.mp4: 15 frames of 96 x 64, ")
    assert "nothing asked for: enlarging twice" in err and "each on its own" in err
    found = clips.look(folder / "clip_x2.mp4")
    assert len(found.times) == 15 and found.others == clips.look(folder / "clip.mp4").others


def test_what_cannot_be_written_as_it_came_is_named_mkv(run: Run, folder: Path) -> None:
    clips.make(folder / "old.avi", frames=3, codec="mpeg4")
    code, out, _ = run("old.avi", "--quality", "50", "--strip")
    assert code == 0 and out.startswith("old_x2.mkv: 3 frames")


def test_a_dry_run_says_what_would_be_done_and_does_nothing(run: Run, folder: Path) -> None:
    code, out, _ = run("clip.mp4", "o.mp4", "--dry-run")
    assert (
        code == 0
        and "nothing is done yet" in out
        and "15 frames at 4.24 a second" in out
        and "about 1 s in all: " in out
    )
    code, out, _ = run("clip.mp4", "o.mp4", "--dry-run", "--json")
    planned = json.loads(out)
    assert planned["status"] == "planned" and planned["plan"]["frames"] == 15 and planned["plan"]["codec"] == "libx264"
    assert [path.name for path in folder.iterdir()] == ["clip.mp4"]


def test_json_says_what_was_done_and_nothing_else_is_printed(run: Run) -> None:
    code, out, _ = run("clip.mp4", "o.mkv", "--lossless", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["status"], found["frames"], found["resumed_frames"]) == ("done", 15, 0)
    assert (found["width"], found["height"], found["warnings"]) == (96, 64, [])


def test_interrupted_it_says_how_to_go_on_and_the_same_command_does(run: Run, network: Twice, folder: Path) -> None:
    network.left = 15
    code, _, err = run("clip.mp4", "o.mp4")
    assert code == 130 and err.endswith("all finished frames are kept: the same command goes on\n")
    assert not Path("o.mp4").exists() and place_of(folder / "o.mp4").exists()
    code, out, _ = run("clip.mp4", "o.mp4")
    assert code == 0 and "14 of them from an earlier run" in out
    assert run("clip.mp4", "once.mp4")[0] == 0
    assert Path("once.mp4").read_bytes() == Path("o.mp4").read_bytes()


def test_a_size_that_is_asked_for_is_rounded_to_what_players_show(run: Run, folder: Path) -> None:
    code, out, err = run("clip.mp4", "o.mp4", "--width", "75")
    assert code == 0, err
    assert "of 76 x 50, " in out and clips.look(folder / "o.mp4").layout == "yuv420p"


def test_a_width_that_is_asked_for_is_that_of_the_clip_as_people_see_it(run: Run, folder: Path) -> None:
    clips.make(folder / "phone.mov", frames=2, display=[0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30])
    code, _, err = run("phone.mov", "o.mov", "--width", "48")
    assert code == 0, err
    assert clips.look(folder / "o.mov").pixels[0].shape == (48, 72, 3)  # as stored: 72 high


def test_a_file_that_exists_is_replaced_with_force_alone_and_the_clip_never(run: Run, folder: Path) -> None:
    Path("o.mp4").write_text("mine")
    code, _, err = run("clip.mp4", "o.mp4")
    assert code != 0 and "exists already" in err and Path("o.mp4").read_text() == "mine"
    assert run("clip.mp4", "o.mp4", "--force")[0] == 0
    code, _, err = run("clip.mp4", "clip.mp4", "--force")
    assert code != 0 and "is the picture itself" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("clip.mp4", "o.avi"), "expected a name that ends in .mp4"),
        (("clip.mp4", "o.webm"), "cannot hold audio stream 1 (aac)"),
        (("clip.mp4", "nowhere/o.mp4"), "not an existing folder"),
        (("clip.mp4", "o.mp4", "--lossless"), "FFV1 in .mkv"),
        (("clip.mp4", "o.mp4", "--depth", "16"), "--depth is for pictures"),
        (("clip.mp4", "o.mp4", "--format", "png"), "--format is for pictures"),
        (("clip.mp4", "o.mp4", "--compare"), "--compare is for one picture"),
        (("clip.mp4", "o.mp4", "--overlap", "measured"), "give a number of pixels"),
        (("text.mp4", "o.mp4"), "not a video that can be read"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line_and_leaves_nothing(
    arguments: tuple[str, ...], told: str, run: Run, folder: Path
) -> None:
    Path("text.mp4").write_text("no video")
    code, out, err = run(*arguments)
    assert code == 1 and told in err and not out
    assert "Traceback" not in err
    assert sorted(path.name for path in folder.iterdir()) == ["clip.mp4", "text.mp4"]


def test_a_clip_that_is_cut_short_is_told_in_words_and_in_json(run: Run, folder: Path) -> None:
    clips.make(folder / "cut.avi", time_base=Fraction(1, 25), times=list(range(40)))
    content = Path("cut.avi").read_bytes()
    Path("cut.avi").write_bytes(content[: len(content) * 7 // 10])
    code, _, err = run("cut.avi", "o.mkv")
    assert code == 0 and "of the 40 frames the file tells of came: it is cut short or damaged" in err
    code, out, _ = run("cut.avi", "o.mkv", "--force", "--json")
    assert code == 0 and any("of the 40 frames" in line for line in json.loads(out)["warnings"])


def test_a_video_cannot_be_made_again_and_that_is_told(
    run: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["rerun", "clip.mp4"]) == 1
    assert "clip.mp4: a video, which does not say how it was made" in capsys.readouterr().err
