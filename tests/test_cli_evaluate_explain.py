"""``pixmend evaluate explain``: what it prints, writes and refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pixmend.cli import app
from pixmend.degrade.resize import Bicubic, imresize, round8
from pixmend.errors import PixmendError
from pixmend.image import read_image, write_image

EXAMPLE = Path(__file__).parent.parent / "examples" / "sign.png"


@pytest.fixture
def folder(tmp_path) -> Path:
    """true, low and restored, each a folder of two small pictures; restored is one pixel too far to the right."""
    picture = read_image(EXAMPLE)
    for name, left in (("one", 40), ("two", 200)):
        true = picture[:, 60:180, left : left + 144]
        low = round8(Bicubic(scale=2)(true))
        for part, image in (("true", true), ("low", low), ("restored", imresize(low, scale=2).roll(1, 2))):
            (tmp_path / part).mkdir(exist_ok=True)
            write_image(tmp_path / part / (f"{name}.png" if part == "true" else f"{name}_x2_{part}.png"), image)
    return tmp_path


def call(folder: Path, *options: str, restored: str = "restored", true: str = "true"):
    arguments = ["evaluate", "explain", str(folder / restored), str(folder / true), *options]
    return CliRunner().invoke(app, arguments, catch_exceptions=True)


def test_the_verdict_comes_first_then_protocols_and_mistakes(folder):
    result = call(folder, "--scale", "2")
    assert result.exit_code == 0
    assert result.stdout.startswith("Under classic_sr RESTORED scores ")
    assert "lies 1 px to the right of TRUE" in result.stdout
    order = [result.stdout.index(text) for text in ("deraining_edt", "full-range luma", "evidence")]
    assert order == sorted(order)
    assert result.stderr == ""


def test_the_scale_is_that_of_the_low_pictures(folder):
    result = call(folder, "--low", str(folder / "low"))
    assert "LOW is MATLAB's bicubic imresize of TRUE" in result.stdout
    assert result.stdout.startswith("Under classic_sr")


def test_json_is_all_that_is_printed(folder):
    result = call(folder, "--scale", "2", "--json")
    content = json.loads(result.stdout)
    assert content["pictures"] == ["one", "two"]
    assert content["findings"][0]["after"] > content["findings"][0]["before"]


def test_the_tolerance_is_half_of_the_last_digit_printed(folder):
    psnr = json.loads(call(folder, "--scale", "2", "--json").stdout)["psnr"]
    for digits in (1, 2, 3):
        content = json.loads(call(folder, "--scale", "2", "--json", "--expected", f"{psnr:.{digits}f}").stdout)
        (answer,) = content["answers"]
        assert answer["tolerance"] == pytest.approx(0.5 * 10**-digits)
        assert answer["matches"][0]["differences"] == []


def test_out_writes_json_markdown_and_a_picture(folder):
    out = folder / "made" / "here"
    result = call(folder, "--scale", "2", "--expected", "30.00", "--out", str(out))
    assert result.exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == ["explain.json", "explain.md", "explain.png"]
    assert json.loads((out / "explain.json").read_text())["verdict"] in (out / "explain.md").read_text()
    assert read_image(out / "explain.png").shape[2] == 1000


def test_every_picture_has_its_score_and_what_was_found(folder):
    result = call(folder, "--scale", "2", "--out", str(folder / "out"))
    (line,) = [line for line in result.stdout.splitlines() if line.startswith(" two ")]
    each = json.loads((folder / "out" / "explain.json").read_text())["each"]
    assert line.split()[1] == f"{each[1]['psnr']:.2f}" and "lies 1 px to the right" in line
    assert "| picture | PSNR | SSIM | found |" in (folder / "out" / "explain.md").read_text()


def test_of_many_pictures_the_worst_are_shown(folder):
    for part in ("true", "restored"):
        picture = read_image(next((folder / part).iterdir()))
        for index in range(6):
            write_image(folder / part / f"more{index}{'' if part == 'true' else '_x2'}.png", picture)
    assert "worst 6 of 8 pictures" in call(folder, "--scale", "2").stdout


def test_two_files_are_explained_without_a_scale(folder):
    result = call(folder, restored="restored/one_x2_restored.png", true="true/one.png")
    assert result.stdout.startswith("Under colour_denoising RESTORED scores")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "restored" / "two_x2_restored.png").unlink(), "nothing belongs to two"),
        (lambda folder: (folder / "true" / "two.png").unlink(), "nothing belongs to two_x2_restored"),
        (lambda folder: (folder / "true").rename(folder / "elsewhere"), "no such file or folder"),
        (lambda folder: (folder / "true" / "one.png").write_text("no picture"), "one.png"),
        (lambda folder: write_image(folder / "true" / "two.jpg", read_image(EXAMPLE)), "share a name"),
    ],
)
def test_bad_folders_end_in_one_line_that_says_why(folder, change, said):
    change(folder)
    error = call(folder, "--scale", "2").exception
    assert isinstance(error, PixmendError)
    assert said in str(error) and "\n" not in str(error)


def test_a_file_against_a_folder_is_refused(folder):
    error = call(folder, restored="restored/one_x2_restored.png").exception
    assert "two pictures or two folders" in str(error)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--expected", "high"), "expected a number such as 38.27"),
        (("--expected", "-3"), "above 0"),
        (("--expected", "nan"), "above 0"),
        (("--tolerance", "0.1"), "no effect without"),
        (("--scale", "0"), "--scale"),
    ],
)
def test_wrong_options_are_wrong_usage(folder, options, said):
    result = call(folder, *options)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize("name", ["deblurring_aligned", "jpeg_grey", "classic_sx"])
def test_protocols_that_cannot_explain_these_pictures_are_refused(folder, name):
    error = call(folder, "--protocol", name).exception
    assert isinstance(error, PixmendError) and name in str(error)
