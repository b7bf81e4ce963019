"""``pixmend restore`` says what it is going to do, keeps to the memory allowed, and multiplies in what is asked for."""

import json
from pathlib import Path

import pytest
from PIL import Image

from pixmend import cli
from pixmend.cli.restore.planning import size_in_bytes
from pixmend.errors import PixmendError
from pixmend.image import read_provenance


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").resize((400, 150)).convert("RGB").save("photo.png")
    return Path("photo.png")


def run(*arguments: str) -> int:
    return cli.run(["restore", "photo.png", "--denoise", "25", *arguments])


def test_a_dry_run_prints_the_plan_and_writes_nothing(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dry-run", "--tile", "192") == 0
    told = capsys.readouterr().out
    assert "photo.png to photo_dn25.png: nothing is done yet" in told
    assert "result  400 x 150, 0.1 megapixels: 720 kB in memory" in told and "400 x 150, 3 tiles of 192" in told
    assert "cpu, in float32" in told and "time    about" in told
    assert list(Path().iterdir()) == [photo]


def test_a_dry_run_in_json_holds_the_same_in_numbers(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dry-run", "--json", "--scale", "2", "--precision", "bfloat16") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["size"] == [800, 300] and told["bytes"] == 800 * 300 * 3 * 4 and told["precision"] == "bfloat16"
    assert [step["output_size"] for step in told["steps"]] == [[400, 150], [800, 300]]
    assert told["peak_bytes"] > 10**8 and told["seconds"] >= 0


def test_a_dry_run_refuses_what_the_work_would_refuse(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["restore", "photo.png", "none/out.png", "--dry-run"]) == 1
    assert "is not an existing folder" in capsys.readouterr().err


def test_too_little_memory_is_refused_before_the_work(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--max-memory", "30MB") == 1
    assert "30 MB of memory are too little" in capsys.readouterr().err and list(Path().iterdir()) == [photo]


def test_a_result_says_precision_and_tile_so_that_it_can_be_made_again(photo: Path) -> None:
    options = ["--scale", "2", "--precision", "bfloat16", "--max-memory", "8GB", "--quiet"]
    assert cli.run(["restore", "photo.png", *options]) == 0
    made = read_provenance(Path("photo_x2.png"))
    assert made is not None and made["precision"] == "bfloat16" and 64 <= made["tile"] <= 192
    assert cli.run(["rerun", "photo_x2.png"]) == 0


@pytest.mark.parametrize(
    ("text", "count"), [("2GB", 2 * 10**9), ("800 mb", 8 * 10**8), ("1.5g", 15 * 10**8), ("1TB", 10**12)]
)
def test_a_size_is_a_number_and_a_unit_of_thousands(text: str, count: int) -> None:
    assert size_in_bytes(text) == count


@pytest.mark.parametrize("text", ["", "2", "GB", "-1GB", "0GB", "2 potatoes", "1e9", "٣GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(PixmendError, match="--max-memory: expected a size such as 2GB or 800MB, got"):
        size_in_bytes(text)


def test_tiles_smaller_than_the_network_sees_are_told(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dry-run", "--tile", "192") == 0
    assert "tiles of 192, less than this network sees: larger ones come closer" in capsys.readouterr().out
    assert run("--dry-run") == 0
    assert "less than" not in capsys.readouterr().out
