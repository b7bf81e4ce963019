"""``pixmend restore --stream`` writes what it says, goes on after a stop, and answers bad input with one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import pixmend
from pixmend import cli
from pixmend.cli.restore import stream
from pixmend.image import Picture, read_picture, read_provenance, write_picture
from pixmend.infer import memory
from pixmend.infer.stream.journal import place_of
from pixmend.models.base import Restorer


class Twice(Restorer):
    """Repeats pixels and darkens them; may be stopped at a tile."""

    scale = 2
    tasks = ("sr_x2",)

    def __init__(self) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor(0.5))
        self.left = -1

    def restore(self, x: Tensor) -> Tensor:
        if x.shape[-1] >= 60:  # no small picture that is measured
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2) * self.share


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Twice:
    """What every ``--model`` loads."""
    network = Twice()
    monkeypatch.setattr(pixmend, "load", lambda name: network, raising=False)
    return network


@pytest.fixture
def folder(tmp_path: Path, network: Twice, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with slide.tif of 150 x 140 in it."""
    monkeypatch.chdir(tmp_path)
    pixels = torch.rand(3, 140, 150, generator=torch.Generator().manual_seed(0))
    write_picture("slide.tif", Picture(pixels=pixels))
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Code, output and error output of the command."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["restore", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


Run = Callable[..., tuple[int, str, str]]


def test_a_streamed_picture_has_the_name_size_and_provenance_of_any_other(run: Run, folder: Path) -> None:
    code, out, err = run("slide.tif", "--stream", "--tile", "64")
    assert code == 0, err
    assert out.startswith("slide_x2.tif: 300 x 280, ")
    assert "5 bands" in err or "bands, at most" in err
    streamed = read_picture("slide_x2.tif")
    provenance = read_provenance("slide_x2.tif")
    assert run("slide.tif", "whole.tif", "--tile", "64")[0] == 0
    assert torch.equal(streamed.pixels, read_picture("whole.tif").pixels)
    assert provenance is not None and provenance["tasks"] == ["sr_x2"]


def test_json_says_what_was_done_and_nothing_else_is_printed(run: Run) -> None:
    code, out, _ = run("slide.tif", "--stream", "--tile", "64", "--json", "--verify-seams")
    found = json.loads(out)
    assert code == 0
    assert (found["status"], found["width"], found["height"], found["resumed_rows"]) == ("done", 300, 280, 0)
    assert found["seams"]["largest_levels"] < 0.001 and len(found["seams"]["places"]) == 4
    assert found["plan"]["memory_bytes"] < 1_500_000_000


def test_a_dry_run_says_what_would_be_done_and_does_nothing(run: Run, folder: Path) -> None:
    code, out, _ = run("slide.tif", "o.tif", "--stream", "--tile", "64", "--dry-run")
    assert code == 0 and "nothing is done yet" in out and "bands, at most" in out and "by one tile" in out
    assert [path.name for path in folder.iterdir()] == ["slide.tif"]


def test_seams_are_told_in_a_table_and_a_line(run: Run) -> None:
    _, out, _ = run("slide.tif", "--stream", "--tile", "64", "--verify-seams")
    assert "seam at" in out and "4 seams: differences to the network" in out


def test_interrupted_it_says_how_to_go_on_and_the_same_command_does(run: Run, network: Twice, folder: Path) -> None:
    network.left = 12
    code, _, err = run("slide.tif", "o.png", "--stream", "--tile", "64")
    assert code == 130 and err.endswith("all finished rows are kept: the same command goes on\n")
    assert not Path("o.png").exists() and place_of(folder / "o.png").exists()
    code, out, _ = run("slide.tif", "o.png", "--tile", "64")  # begun so, it goes on so without being told
    assert code == 0 and "rows of them from an earlier run" in out
    assert run("slide.tif", "once.png", "--stream", "--tile", "64")[0] == 0
    once, again = read_picture("once.png"), read_picture("o.png")
    assert torch.equal(once.pixels, again.pixels)


def test_a_file_that_exists_is_replaced_with_force_alone_and_the_picture_never(run: Run, folder: Path) -> None:
    Path("o.tif").write_text("mine")
    code, _, err = run("slide.tif", "o.tif", "--stream")
    assert code != 0 and "exists already" in err and Path("o.tif").read_text() == "mine"
    assert run("slide.tif", "o.tif", "--stream", "--force")[0] == 0
    assert read_picture("o.tif").pixels.shape == (3, 280, 300)
    code, _, err = run("slide.tif", "slide.tif", "--stream", "--force")
    assert code != 0 and "is the picture itself" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("slide.tif", "o.webp", "--stream"), "cannot be written row by row"),
        (("nothing.tif", "o.tif", "--stream"), "no such file"),
        (("slide.tif", "nowhere/o.tif", "--stream"), "not an existing folder"),
        (("slide.tif", "o.tif", "--stream", "--compare"), "--compare is for one picture that is not streamed"),
        (("slide.tif", "o.tif", "--verify-seams"), "--verify-seams is for --stream"),
        (("slide.tif", "o.tif", "--stream", "--overlap", "measured"), "give a number of pixels"),
        (("slide.tif", "o.tif", "--stream", "--tile", "9"), "too small for this network"),
        ((".", "out", "--stream"), "--stream is for one picture"),
        (("slide.tif", ".", "--stream"), "cannot tell the output format"),
        (("slide.tif", ".", "--stream", "--force"), "cannot tell the output format"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line_and_leaves_nothing(
    arguments: tuple[str, ...], told: str, run: Run, folder: Path
) -> None:
    code, out, err = run(*arguments)
    assert code != 0 and told in err and not out
    assert "Traceback" not in err
    assert [path.name for path in folder.iterdir()] == ["slide.tif"]


def test_what_is_too_large_for_the_free_memory_is_streamed_unasked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: tuple[str, ...] = ("sr_x2",)
    monkeypatch.setattr(stream, "_SMALL", 0)
    assert not stream.too_large(Path("slide.tif"), asked=asked)
    assert stream.too_large(Path("slide.tif"), asked=asked, allowed=1_000_000)
    monkeypatch.setattr(memory, "free", lambda: 1_000_000)
    assert stream.too_large(Path("slide.tif"), asked=asked)
    assert not stream.too_large(Path("nothing.tif"), asked=asked)


def test_a_small_file_is_not_even_opened_to_find_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free", lambda: 0)
    assert not stream.too_large(Path("slide.tif"), asked=())
