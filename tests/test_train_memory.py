"""Memory of a step, estimated without taking it."""

import resource
from dataclasses import replace

import pytest
import torch

import pixmend as pm
from pixmend.infer.memory import left_in_groups
from pixmend.models import build
from pixmend.models.edsr import EDSRConfig
from pixmend.recipes import find
from pixmend.recipes.shrink import small
from pixmend.train import Adam, Constant, Data, Run, Stage
from pixmend.train.config import Engine, Last, LowRank
from pixmend.train.fits import Need, check_fits, largest, remedy
from pixmend.train.memory import Peak, peak, resident

CPU = torch.device("cpu")
FAMILIES = (
    "edt.unrelated",
    "ipt.pretrain",
    "hat.pretrain_x3",
    "restormer.defocus_dual",
    "restormer.grey_dn_g15",
    "swinir.jpeg_q40",
    "edsr.sr_x2",
    "rcan.sr_x2",
    "rdn.sr_x2",
    "han.sr_x2",
    "rrdbnet.sr_x4",
    "rcdnet.dr_L",
)


@pytest.fixture
def run() -> Run:
    return Run(
        name="small",
        model=EDSRConfig(features=16, blocks=4, res_scale=1.0),
        data=Data(patch=24, batch=8),
        optim=Adam(lr=1e-3),
        schedule=Constant(),
        steps=100,
        precision="float32",
    )


def need(run: Run, **engine: object) -> int:
    changed = replace(run, engine=Engine(**engine))
    return peak(changed, patch=run.data.patch, batch=run.data.batch, device=CPU).step


@pytest.mark.parametrize("name", FAMILIES)
def test_a_step_of_every_family_is_estimated(name):
    run = replace(small(find(name)), precision="bfloat16")
    weights = 4 * sum(parameter.numel() for parameter in build(run.model).parameters())
    assert need(run) > 5 * weights


def test_a_step_of_hardly_any_pixels_takes_weights_average_gradients_and_moments(run):
    parameters = list(build(run.model).parameters())
    weights = 4 * sum(parameter.numel() for parameter in parameters)
    counters, temporaries = 4 * len(parameters), 2 * 4 * max(parameter.numel() for parameter in parameters)
    before = 64  # what the optimizer made for the bias before the largest kernel
    assert peak(run, patch=1, batch=1, device=CPU).step == 5 * weights + counters + temporaries + before


def test_saving_holds_the_state_three_times(run):
    weights = 4 * sum(parameter.numel() for parameter in build(run.model).parameters())
    assert peak(run, patch=1, batch=1, device=CPU).saving == pytest.approx(12 * weights, rel=0.01)


def test_what_is_kept_grows_in_proportion_to_the_batch_and_to_the_pixels(run):
    one, two, three = (peak(run, patch=48, batch=batch, device=CPU).step for batch in (8, 16, 24))
    assert two - one == pytest.approx(three - two, rel=0.01)
    assert peak(run, patch=96, batch=8, device=CPU).step - one == pytest.approx(3 * (two - one), rel=0.01)


def test_bfloat16_recomputing_and_parts_take_less(run):
    run = replace(run, data=replace(run.data, patch=48))
    plain = need(run)
    assert need(run, checkpoint=True) < 0.9 * plain
    assert need(run, accumulate=4) < 0.4 * plain
    assert need(replace(run, precision="bfloat16")) < 0.8 * plain


def test_what_is_not_trained_keeps_nothing_for_the_way_back(run):
    run = replace(run, data=replace(run.data, patch=48))
    assert need(replace(run, trained=Last(blocks=1))) < 0.8 * need(run)
    many = EDSRConfig(features=128, blocks=8, res_scale=1.0)
    wide = replace(run, model=many, data=replace(run.data, patch=8, batch=1))
    assert need(replace(wide, trained=LowRank(rank=2))) < 0.7 * need(wide)


def test_several_processes_share_the_batch_and_spread_what_they_are_told_to(run):
    alone = peak(run, patch=48, batch=16, device=CPU).step
    shared = peak(run, patch=48, batch=16, device=CPU, processes=2).step
    spread = peak(replace(run, engine=Engine(shard=True)), patch=48, batch=16, device=CPU, processes=2).step
    assert spread < shared < 0.6 * alone


def test_an_estimate_takes_no_memory_and_no_random_numbers(run):
    torch.manual_seed(0)
    before, drawn = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, torch.get_rng_state()
    assert peak(run, patch=2048, batch=64, device=CPU).step > 100e9
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024
    assert torch.equal(torch.get_rng_state(), drawn)


def test_the_stage_that_needs_most_is_found_among_those_that_the_steps_reach(run):
    stages = (Stage(start=50, patch=48, batch=8), Stage(start=200, patch=96, batch=8))
    run = replace(run, data=replace(run.data, stages=stages))
    assert largest(run, device=CPU)[:3] == (50, 48, 8)
    assert largest(replace(run, steps=201), device=CPU)[:3] == (200, 96, 8)
    assert largest(replace(run, steps=50), device=CPU)[:3] == (0, 24, 8)


def test_a_run_that_fits_is_let_through(run):
    assert check_fits(run).bytes >= need(run)


def test_a_run_that_cannot_fit_is_refused_with_settings_that_make_it_fit(run):
    huge = replace(run, model=EDSRConfig(features=16, blocks=1, res_scale=1.0), data=Data(patch=512, batch=2048))
    with pytest.raises(
        pm.PixmendError, match=r"^memory: 2048 samples of 512 per task take about .* GB, and .* free: --set "
    ):
        check_fits(huge)


def test_a_stage_that_cannot_fit_is_named(run):
    run = replace(run, model=EDSRConfig(features=16, blocks=1, res_scale=1.0))
    huge = replace(run, data=replace(run.data, stages=(Stage(start=60, patch=512, batch=2048),)))
    with pytest.raises(pm.PixmendError, match=r"^from step 60 on: 2048 samples of 512"):
        check_fits(huge)


def test_the_remedy_leaves_the_training_as_it_is_while_that_is_enough(run):
    run = replace(run, data=replace(run.data, patch=48, batch=256))
    worst = largest(run, device=CPU)
    first = remedy(run, worst, room=int(0.9 * worst.bytes), device=CPU)
    assert first is not None and first.settings == ("engine.checkpoint=true",) and first.same
    second = remedy(run, worst, room=worst.bytes // 3, device=CPU)
    assert second is not None and second.settings[-1].startswith("engine.accumulate=") and second.same
    assert second.bytes <= worst.bytes // 3
    alone = replace(run, data=replace(run.data, patch=480, batch=1))
    worst = largest(alone, device=CPU)
    third = remedy(alone, worst, room=worst.bytes // 3, device=CPU)
    assert third is not None and third.settings[0].startswith("data.patch=") and not third.same
    assert remedy(run, worst, room=1000, device=CPU) is None


@pytest.mark.slow
def test_a_contrastive_loss_that_needs_its_batch_together_is_told_a_smaller_one():
    run = small(find("ipt.pretrain"))
    run = replace(run, data=replace(run.data, batch=64))
    worst = largest(run, device=CPU)
    recomputed = need(run, checkpoint=True)
    found = remedy(run, worst, room=resident(Peak(recomputed // 2, 0, 0)), device=CPU)
    assert found is not None and found.settings[-1].startswith("data.batch=") and not found.same


def test_patches_that_windows_do_not_fit_are_not_advised():
    run = small(find("edt.sr_x2"))
    run = replace(run, data=replace(run.data, batch=1))
    worst = Need(0, run.data.patch, 1, 10**12)
    assert remedy(run, worst, room=1000, device=CPU) is None


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_leaves_what_its_limit_says(version, tmp_path):
    top = tmp_path / "sys/fs/cgroup" / ("memory" if version == 1 else "")
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if version == 1 else ("memory.max", "memory.current")
    for place, limit in ((top, "5000"), (top / "a", "1000"), (top / "a/b", "max" if version == 2 else str(2**63))):
        place.mkdir(parents=True)
        for name, value in zip((*names, "memory.stat"), (limit, "400", "anon 1\ninactive_file 100"), strict=True):
            (place / name).write_text(f"{value}\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("7:cpu:/\n4:memory:/a/b\n" if version == 1 else "0::/a/b\n")
    assert left_in_groups(tmp_path) == 1000 - 400 + 100


def test_where_there_are_no_containers_everything_is_left(tmp_path):
    assert left_in_groups(tmp_path) > 10**18
