"""The recipes: the numbers of the papers, what begins with what, and that they run."""

import importlib.util
import json
import re
from functools import partial
from pathlib import Path

import pytest

import pixmend as pm
from pixmend.recipes import RECIPES, edt, find
from pixmend.recipes.runs import weights_of
from pixmend.train import L1, AdamW, Charbonnier, Contrastive, JointRain, Mixup, SupervisedContrastive

GUIDE = Path(__file__).parents[1] / "docs" / "guides" / "recipes.md"
K = 1000

# Patch as the body sees it, batch over all devices, rate, second moment of Adam, steps, where the rate is halved.
HALVED = {
    "edt.sr_x2": (48, 32, 2e-4, 0.99, 500 * K, (250 * K, 400 * K, 450 * K)),
    "edt.dn_g25": (48, 32, 2e-4, 0.99, 800 * K, (400 * K, 640 * K, 720 * K, 760 * K)),
    "edt_sf.dn_g50": (144, 8, 2e-4, 0.99, 1600 * K, (800 * K, 1200 * K, 1400 * K, 1500 * K)),
    "edt.single_sr_x2_50k": (48, 32, 2e-4, 0.99, 500 * K, (250 * K, 400 * K, 450 * K)),
    "edt.single_sr_x2_400k": (48, 32, 2e-4, 0.99, 1000 * K, (500 * K, 800 * K, 900 * K, 950 * K)),
    "edt.single_sr_x2_full": (48, 32, 2e-4, 0.99, 3000 * K, (1500 * K, 2400 * K, 2700 * K, 2850 * K)),
    "edt.related_sr": (48, 32, 2e-4, 0.99, 500 * K, (250 * K, 400 * K, 450 * K)),
    "edt.related_dn": (48, 32, 2e-4, 0.99, 800 * K, (400 * K, 640 * K, 720 * K, 760 * K)),
    "edt.related_dr": (48, 32, 2e-4, 0.99, 500 * K, (250 * K, 400 * K, 450 * K)),
    "edt.unrelated": (48, 32, 2e-4, 0.99, 500 * K, (250 * K, 400 * K, 450 * K)),
    "hat.sr_x2": (64, 32, 2e-4, 0.99, 500 * K, (250 * K, 400 * K, 450 * K, 475 * K)),
    "hat_s.sr_x3": (64, 32, 2e-4, 0.99, 500 * K, (250 * K, 400 * K, 450 * K, 475 * K)),
    "hat.sr_x4": (64, 32, 1e-4, 0.99, 250 * K, (125 * K, 200 * K, 225 * K, 240 * K)),
    "hat.pretrain_x4": (64, 32, 2e-4, 0.99, 800 * K, (300 * K, 500 * K, 650 * K, 700 * K, 750 * K)),
    "hat_l.fine_x2": (64, 32, 1e-5, 0.99, 250 * K, (125 * K, 200 * K, 225 * K, 240 * K)),
    "swinir.classical_x2": (64, 32, 2e-4, 0.999, 500 * K, (250 * K, 400 * K, 450 * K, 475 * K)),
    "swinir.classical_x2_div2k": (48, 32, 2e-4, 0.999, 500 * K, (250 * K, 400 * K, 450 * K, 475 * K)),
    "swinir.classical_x8": (64, 32, 1e-4, 0.999, 250 * K, (125 * K, 200 * K, 225 * K, 237_500)),
    "swinir.light_x3": (64, 64, 2e-4, 0.999, 500 * K, (250 * K, 400 * K, 450 * K, 475 * K)),
    "swinir.real_x4": (64, 32, 2e-4, 0.999, 1000 * K, (500 * K, 800 * K, 900 * K, 950 * K)),
    "swinir.dn_g15": (128, 8, 2e-4, 0.999, 1600 * K, (800 * K, 1200 * K, 1400 * K, 1500 * K)),
    "swinir.grey_dn_g50": (128, 8, 1e-4, 0.999, 800 * K, (400 * K, 600 * K, 700 * K, 750 * K)),
    "swinir.jpeg_q40": (126, 8, 2e-4, 0.999, 1600 * K, (800 * K, 1200 * K, 1400 * K, 1500 * K)),
    "edsr.sr_x2": (48, 16, 1e-4, 0.99, 300 * K, (200 * K,)),
    "rcan.sr_x3": (48, 16, 1e-4, 0.999, 1000 * K, (200 * K, 400 * K, 600 * K, 800 * K)),
    "han.sr_x4": (48, 16, 1e-4, 0.999, 1000 * K, (200 * K, 400 * K, 600 * K, 800 * K)),
    "rdn.sr_x2": (32, 16, 1e-4, 0.999, 1000 * K, (200 * K, 400 * K, 600 * K, 800 * K)),
}

STARTS = {
    "ipt.sr_x3": "ipt.pretrain",
    "edt.fine_sr_x4": "edt.related_sr",
    "edt.fine_dn_g15": "edt.related_dn",
    "edt.fine_dr_H": "edt.related_dr",
    "edt_l.fine_sr_x2": "edt_l.single_sr_x2",
    "hat.sr_x4": "hat.sr_x2",
    "hat_s.sr_x4": "hat_s.sr_x2",
    "hat_l.fine_x3": "hat_l.pretrain_x3",
    "swinir.classical_x4_div2k": "swinir.classical_x2_div2k",
    "swinir.grey_dn_g25": "swinir.grey_dn_g15",
    "swinir.jpeg_q10": "swinir.jpeg_q40",
    "edsr_baseline.sr_x4": "edsr_baseline.sr_x2",
    "han.sr_x2": "rcan.sr_x2",
    "rdn.sr_x3": "rdn.sr_x2",
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_a_run_of_its_name(name):
    assert find(name).name == (name if name != "default" else "edt_p.default")


@pytest.mark.parametrize("name", HALVED)
def test_sizes_and_rates_are_those_of_the_paper(name):
    patch, batch, lr, beta, steps, halvings = HALVED[name]
    run = find(name)
    assert (run.data.patch, run.data.batch, run.optim.lr, run.steps) == (patch, batch, lr, steps)
    assert run.optim.betas == (0.9, beta)
    falls = [step for at in halvings for step in (at - 1, at)]
    expected = [0.5**times for count in range(len(halvings)) for times in (count, count + 1)]
    assert [run.schedule(step, steps) for step in falls] == expected
    assert run.schedule(steps - 1, steps) == 0.5 ** len(halvings)


@pytest.mark.parametrize(("name", "start"), STARTS.items())
def test_a_recipe_begins_with_the_weights_of_another(name, start):
    assert find(name).start == weights_of(start)


def test_whatever_a_recipe_begins_with_is_a_recipe_too():
    starts = {run.start for run in (make() for make in RECIPES.values()) if run.start}
    assert starts <= {weights_of(name) for name in RECIPES}


@pytest.mark.parametrize(("task", "steps"), [("sr_x2", 500 * K), ("dn_g50", 800 * K), ("dr_L", 200 * K)])
def test_edt_is_fine_tuned_at_a_constant_rate(task, steps):
    run = find(f"edt.fine_{task}")
    assert (run.optim.lr, run.steps) == (1e-5, steps)
    assert {run.schedule(step, steps) for step in range(0, steps, 10 * K)} == {1.0}


def test_schedules_are_in_proportion_to_a_run_that_is_made_shorter():
    schedule = pm.override(find("hat.sr_x2"), "steps=10000").schedule
    falls = [step for step in range(1, 10_000) if schedule(step, 10_000) < schedule(step - 1, 10_000)]
    assert falls == [5000, 8000, 9000, 9500]


def test_edt_trains_every_task_in_every_step_and_ipt_one():
    assert find("edt.related_sr").data.every_task
    assert not find("ipt.pretrain").data.every_task


@pytest.mark.parametrize(("images", "tasks"), [("300k", ("sr_x2",)), ("50k", ("dn_g15",)), ("full", edt.UNRELATED)])
def test_a_size_of_imagenet_that_edt_did_not_try_is_refused(images, tasks):
    with pytest.raises(pm.PixmendError, match="images: expected one of"):
        edt.pretrain(tasks, images=images, name="x")


def test_ipt_falls_to_two_fifths_of_its_rate_after_two_thirds_of_its_epochs():
    run = find("ipt.pretrain")
    epoch = run.steps // 300
    assert (run.data.patch, run.data.batch, run.optim.lr, epoch) == (48, 256, 5e-5, 5004)
    rates = [run.optim.lr * run.schedule(step, run.steps) for step in (0, 200 * epoch - 1, 200 * epoch, run.steps - 1)]
    assert rates == pytest.approx([5e-5, 5e-5, 2e-5, 2e-5])
    tuned = find("ipt.sr_x2")
    assert (tuned.optim.lr, tuned.steps, tuned.objective, tuned.tasks) == (2e-5, 30 * epoch, L1(), ("sr_x2",))


def test_ipt_is_pre_trained_by_either_contrastive_loss_or_none():
    weight = 0.1 / 255
    objectives = [find(f"ipt.pretrain{form}").objective for form in ("", "_supervised", "_plain")]
    assert objectives == [Contrastive(weight=weight), SupervisedContrastive(weight=weight, temperature=0.07), L1()]


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("restormer")])
def test_restormer_grows_its_patches_and_holds_its_rate_before_the_cosine(name):
    run = find(name)
    stages = [(0, run.data.patch, run.data.batch), *((s.start, s.patch, s.batch) for s in run.data.stages)]
    sizes = [(128, 64), (160, 40), (192, 32), (256, 16), (320, 8), (384, 8)]
    assert stages == [(start * K, *size) for start, size in zip((0, 92, 156, 204, 240, 276), sizes, strict=True)]
    assert run.optim == AdamW(lr=3e-4, betas=(0.9, 0.999), weight_decay=1e-4)
    assert (run.steps, run.clip, run.ema) == (300 * K, 0.01, 0.0)
    rates = [3e-4 * run.schedule(step * K, run.steps) for step in (0, 92, 196, 300)]
    assert rates == pytest.approx([3e-4, 3e-4, (3e-4 + 1e-6) / 2, 1e-6])


def test_restormer_mixes_pictures_for_denoising_alone_and_goes_without_biases_there():
    for name in (name for name in RECIPES if name.startswith("restormer")):
        run, denoises = find(name), "dn_" in name
        assert run.mixup == (Mixup(alpha=1.2) if denoises else None)
        assert run.model.layer_norm == ("BiasFree" if denoises else "WithBias")


def test_swinir_restores_pictures_of_the_same_size_by_the_charbonnier_loss_of_its_code():
    assert find("swinir.jpeg_q10").objective == find("swinir.dn_g15").objective == Charbonnier(eps=1e-9)
    assert find("swinir.classical_x2").objective == L1()


def test_networks_for_real_photographs_are_trained_for_a_million_steps_at_one_rate():
    numbers = {"hat.real_x4": (64, 32, 1e-4, None), "rrdbnet.real_x4": (64, 48, 2e-4, "rrdbnet.sr_x4")}
    for name, (patch, batch, lr, start) in numbers.items():
        run = find(name)
        assert (run.data.patch, run.data.batch, run.optim.lr, run.steps) == (patch, batch, lr, 1000 * K)
        assert {run.schedule(step, run.steps) for step in (0, 500 * K, 1000 * K - 1)} == {1.0}
        assert (run.optim.betas, run.ema, run.objective) == ((0.9, 0.99), 0.999, L1())
        assert (run.tasks, run.start) == (("sr_real_x4",), start and weights_of(start))


def test_swinir_for_real_photographs_learns_from_the_degradation_of_bsrgan():
    chains = {name: find(name).data.chain for name in RECIPES}
    assert {name: chain for name, chain in chains.items() if chain} == {
        "swinir.real_x2": "bsrgan(scale=2)",
        "swinir.real_x4": "bsrgan(scale=4)",
        "swinir.real_l_x4": "bsrgan(scale=4)",
    }
    assert find("swinir.real_l_x4").tasks == ("sr_real_x4",)
    assert find("swinir.real_l_x4").model.three_convs


def test_rrdb_restarts_its_cosine_every_quarter_of_a_million_steps():
    run = find("rrdbnet.sr_x4")
    rates = [2e-4 * run.schedule(step, run.steps) for step in (0, 250 * K - 1, 250 * K, 999_999)]
    assert rates == pytest.approx([2e-4, 1e-7, 2e-4, 1e-7], rel=1e-3)


def test_rcdnet_falls_to_a_fifth_of_its_rate_every_25_epochs():
    light, heavy = find("rcdnet.dr_L"), find("rcdnet.dr_H")
    assert (light.steps, heavy.steps) == (103_800, 90_000)
    rates = [heavy.schedule(step, heavy.steps) for step in (0, 22_499, 22_500, 45_000, 67_500)]
    assert rates == pytest.approx([1, 1, 0.2, 0.04, 0.008])
    assert heavy.objective == JointRain()


def _function(recipe):
    return recipe.func if isinstance(recipe, partial) else recipe


FUNCTIONS = {_function(recipe) for name, recipe in RECIPES.items() if name != "default"} | {edt.pretrain}


@pytest.fixture
def bench(monkeypatch):
    """benchmarks/recipes.py."""
    folder = Path(__file__).parents[1] / "benchmarks"
    monkeypatch.syspath_prepend(folder)
    spec = importlib.util.spec_from_file_location("bench", folder / "recipes.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("function", sorted(FUNCTIONS, key=lambda f: (f.__module__, f.__name__)))
def test_a_docstring_says_what_is_reproduced_how_on_what_what_to_expect_and_what_sources_disagree_on(function, bench):
    assert bench.missing(function) == []
    assert all(name in RECIPES for name in re.findall(r"``pixmend train (\S+) ", " ".join(function.__doc__.split())))


def test_a_docstring_that_sees_another_has_its_parts(bench):
    assert bench.missing(edt.unrelated) == []
    assert bench.missing(lambda: find("default")) == list(bench.PARTS)


def test_the_table_of_coverage_has_every_recipe_trained_and_resumed_and_is_that_of_its_results(bench):
    content = json.loads((bench.RESULTS / "recipes.json").read_text())
    assert [row["recipe"] for row in content["rows"]] == list(RECIPES)
    assert all(row["trains two steps"] and row["resumes bit for bit"] for row in content["rows"])
    page = bench.PAGE.read_text()
    assert page == bench.table(page, content)


NAME = re.compile(r"`([a-z_0-9]+(?:\.[A-Za-z_0-9]+)?)`")


def test_the_guide_lists_every_recipe():
    assert set(RECIPES) <= set(NAME.findall(GUIDE.read_text()))


def test_the_steps_in_the_guide_are_those_of_the_recipes():
    rows = [line.split("|") for line in GUIDE.read_text().splitlines() if re.search(r"\| [\d,]{6,9} \|", line)]
    written = {name: int(cells[4].replace(",", "")) for cells in rows for name in NAME.findall(cells[1])}
    assert len(written) == sum(not name.startswith("restormer") for name in RECIPES) - 1  # but for default
    assert written == {name: find(name).steps for name in written}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("swinir", "there is swinir.classical_x2, .* and so on: pixmend train --list"),
        ("HAT.sr_x2", r"did you mean hat.sr_x2\?"),
        ("restormer.derain", r"did you mean restormer.deraining\?"),
        ("zzzz", "pixmend train --list shows what there is"),
    ],
)
def test_an_unknown_recipe_is_refused_with_a_hint(name, hint):
    with pytest.raises(pm.PixmendError, match=f"no recipe is called '{name}': {hint}"):
        find(name)


def test_ipt_clips_noise_and_hat_does_not_round_what_it_is_pre_trained_on():
    clipped = {name for name in RECIPES if find(name).data.clip}
    assert clipped == {name for name in RECIPES if name.startswith("ipt")}
    exact = {name for name in RECIPES if not find(name).data.round8}
    assert exact == {f"{size}.pretrain_x{scale}" for size in ("hat", "hat_l") for scale in (2, 3, 4)}


def test_each_paper_has_its_way_with_pictures_smaller_than_a_crop():
    kinds = {name: find(name).data.small for name in RECIPES}
    assert {kind for name, kind in kinds.items() if name.startswith("restormer")} == {"reflect"}
    assert {name for name, kind in kinds.items() if kind == "stretch"} == {
        name for name in RECIPES if name.startswith("ipt") or ".pretrain" in name
    }


def test_the_list_has_a_line_for_every_recipe(capsys):
    from pixmend.cli import run

    assert run(["train", "--list"]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title.split() == ["recipe", "patch", "batch", "steps", "tasks"]
    assert [line.split()[0] for line in lines] == list(RECIPES)
    assert "128-384   64-8    300,000  dn_blind" in next(line for line in lines if "restormer.dn_blind" in line)
