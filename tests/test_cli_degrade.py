"""``pixmend degrade``: what it writes, prints and refuses."""

import json
from pathlib import Path

import pytest
import torch

from pixmend.cli import run
from pixmend.image import read_image, write_image


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with two clean pictures in ``clean``."""
    monkeypatch.chdir(tmp_path)
    Path("clean").mkdir()
    for number, name in enumerate(("one", "two")):
        picture = torch.rand(3, 26, 33 + number, generator=torch.Generator().manual_seed(number))
        write_image(f"clean/{name}.png", picture)
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_task_writes_pairs_and_says_what_it_cropped(folder, capsys):
    assert run(["degrade", "clean", "--task", "sr_x4", "--out", "LR/x4", "--high", "HR/x4"]) == 0
    assert files(folder / "LR") == ["x4/manifest.json", "x4/one.png", "x4/two.png"]
    assert read_image("HR/x4/two.png").shape == (3, 24, 32) and read_image("LR/x4/two.png").shape == (3, 6, 8)
    printed = capsys.readouterr()
    steps, crop, wrote = printed.out.splitlines()
    assert steps == "steps   bicubic(scale=4), round8(), seed 0"
    assert crop == "crop    2 of 2 pictures, bottom and right, to multiples of 4"
    assert wrote.startswith("wrote   2 of 2 pictures into LR/x4, ")
    assert printed.err == ""


def test_the_pairs_are_a_benchmark(folder, capsys):
    assert run(["degrade", "clean", "--task", "sr_x2", "--out", "set/LR/x2", "--high", "set/HR/x2"]) == 0
    capsys.readouterr()
    assert run(["evaluate", "bicubic", "--on", "set", "--task", "sr_x2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def test_noise_in_files_is_said_to_differ_from_the_papers(folder, capsys):
    assert run(["degrade", "clean", "--task", "dn_g25", "--out", "noisy"]) == 0
    printed = capsys.readouterr()
    assert "gaussian_noise(sigma=25, clip=False, grey=False), round8()" in printed.out
    assert "clipped and rounded here" in printed.err and "differ from theirs" in printed.err


def test_a_chain_of_ones_own_is_applied_and_recorded(folder, capsys):
    chain = "gaussian_blur(sigma=1), torch_resize(factor=0.5, mode=area), jpeg(quality=40)"
    assert run(["degrade", "clean", "--chain", chain, "--out", "low", "--seed", "3", "--json"]) == 0
    manifest = json.loads(capsys.readouterr().out)
    assert manifest == json.loads(Path("low/manifest.json").read_text())
    assert manifest["seed"] == 3 and manifest["multiple"] == 2 and manifest["task"] is None
    assert manifest["chain"].startswith("gaussian_blur(sigma=1, size=21), torch_resize(factor=0.5, mode=area, ")


def test_modcrop_crops_further(folder, capsys):
    assert run(["degrade", "clean", "--task", "sr_x2", "--out", "low", "--modcrop", "12"]) == 0
    assert read_image("low/one.png").shape == (3, 12, 12)


def test_a_broken_picture_is_named_the_others_made_and_the_code_is_one(folder, capsys):
    Path("clean/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no more")
    assert run(["degrade", "clean", "--task", "jpeg_q10", "--out", "low"]) == 1
    printed = capsys.readouterr()
    assert "failed: clean/broken.png: damaged or cut short" in printed.err and printed.err.count("\n") == 1
    assert "wrote   2 of 3 pictures" in printed.out
    assert files(folder / "low") == ["manifest.json", "one.png", "two.png"]


def test_a_file_name_cannot_command_the_terminal(folder, capsys):
    Path("clean/\x1b[2Jz\n.png").write_bytes(b"no picture")
    assert run(["degrade", "clean", "--task", "jpeg_q10", "--out", "low"]) == 1
    printed = capsys.readouterr()
    assert "\x1b" not in printed.err and printed.err.count("\n") == 1


def test_ctrl_c_ends_with_130_and_a_manifest_of_what_is_done(folder, capsys, monkeypatch):
    def interrupted(path, image, write=write_image):
        write(path, image)
        if path.name == "two.png":
            raise KeyboardInterrupt

    monkeypatch.setattr("pixmend.data.degrading.write_image", interrupted)
    assert run(["degrade", "clean", "--task", "jpeg_q10", "--out", "low"]) == 130
    manifest = json.loads(Path("low/manifest.json").read_text())
    assert not manifest["complete"] and [item["output"]["path"] for item in manifest["pictures"]] == ["one.png"]
    assert files(folder / "low") == ["manifest.json", "one.png"]
    assert run(["degrade", "--check", "low"]) == 0
    assert "interrupted" in capsys.readouterr().err


def test_again_makes_the_same_and_check_finds_it_so(folder, capsys):
    assert run(["degrade", "clean", "--task", "dr_L", "--out", "low"]) == 0
    assert run(["degrade", "--again", "low/manifest.json", "--out", "second"]) == 0
    assert run(["degrade", "--again", "low", "clean", "--out", "third"]) == 0
    assert run(["degrade", "--check", "third/manifest.json"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 pictures checked, no differences"
    assert Path("low/two.png").read_bytes() == Path("third/two.png").read_bytes()


def test_again_names_what_came_out_otherwise_and_the_versions(folder, capsys):
    assert run(["degrade", "clean", "--task", "dr_L", "--out", "low"]) == 0
    plain = json.loads(Path("low/manifest.json").read_text())
    plain["pictures"][0]["output"]["pixels_sha256"] = "0" * 64
    plain["versions"]["torch"] = "1.4"
    Path("low/manifest.json").write_text(json.dumps(plain))
    capsys.readouterr()
    assert run(["degrade", "--again", "low", "--out", "second"]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "one.png: came out otherwise, of the same clean picture",
        "2 pictures checked, 1 difference",
    ]
    assert "made with torch 1.4, now " in printed.err


def test_check_prints_differences_as_json_and_ends_with_one(folder, capsys):
    assert run(["degrade", "clean", "--task", "jpeg_q10", "--out", "low"]) == 0
    Path("low/one.png").unlink()
    capsys.readouterr()
    assert run(["degrade", "--check", "low", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found == {"checked": 2, "differences": [{"picture": "one.png", "what": "is missing"}]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clean", "--out", "low"], "expected one of --task, --chain, --again, --check, got none"),
        (["clean", "--task", "sr_x2", "--chain", "round8", "--out", "low"], "got --task and --chain"),
        (["--task", "sr_x2", "--out", "low"], "--task needs PICTURES"),
        (["clean", "--chain", "round8"], "--chain needs --out"),
        (["--again", "x"], "--again needs --out"),
        (["--again", "x", "--out", "low", "--seed", "0"], "--seed has no effect with --again"),
        (["--check", "x", "--force"], "--force has no effect with --check"),
        (["clean", "--task", "sr_2x", "--out", "low"], "did you mean sr_x2?"),
        (["clean", "--task", "deblur", "--out", "low"], "deblur"),
        (["clean", "--chain", "jpeg(qualty=3)", "--out", "low"], "did you mean quality?"),
        (["gone", "--task", "sr_x2", "--out", "low"], "gone: no such file or folder"),
        (["clean", "--task", "sr_x2", "--out", "clean/low"], "among the clean pictures"),
    ],
)
def test_wrong_arguments_end_in_one_clear_line_and_nothing_written(folder, capsys, arguments, message):
    before = files(folder)
    assert run(["degrade", *arguments]) == 1
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.startswith("pixmend: error: ") and printed.err.count("\n") == 1
    assert printed.out == "" and files(folder) == before
