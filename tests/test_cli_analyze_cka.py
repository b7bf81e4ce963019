"""``pixmend analyze cka``: what it prints, writes and refuses."""

import json
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pixmend.analyze.record import FACTS
from pixmend.cli import app
from pixmend.errors import PixmendError

FEW = ("--patches", "6", "--size", "16", "--batch", "6")


@pytest.fixture
def call(pictures, tmp_path):
    def run(*options: str, out: str = "figure.png", folder: str = pictures, few: tuple[str, ...] = FEW):
        arguments = ["analyze", "cka", folder, *few, "--out", str(tmp_path / out), *options]
        return CliRunner().invoke(app, arguments, catch_exceptions=True)

    return run


def test_one_network_gives_a_line_a_figure_and_its_numbers(call, tmp_path):
    result = call()
    assert result.exit_code == 0, result.output
    assert result.stderr.split("tell")[0].split() == ["note:", "batches", "of", "6", "examples"]
    assert "mean of all pairs" in result.stdout and "neighbours" in result.stdout
    assert result.stdout.split()[-2:] == [str(tmp_path / "figure.png"), str(tmp_path / "figure.npz")]
    with np.load(tmp_path / "figure.npz") as arrays, Image.open(tmp_path / "figure.png") as drawn:
        layers = len(arrays["first_layers"])
        assert arrays["first"].shape == (layers, layers) and arrays["first"].dtype == np.float64
        facts = json.loads(str(arrays[FACTS]))
        assert facts == json.loads(drawn.text[FACTS])
    assert facts["given"] == "default:sr_x2 16 x 16, bicubic(scale=2), round8()"
    assert facts["examples"].startswith("6 patches of ")


def test_two_tasks_see_the_same_places_each_in_its_own_way(call):
    result = call("--model", "default:sr_x2", "--model", "default:dn_g25", "--json")
    content = json.loads(result.stdout)
    assert [line["among"] for line in content["summaries"]] == ["neighbours", "neighbours", "the same layer"]
    arrays = content["arrays"]
    assert len(arrays["first_second"]) == len(arrays["first_layers"])
    assert len(arrays["first_second"][0]) == len(arrays["second_layers"])
    assert "default:dn_g25 32 x 32, gaussian_noise(sigma=25" in content["facts"]["given"]
    assert "note: default:dn_g25 sees 32 x 32 pixels and mirrors them to multiples of 64" in result.stderr


def test_the_same_command_gives_the_same_numbers(call):
    first, again, other = (
        json.loads(call("--json", "--force", *seed).stdout)["arrays"]["first"]
        for seed in ((), ("--seed", "0"), ("--seed", "1"))
    )
    assert first == again != other


def test_branches_are_of_blocks_alone(call):
    stream, branches = (json.loads(call("--json", "--force", "--what", what).stdout) for what in ("stream", "branches"))
    assert stream["arrays"]["first_layers"][0].startswith("edt.heads")
    assert branches["arrays"]["first_layers"][0].endswith("blocks.0 attention")


def test_one_chain_serves_all_networks_and_two_one_each(call):
    two = ("--model", "default:dn_g15", "--model", "default:dn_g50", "--json", "--force")
    same = json.loads(call(*two, "--chain", "round8").stdout)
    assert same["facts"]["given"].count("round8()") == 2
    each = json.loads(call(*two, "--chain", "round8", "--chain", "gaussian_noise(sigma=5)").stdout)
    assert "default:dn_g15 16 x 16, round8(); default:dn_g50 16 x 16, gaussian_noise(sigma=5" in each["facts"]["given"]
    assert same["arrays"]["first"] == each["arrays"]["first"]
    assert same["arrays"]["second"] != each["arrays"]["second"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--model", "bicubic:sr_x2"), "no layers to compare"),
        (("--model", "restormer:deblur"), "task deblur does not say how pictures are spoiled: give --chain"),
        (("--model", "rcdnet"), "task dr does not say how pictures are spoiled: give --chain, such as rain_light()"),
        (("--model", "restormer_dual"), "two views"),
        (("--size", "512"), "no picture has 1024 x 1024 pixels"),
        (("--chain", "nonsense()"), "nonsense"),
        (("--model", "default:sr_x2", "--model", "default:sr_x2"), "named twice"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_line(call, options, words):
    result = call(*options, "--chain", "round8") if "restormer_dual" in options else call(*options)
    assert isinstance(result.exception, PixmendError)
    assert words in str(result.exception) and "\n" not in str(result.exception)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--model", "a", "--model", "b", "--model", "c"), "expected one network or two"),
        (("--chain", "round8", "--chain", "round8"), "expected one, or 1, got 2"),
        (("--patches", "3"), "--patches"),
        (("--what", "trunk"), "trunk"),
    ],
)
def test_wrong_usage_is_told(call, options, words):
    result = call(*options)
    assert result.exit_code == 2
    assert words in result.stderr


def test_nothing_is_replaced_unasked_nor_begun_without_matplotlib(call, tmp_path, monkeypatch):
    (tmp_path / "figure.npz").write_text("mine")
    assert "exists already" in str(call().exception)
    assert (tmp_path / "figure.npz").read_text() == "mine"
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = call("--model", "no such network", "--force")
    assert "figures need matplotlib" in str(result.exception)


def test_a_folder_that_is_none_is_refused(call, tmp_path):
    assert "expected a folder of clean pictures" in str(call(folder=str(tmp_path / "gone")).exception)
