"""``pixmend analyze lam`` and ``di``: what they write, print and refuse."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pixmend.cli import run
from pixmend.image import write_image

LAM = ["analyze", "lam", "one.png", "--model", "bicubic:sr_x2"]
QUICK = ["--steps", "3"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with one picture in it and three of different sizes in ``many``."""
    monkeypatch.chdir(tmp_path)
    Path("many").mkdir()
    draw = torch.Generator().manual_seed(0)
    write_image("one.png", torch.rand(3, 40, 52, generator=draw))
    for number in range(3):
        write_image(f"many/{number}.png", torch.rand(3, 24 + 4 * number, 32, generator=draw))
    return tmp_path


def facts_of(path: str) -> dict:
    return json.loads(str(np.load(path)["pixmend"]))


def test_a_picture_gives_a_table_a_figure_and_its_arrays(folder, capsys):
    assert run([*LAM, *QUICK, "--window", "20,30,12"]) == 0
    printed = capsys.readouterr()
    assert "bicubic" in printed.out and "DI" in printed.out and "wrote one-lam.png and one-lam.npz" in printed.out
    assert printed.err == ""
    with Image.open("one-lam.png") as figure:
        assert json.loads(figure.text["pixmend"]) == facts_of("one-lam.npz")
    facts, arrays = facts_of("one-lam.npz"), np.load("one-lam.npz")
    assert facts["window of the result"] == "12 x 12 at top 20, left 30"
    assert facts["detector"] == "gradient" and facts["path"] == "blur, sigma 1.2" and facts["steps"] == 3
    assert arrays["attribution_0"].shape == (3, 40, 52) and arrays["result_0"].shape == (3, 80, 104)
    assert np.allclose(
        np.abs(arrays["attribution_0"].sum(0)) / np.abs(arrays["attribution_0"].sum(0)).max(), arrays["map_0"]
    )


def test_json_holds_what_the_arrays_say(folder, capsys):
    models = ["--model", "bicubic", "--model", "edsr_baseline:sr_x2"]
    crop = ["--crop", "0,0,20,24", "--chain", "gaussian_noise(sigma=5), round8", "--auto", "--path", "black"]
    assert run(["analyze", "lam", "one.png", *models, *QUICK, *crop, "--json", "--out", "two.png"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["models"] == ["bicubic", "edsr_baseline (untrained):sr_x2"] and found["crop"] == "0,0,20,24"
    assert found["chain"].startswith("gaussian_noise") and found["path"] == "black"
    for place, row in enumerate(found["results"]):
        values = np.load(found["arrays"])[f"attribution_{place}"]
        assert row["sum_of_attributions"] == pytest.approx(values.sum(dtype=np.float64))
        assert 0 < row["diffusion_index"] < 100


def test_only_the_input_around_the_window_is_given_and_what_that_cuts_is_said(folder, capsys):
    assert run([*LAM, *QUICK, "--around", "0", "--window", "8,8"]) == 0
    printed = capsys.readouterr()
    assert facts_of("one-lam.npz")["given"] == "8 x 8 at top 4, left 4 of 52 x 40"
    assert "of its attribution lies where the input was cut: give a larger --around" in printed.err
    assert run([*LAM, *QUICK, "--around", "all", "--window", "8,8", "--force"]) == 0
    assert facts_of("one-lam.npz")["given"] == "52 x 40 at top 0, left 0 of 52 x 40"
    assert "cut" not in capsys.readouterr().err


def test_a_part_that_a_grid_makes_larger_is_told(folder, capsys):
    quick = ["analyze", "lam", "one.png", "--steps", "1", "--window", "40,40", "--around", "4"]
    assert run([*quick, "--model", "default:sr_x2"]) == 0
    said = "note: part 31 x 31: default:sr_x2's grid of 16; a diffusion index is comparable within one part only"
    assert said in capsys.readouterr().err
    assert run([*quick, "--model", "bicubic:sr_x2", "--force"]) == 0
    assert "grid" not in capsys.readouterr().err


def test_a_sum_that_is_far_from_the_difference_is_told(folder, capsys):
    x = 0.5 + 0.03 * torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    x[:, 8:15] = 0.95  # its blur reaches into the window, which has nearly nothing of its own
    write_image("one.png", x)
    window = [*LAM, "--window", "32,24", "--detector", "edges"]
    assert run([*window, "--steps", "1"]) == 0
    said = r"note: bicubic: the sum is (\S+) of the difference, where 1 would be right: .*more --steps"
    found = re.search(said, capsys.readouterr().err)
    assert found and not 0.5 <= float(found[1]) <= 2
    assert run([*window, "--steps", "300", "--force"]) == 0
    assert "of the difference" not in capsys.readouterr().err


def test_undefined_gradients_are_told(folder, capsys):
    x = torch.rand(3, 30, 30, generator=torch.Generator().manual_seed(0))
    x[:, 10:18, 10:18] = 0.5
    write_image("one.png", x)
    assert run([*LAM, "--steps", "3", "--window", "16,20"]) == 0
    assert re.search("gradient was undefined in places at [12] of 3 steps", capsys.readouterr().err)
    assert run([*LAM, "--steps", "3", "--window", "16,20", "--detector", "edges", "--force"]) == 0
    assert "undefined" not in capsys.readouterr().err


def test_grey_pictures_are_given_as_three_channels(folder, capsys):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 24)).astype(np.uint8)).save("one.png")
    assert run([*LAM, *QUICK]) == 0
    assert np.load("one-lam.npz")["input"].shape == (3, 20, 24)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--window", "70,0"], "top from 0 to 64 and left from 0 to 88"),
        (["--window", "0,0,81"], "81 x 81 pixels do not fit into a result of 104 x 80"),
        (["--model", "bicubic:sr_x3"], "named twice"),
        (["--model", "edsr_baseline:sr_x4"], "enlarge alike, got bicubic by 2, edsr_baseline .* by 4"),
        (["--model", "swinir_jpeg_grey"], "equally many channels|enlarge alike"),
        (["--model", "defalut"], "defalut"),
        (["--crop", "0,0,50,9"], "goes beyond the picture of 52 x 40"),
        (["--chain", "bicubic(scale=4"], "chain"),
        (["--out", "figure.jpg"], "figures are PNG"),
        (["--out", "nowhere/figure.png"], "there is no folder nowhere"),
        (["--crop", "0,0,1,1"], "do not fit into a result of 2 x 2"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(folder, capsys, more, words):
    assert run([*LAM, *QUICK, *more]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    assert re.search(words, printed.err)
    assert not list(Path().glob("*lam*")) and not list(Path().glob("figure*"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--window", "1,2,3,4"], "TOP,LEFT"),
        (["--window", "a,b"], "TOP,LEFT"),
        (["--window", "-1,0"], "TOP,LEFT"),
        (["--window", "0,0", "--auto"], "not both"),
        (["--around", "far"], "pixels such as 64, or all"),
        (["--path", "black", "--sigma", "2"], "has no blur"),
        (["--detector", "sobel"], "gabor"),
        (["--steps", "0"], "steps"),
    ],
)
def test_wrong_usage_is_named(folder, capsys, more, words):
    assert run([*LAM, *more]) == 2
    assert words in capsys.readouterr().err


def test_a_flat_picture_names_the_model_and_what_to_do(folder, capsys):
    write_image("one.png", torch.full((3, 20, 20), 0.5))
    assert run([*LAM, *QUICK]) == 1
    printed = capsys.readouterr().err
    assert "bicubic: local_attribution: nothing could be attributed" in printed
    assert "choose another window, or the detector edges" in printed


def test_nothing_is_replaced_without_force(folder, capsys):
    Path("one-lam.npz").write_text("mine")
    assert run([*LAM, *QUICK]) == 1
    assert "exists already" in capsys.readouterr().err and Path("one-lam.npz").read_text() == "mine"
    assert run([*LAM, *QUICK, "--force"]) == 0


def test_without_matplotlib_nothing_is_begun(folder, capsys, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert run([*LAM, "--steps", "10000"]) == 1
    assert 'pip install "pixmend[analyze]"' in capsys.readouterr().err


def test_a_folder_gives_means_differences_and_a_chart(folder, capsys):
    models = ["--model", "bicubic", "--model", "edsr_baseline:sr_x2"]
    assert run(["analyze", "di", "many", *models, *QUICK, "--size", "8"]) == 0
    printed = capsys.readouterr()
    assert "95 % of means" in printed.out and "wrote many-di.png, many-di.npz and many-di.json" in printed.out
    report, arrays = json.loads(Path("many-di.json").read_text()), np.load("many-di.npz")
    assert arrays["diffusion_index"].shape == (2, 3) and arrays["pictures"].tolist() == ["0.png", "1.png", "2.png"]
    first, second = report["results"]
    values = arrays["diffusion_index"]
    assert first["mean"] == pytest.approx(values[0].mean()) and first["low"] <= first["mean"] <= first["high"]
    assert second["standard_deviation"] == pytest.approx(values[1].std(ddof=1))
    assert second["difference_from_the_first"] == pytest.approx((values[1] - values[0]).mean())
    assert first["difference_from_the_first"] is None
    assert [each["diffusion_index"]["bicubic"] for each in report["pictures"]] == pytest.approx(values[0].tolist())


def test_a_bad_picture_in_a_folder_is_named_and_the_others_count(folder, capsys):
    Path("many/0.png").write_bytes(b"no picture")
    assert run(["analyze", "di", "many", "--model", "bicubic:sr_x2", *QUICK, "--json"]) == 1
    printed = capsys.readouterr()
    assert "left out: 0.png: " in printed.err
    report = json.loads(printed.out)
    assert report["results"][0]["pictures"] == 2 and "error" in report["pictures"][0]


def test_one_picture_has_no_interval(folder, capsys):
    assert run(["analyze", "di", "many", "--model", "bicubic:sr_x2", *QUICK, "--count", "1", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)["results"][0]
    assert row["low"] is None and row["standard_deviation"] is None and row["pictures"] == 1


def test_folders_without_pictures_that_can_be_asked_are_refused(folder, capsys):
    Path("empty").mkdir()
    assert run(["analyze", "di", "empty", "--model", "bicubic:sr_x2"]) == 1
    assert "holds no pictures" in capsys.readouterr().err
    assert run(["analyze", "di", "many", "--model", "bicubic:sr_x2", "--size", "100"]) == 1
    assert "none of 3 pictures could be asked about" in capsys.readouterr().err
    assert run(["analyze", "di", "nowhere", "--model", "bicubic:sr_x2"]) == 1
    assert "nowhere: no such folder" in capsys.readouterr().err
    assert run(["analyze", "di", "one.png", "--model", "bicubic:sr_x2"]) == 1
    assert "one.png: expected a folder of pictures" in capsys.readouterr().err
    Path("many-di.json").write_text("mine")
    assert run(["analyze", "di", "many", "--model", "bicubic:sr_x2", *QUICK]) == 1
    assert Path("many-di.json").read_text() == "mine"
