"""Recipes in their small form: they train, go on after a stop as if there had been none, and begin with one another."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

import pixmend as pm
from pixmend.data import degradation
from pixmend.models import build
from pixmend.recipes import RECIPES, find, small
from pixmend.recipes.runs import weights_of
from pixmend.train import Every, fit
from pixmend.weights import read

TYPICAL = (
    "default",  # candidates, a rate that falls from a plateau, every kind of task in one step
    "ipt.pretrain",  # a task for each step, the paper's contrastive loss
    "ipt.dn_g10",  # one task, begun with a network of others
    "edt.unrelated",
    "edt_sf.dn_g15",
    "hat.pretrain_x3",
    "restormer.deraining",  # pairs, growing patches
    "restormer.defocus_dual",
    "restormer.grey_dn_blind",  # one channel, mixup
    "swinir.jpeg_q40",
    "han.sr_x3",  # begun with another family
    "rdn.sr_x2",
    "rrdbnet.sr_x4",  # a rate that starts anew
    "rcdnet.dr_L",  # a loss over stages
)
"""One recipe of each family, and one for everything a recipe can have; the others are slow only because so many."""
CASES = [pytest.param(name, marks=() if name in TYPICAL else pytest.mark.slow) for name in RECIPES]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Where runs look for what others left; ``clean`` has a picture, ``one`` and ``two`` have it darker."""
    path = tmp_path_factory.mktemp("recipes")
    pixels = torch.randint(256, (140, 130, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    for folder, share in {"clean": 1.0, "one": 0.5, "two": 0.6}.items():
        (path / folder).mkdir()
        Image.fromarray((pixels * share).to(torch.uint8).numpy()).save(path / folder / "a.png")
    return path


@pytest.fixture
def ready(root, monkeypatch):
    """The small form of a recipe, three steps of it, with weights to begin with if it needs them."""
    monkeypatch.chdir(root)

    def prepared(name):
        run = small(find(name), steps=3)
        low = () if made(run.tasks[0]) else ("one", "two")[: 1 + run.tasks[0].endswith("dual")]
        data = replace(run.data, folders=("clean",), low=low, small="reflect" if low else run.data.small)
        return replace(run, data=data, every=Every(log=3, preview=2, save=1))

    def ready(name):
        run = prepared(name)
        if run.start is not None and not Path(run.start).exists():
            left = Path(run.start).parent
            first_steps(prepared(left.name.removesuffix(".small")), left, steps=1)
        return run

    return ready


def made(task):
    """Whether the input of a task can be made of clean pictures."""
    try:
        return bool(degradation(task))
    except pm.PixmendError:
        return False


def first_steps(run, out, *, steps, resume=False):
    """Killed after so many, long before it draws curves, which would take longer than everything else here."""

    class Killed(Exception):
        pass

    def watch(progress):
        if progress.step == steps:
            raise Killed

    with pytest.raises(Killed):
        fit(run, out, resume=resume, watch=watch)


@pytest.mark.parametrize("name", CASES)
def test_a_recipe_trains_two_steps_and_resumes_to_the_same_bits(name, ready, tmp_path):
    run = ready(name)
    first_steps(run, tmp_path / "whole", steps=2)
    first_steps(run, tmp_path / "parts", steps=1)
    first_steps(run, tmp_path / "parts", steps=2, resume=True)
    for file in ("state.safetensors", "weights.safetensors"):
        whole, parts = (read(tmp_path / out / file).tensors for out in ("whole", "parts"))
        assert whole.keys() == parts.keys()
        assert [key for key, tensor in whole.items() if not torch.equal(tensor, parts[key])] == []
    assert pm.load(tmp_path / "parts" / "weights.safetensors").tasks == run.tasks
    assert (tmp_path / "whole" / "previews").is_dir()


def test_a_recipe_begins_with_what_the_small_form_of_another_left(ready, tmp_path):
    run = ready("edsr_baseline.sr_x4")
    before = pm.load(run.start)
    first_steps(replace(run, ema=0.0), tmp_path / "x4", steps=1)
    after = pm.load(tmp_path / "x4" / "weights.safetensors")
    assert (before.scale, after.scale) == (2, 4)
    moved = (after.body[0].conv1.weight - before.body[0].conv1.weight).abs().max()
    assert 0 < moved < 1.01e-4  # a step of Adam at 1e-4, and nothing drawn anew


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("restormer.motion_deblurring", "task deblur: its input cannot be made of clean pictures: training it takes"),
        ("restormer.dn_real", "task dn_real: its input cannot be made of clean pictures: training it takes pairs"),
        ("restormer.deraining", "task dr: does not say how much rain to train on: use dr_L or dr_H, or pairs"),
    ],
)
def test_a_recipe_that_needs_pairs_says_so_before_it_starts(name, message, ready, tmp_path):
    run = ready(name)
    with pytest.raises(pm.PixmendError, match=message):
        fit(replace(run, data=replace(run.data, low=())), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_small_form_keeps_everything_but_sizes_and_steps():
    run = find("restormer.dn_blind")
    little = small(run, steps=300)
    assert [(s.start, s.patch, s.batch) for s in little.data.stages] == [
        (92, 20, 2), (156, 24, 2), (204, 32, 2), (240, 40, 2), (276, 48, 2),
    ]  # fmt: skip
    assert (little.data.patch, little.data.batch, little.steps) == (16, 4, 300)
    sizes = ("name", "model", "data", "steps", "every")
    assert replace(little, **{field: getattr(run, field) for field in sizes}) == run
    assert (little.model.layer_norm, little.model.task) == ("BiasFree", "dn_blind")
    assert [little.schedule(step, 300) for step in (0, 91)] == [1, 1] > [little.schedule(95, 300)]


@pytest.mark.parametrize("name", RECIPES)
def test_the_small_form_is_small_and_begins_with_the_small_form(name):
    run, little = find(name), small(find(name))
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in build(little.model).parameters()) < 500_000
    assert little.tasks == run.tasks
    assert little.start == (run.start and weights_of(f"{Path(run.start).parent.name}.small"))


def test_the_small_form_leaves_weights_that_are_no_recipes_alone():
    run = replace(find("hat.sr_x2"), start="mine.safetensors")
    assert small(run).start == "mine.safetensors"
