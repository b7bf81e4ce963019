"""A figure and its arrays: both say what was asked of whom, and are written whole."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from pixmend.analyze.record import keep, new_figure
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


def test_a_folder_that_is_not_there_leaves_nothing(tmp_path):
    with pytest.raises(PixmendError, match="cannot be written"):
        keep(tmp_path / "none" / "lam.png", drawn(), {}, facts=FACTS)
    assert list(tmp_path.iterdir()) == []
