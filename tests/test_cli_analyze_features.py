"""``pixmend analyze features``, ``spectrum`` and ``errors``: what they print, write and refuse."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from pixmend.cli import app
from pixmend.degrade.resize import Bicubic, round8
from pixmend.errors import PixmendError
from pixmend.image import read_image, write_image

EXAMPLE = str(Path(__file__).parent.parent / "examples" / "sign.png")
CROP = ("--crop", "40,40,48,56")
CHAIN = ("--chain", "bicubic(scale=2), round8")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str):
    return CliRunner().invoke(app, ["analyze", *arguments])


def refusal(*arguments: str) -> str:
    result = call(*arguments)
    assert isinstance(result.exception, PixmendError), result.output
    return str(result.exception)


def crops(folder: Path, *, number: int = 2) -> None:
    """Small pictures, in ``true``, and in ``low`` at half the size."""
    for index in range(number):
        true = read_image(EXAMPLE)[:, 60:120, 40 * index : 40 * index + 64]
        for part, image in (("true", true), ("low", round8(Bicubic(scale=2)(true)))):
            (folder / part).mkdir(exist_ok=True)
            write_image(folder / part / f"{index}.png", image)


def test_features_are_drawn_with_their_arrays_beside_them(here):
    result = call("features", EXAMPLE, *CROP, "--offsets", "2", "--model", "default", "--model", "edsr_baseline")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-2:] == ["sign-features.png", "sign-features.npz"]
    assert "edsr_baseline (untrained): no windows" in result.stderr
    arrays = np.load("sign-features.npz")
    block = "edt.body.layers.1.residual_group.blocks.3"
    assert arrays[f"default:sr_x2/map/{block}"].shape == (48, 56)
    assert arrays[f"default:sr_x2/rows/{block}"].shape == (16,)
    assert arrays["default:sr_x2/result"].shape == (3, 96, 112)
    facts = json.loads(Image.open("sign-features.png").text["pixmend"])
    assert facts["models"] == ["default:sr_x2", "edsr_baseline (untrained)"]
    assert (facts["picture"], facts["crop"], facts["offsets"]) == ("sign.png", "40,40,48,56", 2)


def test_json_has_every_block_by_place_in_the_window(here):
    result = call("features", EXAMPLE, *CROP, "--offsets", "1", "--json")
    content = json.loads(result.stdout)
    traces = content["models"]["default:sr_x2"]["traces"]
    first, *blocks, last = traces
    assert (first, len(blocks), last) == ("input", 8, "result")
    assert all(len(trace["by_place"]) == trace["period"] for trace in traces.values())
    assert content["files"] == ["sign-features.png", "sign-features.npz"]


def test_layers_are_shown_by_name_and_listed(here):
    listed = call("features", "--list", "--model", "default")
    assert "edt.body.layers.0.residual_group.blocks.2 attention" in listed.stdout
    name = "body.layers.0.residual_group.blocks.2"
    assert call("features", EXAMPLE, *CROP, "--offsets", "1", "--layer", name).exit_code == 0
    assert [key for key in np.load("sign-features.npz") if "/map/" in key] == [f"default:sr_x2/map/edt.{name}"]
    assert "no module is called 'body.layers.7'" in refusal(
        *("features", EXAMPLE, *CROP, "--layer", "body.layers.7", "--force")
    )


def test_a_tiny_picture_is_shown_without_a_trace(here):
    write_image("tiny.png", torch.rand(1, 3, 2))
    result = call("features", "tiny.png")
    assert result.exit_code == 0, result.output
    assert "default:sr_x2: too few windows in the picture for traces: a larger --crop" in result.stderr
    assert "shifted" not in result.stdout
    facts = json.loads(Image.open("tiny-features.png").text["pixmend"])
    assert "borders" not in facts and "offsets" not in facts


def test_a_period_too_long_for_the_picture_says_what_it_needs(here):
    result = call("features", EXAMPLE, *CROP, "--period", "40", "--offsets", "1")
    assert "80 pixels along a side are needed to look for borders every 40" in " ".join(result.stderr.split())


def test_a_picture_that_has_traces_of_its_own_is_said(here):
    result = call("features", EXAMPLE, *CROP, "--offsets", "1")
    assert "default:sr_x2: the picture itself has traces of up to" in " ".join(result.stderr.split())


def test_a_flat_picture_has_flat_features_and_nothing_to_restore(here):
    write_image("flat.png", torch.full((3, 64, 64), 0.5))
    result = call("features", "flat.png", "--offsets", "1")
    assert result.exit_code == 0, result.output
    assert "flat" in result.stdout.split("input")[1].split() and "nan" not in result.stdout
    assert "flat.png: is the same everywhere, so there is nothing to restore" in refusal("errors", "flat.png", *CHAIN)


def test_what_cannot_be_asked_is_refused_in_one_line(here):
    assert "give --crop" in refusal("features", large(here))
    assert "nothing.png" in refusal("features", "nothing.png")
    assert "goes beyond the picture" in refusal("spectrum", EXAMPLE, "--crop", "0,0,9000,9000")
    assert call("features").exit_code == 2
    assert call("features", EXAMPLE, "--period", "1").exit_code == 2


def large(folder: Path) -> str:
    write_image(folder / "large.png", torch.rand(3, 500, 700))
    return str(folder / "large.png")


def test_nothing_is_replaced_unasked(here):
    (here / "sign-spectrum.npz").touch()
    assert "--force" in refusal("spectrum", EXAMPLE, *CROP)


def test_spectra_of_all_halves_are_kept(here):
    result = call("spectrum", EXAMPLE, *CROP, "--model", "default", "--model", "default:dn_g25")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-2:] == ["sign-spectrum.png", "sign-spectrum.npz"]
    arrays = np.load("sign-spectrum.npz")
    assert sum(key.startswith("default:sr_x2/") for key in arrays) == 16
    assert arrays["default:sr_x2/edt.body.layers.0.residual_group.blocks.0"].shape == (25,)
    # Denoising works at a quarter of the size.
    assert arrays["default:dn_g25/edt.body.layers.0.residual_group.blocks.0"].shape == (7,)


def test_spectra_as_json_say_what_pi_stands_for(here):
    content = json.loads(call("spectrum", EXAMPLE, *CROP, "--model", "default:dn_g25", "--json").stdout)
    assert {layer["pixels"] for layer in content["models"]["default:dn_g25"].values()} == {4.0}


@pytest.mark.parametrize("command", ["spectrum", "features"])
def test_bicubic_has_no_layers(here, command):
    assert "bicubic: it has no layers to look into" in refusal(command, EXAMPLE, *CROP, "--model", "bicubic:sr_x2")


def test_layers_that_are_too_small_are_said_and_left_out(here):
    result = call("spectrum", EXAMPLE, "--crop", "40,40,24,28", "--model", "default", "--model", "default:dn_g25")
    assert "expected a picture of 32 x 32 or more, got 28 x 24" in str(result.exception)
    assert str(result.exception).startswith("default:dn_g25: ")


def test_errors_of_a_folder_are_those_of_its_files_whether_made_or_given(here):
    crops(here)
    made = json.loads(call("errors", "true", *CHAIN, "--json").stdout)
    given = json.loads(call("errors", "true", "--low", "low", "--json", "--force").stdout)
    assert list(made["models"]) == ["bicubic", "default:sr_x2"]
    assert made["models"] == given["models"]
    assert made["facts"]["pictures"] == 2
    assert made["models"]["default:sr_x2"]["mean_squared_error"] < made["models"]["bicubic"]["mean_squared_error"]
    assert np.load("true-errors.npz")["error/default:sr_x2"].shape == (31,)


def test_errors_of_one_picture_are_printed_in_decibels(here):
    crops(here)
    result = call("errors", "true/0.png", "--low", "low/0.png")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-2:] == ["0-errors.png", "0-errors.npz"]
    assert "of it below the limit" in result.stdout


def test_a_task_that_keeps_the_size_is_compared_with_its_input(here):
    crops(here, number=1)
    result = call("errors", "true/0.png", "--chain", "gaussian_noise(sigma=25)", "--model", "default:dn_g25")
    assert result.exit_code == 0, result.output
    assert "input" in result.stdout and "below" not in result.stdout


def test_pairs_that_do_not_fit_are_refused(here):
    crops(here)
    assert "one of the two" in refusal("errors", "true")
    assert "one of the two" in refusal("errors", "true", "--low", "low", *CHAIN)
    assert "two pictures or two folders" in refusal("errors", "true", "--low", "low/0.png")
    assert "3 times the low picture" in refusal("errors", "true", "--low", "low", "--model", "default:sr_x3")
    assert "one scale" in refusal("errors", "true", *CHAIN, "--model", "default", "--model", "default:sr_x3")
    (here / "low" / "1.png").unlink()
    assert "1" in refusal("errors", "true", "--low", "low")
