"""``pixmend data``: what it prints, writes and answers."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from pixmend.cli import run
from pixmend.image import write_image


def texture(seed: int, side: int = 96) -> Tensor:
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two grainy pictures, with a warning at most."""
    (tmp_path / "train").mkdir()
    for seed in range(2):
        write_image(tmp_path / f"train/{seed}.png", texture(seed))
    return tmp_path / "train"


def test_warnings_alone_end_with_0_and_errors_with_1(folder, capsys):
    assert run(["data", "check", str(folder), "--patch", "128"]) == 0
    printed = capsys.readouterr().out
    assert "smaller than the patch" in printed and "error" not in printed
    (folder / "broken.png").touch()
    assert run(["data", "check", str(folder)]) == 1
    printed = capsys.readouterr().out
    assert "broken.png: the file is empty" in printed and printed.rstrip().splitlines()[-1].startswith("1 error")


def test_json_is_all_there_is_on_standard_output(folder, capsys):
    (folder / "broken.png").touch()
    assert run(["data", "check", str(folder), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["errors"], report["pictures"], report["folder"]) == (1, 3, str(folder))


def test_out_receives_json_markdown_and_the_suspects(folder, tmp_path, capsys):
    out = tmp_path / "report/today"
    Image.open(folder / "0.png").save(folder / "pressed.jpg", quality=20)
    assert run(["data", "check", str(folder), "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["check.json", "check.md", "check.png"]
    assert {case["kind"] for case in json.loads((out / "check.json").read_text())["findings"]} >= {"jpeg", "near_copy"}
    with Image.open(out / "check.png") as sheet:
        assert sheet.width > 1000


def test_the_report_never_lies_among_the_pictures(folder, capsys):
    before = sorted(folder.iterdir())
    assert run(["data", "check", str(folder), "--out", str(folder / "report")]) == 1
    assert "write the report elsewhere" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_pairs_scale_and_benchmarks_reach_the_check(folder, tmp_path, capsys):
    (tmp_path / "low").mkdir()
    for seed in range(2):
        write_image(tmp_path / f"low/{seed}.png", texture(seed, 48))
    arguments = [str(folder), str(tmp_path / "low"), "--scale", "4", "--against", str(folder), "--json"]
    assert run(["data", "check", *arguments]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["scale"] == 4 and report["against"] == [str(folder)]
    assert {finding["kind"] for finding in report["findings"]} >= {"scale", "leak"}


def test_an_interrupted_check_prints_what_it_found_and_ends_with_130(folder, capsys, monkeypatch):
    (folder / "00.png").touch()
    from rich.progress import Progress

    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "update", interrupt)
    assert run(["data", "check", str(folder)]) == 130
    printed = capsys.readouterr()
    assert "1 of 3 pictures, interrupted" in printed.out or "00.png" in printed.out
    assert "interrupted" in printed.err


def test_a_file_name_cannot_command_the_terminal(folder, capsys):
    (folder / "a\x1b[31m[red].png").touch()
    assert run(["data", "check", str(folder)]) == 1
    printed = capsys.readouterr().out
    assert "\x1b" not in printed and "a?[31m[red].png" in printed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 1, "nowhere: no such folder"),
        ([], 2, "Missing argument"),
        (["train", "--scale", "0"], 2, "--scale"),
        (["train", "--scale", "4"], 1, "a scale needs the folder of low pictures"),
        (["train", "--out", "train/0.png"], 1, "write the report elsewhere"),
        (["train", "--out", "taken"], 1, "taken: cannot write"),
    ],
)
def test_wrong_arguments_end_in_one_clear_line(
    folder, tmp_path, capsys, monkeypatch, arguments: list[str], code: int, message: str
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").touch()
    assert run(["data", "check", *arguments]) == code
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1 and printed.out == ""


def test_packing_says_how_much_went_where_and_what_was_left_out(folder, tmp_path, capsys):
    (folder / "bro\x1bken.png").touch()
    assert run(["data", "pack", str(folder), "--out", str(tmp_path / "out"), "--shard-size", "20KB"]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].startswith(f"{tmp_path / 'out'}: 2 pictures in 2 shards, ")
    assert lines[1] == "1 left out, all of them listed in index.json"
    assert "bro?ken.png" in lines[2] and "\x1b" not in printed.out
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tar")) == ["000000.tar", "000001.tar"]


def test_packing_with_json_prints_the_index_and_nothing_else(folder, tmp_path, capsys):
    assert run(["data", "pack", str(folder), "--out", str(tmp_path / "out"), "--json"]) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "out/index.json").read_text()
    assert json.loads(printed)["shard_size"] == 10**9


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere", "--out", "out"], 1, "nowhere: not a folder"),
        (["train"], 2, "Missing option '--out'"),
        (["train", "--out", "train/out"], 1, "among the pictures: choose another folder"),
        (["train", "--out", "out", "--shard-size", "big"], 2, "expected a size such as 500MB or 1GB, got 'big'"),
        (["train", "--out", "out", "--shard-size", "0GB"], 2, "expected a size such as 500MB"),
    ],
)
def test_wrong_arguments_of_packing_end_in_one_clear_line(
    folder, tmp_path, capsys, monkeypatch, arguments: list[str], code: int, message: str
):
    monkeypatch.chdir(tmp_path)
    assert run(["data", "pack", *arguments]) == code
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1 and printed.out == ""
    assert not (tmp_path / "out").exists()


def test_interrupted_packing_ends_with_130_and_goes_on_when_asked_again(folder, tmp_path, capsys, monkeypatch):
    from rich.progress import Progress

    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    arguments = ["data", "pack", str(folder), "--out", str(tmp_path / "out")]
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "update", interrupt)
        assert run(arguments) == 130
    assert "interrupted" in capsys.readouterr().err
    assert run(arguments) == 0
    assert "2 pictures in 1 shard," in capsys.readouterr().out
