"""What a run tells TensorBoard, and Weights & Biases where it is installed."""

import sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from types import SimpleNamespace

import pytest

import pixmend as pm
from pixmend.models.edsr import EDSRConfig
from pixmend.train import Every, fit
from processes import run_of

SMALL = EDSRConfig(features=4, blocks=1, res_scale=1.0)


def test_tensorboard_shows_every_step_once_and_the_previews_though_the_run_was_stopped(pictures, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = replace(run_of(pictures, SMALL), every=Every(log=1, preview=2, save=2))
    fit(replace(run, steps=3), tmp_path / "run")
    fit(run, tmp_path / "run", resume=True)
    seen = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert [event.step for event in seen.Scalars("loss/sr_x2")] == [1, 2, 3, 4]
    assert {event.step for event in seen.Images("preview")} == {2, 3, 4}
    assert {"learning_rate", "gradient_norm", "loss"} <= set(seen.Tags()["scalars"])


class Session:
    id = "first"

    def __init__(self) -> None:
        self.lines: list[tuple[int, dict]] = []

    def log(self, values: dict, step: int) -> None:
        self.lines.append((step, values))

    def finish(self) -> None:
        self.lines.append((-1, {}))


def test_wandb_gets_the_same_and_a_resumed_run_goes_on_with_its_session(pictures, tmp_path, monkeypatch):
    session, begun = Session(), []
    wandb = SimpleNamespace(
        init=lambda **options: begun.append(options) or session, Image=lambda picture: picture.shape
    )
    wandb.__spec__ = ModuleSpec("wandb", None)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    run = replace(run_of(pictures, SMALL), trackers=("wandb",))
    fit(replace(run, steps=2), tmp_path / "run")
    fit(run, tmp_path / "run", resume=True)
    assert [options["id"] for options in begun] == [None, "first"]
    assert begun[0]["config"]["steps"] == 2
    assert [step for step, values in session.lines if "loss/sr_x2" in values] == [1, 2, 3, 4]
    assert [step for step, values in session.lines if "preview" in values] == [2, 4]
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_a_tracker_that_is_not_installed_is_told_before_the_first_step(pictures, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(pm.PixmendError, match="trackers: wandb is not installed: pip install wandb"):
        fit(replace(run_of(pictures, SMALL), trackers=("wandb",)), tmp_path / "run")
