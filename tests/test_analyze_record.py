"""A figure and its arrays: both say what was asked of whom, and are written whole."""

import json
import resource

import numpy as np
import pytest
import torch
from PIL import Image

from pixmend.analyze.record import keep, label, new_figure
from pixmend.errors import PixmendError

FACTS = {"models": ["default:sr_x2", "a [b]$\n.pth"], "picture": "sign.png", "steps": 50, "sigma": 1.2}


def drawn():
    figure = new_figure(6, 2)
    figure.subplots().plot([0, 1])
    return figure


def test_figure_and_arrays_carry_the_facts(tmp_path):
    arrays = {"map": torch.rand(3, 4, dtype=torch.float64), "radius": np.arange(3)}
    beside = keep(tmp_path / "lam.png", drawn(), arrays, facts=FACTS)
    assert beside == tmp_path / "lam.npz"
    with np.load(beside) as kept:
        told = json.loads(str(kept["pixmend"]))
        np.testing.assert_array_equal(kept["map"], arrays["map"].numpy())
        np.testing.assert_array_equal(kept["radius"], arrays["radius"])
    assert {name: told[name] for name in FACTS} == FACTS
    assert "pixmend" in told["made by"] and "torch" in told["made by"]
    with Image.open(tmp_path / "lam.png") as image:
        assert json.loads(image.text["pixmend"]) == told


@pytest.mark.parametrize("name", [r"$\frac$.pth", r"a$b$", "$"])
def test_what_a_file_is_called_is_no_formula(tmp_path, name):
    figure = drawn()
    title = figure.axes[0].set_title(label(name))
    keep(tmp_path / "f.png", figure, {}, facts={"models": [name]})
    assert title._preprocess_math(title.get_text()) == (name, False)


def test_a_folder_that_is_not_there_leaves_nothing(tmp_path):
    with pytest.raises(PixmendError, match="cannot be written"):
        keep(tmp_path / "none" / "lam.png", drawn(), {}, facts=FACTS)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_all_be_written_leaves_both_files_as_they_were(tmp_path, monkeypatch):
    keep(tmp_path / "lam.png", drawn(), {"map": torch.zeros(3)}, facts=FACTS)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    try:
        with pytest.raises(PixmendError, match="cannot be written"):
            keep(tmp_path / "lam.png", drawn(), {"map": torch.zeros(3)}, facts={**FACTS, "steps": 51})
    finally:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_all_facts_stand_in_the_last_lines(tmp_path):
    long = {f"fact {number}": "word " * 9 for number in range(12)}
    figure = drawn()
    keep(tmp_path / "lam.png", figure, {}, facts=long)
    assert " ".join(figure.get_supxlabel().split()).count("word") == 12 * 9
