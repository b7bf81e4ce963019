import json

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from pixmend.cli.study import study
from pixmend.errors import PixmendError
from pixmend.studies import STUDIES

app = typer.Typer()
app.command()(study)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures")
    draw = np.random.default_rng(0)
    for index in range(8):
        Image.fromarray(draw.integers(0, 256, (110, 110, 3), dtype=np.uint8)).save(path / f"{index}.png")
    return str(path)


def mistake(*arguments):
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, PixmendError)
    assert "\n" not in str(error)
    return str(error)


def test_without_a_name_every_study_is_listed_with_its_claim():
    listed = CliRunner().invoke(app, []).stdout
    assert all(name in listed for name in STUDIES)
    assert "0.10 dB" in listed


def test_the_list_is_there_as_json():
    listed = json.loads(CliRunner().invoke(app, ["--json"]).stdout)
    assert [each["name"] for each in listed] == list(STUDIES)
    assert all(each["claim"] and each["source"] and each["small"] for each in listed)


def test_an_unknown_name_is_answered_with_the_nearest(folder):
    assert "did you mean windows?" in mistake("widnows", "--data", folder, "--out", "x")


def test_pictures_and_a_folder_for_results_are_asked_for(folder, tmp_path):
    assert "needs --data" in mistake("windows", "--out", str(tmp_path))
    assert "and --out" in mistake("windows", "--data", folder)


def test_a_budget_is_read_before_anything_is_done(folder, tmp_path):
    assert "--budget: expected a time" in mistake(
        "windows", "--data", folder, "--out", str(tmp_path / "x"), "--budget", "soon"
    )
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_a_budget_that_cannot_do_says_what_could(folder, tmp_path):
    error = mistake("contrastive", "--data", folder, "--out", str(tmp_path / "x"), "--budget", "2s", "--seeds", "2")
    assert "give " in error and "m or more" in error
