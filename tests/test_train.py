import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
import torch
from PIL import Image

import pixmend as pm
import pixmend.files
from pixmend.models.edt import EDTConfig
from pixmend.train import Adam, Constant, Data, Every, Milestones, Plateau, Run, fit
from pixmend.train.objectives import L1, Loss
from pixmend.weights import read


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two pictures of coloured stripes: something that can be learnt in a few steps."""
    path = tmp_path_factory.mktemp("pictures")
    for place in range(2):
        stripes = torch.arange(120).mul(3 + place).remainder(255)
        pixels = torch.stack([stripes[:, None].expand(-1, 110), stripes[None, :110].expand(120, -1)], -1)
        Image.fromarray(torch.cat([pixels, pixels[..., :1]], -1).to(torch.uint8).numpy()).save(path / f"{place}.png")
    return str(path)


@pytest.fixture
def tiny(folder):
    return Run(
        name="tiny",
        model=EDTConfig(
            tasks=("sr_x2", "dn_g25"), features=4, dim=8, depths=(2,), num_heads=2, window=(3, 12), drop_path=0.2
        ),
        data=Data(folders=(folder,), patch=12, batch=2),
        optim=Adam(lr=2e-3),
        schedule=Milestones(at=(4,), of=6),
        steps=6,
        ema=0.5,
        precision="float32",
        every=Every(log=2, preview=100, save=3),
    )


def tensors(out, file="state.safetensors"):
    return read(out / file).tensors


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def lines(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def stop_after(step):
    def watch(progress):
        if progress.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    return watch


def test_a_run_leaves_weights_log_curves_and_previews(tiny, tmp_path):
    path = fit(replace(tiny, every=replace(tiny.every, preview=3)), tmp_path / "run")
    assert pm.load(path).tasks == tiny.model.tasks
    assert [line["step"] for line in lines(tmp_path / "run")] == [2, 4, 6]
    assert set(lines(tmp_path / "run")[0]["losses"]) == {"sr_x2", "dn_g25"}
    assert Image.open(tmp_path / "run" / "curves.png").size == (960, 600)
    assert sorted(file.name for file in (tmp_path / "run" / "previews").iterdir()) == ["0000003.png", "0000006.png"]


def test_training_lowers_the_loss(tiny, tmp_path):
    fit(replace(tiny, steps=60, schedule=Constant(), every=Every(log=20, preview=60, save=60)), tmp_path / "run")
    first, *_, last = (line["loss"] for line in lines(tmp_path / "run"))
    assert last < 0.8 * first


def test_the_same_run_gives_the_same_weights(tiny, tmp_path):
    fit(tiny, tmp_path / "a")
    fit(tiny, tmp_path / "b")
    assert same(tensors(tmp_path / "a"), tensors(tmp_path / "b"))


@pytest.mark.parametrize(("precision", "every_task"), [("float32", True), ("bfloat16", False)])
def test_stopped_and_resumed_equals_uninterrupted_bit_for_bit(tiny, tmp_path, precision, every_task):
    run = replace(tiny, precision=precision, data=replace(tiny.data, every_task=every_task))
    fit(run, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt, match="stopped and saved after step 4 of 6"):
        fit(run, tmp_path / "parts", watch=stop_after(4 - 1))
    fit(run, tmp_path / "parts", resume=True)
    assert same(tensors(tmp_path / "whole"), tensors(tmp_path / "parts"))
    weights = "weights.safetensors"
    assert same(tensors(tmp_path / "whole", weights), tensors(tmp_path / "parts", weights))
    assert [line["step"] for line in lines(tmp_path / "parts")] == [2, 4, 6]


def test_resuming_a_killed_run_repeats_the_steps_since_the_last_save(tiny, tmp_path):
    fit(tiny, tmp_path / "whole")

    class Killed(Exception):
        pass

    def kill(progress):
        if progress.step == 5:
            raise Killed

    with pytest.raises(Killed):
        fit(tiny, tmp_path / "parts", watch=kill)
    fit(tiny, tmp_path / "parts", resume=True)
    assert same(tensors(tmp_path / "whole"), tensors(tmp_path / "parts"))
    assert [line["step"] for line in lines(tmp_path / "parts")] == [2, 4, 6]


def test_the_weights_to_use_are_the_moving_average(tiny, tmp_path):
    fit(replace(tiny, ema=0.0), tmp_path / "latest")
    state, weights = tensors(tmp_path / "latest"), tensors(tmp_path / "latest", "weights.safetensors")
    assert all(torch.equal(state[f"network.{name}"], tensor) for name, tensor in weights.items())
    fit(replace(tiny, ema=0.9), tmp_path / "averaged")
    state, weights = tensors(tmp_path / "averaged"), tensors(tmp_path / "averaged", "weights.safetensors")
    assert not any(torch.equal(state[f"network.{name}"], tensor) for name, tensor in weights.items())


def test_a_loss_that_is_not_finite_stops_before_the_weights_change(tiny, tmp_path, monkeypatch):
    forward = Loss.forward
    calls = []

    def poisoned(self, batch):
        terms = forward(self, batch)
        calls.append(1)
        return {**terms, "dn_g25": terms["dn_g25"] * float("nan")} if len(calls) >= 5 else terms

    monkeypatch.setattr(Loss, "forward", poisoned)
    told = r"step 5: the loss of dn_g25 is not finite with .*png; its batch .*failed\.safetensors; resume from"
    with pytest.raises(pm.PixmendError, match=told):
        fit(tiny, tmp_path / "run")
    assert all(torch.isfinite(tensor).all() for tensor in tensors(tmp_path / "run").values())
    assert read(tmp_path / "run" / "state.safetensors").metadata["step"] == 3


def test_a_run_that_died_before_its_first_save_can_be_started_again(tiny, tmp_path):
    class Killed(Exception):
        pass

    def kill(progress):
        raise Killed

    with pytest.raises(Killed):
        fit(tiny, tmp_path / "run", watch=kill)
    fit(replace(tiny, steps=1), tmp_path / "run")


def test_a_log_that_a_crash_cut_short_does_not_stop_a_resumed_run(tiny, tmp_path):
    fit(tiny, tmp_path / "run")
    with (tmp_path / "run" / "log.jsonl").open("a") as file:
        file.write('{"step": 7, "lo')
    fit(replace(tiny, steps=8), tmp_path / "run", resume=True)
    assert [line["step"] for line in lines(tmp_path / "run")] == [2, 4, 6, 8]


def test_a_disk_that_refuses_the_diary_does_not_stop_the_run(tiny, tmp_path, monkeypatch, caplog):
    def full(path, content):
        if path.name in ("log.jsonl", "curves.png"):
            raise pm.PixmendError(f"{path}: cannot be written: No space left on device")
        return write(path, content)

    write = pm.files.replace
    monkeypatch.setattr("pixmend.files.replace", full)
    pm.load(fit(tiny, tmp_path / "run"))
    assert "its diary could not be written" in caplog.text
    assert not (tmp_path / "run" / "curves.png").exists()


def test_a_disk_that_refuses_the_state_stops_the_run_and_keeps_the_older_one(tiny, tmp_path, monkeypatch):
    fit(replace(tiny, steps=3), tmp_path / "run")
    before = tensors(tmp_path / "run")

    def full(file, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(pm.PixmendError, match="cannot be written: No space left on device"):
        fit(tiny, tmp_path / "run", resume=True)
    assert same(before, tensors(tmp_path / "run"))
    assert not list((tmp_path / "run").glob(".pixmend*"))


def test_ctrl_c_while_workers_make_batches_stops_and_saves(tiny, tmp_path):
    run = replace(tiny, steps=500, data=replace(tiny.data, workers=1), every=Every(log=500, preview=500, save=500))
    code = (
        "import json, sys\n"
        "from pixmend.config import from_plain\n"
        "from pixmend.train import Run, fit\n"
        "run = from_plain(Run, json.loads(sys.argv[1]), where='run')\n"
        "fit(run, sys.argv[2], watch=lambda progress: print(progress.step, flush=True))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(asdict(run)), str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert "KeyboardInterrupt: stopped and saved after step" in told
    assert read(tmp_path / "run" / "state.safetensors").metadata["step"] >= 3


def test_what_the_run_says_of_the_optimizer_holds_after_resuming(tiny, tmp_path):
    fit(replace(tiny, steps=3), tmp_path / "run")
    fit(replace(tiny, optim=Adam(lr=2e-3, betas=(0.5, 0.6))), tmp_path / "run", resume=True)
    assert read(tmp_path / "run" / "state.safetensors").metadata["optim"][0]["betas"] == [0.5, 0.6]


def test_a_run_cannot_be_resumed_to_fewer_steps_than_it_has(tiny, tmp_path):
    fit(tiny, tmp_path / "run")
    with pytest.raises(pm.PixmendError, match="has 6 steps behind it already, more than the 5 asked for"):
        fit(replace(tiny, steps=5), tmp_path / "run", resume=True)


def test_training_leaves_the_global_random_stream_as_it_was(tiny, tmp_path):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    fit(replace(tiny, steps=1), tmp_path / "run")
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("data.patch=20", "data.patch: expected a multiple of 12, for the windows to fit, got 20"),
        ("data.batch=0", "data.batch: expected 1 or more, got 0"),
        ("data.candidates=0", "data.candidates: expected 1 or more"),
        ("data.workers=-1", "data.workers: expected 0 or more"),
        ("optim.lr=-1", "optim.lr: expected a finite rate above 0, got -1.0"),
        ("optim.lr=nan", "optim.lr: expected a finite rate above 0"),
        ("optim.betas=2,2", "optim.betas: expected two numbers from 0 to below 1"),
        ("every.save=0", "every.save: expected 1 or more"),
        ("steps=0", "steps: expected 1 or more"),
        ("ema=5", "ema: expected from 0 to below 1"),
        ("clip=-1", "clip: expected above 0, or none, got -1.0"),
        ("model.num_heads=3", "EDT: dim 8 does not divide into two halves of 3 heads"),
        ("model.window=0,0", "EDT: window: expected whole numbers from 1 to 64"),
        ("model.depths=", "EDT: depths: expected whole numbers from 1 to 64"),
        ("model.drop_path=1", "EDT: drop_path: expected a number from 0 to 1, got 1.0"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_before_anything_starts(tiny, assignment, message):
    with pytest.raises(pm.PixmendError) as error:
        pm.override(tiny, assignment)
    assert message in str(error.value)


@pytest.mark.parametrize(("rise", "fall"), [(0, 0.5), (10, 0), (10, 1.5)])
def test_a_plateau_needs_a_rise_and_a_fall(rise, fall):
    with pytest.raises(pm.PixmendError, match="schedule: expected rise >= 1 and 0 < fall <= 1"):
        Plateau(rise=rise, fall=fall)


def test_a_second_run_in_the_same_folder_is_refused(tiny, tmp_path):
    fit(replace(tiny, steps=1), tmp_path / "run")
    with pytest.raises(pm.PixmendError, match="already holds a run; resume it, or give another folder"):
        fit(tiny, tmp_path / "run")


def test_there_must_be_something_to_resume(tiny, tmp_path):
    with pytest.raises(pm.PixmendError, match="nothing to resume"):
        fit(tiny, tmp_path / "run", resume=True)


def test_the_state_of_another_network_is_refused(tiny, tmp_path):
    fit(replace(tiny, steps=1), tmp_path / "run")
    wider = replace(tiny, model=replace(tiny.model, dim=16))
    with pytest.raises(pm.PixmendError, match="not the state of this run") as error:
        fit(wider, tmp_path / "run", resume=True)
    assert "\n" not in str(error.value)


def test_pictures_too_small_for_a_crop_are_refused(tiny, tmp_path):
    with pytest.raises(pm.PixmendError, match="no usable picture of at least 384 x 384 pixels among 2 files"):
        fit(replace(tiny, data=replace(tiny.data, patch=96)), tmp_path / "run")


def test_all_tasks_share_one_pass_of_the_body(tiny):
    network = pm.models.build(tiny.model)
    passes = []
    network.body.register_forward_hook(lambda module, args, output: passes.append(args[0].shape[0]))
    pair = pm.data.Pair
    batch = {
        "sr_x2": pair(torch.rand(2, 3, 24, 24), torch.rand(2, 3, 48, 48)),
        "dn_g25": pair(torch.rand(3, 3, 96, 96), torch.rand(3, 3, 96, 96)),
    }
    terms = Loss(L1(), network)(batch)
    assert passes == [5]
    assert {task: term.shape for task, term in terms.items()} == {"sr_x2": (), "dn_g25": ()}


def test_without_the_engine_training_says_what_to_install(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(pm.PixmendError, match=r"training needs accelerate: pip install 'pixmend\[train\]'"):
        fit(tiny, tmp_path / "run")


def test_a_start_that_fails_leaves_the_folder_free_for_another(tiny, tmp_path):
    with pytest.raises(pm.PixmendError, match="not a folder"):
        fit(replace(tiny, data=replace(tiny.data, folders=("nowhere",))), tmp_path / "run")
    fit(replace(tiny, steps=1), tmp_path / "run")
