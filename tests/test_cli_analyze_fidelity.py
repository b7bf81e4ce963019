"""``pixmend analyze fidelity``: what it prints, writes and refuses."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from pixmend.cli import app
from pixmend.image import read_image, write_image

pytest.importorskip("matplotlib")
EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def low(tmp_path, monkeypatch) -> Path:
    """A small picture, in the folder where the command runs."""
    monkeypatch.chdir(tmp_path)
    write_image(tmp_path / "low.png", read_image(EXAMPLES / "sign.png")[:, 100:124, 60:92])
    return tmp_path / "low.png"


def call(*arguments: str | Path):
    return CliRunner().invoke(app, ["analyze", "fidelity", *map(str, arguments)], catch_exceptions=True)


def test_without_more_than_a_picture_the_default_network_enlarges_it(low):
    result = call(low)

    assert result.exit_code == 0, result.output
    assert "default:sr_x2  back-projection" in result.stdout
    assert "degraded again by bicubic(scale=2), rms " in result.stdout
    assert result.stdout.split()[-2:] == ["low-fidelity.png", "low-fidelity.npz"]
    assert result.stderr == ""
    assert "worst place" in result.stdout and "small ones prove nothing" in result.stdout


def test_the_figure_and_the_arrays_say_what_was_asked(low):
    call(low, "--model", "bicubic:sr_x3", "--crop", "2,3,20,10")

    facts = json.loads(Image.open("low-fidelity.png").text["pixmend"])
    with np.load("low-fidelity.npz") as arrays:
        assert json.loads(str(arrays["pixmend"])) == facts
        assert arrays["result_0"].shape == (3, 60, 30)
        assert arrays["back-projection_0"].shape == (20, 10)
        assert arrays["ensemble_0"].shape == (60, 30)
    assert facts["fidelity of"] == "bicubic" and facts["picture"] == "low.png" and facts["crop"] == "2,3,20,10"
    assert facts["outer pixels left out of its numbers"] == 2


def test_what_was_not_degraded_again_is_not_said_to_be(low):
    assert "nothing above half a level" in call(low, "--model", "bicubic:sr_x2").stdout
    content = json.loads(call(low, "--model", "default:dn_g25", "--force", "--json").stdout)
    assert "degraded again by" not in content["facts"]


def test_json_is_all_that_is_printed_and_holds_the_places(low):
    content = json.loads(call(low, "--model", "bicubic:sr_x2", "--model", "default", "--json").stdout)

    assert [each["model"] for each in content["models"]] == ["bicubic", "default:sr_x2"]
    assert content["models"][0]["maps"]["ensemble"]["mean"] < 0.01
    assert content["models"][1]["maps"]["ensemble"]["mean"] > 0.01
    assert content["models"][0]["bias"] == pytest.approx(-content["models"][1]["bias"], abs=1e-3)
    worst = content["disagreement"]["worst"]
    assert 1 <= len(worst) <= 5 and worst[0]["value"] >= worst[-1]["value"] > 0
    assert content["models"][0]["agreement_with_error"] == {}


def test_with_a_chain_the_picture_itself_is_the_true_one(low):
    content = json.loads(call(low, "--chain", "bicubic(scale=2), round8", "--model", "bicubic:sr_x2", "--json").stdout)

    told = content["models"][0]["agreement_with_error"]
    assert set(told) == {"back-projection", "ensemble", "edges"}
    assert 0 < told["edges"]["spearman"] < 1
    assert content["models"][0]["maps"]["error"]["mean"] > 0


def test_the_true_picture_is_cut_as_the_crop_says(low, tmp_path):
    true = tmp_path / "true.png"
    write_image(true, torch.nn.functional.interpolate(read_image(low)[None], scale_factor=2)[0])

    part = call(low, "--model", "bicubic:sr_x2", "--true", true, "--crop", "4,6,12,10", "--json")

    assert json.loads(part.stdout)["facts"]["true"] == "true.png"
    with np.load("low-fidelity.npz") as arrays:
        result = torch.from_numpy(arrays["result_0"])
        error = ((result - read_image(true)[:, 8:32, 12:32]) * 255).square().mean(0).sqrt()
        torch.testing.assert_close(torch.from_numpy(arrays["error_0"]), error, atol=1e-2, rtol=1e-3)


def test_a_denoiser_is_told_what_it_removed(low):
    result = call(low, "--model", "default:dn_g25")

    assert "removed noise of" in result.stdout and "(25 are expected)" in result.stdout
    assert "structure" in result.stdout


def test_a_grey_picture_is_asked_about_as_three_equal_colours(low):
    Image.open(low).convert("L").save("grey.png")

    assert call("grey.png", "--model", "bicubic:sr_x2").exit_code == 0


def test_a_chain_that_shrinks_takes_a_picture_of_any_size(low):
    write_image("odd.png", read_image(low)[:, :23, :31])
    content = json.loads(
        call(
            "odd.png", "--chain", "bicubic(scale=2)", "--model", "bicubic:sr_x2", "--crop", "1,2,10,13", "--json"
        ).stdout
    )

    assert content["facts"]["size"] == "13 x 10"
    with np.load("odd-fidelity.npz") as arrays:
        result = torch.from_numpy(arrays["result_0"])
        error = ((result - read_image("odd.png")[:, 2:22, 4:30]) * 255).square().mean(0).sqrt()
        torch.testing.assert_close(torch.from_numpy(arrays["error_0"]), error, atol=1e-2, rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--true", "low.png"], "the true picture is 32 x 24, and 2 times 32 x 24 was expected"),
        (["--again", "gaussian_noise(sigma=5)"], "went through"),
        (["--again", "bicubic(scale=2), gaussian_noise(sigma=5)"], "draws at random"),
        (["--again", "bicubique(scale=2)"], "did you mean bicubic?"),
        (["--crop", "20,20,20,20"], "goes beyond the picture"),
        (["--chain", "bicubic(scale=25)"], "multiples of 25"),
        (["--chain", "bicubic(scale=4)"], "the true picture is 32 x 24, and 2 times 8 x 6 was expected"),
        (["--chain", "bicubic(scale=4)", "--crop", "0,0,4,4"], "the true picture is 32 x 24, and 2 times 8 x 6"),
        (["--true", "low.png", "--crop", "0,0,4,4"], "the true picture is 32 x 24, and 2 times 32 x 24"),
        (["--model", "default:sr_x4"], "scales 2 and 4"),
        (["--model", "bicubic:sr_x2"], "named twice"),
        (["--out", "figure.jpg"], "figures are PNG"),
        (["--out", "nowhere/figure.png"], "there is no folder nowhere"),
    ],
)
def test_what_does_not_fit_is_one_line_that_says_so(low, options, says):
    result = call(low, "--model", "bicubic:sr_x2", *options)

    assert says in str(result.exception)
    assert not Path("low-fidelity.png").exists()


def test_a_chain_makes_the_picture_the_true_one_and_takes_no_other(low):
    result = call(low, "--chain", "bicubic(scale=2)", "--true", low)

    assert result.exit_code == 2
    assert "has no effect with --chain" in result.output


def test_figures_that_exist_are_kept_unless_forced(low):
    arguments = (low, "--model", "bicubic:sr_x2")
    assert call(*arguments).exit_code == 0
    before = Path("low-fidelity.png").read_bytes()

    assert "exists already" in str(call(*arguments, "--crop", "0,0,8,8").exception)
    assert Path("low-fidelity.png").read_bytes() == before
    assert call(*arguments, "--crop", "0,0,8,8", "--force").exit_code == 0
    assert Path("low-fidelity.png").read_bytes() != before


def test_without_matplotlib_the_extra_is_named_before_the_work(low, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    assert 'pip install "pixmend[analyze]"' in str(call(low, "--model", "no such network").exception)
