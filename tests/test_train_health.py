"""What a run is warned of: losses that leap, networks that learn nothing, pictures that cannot teach; and what not."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

from pixmend.degrade import imresize
from pixmend.models import build
from pixmend.models.edt import EDTConfig
from pixmend.models.restormer import RestormerConfig
from pixmend.train import Adam, Constant, Data, Every, Run
from pixmend.train.batches import RunBatches
from pixmend.train.diary import Diary
from pixmend.train.health import ENOUGH, Health


def save(path, *, grey=False, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = 1 if grey else 3
    pixels = torch.randint(256, (40, 50, channels), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    Image.fromarray(pixels.expand(-1, -1, 3).numpy()).save(path)


@pytest.fixture
def run(tmp_path):
    """Of two clean pictures, in colour."""
    for number in range(2):
        save(tmp_path / f"clean/{number}.png", seed=number)
    return Run(
        name="tiny",
        model=EDTConfig(tasks=("sr_x2", "dn_g25"), features=4, dim=8, depths=(2,), num_heads=2, window=(4, 4)),
        data=Data(folders=(str(tmp_path / "clean"),), patch=8, batch=4),
        optim=Adam(lr=1e-3),
        schedule=Constant(),
        steps=10,
        ema=0.9,
        every=Every(log=2, preview=10, save=10),
    )


@pytest.fixture
def paired(run):
    network = RestormerConfig(dim=8, num_blocks=(1, 1, 1, 1), num_refinement_blocks=1, heads=(1, 1, 1, 1), task="dr")
    return replace(run, model=network)


def batches_of(run) -> RunBatches:
    return RunBatches(run, build(run.model), share=(0, 1), loading=lambda done, total: None)


def watched(run):
    told: list[str] = []
    return Health(run, batches_of(run), warn=told.append), told


def noisy(count, *, around, spread, seed=0):
    return (around * torch.exp(spread * torch.randn(count, generator=torch.Generator().manual_seed(seed)))).tolist()


def test_a_loss_that_leaps_is_told_with_its_pictures_once_in_a_while(run):
    health, told = watched(run)
    for step, loss in enumerate(noisy(200, around=0.02, spread=0.2), 1):
        health.seen(step, {"dn_g25": 0.5 if step in (150, 160) else loss, "sr_x2": 0.01}, 1.5 if step == 150 else 0.2)
    assert len(told) == 1
    assert told[0].startswith("step 150: the loss of dn_g25, 0.5, is 2")
    assert "times the median of the 100 before it; the norm of the gradient is 1.5; its pictures: " in told[0]
    names = {name for names in health.batches.files(149).values() for name in names}
    assert all(name in told[0] for name in names)


@pytest.mark.parametrize("spread", [0.05, 0.3, 0.9])
def test_noise_of_small_batches_is_no_leap(run, spread):
    health, told = watched(run)
    for step, loss in enumerate(noisy(4000, around=0.02, spread=spread), 1):
        health.seen(step, {"dn_g25": loss / (1 + step / 50)}, 0.1)
    assert told == []


def test_a_loss_that_has_not_fallen_after_a_thousand_values_is_told_once(run):
    health, told = watched(run)
    for step, loss in enumerate(noisy(2 * ENOUGH, around=0.02, spread=0.1), 1):
        health.seen(step, {"dn_g25": loss}, 0.1)
    assert len(told) == 1
    assert told[0].startswith(f"step {ENOUGH}: the loss of dn_g25 has not fallen: 0.02")
    assert "is optim.lr far too low or too high" in told[0]


@pytest.mark.parametrize("start", ["weights", "resumed"])
def test_a_loss_that_was_low_from_the_start_need_not_fall(run, start):
    health, told = watched(replace(run, start="weights.safetensors" if start == "weights" else None))
    first = 1 if start == "weights" else 5001
    for step, loss in enumerate(noisy(2 * ENOUGH, around=0.02, spread=0.2), first):
        health.seen(step, {"dn_g25": loss}, 0.1)
    assert told == []


SHARP = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(1))
SMALL = imresize(SHARP, scale=1 / 2)
IDLE = {
    "its input again": (SHARP + 0.1 * torch.randn(3, 32, 32), None),
    "its input enlarged by bicubic interpolation": (SMALL, imresize(SMALL, scale=2)),
    "its input with every pixel repeated": (SMALL, SMALL.repeat_interleave(2, 1).repeat_interleave(2, 2)),
    "of one colour": (SMALL, torch.tensor([0.1, 0.5, 0.9]).view(3, 1, 1).expand(3, 32, 32)),
}


@pytest.mark.parametrize("what", IDLE)
def test_a_network_that_does_nothing_is_told_at_a_preview(run, what):
    health, told = watched(run)
    low, restored = IDLE[what]
    restored = low if restored is None else restored
    for step in (50, 100, 150):
        health.looked_at(step, "sr_x2", low=low, restored=restored + 1e-5, high=SHARP)
    assert len(told) == 1
    assert told[0].startswith(f"step 100: for sr_x2 the network gives a picture that is {what}: is optim.lr far too")


def test_a_network_that_does_something_or_has_nothing_to_do_is_left_alone(run):
    health, told = watched(run)
    low = SHARP + 0.1 * torch.randn(3, 32, 32)
    health.looked_at(1000, "dn_g25", low=low, restored=0.9 * low + 0.1 * SHARP, high=SHARP)
    health.looked_at(1000, "dn_blind", low=SHARP, restored=SHARP, high=SHARP)
    flat = torch.full((3, 16, 16), 0.5)
    health.looked_at(1000, "sr_x2", low=flat[:, :8, :8], restored=flat, high=flat)
    assert told == []


def test_while_the_first_weights_are_in_the_average_nothing_is_judged(run):
    health, told = watched(replace(run, ema=0.999))
    health.looked_at(1999, "dn_g25", low=SHARP + 0.1, restored=SHARP + 0.1, high=SHARP)
    assert told == []


def test_grey_pictures_for_a_network_of_colour_are_told_before_the_first_step(run, tmp_path):
    for number in range(2):
        save(tmp_path / f"grey/{number}.png", grey=True, seed=number)
    health, told = watched(replace(run, data=replace(run.data, folders=(str(tmp_path / "grey"),))))
    health.before()
    assert [text[:45] for text in told] == ["all of 16 crops are grey: the network will no"]


def test_pairs_whose_sides_are_the_same_are_told_before_the_first_step(paired, tmp_path):
    for number in range(2):
        save(tmp_path / f"copy/{number}.png", seed=number)
    health, told = watched(replace(paired, data=replace(paired.data, low=(str(tmp_path / "copy"),))))
    health.before()
    assert len(told) == 1
    assert told[0].startswith("16 of 16 low crops equal the high ones, and there is nothing to learn from them")


def test_sound_pictures_and_pairs_are_not_spoken_of(run, paired, tmp_path):
    for number in range(2):
        save(tmp_path / f"rainy/{number}.png", seed=10 + number)
    for each in (run, replace(paired, data=replace(paired.data, low=(str(tmp_path / "rainy"),)))):
        health, told = watched(each)
        health.before()
        assert told == []


def test_warnings_are_in_the_next_line_of_the_log_and_in_no_other(run, tmp_path, caplog):
    diary = Diary(tmp_path, run, batches_of(run))
    diary.open(0)
    for step in range(1, 7):
        if step == 3:
            diary.warn("the sky falls")
        diary.note(step, {"dn_g25": torch.tensor(0.1)}, norm=0.1, rate=1e-3, last=False)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line.get("warnings") for line in lines] == [None, ["the sky falls"], None]
    assert caplog.messages == ["the sky falls"]
