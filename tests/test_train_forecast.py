"""What a run will take, measured before it starts."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

import pixmend as pm
from pixmend.data import Batch
from pixmend.models.edsr import EDSRConfig
from pixmend.train import Adam, Constant, Data, Run, Stage, fit, forecast
from pixmend.train.objectives import Loss
from pixmend.weights import read


@pytest.fixture
def short(tmp_path) -> Run:
    pixels = torch.randint(256, (60, 70, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    (tmp_path / "pictures").mkdir()
    Image.fromarray(pixels.numpy()).save(tmp_path / "pictures/a.png")
    return Run(
        name="short",
        model=EDSRConfig(features=8, blocks=1, res_scale=1.0),
        data=Data(folders=(str(tmp_path / "pictures"),), patch=12, batch=3),
        optim=Adam(lr=1e-3),
        schedule=Constant(),
        steps=40_000,
        precision="float32",
    )


def test_a_forecast_measures_and_leaves_nothing_behind(short, tmp_path):
    seen: list[int] = []
    told = forecast(short, tmp_path / "run", watch=lambda progress: seen.append(progress.step))
    assert seen == list(range(1, 21))
    assert told.parameters == sum(p.numel() for p in pm.models.build(short.model).parameters())
    assert told.hours == pytest.approx(told.seconds_per_step * 40_000 / 3600)
    assert told.samples_per_second == pytest.approx(3 / told.seconds_per_step)
    assert told.memory > 10e6 and told.free_disk > told.disk > 4 * 4 * told.parameters
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]
    assert "samples/s" in told.describe() and "\n" not in told.describe()


def test_a_run_is_the_same_with_and_without_a_forecast(short, tmp_path):
    run = replace(short, steps=2)
    fit(run, tmp_path / "a")
    forecast(run, tmp_path / "b")
    fit(run, tmp_path / "b")
    first, second = (read(tmp_path / name / "state.safetensors").tensors for name in "ab")
    assert all(torch.equal(first[name], tensor) for name, tensor in second.items())


def test_a_run_that_does_not_fit_is_refused_with_advice(short, tmp_path, monkeypatch):
    estimated = Loss.forward

    def full(self: Loss, batch: Batch) -> dict[str, torch.Tensor]:
        if type(batch["sr_x2"].low) is torch.Tensor:  # and no imitation of one, for the estimate
            raise MemoryError
        return estimated(self, batch)

    monkeypatch.setattr(Loss, "forward", full)
    with pytest.raises(pm.PixmendError, match="does not fit into the memory at 3 samples of 12.*--set data.batch=1"):
        forecast(short, tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_a_forecast_knows_of_larger_crops_that_come_later(short, tmp_path):
    later = replace(short, data=replace(short.data, stages=(Stage(start=30_000, patch=24, batch=3),)))
    told = forecast(later, tmp_path / "run")
    assert told.largest.start == 30_000 and "for a step from step 30,000 on" in told.describe()


def test_a_later_stage_that_does_not_fit_is_refused_before_anything_is_carried_out(short, tmp_path):
    later = replace(short, data=replace(short.data, stages=(Stage(start=30_000, patch=2048, batch=999),)))
    seen: list[int] = []
    with pytest.raises(pm.PixmendError, match="from step 30,?000 on: 999 samples of 2048"):
        forecast(later, tmp_path / "run", watch=lambda progress: seen.append(progress.step))
    assert not seen


def test_a_disk_without_room_for_the_state_is_told_before_hours_go_by(short, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("Usage", (), {"free": 1000}))
    with pytest.raises(pm.PixmendError, match="a state of this run takes .* GB are free: free space"):
        forecast(short, tmp_path / "run")


def test_a_folder_that_holds_a_run_is_refused_before_anything_is_measured(short, tmp_path):
    fit(replace(short, steps=1), Path(tmp_path / "run"))
    with pytest.raises(pm.PixmendError, match="already holds a run"):
        forecast(short, tmp_path / "run")
