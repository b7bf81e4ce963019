"""Recipes with small networks: two steps of one of each family, and of those that begin with others or take pairs."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

import pixmend as pm
from pixmend.recipes import find
from pixmend.train import Every, fit


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures")
    pixels = torch.randint(256, (110, 120, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    Image.fromarray(pixels.numpy()).save(path / "a.png")
    return str(path)


def small(name, folder, *, patch, **sizes):
    """Two steps of a recipe with a small network."""
    run = find(name)
    data = replace(run.data, folders=(folder,), patch=patch, batch=2, stages=())
    every = Every(log=2, preview=2, save=2)
    return replace(run, model=replace(run.model, **sizes), data=data, steps=2, every=every, start=None)


WINDOWS = {"dim": 12, "depths": (2,), "num_heads": 2, "window": 4}
SMALL = {
    "ipt.pretrain": {"patch": 12, "features": 4, "num_heads": 2, "num_layers": 1, "size": 12},
    "edt.unrelated": {"patch": 24, "features": 4, "dim": 8, "depths": (2,), "num_heads": 2},
    "hat.pretrain_x3": {"patch": 8, **WINDOWS, "overlapping_window": 6, "squeeze": 3},
    "restormer.dn_blind": {"patch": 16, "dim": 8, "num_blocks": (1, 1, 1, 1), "heads": (1, 1, 2, 2)},
    "swinir.jpeg_q40": {"patch": 14, **WINDOWS, "window": 7},
    "rcan.sr_x2": {"patch": 8, "groups": 1, "blocks": 1, "features": 8, "reduction": 2},
    "rcdnet.dr_H": {"patch": 16, "stages": 3, "maps": 4, "dual": 4, "blocks": 1},
}


@pytest.mark.parametrize("name", SMALL)
def test_a_recipe_of_each_family_trains(name, folder, tmp_path):
    run = small(name, folder, **SMALL[name])
    assert pm.load(fit(run, tmp_path / "run")).tasks == run.tasks


def test_x4_is_trained_from_what_x2_left(folder, tmp_path):
    sizes = {"patch": 8, "features": 8, "blocks": 4}
    start = fit(small("edsr_baseline.sr_x2", folder, **sizes), tmp_path / "x2")
    run = replace(small("edsr_baseline.sr_x4", folder, **sizes), start=str(start), steps=1, ema=0.0)
    before, after = pm.load(start), pm.load(fit(run, tmp_path / "x4"))
    assert after.scale == 4
    moved = (after.body[0].conv1.weight - before.body[0].conv1.weight).abs().max()
    assert moved < 1.01e-4  # a step of Adam at 1e-4, and nothing drawn anew


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("restormer.motion_deblurring", "task deblur: its input cannot be made of clean pictures: training it takes"),
        ("restormer.dn_real", "task dn_real: its input cannot be made of clean pictures: training it takes pairs"),
        ("restormer.deraining", "task dr: does not say how much rain to train on: use dr_L or dr_H, or pairs"),
    ],
)
def test_a_recipe_that_needs_pairs_says_so_before_it_starts(name, message, folder, tmp_path):
    with pytest.raises(pm.PixmendError, match=message):
        fit(small(name, folder, **SMALL["restormer.dn_blind"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["restormer.deraining", "restormer.motion_deblurring", "rcdnet.dr_L"])
def test_a_recipe_of_pairs_trains_on_them(name, folder, tmp_path):
    sizes = SMALL["rcdnet.dr_H" if name.startswith("rcdnet") else "restormer.dn_blind"]
    run = small(name, folder, **sizes)
    Image.eval(Image.open(f"{folder}/a.png"), lambda value: value // 2).save(tmp_path / "a.png")
    paired = replace(run, data=replace(run.data, low=(str(tmp_path),)))
    assert pm.load(fit(paired, tmp_path / "run")).tasks == run.tasks
