"""Any size, a part, several networks, pipes: what ``pixmend restore`` does around the networks."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import pixmend
from pixmend import cli
from pixmend.cli.restore import stream
from pixmend.image import Picture, read_image, read_picture, write_picture
from pixmend.models.base import Restorer
from pixmend.seeding import generator
from test_cli_restore import Everything, Trace

network = pytest.fixture(name="network")(lambda monkeypatch: _loaded(monkeypatch, Everything()))


def _loaded(monkeypatch: pytest.MonkeyPatch, network: Everything) -> Everything:
    """What every ``--model`` loads."""
    monkeypatch.setattr(pixmend, "load", lambda name: network, raising=False)
    return network


@pytest.fixture
def folder(tmp_path: Path, network: Everything, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with photo.png of 120 x 90 in it."""
    monkeypatch.chdir(tmp_path)
    write_picture("photo.png", Picture(pixels=torch.rand(3, 90, 120, generator=generator(0))))
    return tmp_path


@pytest.fixture
def refuse(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs the command, which has to end in one line and leave nothing behind."""

    def refused(*arguments: str) -> str:
        assert cli.run(["restore", *arguments]) in (1, 2)
        captured = capsys.readouterr()
        assert not captured.out and captured.err.count("\n") == 1
        assert [path.name for path in folder.iterdir()] == ["photo.png"]
        return captured.err

    return refused


def run(*options: str) -> None:
    assert cli.run(["restore", "photo.png", *options, "--quiet"]) == 0


def done(network: Everything) -> list[str]:
    """The tasks, less the two probes of each."""
    return list(dict.fromkeys(network.done))


# Any size


@pytest.mark.parametrize(
    ("options", "tasks", "name", "size"),
    [
        (["--scale", "1.5"], ["sr_x2"], "photo_x1.5.png", (180, 135)),
        (["--scale", "5"], ["sr_x2", "sr_x3"], "photo_x5.png", (600, 450)),
        (["--scale", "12"], ["sr_x3"], "photo_x12.png", (1440, 1080)),
        (["--width", "200"], ["sr_x2"], "photo_200x150.png", (200, 150)),
        (["--height", "225"], ["sr_x3"], "photo_300x225.png", (300, 225)),
        (["--fit", "1000x180"], ["sr_x2"], "photo_240x180.png", (240, 180)),
        (["--megapixels", "0.03"], ["sr_x2"], "photo_200x150.png", (200, 150)),
        (["--denoise", "25", "--width", "60"], ["dn_g25"], "photo_dn25_60x45.png", (60, 45)),
        (["--denoise", "25", "--scale", "3"], ["dn_g25", "sr_x3"], "photo_dn25_x3.png", (360, 270)),
        (["--task", "sr_x3", "--width", "150"], ["sr_x3"], "photo_x3_150x113.png", (150, 113)),
        (["--width", "60"], [], "photo_60x45.png", (60, 45)),
    ],
)
def test_a_size_chooses_the_least_enlargement_that_reaches_it(
    options: list[str], tasks: list[str], name: str, size: tuple[int, int], folder: Path, network: Everything
) -> None:
    run(*options)
    assert read_image(name).shape == (3, size[1], size[0]) and done(network) == tasks


def test_what_is_resampled_beyond_the_weights_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["restore", "photo.png", "--scale", "18"]) == 0
    assert "the last 2 times are resampled" in capsys.readouterr().err


def test_what_is_only_made_smaller_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["restore", "photo.png", "--fit", "80x80"]) == 0
    assert "at most made smaller" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--scale", "2", "--width", "500"], "--scale and --width: one of them says the size"),
        (["--fit", "3840"], "--fit: expected width and height such as 3840x2160"),
        (["--fit", "0x5"], "fit: expected a width and a height above 0"),
        (["--width", "0"], "Invalid value for '--width'"),
        (["--task", "sr_x2", "--scale", "3"], "--task goes without"),
        (["--ensemble", "4"], "ensemble: expected 1 or 8"),
        (["--strength", "0"], "strength: expected more than 0"),
        (["--strength", "1.5"], "Invalid value for '--strength'"),
    ],
)
def test_a_size_or_strength_that_is_none_is_refused(options: list[str], told: str, refuse: Callable[..., str]) -> None:
    assert told in refuse("photo.png", *options)


def test_weights_that_do_not_enlarge_are_refused_for_a_larger_size(
    network: Everything, refuse: Callable[..., str]
) -> None:
    network.tasks = ("dn_g25",)
    assert "have no task that enlarges 1.25 times, only dn_g25" in refuse("photo.png", "--width", "150")


@pytest.mark.parametrize(
    "options",
    [
        ["--scale", "1.5"],
        ["--width", "60"],
        ["--denoise", "15", "--strength", "0.5"],
        ["--scale", "2", "--ensemble", "8"],
        ["--scale", "2", "--crop", "10,20,30,40"],
        ["--scale", "1.5", "--crop", "10,20,30,40"],
    ],
)
def test_a_result_of_any_size_part_or_strength_is_made_again_alike(options: list[str], folder: Path) -> None:
    assert cli.run(["restore", "photo.png", "out.png", *options, "--quiet"]) == 0
    assert cli.run(["rerun", "out.png"]) == 0


# A part


@pytest.mark.parametrize("size", [["--scale", "2"], ["--width", "240"], ["--denoise", "25"]])
def test_a_part_is_that_of_the_whole_result(size: list[str], folder: Path) -> None:
    run("whole.png", *size)
    run("part.png", *size, "--crop", "33,17,40,20")
    whole, part = read_image("whole.png"), read_image("part.png")
    scale = whole.shape[1] // 90
    rows, columns = slice(17 * scale, 37 * scale), slice(33 * scale, 73 * scale)
    assert torch.equal(part, whole[:, rows, columns])


def test_of_a_picture_too_large_for_the_memory_only_the_part_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("small.png", "--denoise", "25", "--crop", "50,40,16,8")
    monkeypatch.setattr(stream, "_SMALL", 0)
    monkeypatch.setattr("pixmend.image.PIXEL_LIMIT", 1000)
    monkeypatch.setattr("pixmend.image.read_picture", lambda path: pytest.fail("the whole picture was read"))
    run("large.png", "--denoise", "25", "--crop", "50,40,16,8")
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert torch.equal(read_image("small.png"), read_image("large.png"))


def test_a_dry_run_tells_the_size_of_the_part(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--crop", "30,30,20,10", "--scale", "2", "--dry-run")
    assert "result  40 x 20," in capsys.readouterr().out
    run("--crop", "30,30,20,10", "--width", "180", "--dry-run")
    out = capsys.readouterr().out
    assert "result  30 x 15," in out and "to 30 x 15" in out


@pytest.mark.parametrize(
    ("crop", "told"),
    [
        ("100,0,21,5", "goes beyond the picture of 120 x 90"),
        ("0,0,0,5", "goes beyond the picture"),
        ("1,2,3", "--crop: expected left, top, width and height"),
        ("-1,0,5,5", "--crop: expected left"),
    ],
)
def test_a_part_that_is_none_is_refused(crop: str, told: str, refuse: Callable[..., str]) -> None:
    assert told in refuse("photo.png", f"--crop={crop}")


# Several networks


def test_several_networks_are_shown_side_by_side_and_only_that_is_written(folder: Path) -> None:
    run("--crop", "0,0,40,40", "--compare", "--model", "a", "--model", "b", "--scale", "2")
    assert sorted(path.name for path in folder.iterdir()) == ["photo.png", "photo_compare.png"]
    two = read_image("photo_compare.png").shape
    run("three.png", "--crop", "0,0,40,40", "--compare", "--model", "a", "--model", "b", "--model", "c")
    three = read_image("three.png").shape
    assert three[2] / three[1] > 1.2 * two[2] / two[1]


def test_several_networks_without_comparison_are_refused(refuse: Callable[..., str]) -> None:
    assert "--model: several are for --compare" in refuse("photo.png", "--model", "a", "--model", "b")


# Pipes


@pytest.fixture
def piped(folder: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]):
    """Runs the command with these bytes coming in; gives the code, what went out and what was said."""

    def piped(content: bytes, *arguments: str) -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        code = cli.run(["restore", *arguments])
        captured = capsysbinary.readouterr()
        return code, captured.out, captured.err.decode()

    return piped


def test_a_picture_comes_in_and_its_result_goes_out_in_its_own_format(folder: Path, piped) -> None:
    content = Path("photo.png").read_bytes()
    code, out, said = piped(content, "-", "--scale", "2")
    assert code == 0 and "240 x 180" in said
    Path("piped.png").write_bytes(out)
    run("plain.png", "--scale", "2")
    assert torch.equal(read_image("piped.png"), read_image("plain.png"))
    assert read_picture("piped.png").format == "PNG"


def test_a_file_goes_out_in_another_format_and_nothing_is_left_beside_it(folder: Path, piped) -> None:
    code, out, _ = piped(b"", "photo.png", "-", "--denoise", "25", "--format", "webp")
    assert code == 0 and out[8:12] == b"WEBP"
    assert [path.name for path in folder.iterdir()] == ["photo.png"]


def test_what_comes_in_can_be_kept_in_a_file(folder: Path, piped) -> None:
    code, out, _ = piped(Path("photo.png").read_bytes(), "-", "out.jpg", "--denoise", "25", "-q")
    assert code == 0 and not out and read_picture("out.jpg").format == "JPEG"


@pytest.mark.parametrize(
    ("content", "arguments", "told"),
    [
        (b"", ["-"], "standard input: nothing came"),
        (b"no picture", ["-"], "-: not a picture that can be read"),
        (b"", ["photo.png", "-", "--compare"], "--compare: the sheet needs a name"),
        (b"", [".", "-"], "the results of a folder are files"),
        (b"", ["none.png", "-"], "none.png: no such file"),
        (b"", ["photo.png", "-", "--stream", "--json"], "--json: goes where the picture goes"),
    ],
)
def test_what_cannot_be_piped_is_one_line_and_nothing_goes_out(
    content: bytes, arguments: list[str], told: str, piped
) -> None:
    code, out, said = piped(content, *arguments)
    assert code == 1 and not out and told in said and said.count("\n") == 1


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_files_that_hold_a_pipe_are_named_by_nobody(form: list[str], folder: Path, piped) -> None:
    content = Path("photo.png").read_bytes()
    code, out, _ = piped(content, "-", "--dry-run", *form)
    assert code == 0 and b"stdin_x2.png" in out and b"pixmend-" not in out
    write_picture("photo.jpg", read_picture("photo.png"))
    Path("photo.jpg").rename("odd.png")
    _, _, said = piped(b"", "odd.png", "-", "--denoise", "25")
    assert "odd.png: " in said and "pixmend-" not in said


# Folders


class Wide(Trace):
    """Takes more for its smallest tile than doing nothing takes for a large one."""

    def __init__(self, name: str, done: list[str]) -> None:
        super().__init__(name, done)
        self.wide = torch.nn.Conv2d(3, 4000, 1)

    def restore(self, x: torch.Tensor) -> torch.Tensor:
        return super().restore(x) + self.wide(x).mean()


class Heavy(Everything):
    def select(self, task: str | None = None) -> Restorer:
        return Wide(self.check_task(task), self.done)


def test_the_first_picture_of_a_folder_does_not_decide_what_the_others_may_take(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _loaded(monkeypatch, Heavy())
    Path("in").mkdir()
    Path("photo.png").rename("in/1.png")
    write_picture("in/2.png", Picture(pixels=torch.rand(3, 9, 12, generator=generator(0))))
    assert cli.run(["restore", "in", "out", "--width", "24", "--quiet"]) == 0
    assert [read_image(f"out/{number}.png").shape for number in (1, 2)] == [(3, 18, 24)] * 2
