"""``pixmend analyze field``: a figure, its arrays and a table; and ``pixmend restore --overlap``."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from pixmend import cli
from pixmend.errors import PixmendError

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """In a folder with a picture of noise."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("noise.png")

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli.app, ["analyze", "field", *arguments])

    return invoke


def refused(result: Result) -> str:
    assert isinstance(result.exception, PixmendError), result.exception
    return str(result.exception)


def test_it_draws_prints_and_keeps_the_arrays(run: Run) -> None:
    result = run("noise.png", "--model", "default", "--model", "bicubic", "--pixels", "2")
    assert result.exit_code == 0, result.exception
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[-2:] == [["noise-field.png"], ["noise-field.npz"]]
    bicubic = next(row for row in rows if row[:1] == ["bicubic"])
    assert bicubic[-4:] == ["2", "0", "1.5", "none"]
    with Image.open("noise-field.png") as figure:
        assert json.loads(figure.text["pixmend"])["models"] == ["default:sr_x2", "bicubic"]  # type: ignore[attr-defined]
    arrays = np.load("noise-field.npz")
    assert arrays["0_one"].shape == (40, 48) and arrays["picture"].shape == (3, 40, 48)
    assert len(arrays["1_cut_largest"]) == 2 * 20


def test_json_holds_the_numbers_and_nothing_else(run: Run) -> None:
    result = run("noise.png", "--model", "bicubic:sr_x2", "--at", "3, 40", "--crop", "0,0,40,44", "--json")
    found = json.loads(result.stdout)
    assert found["row, column"] == [3, 40] and found["top, left, height, width"] == [0, 0, 40, 44]
    (only,) = found["fields"]
    assert only["support"] == 2 and only["cut"]["distance"] == 1.5 and only["cut"]["independent"]
    assert only["cut"]["blended"]["16"] < only["cut"]["blended"]["0"]


def test_of_a_large_picture_the_most_detailed_part_is_asked_and_said(run: Run) -> None:
    pixels = np.full((150, 300, 3), 128, dtype=np.uint8)
    pixels[20:60, 200:240] = np.random.default_rng(0).integers(0, 256, (40, 40, 3))
    Image.fromarray(pixels).save("large.png")
    result = run("large.png", "--model", "bicubic:sr_x2", "--pixels", "2", "--json")
    top, left, height, width = json.loads(result.stdout)["top, left, height, width"]
    assert (height, width) == (128, 128) and top <= 20 and left <= 200 and left + 128 >= 240
    assert f"--crop {top},{left},128,128" in result.stderr


def test_a_pixel_is_counted_from_the_corner_of_the_picture_and_the_part_lies_around_it(run: Run) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (150, 300, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("large.png")
    result = run("large.png", "--model", "bicubic:sr_x2", "--pixels", "2", "--at", "140,200", "--json")
    found = json.loads(result.stdout)
    assert found["row, column"] == [140, 200] and found["top, left, height, width"] == [22, 136, 128, 128]
    field = np.load("large-field.npz")["0_one"]
    assert np.unravel_index(field.argmax(), field.shape) == (140 - 22, 200 - 136)


def test_a_picture_of_less_than_two_windows_has_a_field_and_no_cut(run: Run) -> None:
    result = run("noise.png", "--model", "default:sr_x2", "--crop", "0,0,20,20", "--pixels", "2", "--json")
    (only,) = json.loads(result.stdout)["fields"]
    assert only["cut"] is None and only["radius_95"] < 20


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("--at", "40,0"),
            "--at 40,0: lies outside the picture: expected a row of 0 to 39, a column of 0 to 47",
        ),
        (
            ("--at", "3,40", "--crop", "4,0,20,20"),
            "--at 3,40: lies outside --crop: expected a row of 4 to 23, a column of 0 to 19",
        ),
        (("--at", "-1,0"), "--at: expected ROW,COLUMN such as 40,32, got '-1,0'"),
        (("--at", f"{'9' * 5000},0"), "--at: expected ROW,COLUMN"),
        (("--crop", "0,0,99,8"), "--crop 0,0,99,8: goes beyond the picture of 48 x 40"),
        (("--out", "nowhere/f.png"), "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_asked_is_refused(run: Run, arguments: tuple[str, ...], told: str) -> None:
    assert told in refused(run("noise.png", "--model", "bicubic:sr_x2", *arguments))
    assert list(Path().iterdir()) == [Path("noise.png")]


def test_nothing_is_replaced_without_force(run: Run) -> None:
    arguments = ("noise.png", "--model", "bicubic:sr_x2", "--pixels", "2", "--out", "f.png")
    assert run(*arguments).exit_code == 0
    assert "f.png: exists already" in refused(run(*arguments))
    assert run(*arguments, "--force").exit_code == 0


def test_an_overlap_is_said_in_the_plan(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (80, 64)).save("wide.png")
    assert cli.run(["restore", "wide.png", "--tile", "64", "--overlap", "5"]) == 0
    assert "2 tiles of 64 overlapping by 16" in capsys.readouterr().err


def test_a_measured_overlap_is_said_once_it_is_known(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (80, 64)).save("wide.png")
    assert cli.run(["restore", "wide.png", "--tile", "64", "--overlap", "measured"]) == 0
    told = capsys.readouterr().err
    assert "2 tiles of 64 overlapping by 32 until it is measured" in told and "measured: 80 x 64" in told


@pytest.mark.parametrize("overlap", ["-1", "1.5", "all"])
def test_an_overlap_that_is_none_is_refused(run: Run, overlap: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["restore", "noise.png", f"--overlap={overlap}"]) == 1
    assert f"--overlap: expected pixels, 0 or more, or measured, got '{overlap}'" in capsys.readouterr().err
    assert not Path("noise_x2.png").exists()
