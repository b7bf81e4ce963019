"""Scores while a run goes on, and what is kept when it goes wrong."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import pixmend as pm
from pixmend.evaluate import CLASSIC_SR, find, measure
from pixmend.models.edsr import EDSRConfig
from pixmend.train import Adam, Constant, Data, Every, Run, fit, forecast
from pixmend.weights import card, read


@pytest.fixture
def run(tmp_path) -> Run:
    for name, size in (("pictures", 80), ("Bench", 40)):
        (tmp_path / name).mkdir()
        ramp = torch.linspace(0, 255, size).expand(size, size)
        pixels = torch.stack([ramp, ramp.T, 255 - ramp], dim=-1).to(torch.uint8)
        Image.fromarray(pixels.numpy()).save(tmp_path / name / "a.png")
    return Run(
        name="scored",
        model=EDSRConfig(features=8, blocks=1, res_scale=1.0),
        data=Data(folders=(str(tmp_path / "pictures"),), patch=12, batch=2),
        optim=Adam(lr=1e-3),
        schedule=Constant(),
        steps=6,
        precision="float32",
        every=Every(log=2, preview=6, save=3, score=2),
        validation=(str(tmp_path / "Bench"),),
    )


def test_a_run_is_scored_by_the_protocol_and_the_best_weights_are_kept(run, tmp_path):
    weights = fit(run, tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run/validation.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6]
    last = measure(pm.load(weights), find(tmp_path / "Bench", task="sr_x2"), protocol=CLASSIC_SR)
    assert lines[-1]["psnr"] == {"Bench sr_x2": pytest.approx(last.mean.psnr, abs=1e-4)}
    best = max(lines, key=lambda line: line["mean"])
    assert card(tmp_path / "run/best.safetensors")["trained"] == f"{best['step']} of 6 steps"


def test_scoring_changes_nothing_of_the_run(run, tmp_path):
    fit(run, tmp_path / "scored")
    fit(replace(run, validation=()), tmp_path / "plain")
    first, second = (read(tmp_path / name / "state.safetensors").tensors for name in ("scored", "plain"))
    assert all(torch.equal(first[name], tensor) for name, tensor in second.items())


def test_a_folder_that_suits_no_task_is_refused_before_the_run_starts(run, tmp_path):
    with pytest.raises(pm.PixmendError, match="validation: .* suits none of sr_x2"):
        fit(replace(run, validation=(str(tmp_path / "nowhere"),)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


class Spoiled(torch.autograd.Function):
    """Passes values on and gives back a gradient that is no number."""

    @staticmethod
    def forward(context, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return gradient * float("nan")


def test_a_gradient_that_is_not_finite_names_the_layer_and_keeps_the_batch(run, tmp_path, monkeypatch):
    from pixmend.models.edsr import EDSR

    built = EDSR.__init__

    def spoil(self: EDSR, config: EDSRConfig) -> None:
        built(self, config)
        self.conv_first.register_forward_hook(lambda module, args, output: Spoiled.apply(output))

    monkeypatch.setattr(EDSR, "__init__", spoil)
    with pytest.raises(
        pm.PixmendError, match=r"step 1: the gradient of conv_first\.weight is not finite with .*png; its batch is in"
    ):
        fit(run, tmp_path / "run")
    kept = read(tmp_path / "run/failed.safetensors")
    assert kept.metadata["step"] == 1
    assert kept.tensors["batch.sr_x2.low"].shape == (2, 3, 12, 12)


def test_the_network_is_in_training_mode_again_after_it_was_scored(run, tmp_path, monkeypatch):
    modes: list[bool] = []
    forward = nn.Module.__call__

    def seen(self: nn.Module, *args: object, **options: object) -> object:
        if type(self).__name__ == "Loss":
            modes.append(self.training)
        return forward(self, *args, **options)

    monkeypatch.setattr(nn.Module, "__call__", seen)
    fit(run, tmp_path / "run")
    assert modes == [True] * 6


def test_a_resumed_run_scores_again_and_leaves_no_line_twice_or_torn(run, tmp_path):
    fit(replace(run, steps=3), tmp_path / "run")
    scores = tmp_path / "run/validation.jsonl"
    scores.write_text(scores.read_text() + '{"step": 4, "mean": 99.0, "psnr": {}}\n{"step": 4, "me')
    fit(run, tmp_path / "run", resume=True)
    assert [json.loads(line)["step"] for line in scores.read_text().splitlines()] == [2, 3, 4, 6]


def test_a_forecast_scores_nothing(run, tmp_path, monkeypatch):
    def fail(*args: object, **options: object) -> None:
        raise AssertionError("a forecast measures training alone")

    monkeypatch.setattr("pixmend.train.validate.Validator.score", fail)
    forecast(run, tmp_path / "run")
