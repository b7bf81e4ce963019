"""``pixmend rerun``: a result made again from what its file says; and the options that say how results are stored."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pixmend.cli import run
from pixmend.image import read_picture, read_provenance, write_image, write_picture

EXAMPLE = Path(__file__).parent.parent / "examples" / "sign.png"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a small picture in it."""
    monkeypatch.chdir(tmp_path)
    write_image("photo.png", read_picture(EXAMPLE).pixels[:, 100:124, 60:90])
    return tmp_path


@pytest.fixture
def refuse(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def refused(*arguments: str) -> str:
        capsys.readouterr()
        assert run([*arguments]) == 1
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err.count("\n") == 1
        return captured.err

    return refused


@pytest.mark.parametrize("options", [["out.png"], ["out.jpg", "--quality", "80"], ["out.tif", "--depth", "16"]])
def test_a_result_is_made_again_and_is_the_same(options: list[str], folder: Path, capsys) -> None:
    assert run(["restore", "photo.png", *options, "-q"]) == 0
    assert run(["rerun", options[0]]) == 0
    assert "made again from photo.png by default, and it is the same" in capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == sorted(["photo.png", options[0]])


def test_a_result_that_was_changed_is_told(folder: Path, refuse: Callable[..., str]) -> None:
    assert run(["restore", "photo.png", "out.png", "-q"]) == 0
    made = read_picture("out.png")
    pixels = made.pixels.clone()
    pixels[0, 5, 5] = (pixels[0, 5, 5] + 10 / 255) % 1
    write_picture("out.png", made.__class__(pixels=pixels, xmp=made.xmp))
    assert read_provenance("out.png") is not None
    assert "made again it differs, by 10 levels at most" in refuse("rerun", "out.png", "--out", "again.png")
    assert torch.equal(read_picture("again.png").pixels, made.pixels)


def test_another_picture_or_none_is_refused(folder: Path, refuse: Callable[..., str]) -> None:
    assert run(["restore", "photo.png", "out.png", "-q"]) == 0
    write_image("photo.png", torch.rand(3, 24, 30, generator=torch.Generator().manual_seed(0)))
    assert "photo.png: is not the file that the result was made of" in refuse("rerun", "out.png")
    Path("photo.png").unlink()
    assert "no such file: say where photo.png is" in refuse("rerun", "out.png")
    write_image("plain.png", torch.rand(3, 4, 4))
    assert "plain.png: does not say how it was made" in refuse("rerun", "plain.png")


def test_damaged_words_are_refused(folder: Path, refuse: Callable[..., str]) -> None:
    picture = read_picture("photo.png")
    write_picture("odd.png", picture, provenance={"picture": "../../secret.png", "model": 3})
    assert "damaged: sha256, model, weights" in refuse("rerun", "odd.png")


@pytest.mark.parametrize(
    "words",
    [
        {"ensemble": "8"},
        {"strength": None},
        {"tile": "a"},
        {"size": [1]},
        {"size": ["a", 2]},
        {"crop": {"a": 1}},
        {"crop": {"left": "a", "top": 0, "width": 1, "height": 1}},
        {"options": {"none": 1}},
        {"options": {"quality": "x"}},
        {"tasks": [3]},
    ],
)
def test_values_that_restore_never_writes_are_refused(words: dict[str, object], folder: Path, refuse) -> None:
    right = {"picture": "photo.png", "sha256": "", "model": "default", "weights": [], "tasks": [], "options": {}}
    right |= {"device": "cpu", "precision": "float32"}
    write_picture("odd.png", read_picture("photo.png"), provenance={**right, **words})
    assert "what it says of how it was made is damaged" in refuse("rerun", "odd.png")


def test_results_say_nothing_of_folders(folder: Path) -> None:
    assert run(["restore", str(folder / "photo.png"), str(folder / "out.png"), "-q"]) == 0
    facts = read_provenance("out.png")
    assert facts is not None and facts["picture"] == "photo.png" and facts["tasks"] == ["sr_x2"]
    assert str(folder) not in str(facts)


def test_the_format_and_depth_of_a_result_are_those_asked_for_else_the_pictures_own(folder: Path) -> None:
    assert run(["restore", "photo.png", "-q", "--format", "jpg"]) == 0
    assert read_picture("photo_x2.jpg").format == "JPEG"
    deep = read_picture("photo.png")
    write_picture("deep.png", deep.__class__(pixels=deep.pixels, depth=16))
    assert run(["restore", "deep.png", "-q"]) == 0 and read_picture("deep_x2.png").depth == 16
    assert run(["restore", "deep.png", "shallow.png", "-q", "--depth", "8"]) == 0
    assert read_picture("shallow.png").depth == 8


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--format", "psd"], "--format psd: expected one of png"),
        (["--depth", "12"], "--depth: expected 8, 16 or 32"),
        (["out.jpg", "--depth", "16"], "16"),
        (["--quality", "80", "--lossless"], "exclude each other"),
    ],
)
def test_what_no_format_can_hold_is_refused_before_the_work(options, told, folder, refuse) -> None:
    assert told in refuse("restore", "photo.png", *options)
    assert [path.name for path in folder.iterdir()] == ["photo.png"]
