"""measure and its report: what is run, what is scored, and what is written down."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pixmend.degrade.resize import imresize
from pixmend.errors import PixmendError
from pixmend.evaluate import (
    CLASSIC_SR,
    COLOUR_DENOISING,
    DERAINING,
    BicubicEnlarge,
    Identity,
    Report,
    find,
    measure,
)
from pixmend.evaluate.picture import draw
from pixmend.image import read_image, write_image
from pixmend.metrics import psnr, ssim
from pixmend.models.base import MultiTask, Restorer


class Nearest(Restorer):
    """Repeats every pixel, and remembers in which mode it ran."""

    scale = 2

    def __init__(self) -> None:
        super().__init__()
        self.modes: list[tuple[bool, bool]] = []

    def restore(self, x: Tensor) -> Tensor:
        self.modes.append((self.training, torch.is_inference_mode_enabled()))
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


class Broken(Restorer):
    """Returns what is not a number."""

    def restore(self, x: Tensor) -> Tensor:
        return x * math.nan


class Smoothing(Restorer):
    """A mean over 3 x 3 pixels."""

    def restore(self, x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three smooth pictures, called 1, 2 and 10."""
    for index, name in enumerate(("1", "2", "10")):
        rows, columns = torch.linspace(0, 3 + index, 33)[:, None], torch.linspace(0, 4, 30)[None]
        picture = 0.5 + 0.4 * torch.sin(rows + torch.arange(3.0).view(3, 1, 1)) * torch.cos(columns)
        write_image(tmp_path / f"{name}.png", picture)
    return tmp_path


def test_bicubic_enlargement_is_matlabs_and_scores_as_its_own_baseline(folder):
    low = imresize(read_image(folder / "1.png")[:, :32, :30], scale=0.5)
    assert torch.equal(BicubicEnlarge(2)(low[None])[0], imresize(low, scale=2))
    report = measure(BicubicEnlarge(2), find(folder, task="sr_x2"), protocol=CLASSIC_SR)
    assert all(record.model == record.baseline for record in report.records)
    assert report.baseline == "bicubic" and report.mean == report.baseline_mean


def test_every_picture_is_scored_in_order_against_the_cropped_original(folder):
    report = measure(Nearest(), find(folder, task="sr_x2"), protocol=CLASSIC_SR)
    assert [record.name for record in report.records] == ["1", "2", "10"]
    assert all((record.height, record.width) == (32, 30) and record.seconds > 0 for record in report.records)
    pair = find(folder, task="sr_x2")
    low, high = pair.read(pair.pairs[2])
    restored = low.repeat_interleave(2, -1).repeat_interleave(2, -2)
    assert report.records[2].model.psnr == psnr(restored, high, border=2, luma="bt601", round8=True)
    assert report.records[2].model.ssim == ssim(restored, high, border=2, luma="bt601", round8=True)


def test_means_are_plain_means_of_the_records(folder):
    report = measure(Nearest(), find(folder, task="sr_x2"), protocol=CLASSIC_SR)
    assert report.mean.psnr == pytest.approx(sum(record.model.psnr for record in report.records) / 3)
    assert report.mean.ssim == pytest.approx(sum(record.model.ssim for record in report.records) / 3)


def test_denoising_is_scored_on_the_protocols_noise_with_the_noisy_picture_as_baseline(folder):
    report = measure(Smoothing(), find(folder, task="dn_g25"), protocol=COLOUR_DENOISING)
    clean = read_image(folder / "1.png")
    assert COLOUR_DENOISING.noise is not None
    noisy = COLOUR_DENOISING.noise(clean, sigma=25)
    assert report.baseline == "input"
    assert report.records[0].baseline.psnr == psnr(noisy, clean, border=0, luma="rgb", round8=True)
    assert report.mean.psnr > report.baseline_mean.psnr + 3


def test_the_input_of_deraining_is_the_rainy_file(tmp_path):
    generator = torch.Generator().manual_seed(0)
    for name in ("norain/norain-1.png", "rain/rain-1.png"):
        (tmp_path / name).parent.mkdir()
        write_image(tmp_path / name, torch.rand(3, 20, 20, generator=generator))
    report = measure(Identity(), find(tmp_path, task="dr_L"), protocol=DERAINING)
    rainy, clean = read_image(tmp_path / "rain/rain-1.png"), read_image(tmp_path / "norain/norain-1.png")
    assert report.mean.psnr == psnr(rainy, clean, border=0, luma="bt601_rounded", round8=True)


def test_a_model_runs_in_evaluation_mode_without_gradients_and_keeps_its_mode(folder):
    model = Nearest().train()
    measure(model, find(folder, task="sr_x2"), protocol=CLASSIC_SR)
    assert model.modes == [(False, True)] * 3
    assert model.training


def test_the_mode_is_put_back_when_a_picture_fails(folder):
    (folder / "2.png").write_bytes(b"not a picture")
    model = Nearest().train()
    with pytest.raises(PixmendError, match=r"2\.png"):
        measure(model, find(folder, task="sr_x2"), protocol=CLASSIC_SR)
    assert model.training


def test_a_model_in_half_precision_is_fed_half_precision(folder):
    class Checking(Nearest):
        def __init__(self) -> None:
            super().__init__()
            self.gain = torch.nn.Parameter(torch.ones(()))

        def restore(self, x: Tensor) -> Tensor:
            assert x.dtype == self.gain.dtype == torch.bfloat16
            return super().restore(x)

    report = measure(Checking().bfloat16(), find(folder, task="sr_x2"), protocol=CLASSIC_SR)
    assert math.isfinite(report.mean.psnr)


def test_each_record_is_shown_as_soon_as_it_is_made(folder):
    seen: list[str] = []
    measure(
        Nearest(),
        find(folder, task="sr_x2"),
        protocol=CLASSIC_SR,
        watch=lambda record: seen.append(record.name),
    )
    assert seen == ["1", "2", "10"]


class Several(MultiTask):
    """``Nearest`` as one of two tasks."""

    tasks = ("sr_x2", "sr_x3")

    def select(self, task: str | None = None) -> Restorer:
        assert self.check_task(task) == "sr_x2"
        return Nearest()


def test_the_task_of_the_benchmark_is_selected_of_a_model_with_several(folder):
    report = measure(Several(), find(folder, task="sr_x2"), protocol=CLASSIC_SR)
    assert report.model == "Several"
    assert report.mean == measure(Nearest(), find(folder, task="sr_x2"), protocol=CLASSIC_SR).mean


def test_a_model_without_the_task_is_refused_with_those_it_has(folder):
    with pytest.raises(PixmendError, match="no task 'sr_x4': this network has sr_x2, sr_x3"):
        measure(Several(), find(folder, task="sr_x4"), protocol=CLASSIC_SR)


def test_a_model_of_another_scale_is_refused(folder):
    with pytest.raises(PixmendError, match="sr_x3 needs a model of scale 3, got one of 2"):
        measure(Nearest(), find(folder, task="sr_x3"), protocol=CLASSIC_SR)


def test_denoising_under_a_protocol_without_noise_is_refused(folder):
    with pytest.raises(PixmendError, match="classic_sr makes no noise for dn_g15"):
        measure(Identity(), find(folder, task="dn_g15"), protocol=CLASSIC_SR)


def test_an_output_that_is_not_finite_is_refused_and_the_picture_named(folder):
    with pytest.raises(PixmendError, match="1: the model's output is not finite"):
        measure(Broken(), find(folder, task="dn_g15"), protocol=COLOUR_DENOISING)


@pytest.fixture
def report(folder) -> Report:
    return measure(Nearest(), find(folder, task="sr_x2"), protocol=CLASSIC_SR, name="nearest")


def test_json_holds_protocol_records_means_and_versions(report):
    content = json.loads(report.to_json())
    assert (content["model"], content["task"], content["pictures"]) == ("nearest", "sr_x2", 3)
    assert content["made_here"] is True
    assert content["protocol"]["luma"] == "bt601" and content["protocol"]["border"] == "scale"
    assert content["means"]["model"]["psnr"] == report.mean.psnr
    assert content["records"][2]["baseline"]["ssim"] == report.records[2].baseline.ssim
    assert set(content["versions"]) == {"pixmend", "torch", "numpy", "python", "device"}


def test_perfect_pictures_give_inf_in_json_and_no_gain(folder):
    for name in ("target", "input"):
        (folder / name).mkdir()
        (folder / name / "1.png").write_bytes((folder / "1.png").read_bytes())
    report = measure(Identity(), find(folder, task="dr_L"), protocol=DERAINING)
    assert report.mean.psnr == math.inf and report.mean.ssim == pytest.approx(1)
    assert json.loads(report.to_json())["means"]["model"]["psnr"] == "inf"
    assert "| inf | 1.0000 | inf | 1.0000 | +0.00 |" in report.to_markdown()


def test_markdown_has_a_row_per_picture_the_mean_and_the_conditions(report):
    lines = report.to_markdown().splitlines()
    assert lines[0].startswith("# nearest on ")
    assert [line.split("|")[1].strip() for line in lines if line.startswith("|")] == [
        "picture", "---", "1", "2", "10", "**mean**",
    ]  # fmt: skip
    mean, baseline = report.mean.psnr, report.baseline_mean.psnr
    assert f"| {mean:.2f} |" in lines[7] and f"| {mean - baseline:+.2f} |" in lines[7]
    assert any("protocol classic_sr: PSNR and SSIM on BT.601 luma" in line for line in lines)
    assert any("made here" in line for line in lines)


def test_the_chart_grows_with_the_pictures_and_shows_both_bars(report):
    chart = draw(report)
    longer = draw(dataclasses.replace(report, records=report.records * 3))
    colours = {colour for _, colour in chart.getcolors(maxcolors=100_000) or []}
    assert (chart.width, longer.width) == (1000, 1000)
    assert longer.height == chart.height + 6 * 34
    assert {(0xB6, 0xBD, 0xC9), (0x2F, 0x6F, 0xDE)} <= colours


def test_the_chart_can_show_infinite_scores_and_long_names(report):
    perfect = dataclasses.replace(report.records[0].model, psnr=math.inf)
    record = dataclasses.replace(report.records[0], model=perfect, name="a very long name " * 9)
    assert draw(dataclasses.replace(report, records=(record,))).width == 1000
