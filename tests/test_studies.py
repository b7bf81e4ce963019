import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from pixmend.errors import PixmendError
from pixmend.models.edsr import EDSRConfig
from pixmend.studies import STUDIES, find, plan_study, run_study
from pixmend.studies.design import Arm, Contrast, Study
from pixmend.studies.pictures import split, square
from pixmend.studies.plan import PLAN, ArmPlan, Plan, seconds_of
from pixmend.studies.report import FIGURE, JSON, PAGE
from pixmend.studies.runner import SCORES, trials
from pixmend.studies.small import parameters, run
from pixmend.studies.verdict import interval, judge, overall
from pixmend.train import Adam, Data

BUDGET = 3600.0


def arm(name, rate, *, share=1.0):
    """Two runs of a network that trains in no time."""

    def runs(steps):
        model, data = EDSRConfig(features=4, blocks=1, res_scale=1.0), Data(patch=8, batch=1)
        first = replace(run(model, steps=steps // 2, data=data), optim=Adam(lr=rate))
        return first, replace(first, steps=steps - steps // 2)

    return Arm(name=name, runs=runs, share=share)


TOY = Study(
    name="toy",
    claim="a network learns more at a higher rate",
    source="nobody",
    small="all of it",
    task="sr_x2",
    arms=(arm("quick", 1e-2), arm("slow", 1e-6, share=0.5)),
    contrasts=(Contrast(says="quick is better", plus=("quick",), minus=("slow",)),),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures")
    row, column = np.mgrid[:48, :60]
    for index in range(10):
        waves = [127 + 120 * np.sin((row * (index % 3) + column) / (2 + index) + channel) for channel in range(3)]
        Image.fromarray(np.stack(waves, -1).clip(0, 255).astype(np.uint8)).save(path / f"{index}.png")
    return path


def ready(folder, out, *, steps=16, seeds=2):
    """The toy study of so few steps as no budget would be given for."""
    each = ArmPlan(name="", parameters=1, pictures=8, steps=(1,), seconds_per_step=(1.0,), seconds=1.0)
    arms = tuple(replace(each, name=each_arm.name) for each_arm in TOY.arms)
    plan = Plan(study="toy", data=(str(folder),), score=(), seeds=seeds, budget=BUDGET, steps=steps, arms=arms)
    out.mkdir()
    plan.write(out)
    return plan_study(TOY, data=[folder], out=out, budget=BUDGET, seeds=seeds)


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "out"
    return run_study(ready(folder, out)), out


def test_a_study_leaves_curves_a_page_and_everything_as_json(finished):
    results, out = finished
    content = json.loads((out / JSON).read_text())
    assert content["verdict"] == results.verdict and "small form" in results.verdict
    assert [len(each["runs"]) for each in content["arms"].values()] == [2, 2]
    assert len(content["curves"]) == 4  # arms times seeds
    assert set(content["curves"][0]["psnr"][-1]) == {"held_out/0000-2", "held_out/0001-7"}
    assert "| quick is better |" in (out / PAGE).read_text()
    assert Image.open(out / FIGURE).size[0] > 1000


def test_scores_are_of_every_picture_at_rising_steps_up_to_the_last(finished):
    results, _ = finished
    for curve in results.curves:
        assert curve.steps[-1] == 16 and len(curve.steps) > 3
        assert list(curve.steps) == sorted(set(curve.steps))
        assert all(len(scores) == 2 for scores in curve.psnr)


def test_no_held_out_picture_is_trained_on(folder, tmp_path):
    every = ready(folder, tmp_path / "out").trials
    assert all({str(folder / "2.png"), str(folder / "7.png")} <= set(trial.run.data.without) for trial in every)
    assert {trial.arm: len(trial.run.data.without) for trial in every} == {"quick": 2, "slow": 6}


def test_fine_tuning_begins_with_what_was_pre_trained_with_the_same_seed(folder, tmp_path):
    out = tmp_path / "out"
    starts = {trial.folder: trial.run.start for trial in ready(folder, out).trials}
    assert starts[out / "quick" / "1" / "1"] is None
    assert starts[out / "quick" / "1" / "2"] == str(out / "quick" / "1" / "1" / "weights.safetensors")


@pytest.mark.slow
def test_a_stopped_study_goes_on_to_the_same_scores(finished, folder, tmp_path):
    out = tmp_path / "out"
    study = ready(folder, out)

    def stop(trial, step):
        if trial.folder == out / "slow" / "0" / "1" and step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(study, watch=stop)
    kept = (out / "quick" / "0" / "2" / "state.safetensors").stat().st_mtime_ns
    results = run_study(plan_study(TOY, data=[folder], out=out, budget=BUDGET, seeds=2))
    assert (out / "quick" / "0" / "2" / "state.safetensors").stat().st_mtime_ns == kept
    assert [curve.psnr for curve in results.curves] == [curve.psnr for curve in finished[0].curves]


def test_a_point_that_was_saved_and_not_scored_is_scored_later(folder, finished):
    _, out = finished
    scores = out / "slow" / "1" / "2" / SCORES
    *before, last = scores.read_text().splitlines(keepends=True)
    scores.write_text("".join(before))
    run_study(plan_study(TOY, data=[folder], out=out, budget=BUDGET, seeds=2))
    assert scores.read_text() == "".join([*before, last])


def test_a_folder_of_another_study_is_refused(folder, tmp_path):
    ready(folder, tmp_path / "out")
    with pytest.raises(PixmendError, match="holds a study with seeds 2, got 3"):
        plan_study(TOY, data=[folder], out=tmp_path / "out", budget=BUDGET, seeds=3)


def test_results_among_the_pictures_are_refused_and_leave_nothing(folder):
    with pytest.raises(PixmendError, match="would be trained on: choose a folder outside"):
        plan_study(TOY, data=[folder], out=folder / "study", budget=BUDGET)
    assert not (folder / "study").exists()


def test_a_run_of_another_study_is_not_gone_on_with(folder, finished):
    other = replace(TOY, arms=(arm("quick", 1e-3), TOY.arms[1]))
    with pytest.raises(PixmendError, match="trained otherwise"):
        run_study(plan_study(other, data=[folder], out=finished[1], budget=BUDGET, seeds=2))


def test_a_damaged_plan_is_named(folder, tmp_path):
    (tmp_path / PLAN).write_text("{")
    with pytest.raises(PixmendError, match=r"plan\.json: not the plan of a study"):
        plan_study(TOY, data=[folder], out=tmp_path, budget=BUDGET)


def test_a_budget_too_small_says_which_would_do(folder, tmp_path):
    with pytest.raises(PixmendError, match=r"0 steps each on this machine.*give \d+m or more"):
        plan_study(TOY, data=[folder], out=tmp_path / "out", budget=1.0)
    assert not (tmp_path / "out" / PLAN).exists()


def test_the_steps_are_as_many_as_the_budget_pays_for(folder, tmp_path):
    plan = plan_study(TOY, data=[folder], out=tmp_path / "out", budget=6000.0, seeds=2).plan
    steps = sum(count * each for arm in plan.arms for count, each in zip(arm.steps, arm.seconds_per_step, strict=True))
    assert 0.5 * 6000 < 2 * steps < 6000
    assert plan.seconds == pytest.approx(6000, rel=0.05)  # the rest reads pictures, scores, and was spent on trying


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("20m", 1200), ("1.5h", 5400), (" 2H ", 7200)])
def test_a_budget_is_a_number_and_a_unit(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "20", "m", "-5m", "0m", "1d", "20 minutes", "nanm"])
def test_what_is_no_time_is_no_budget(text):
    with pytest.raises(PixmendError, match="--budget: expected a time such as 90s"):
        seconds_of(text)


def test_too_few_pictures_to_hold_some_out_is_said_with_the_number_needed(folder, tmp_path):
    for index in range(7):
        (tmp_path / f"{index}.png").write_bytes((folder / f"{index}.png").read_bytes())
    with pytest.raises(PixmendError, match="expected 8 pictures or more"):
        split([tmp_path], hold_out=True)
    assert len(split([tmp_path], hold_out=False).training) == 7


def test_an_empty_folder_and_none_at_all_are_one_line(tmp_path):
    with pytest.raises(PixmendError, match="no pictures in"):
        split([tmp_path], hold_out=True)
    with pytest.raises(PixmendError, match="not a folder"):
        split([tmp_path / "nowhere"], hold_out=True)


def test_a_share_of_less_than_a_picture_is_refused(folder):
    with pytest.raises(PixmendError, match="expected 16 training pictures or more, got 8"):
        split([folder], hold_out=True).without(1 / 16)


def test_the_square_that_is_scored_is_the_one_with_the_most_detail():
    image = torch.zeros(3, 300, 900)
    image[:, ::2, 630:] = 1
    assert square(image).shape == (3, 264, 264)
    assert float(square(image).mean()) == pytest.approx(0.5)
    assert square(torch.rand(1, 30, 50)).shape == (3, 24, 48)


def random_scores(*, effect, seeds=3, pictures=8, noise=0.02):
    draw = np.random.default_rng(0)
    picture = draw.normal(30, 3, pictures)
    plain = picture + draw.normal(0, noise, (seeds, pictures))
    return {"quick": picture + effect + draw.normal(0, noise, (seeds, pictures)), "slow": plain}


@pytest.mark.parametrize(
    ("effect", "says"),
    [(0.3, "agrees with the claim"), (-0.3, "contradicts the claim"), (0.0, "not told apart at this size")],
)
def test_a_difference_beyond_its_uncertainty_is_a_verdict(effect, says):
    (finding,) = judge(TOY, random_scores(effect=effect), baseline=20)
    assert finding.says == says == overall([finding])
    assert finding.low < finding.mean < finding.high


def test_seeds_that_disagree_make_a_difference_uncertain():
    scores = random_scores(effect=0.3)
    scores["quick"] = scores["quick"] + np.array([[0.4], [-0.4], [0.0]])
    (finding,) = judge(TOY, scores, baseline=20)
    assert finding.says == "not told apart at this size"


def test_pictures_that_disagree_make_a_difference_uncertain():
    scores = random_scores(effect=0.3)
    scores["quick"] = scores["quick"] + np.linspace(-1.5, 1.5, 8)
    assert judge(TOY, scores, baseline=20)[0].says == "not told apart at this size"


def test_arms_that_do_not_beat_the_input_are_not_compared():
    assert judge(TOY, random_scores(effect=0.3), baseline=50)[0].says == "has not learnt enough"


def test_parts_that_came_out_differently_are_counted():
    findings = [judge(TOY, random_scores(effect=effect), baseline=20)[0] for effect in (0.3, 0.3, -0.3)]
    assert overall(findings) == "agrees with the claim in 2, contradicts the claim in 1 of 3 parts"


def test_of_a_single_source_of_chance_the_interval_is_the_t_interval():
    seeds = np.array([0.10, 0.25, 0.04])
    low, high = interval(np.repeat(seeds[:, None], 5, axis=1))
    half = 4.3027 * seeds.std(ddof=1) / 3**0.5  # of 2 degrees of freedom
    assert (low, high) == pytest.approx((seeds.mean() - half, seeds.mean() + half), rel=0.15)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    draw, held = np.random.default_rng(1), 0
    for _ in range(60):
        seed, picture = draw.normal(size=(3, 1)), draw.normal(size=(1, 6))
        low, high = interval(seed + picture + 0.3 * draw.normal(size=(3, 6)))
        held += low <= 0 <= high
    assert held >= 53


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_has_runs_of_all_its_steps(name):
    study = find(name)
    assert study.name == name and study.claim and study.source and study.small
    for each in study.arms:
        for steps in (200, 1111):
            runs = each.runs(steps)
            assert sum(single.steps for single in runs) == steps
            assert study.task in runs[-1].tasks
    assert len({repr(each.runs(200)) + str(each.share) for each in study.arms}) == len(study.arms)


@pytest.mark.parametrize(
    ("name", "within"), [("blocks", 0.02), ("expansion", 0.03), ("windows", 0.0), ("ladder", 0.03)]
)
def test_arms_that_are_promised_equal_parameters_have_them(name, within):
    counts = [parameters(each.runs(200)[-1].model) for each in find(name).arms]
    assert max(counts) <= (1 + within) * min(counts)


def test_growing_patches_see_as_many_pixels_as_fixed_ones():
    grow, fixed = (each.runs(3000)[0].data for each in find("progressive").arms)
    pixels = [sum(patch**2 * batch for patch, batch in map(data.at, range(3000))) for data in (grow, fixed)]
    assert pixels[0] == pytest.approx(pixels[1], rel=0.02)
    assert grow.at(2999)[0] == 3 * grow.at(0)[0]


def test_an_unknown_study_is_answered_with_the_nearest():
    with pytest.raises(PixmendError, match="no study is called 'window': did you mean windows"):
        find("window")


def test_trials_go_seed_by_seed(folder, tmp_path):
    study = ready(folder, tmp_path / "out")
    assert [trial.seed for trial in study.trials] == [0] * 4 + [1] * 4
    assert study.trials == tuple(trials(TOY, study.plan, split([folder], hold_out=True), tmp_path / "out"))
