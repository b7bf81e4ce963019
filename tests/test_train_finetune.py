import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pixmend as pm
from pixmend.data import Files
from pixmend.degrade import Bicubic, round8
from pixmend.models import Config, build
from pixmend.models.edt import EDTConfig
from pixmend.models.hat import HATConfig
from pixmend.models.swinir import SwinIRConfig
from pixmend.tasks import parse_task
from pixmend.train import Adam, Every, fit
from pixmend.train.config import Everything, Last, LowRank
from pixmend.train.finetune import begin, finish, is_finetuning, plan
from pixmend.train.finetune.held_out import Sample, choose, samples, write
from pixmend.train.finetune.ladder import choose as fit_into
from pixmend.train.finetune.origin import origin_of
from pixmend.train.finetune.presets import patches_of, preset
from pixmend.weights import write_weights

ENOUGH = 4_000_000_000
SWINIR = SwinIRConfig(dim=8, depths=(2, 2), num_heads=2, scale=2)
EDT = EDTConfig(tasks=("sr_x2", "dn_g25"), features=4, dim=8, depths=(2,), num_heads=2, window=(4, 8))


def made(folder, count, *, side=48):
    """Pictures of stripes in many directions and colours."""
    folder.mkdir()
    across, down = torch.meshgrid(torch.arange(side), torch.arange(side + 4), indexing="ij")
    for number in range(count):
        phases = [across * (number % 5 + shift) + down * (number % 7 + 1) for shift in range(3)]
        pixels = (127 + 120 * torch.sin(torch.stack(phases, -1) / 6)).to(torch.uint8)
        Image.fromarray(pixels.numpy()).save(folder / f"{number}.png")
    return folder


def quick(run):
    return replace(run, optim=Adam(lr=3e-3), trackers=(), every=Every(log=100, preview=100, save=10))


def kept(file: Path, config: Config) -> str:
    """A weight file of a network with random weights."""
    torch.manual_seed(0)
    write_weights(file, build(config).state_dict(), config=config, card={})
    return str(file)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return made(tmp_path_factory.mktemp("finetune") / "photos", 18)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return kept(tmp_path_factory.mktemp("weights") / "small.safetensors", SWINIR)


@pytest.fixture(scope="module")
def planned(weights, pictures):
    found = plan(weights, data=[pictures], budget=ENOUGH, steps=24)
    return replace(found, run=quick(found.run))


@pytest.fixture(scope="module")
def finished(planned, tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "run"
    begin(planned, out)
    fit(planned.run, out)
    return finish(out)


def sample(number, *, side=100):
    return Sample(high=Path(f"{number}.png"), low=(), side=side, pixels=side**2)


@pytest.mark.parametrize(("count", "held"), [(4, 2), (9, 3), (17, 5), (18, 6), (60, 6), (130, 13), (5000, 20)])
def test_a_tenth_is_held_out_and_as_many_as_a_test_needs_where_there_are_enough(count, held):
    assert len(choose([sample(number) for number in range(count)])) == held


@given(st.integers(4, 300))
def test_the_pictures_held_out_are_different_ones_and_lie_evenly(count):
    places = [int(each.high.stem) for each in choose([sample(number) for number in range(count)])]
    steps = [after - before for before, after in pairwise(places)]
    assert sorted(set(places)) == places
    assert max(steps) - min(steps) <= 1


def test_fewer_than_four_pictures_are_refused():
    with pytest.raises(pm.PixmendError, match="expected 4 usable pictures or more, some to be scored on, got 3"):
        choose([sample(number) for number in range(3)])


def test_pictures_are_taken_in_natural_order(pictures):
    found = samples([pictures], low=[], task=parse_task("sr_x2"))
    assert [int(each.high.stem) for each in found] == list(range(18))


def test_held_out_pictures_of_super_resolution_are_cut_from_the_middle_and_made_small_as_in_training(
    pictures, tmp_path
):
    [first, *_] = found = samples([pictures], low=[], task=parse_task("sr_x2"))
    benchmark = write(found[:2], tmp_path / "held", task=parse_task("sr_x2"), side=33)
    low, high = benchmark.read(benchmark.pairs[0])
    assert high.shape == (3, 32, 32)
    assert torch.equal(high, pm.read_image(first.high)[:, 8:40, 10:42])
    assert low is not None
    assert torch.equal(low, round8(Bicubic(scale=2)(high.double())).float())


def test_of_pairs_both_pictures_are_cut_at_the_same_place(pictures, tmp_path):
    task, twins = parse_task("dr"), made(tmp_path / "rainy", 18)
    found = samples([pictures], low=[twins], task=task)
    low, high = (bench := write(found[:2], tmp_path / "held", task=task, side=20)).read(bench.pairs[0])
    assert low is not None and low.shape == (3, 20, 20)
    assert torch.equal(low, high)


def test_of_two_views_left_and_right_are_held_out(pictures, tmp_path):
    views = [made(tmp_path / name, 18) for name in ("left", "right")]
    task = parse_task("defocus_dual")
    found = samples([pictures], low=views, task=task)
    low, high = (bench := write(found[:2], tmp_path / "held", task=task, side=64)).read(bench.pairs[0])
    assert low is not None and low.shape[0] == 6
    assert torch.equal(low[3:], high)


def test_pictures_held_out_of_an_earlier_try_are_gone(pictures, tmp_path):
    found = samples([pictures], low=[], task=parse_task("dn_g25"))
    write(found, tmp_path / "held", task=parse_task("dn_g25"), side=64)
    assert len(write(found[:3], tmp_path / "held", task=parse_task("dn_g25"), side=64).pairs) == 3


def test_a_damaged_picture_that_is_held_out_is_named(pictures, tmp_path):
    folder = made(tmp_path / "photos", 4)
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:400])
    found = samples([folder], low=[], task=parse_task("dn_g25"))
    with pytest.raises(pm.PixmendError, match=r"1\.png: damaged or cut short"):
        write(found, tmp_path / "held", task=parse_task("dn_g25"), side=64)


def test_of_a_network_of_several_tasks_one_of_the_task_alone_is_made(tmp_path):
    origin = origin_of(kept(tmp_path / "edt.safetensors", EDT), task="dn_g25")
    assert origin.config == replace(EDT, tasks=("dn_g25",))
    assert origin.does_it and not origin.drawn


def test_another_scale_keeps_the_trunk(weights):
    origin = origin_of(weights, task="sr_x3")
    assert origin.config == replace(SWINIR, scale=3)
    assert not origin.does_it
    assert origin.drawn and all(name.startswith("upsample") for name in origin.drawn)


def test_a_denoiser_may_learn_another_noise_and_is_scored_on_it_as_it_is(tmp_path):
    config = replace(SWINIR, upsampler="none", scale=1, task="dn_g25")
    origin = origin_of(kept(tmp_path / "dn.safetensors", config), task="dn_real")
    assert origin.config == replace(config, task="dn_real")
    assert origin.does_it


@pytest.mark.parametrize(
    ("config", "task", "message"),
    [
        (EDT, None, "it has sr_x2, dn_g25: name the task to learn"),
        (EDT, "deblur", "--task deblur: EDT of this kind cannot learn it: EDT has tasks like"),
        (SWINIR, "dn_g25", "cannot learn it: SwinIR: upsampler 'pixelshuffle' cannot have scale 1"),
        (SWINIR, "sr_x9", "no task is called 'sr_x9'"),
    ],
)
def test_a_task_that_cannot_be_learnt_is_one_line(config, task, message, tmp_path):
    with pytest.raises(pm.PixmendError) as error:
        origin_of(kept(tmp_path / "net.safetensors", config), task=task)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("config", [EDT, SWINIR, HATConfig(), replace(SWINIR, window=7)])
def test_crops_are_whole_windows_and_become_smaller(config):
    patches = patches_of(config)
    windows = config.window if isinstance(config.window, tuple) else (config.window,)
    assert patches == sorted(set(patches), reverse=True)
    assert all(patch % window == 0 for patch in patches for window in windows)


def test_a_short_run_averages_fewer_steps(weights):
    origin = origin_of(weights, task=None)
    assert [preset(origin, steps=steps).ema for steps in (1, 100, 2000, 100_000)] == [0, 0.9, 0.995, 0.999]


def bytes_of(run):
    """Of a made-up network whose memory is easy to tell."""
    part = run.data.patch**2 * -(-run.data.batch // run.engine.accumulate)
    trained = {Everything: 1.0, LowRank: 0.8}.get(type(run.trained)) or 0.1 * run.trained.blocks
    return int(part * (0.25 if run.engine.checkpoint else 1.0) * (0.5 + trained) + 10_000 * trained)


def chosen(planned, budget, *, new=False):
    return fit_into(planned.run, patches=[64, 32, 16], blocks=4, budget=budget, needs=bytes_of, new=new)


@pytest.mark.parametrize(
    ("budget", "trained", "parts", "checkpoint", "patch"),
    [
        (10**9, Everything(), 1, False, 64),
        (50_000, Everything(), 2, False, 64),
        (14_000, Everything(), 4, True, 64),
        (11_000, LowRank(rank=8), 4, True, 64),
        (4_000, Last(blocks=2), 4, True, 64),
        (2_700, Last(blocks=1), 4, True, 64),
        (1_300, Last(blocks=1), 8, True, 32),
    ],
)
def test_what_fits_is_looked_for_from_the_whole_downwards(planned, budget, trained, parts, checkpoint, patch):
    run = chosen(planned, budget).run
    assert (run.trained, run.engine.accumulate, run.engine.checkpoint) == (trained, parts, checkpoint)
    assert run.data.patch == patch


@given(budget=st.integers(1_200, 100_000))
def test_what_is_chosen_fits_and_trains_whole_batches(planned, budget):
    choice = chosen(planned, budget)
    assert choice.needed == bytes_of(choice.run) <= budget
    assert choice.run.data.batch == planned.run.data.batch


def test_a_change_of_low_rank_learns_at_a_higher_rate(planned):
    whole = replace(planned, run=planned.choice.run)
    assert chosen(whole, 11_000).run.optim.lr > chosen(whole, 10**9).run.optim.lr


def test_nothing_is_frozen_where_parts_are_new(planned):
    assert chosen(planned, 11_000, new=True).run.trained == Everything()


def test_too_little_for_anything_says_the_least_that_works(planned):
    with pytest.raises(
        pm.PixmendError, match=r"5e-07 GB is too little .* smallest form of training takes 1\.04e-06 GB"
    ):
        chosen(planned, 500)
    assert chosen(planned, 1_040).needed <= 1_040


def test_what_was_decided_is_told_in_plain_words(planned):
    [memory, held] = planned.describe()
    assert memory.startswith("SwinIR, sr_x2, 0.2 M parameters: all of it is trained on 8 crops of 16: ")
    assert held.startswith("6 of 18 pictures are held out")


def test_the_pictures_held_out_are_not_trained_on(planned):
    data = planned.run.data
    trained = set(Files(data.folders, smallest=1, without=data.without).paths)
    assert len(trained) == 12
    assert trained.isdisjoint(each.high for each in planned.held)


def test_crops_are_as_large_as_most_pictures_allow(planned, weights, tmp_path):
    assert planned.run.data.patch == 16  # the usual 64 needs pictures of 128
    with pytest.raises(pm.PixmendError, match="smaller than a crop of 16 x 16 pixels: take larger ones"):
        plan(weights, data=[made(tmp_path / "tiny", 5, side=10)], budget=ENOUGH)


@pytest.mark.parametrize(
    ("task", "low", "message"),
    [
        ("dn_g25", 1, "--low: the degraded pictures of dn_g25 are made of clean ones: leave it out"),
        ("deblur", 0, "its input cannot be made of clean pictures"),
    ],
)
def test_pairs_and_tasks_that_do_not_belong_together_are_refused(task, low, message, pictures, tmp_path):
    source = kept(tmp_path / "net.safetensors", replace(SWINIR, upsampler="none", scale=1, task="dn_g25"))
    with pytest.raises(pm.PixmendError, match=message):
        plan(source, data=[pictures], low=[pictures] * low, task=task, budget=ENOUGH)


def test_what_has_learnt_something_is_better(finished):
    assert finished.verdict == "better"
    assert finished.gain.mean > 0.5
    assert finished.describe().endswith("weights.safetensors")


def test_the_scores_are_those_of_the_weights_that_are_kept(finished, planned, weights):
    before, after = finished.comparison.reports
    benchmark = pm.evaluate.find(finished.out / "held_out", task="sr_x2")
    for report, source in ((before, weights), (after, finished.out / "weights.safetensors")):
        again = pm.evaluate.measure(pm.load(source), benchmark, protocol=pm.evaluate.CLASSIC_SR)
        assert [record.score for record in again.records] == [record.score for record in report.records]


def test_the_verdict_is_kept_as_json_and_as_a_picture(finished):
    content = json.loads((finished.out / "before_after.json").read_text())
    assert content["verdict"] == "better"
    assert [model["name"] for model in content["models"]] == ["small", "fine-tuned"]
    assert Image.open(finished.sheet).width == 1000


def test_a_stopped_run_comes_to_the_same_end_and_scores_nothing_twice(planned, finished, tmp_path):
    begin(planned, tmp_path / "run")

    class Stopped(Exception):
        pass

    def stop(progress):
        if progress.step == 12:
            raise Stopped

    with pytest.raises(Stopped):
        fit(planned.run, tmp_path / "run", watch=stop)
    fit(planned.run, tmp_path / "run", resume=True)
    scored = []
    outcome = finish(tmp_path / "run", watch=lambda done, total: scored.append(done))
    assert [record.score for record in outcome.comparison.reports[1].records] == [
        record.score for record in finished.comparison.reports[1].records
    ]
    assert scored == [1, 2, 3, 4, 5, 6]  # only what came after


def test_harm_is_called_harm(planned, finished, tmp_path):
    source = str(finished.out / "weights.safetensors")
    good = replace(planned, origin=origin_of(source, task=None))
    begin(good, tmp_path / "run")
    fit(replace(planned.run, start=source, optim=Adam(lr=0.5), clip=None, steps=3, ema=0.0), tmp_path / "run")
    outcome = finish(tmp_path / "run")
    assert outcome.verdict == "worse"
    assert "this training does harm" in outcome.describe()


def test_of_two_pictures_nothing_is_told_however_large_the_gain(weights, tmp_path):
    found = plan(weights, data=[made(tmp_path / "photos", 4)], budget=ENOUGH, steps=12)
    begin(found, tmp_path / "run")
    fit(quick(found.run), tmp_path / "run")
    outcome = finish(tmp_path / "run")
    assert outcome.gain.mean > 0
    assert outcome.verdict == "not told apart"
    assert "2 pictures can show none: 18 or more hold out 6" in outcome.describe()


def test_what_the_weights_cannot_do_is_compared_with_what_needs_none(weights, pictures, tmp_path):
    found = plan(weights, data=[pictures], task="sr_x4", budget=ENOUGH, steps=2)
    assert "does not do sr_x4: its trunk is kept, drawn anew are upsample" in found.describe()[1]
    assert begin(found, tmp_path / "run").model == "bicubic"


def test_a_run_that_is_no_fine_tuning_has_no_end_to_tell(tmp_path):
    assert not is_finetuning(tmp_path)
    assert finish(tmp_path) is None


def test_without_the_weights_it_began_with_there_is_nothing_to_compare(weights, finished, tmp_path):
    (tmp_path / "finetune.json").write_text('{"from": "gone.safetensors", "task": "sr_x2"}')
    with pytest.raises(pm.PixmendError, match=r"gone\.safetensors"):
        finish(tmp_path)


def test_a_damaged_note_of_the_beginning_is_named(tmp_path):
    (tmp_path / "finetune.json").write_text("[]")
    with pytest.raises(pm.PixmendError, match=r"finetune\.json: not what a fine-tuning keeps"):
        finish(tmp_path)


def test_a_folder_with_a_run_is_left_alone(planned, finished):
    with pytest.raises(pm.PixmendError, match="already holds a run"):
        begin(planned, finished.out)


def test_a_run_among_the_pictures_it_trains_on_is_refused_and_leaves_nothing(planned, pictures):
    with pytest.raises(pm.PixmendError, match="would be trained on: choose a folder outside"):
        begin(planned, pictures / "runs" / "mine")
    assert not (pictures / "runs").exists()


def test_a_folder_held_out_of_somebody_else_is_not_replaced(planned, tmp_path):
    mine = tmp_path / "held_out" / "mine.png"
    mine.parent.mkdir()
    mine.write_bytes(b"precious")
    with pytest.raises(pm.PixmendError, match="held_out: is not of a fine-tuning"):
        begin(planned, tmp_path)
    assert mine.read_bytes() == b"precious"


def test_a_beginning_that_was_broken_off_may_be_repeated(planned, tmp_path):
    first = begin(planned, tmp_path)
    (tmp_path / "held_out" / "HR" / "stale.png").write_bytes(b"")
    assert begin(planned, tmp_path).mean == first.mean
