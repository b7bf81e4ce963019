"""measure and its report: what is run, what is scored, and what is written down."""

import json
import math
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from pixmend.degrade.resize import imresize
from pixmend.errors import PixmendError
from pixmend.evaluate import (
    CLASSIC_SR,
    COLOUR_DENOISING,
    DERAINING,
    PROTOCOLS,
    BicubicEnlarge,
    Conditions,
    Identity,
    Journal,
    Measurement,
    Record,
    Score,
    find,
    measure,
)
from pixmend.evaluate.runner import fingerprint
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


def test_bicubic_enlargement_is_matlabs(folder):
    low = imresize(read_image(folder / "1.png")[:, :32, :30], scale=0.5)
    assert torch.equal(BicubicEnlarge(2)(low[None])[0], imresize(low, scale=2))


def test_the_baseline_of_two_views_is_their_mean():
    views = torch.rand(1, 6, 4, 5)
    assert torch.equal(Identity(6)(views), (views[:, :3] + views[:, 3:]) / 2)


def test_every_picture_is_scored_in_order_against_the_cropped_original(folder):
    report = measure(Nearest(), find(folder, task="sr_x2"), protocol=CLASSIC_SR)
    assert [record.name for record in report.records] == ["1", "2", "10"]
    assert all((record.height, record.width) == (32, 30) and record.seconds > 0 for record in report.records)
    pair = find(folder, task="sr_x2")
    low, high = pair.read(pair.pairs[2])
    restored = low.repeat_interleave(2, -1).repeat_interleave(2, -2)
    assert report.records[2].score.psnr == psnr(restored, high, border=2, luma="bt601", round8=True)
    assert report.records[2].score.ssim == ssim(restored, high, border=2, luma="bt601", round8=True, kind="wang")


def test_means_are_plain_means_of_the_records(folder):
    report = measure(Nearest(), find(folder, task="sr_x2"), protocol=CLASSIC_SR)
    assert report.mean.psnr == pytest.approx(sum(record.score.psnr for record in report.records) / 3)
    assert report.mean.ssim == pytest.approx(sum(record.score.ssim or 0 for record in report.records) / 3)


def test_denoising_is_scored_on_the_protocols_noise(folder):
    report = measure(Smoothing(), find(folder, task="dn_g25"), protocol=COLOUR_DENOISING)
    clean = read_image(folder / "1.png")
    assert COLOUR_DENOISING.noise is not None
    noisy = COLOUR_DENOISING.noise.start()(clean, sigma=25)
    baseline = measure(Identity(), find(folder, task="dn_g25"), protocol=COLOUR_DENOISING)
    assert baseline.records[0].score.psnr == psnr(noisy, clean, border=0, luma="rgb", round8=True)
    assert report.mean.psnr > baseline.mean.psnr + 3


def test_noise_seeded_once_a_run_is_the_same_when_a_run_is_resumed(folder):
    protocol, benchmark = PROTOCOLS["colour_denoising_edt"], find(folder, task="dn_g25")
    measurement = Measurement(model=Smoothing(), benchmark=benchmark, protocol=protocol, name="smoothing")
    whole = measurement.run()
    first = {whole.records[0].name: whole.records[0]}
    resumed = measurement.run(done=first)
    assert [record.score for record in resumed.records] == [record.score for record in whole.records]
    assert [record.name for record in whole.records] == ["1", "10", "2"], (
        "the order of names as text, as that script takes them"
    )


def test_the_input_of_jpeg_is_coded_here(folder):
    from pixmend.degrade import JPEG

    report = measure(Identity(), find(folder, task="jpeg_q10"), protocol=PROTOCOLS["jpeg_colour"])
    clean = read_image(folder / "1.png")
    assert report.records[0].score.psnr == psnr(JPEG(quality=10)(clean, 0), clean, border=0, luma="rgb", round8=True)
    assert report.mean.psnr_b is not None


def test_a_network_of_one_channel_is_given_grey_and_one_of_three_is_refused(folder):
    protocol = PROTOCOLS["grey_denoising"]
    report = measure(Identity(1), find(folder, task="dn_g15"), protocol=protocol)
    assert 24 < report.mean.psnr < 26, "10 log10(255^2 / 15^2) = 24.6, a little more since rounding clips"
    with pytest.raises(
        PixmendError, match="protocol grey_denoising gives 1 channels for dn_g15, and Smoothing takes 3"
    ):
        measure(Smoothing(), find(folder, task="dn_g15"), protocol=protocol)


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
    with pytest.raises(PixmendError, match="sr_x3 needs a model of scale 3, got Nearest of 2"):
        measure(Nearest(), find(folder, task="sr_x3"), protocol=CLASSIC_SR)


def test_a_task_the_protocol_does_not_score_is_refused(folder):
    with pytest.raises(PixmendError, match="protocol classic_sr: scores sr, not dn"):
        measure(Identity(), find(folder, task="dn_g15"), protocol=CLASSIC_SR)


def test_an_output_that_is_not_finite_is_refused_and_the_picture_named(folder):
    with pytest.raises(PixmendError, match=r"1\.png: the output of Broken is not finite"):
        measure(Broken(), find(folder, task="dn_g15"), protocol=COLOUR_DENOISING)


class AnyRain(MultiTask):
    """Removes rain of any kind."""

    tasks = ("dr", "sr_x2")

    def select(self, task: str | None = None) -> Restorer:
        assert self.check_task(task) == "dr"
        return Identity()


def test_a_network_for_any_rain_is_scored_on_light_and_heavy_rain(folder):
    for name in ("target", "input"):
        (folder / name).mkdir()
        (folder / name / "1.png").write_bytes((folder / "1.png").read_bytes())
    report = measure(AnyRain(), find(folder, task="dr_H"), protocol=DERAINING)
    assert report.mean.psnr == math.inf


def conditions(folder: Path, **changes: object) -> Conditions:
    benchmark = find(folder, task="sr_x2")
    fields = {"model": Nearest(), "benchmark": benchmark, "protocol": CLASSIC_SR, "name": "nearest"} | changes
    return Measurement(**fields).conditions  # pyright: ignore[reportArgumentType]


def test_conditions_change_with_the_weights_the_files_the_protocol_and_nothing_else(folder):
    before = conditions(folder).fingerprint()
    assert conditions(folder, name="another").fingerprint() == before

    class Weighted(Nearest):
        def __init__(self, value: float) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(value))

    weighted = [conditions(folder, model=Weighted(value)).fingerprint() for value in (1.0, 1.0, 1.5)]
    assert weighted[0] == weighted[1] != weighted[2]
    assert conditions(folder, protocol=PROTOCOLS["classic_sr_ipt"]).fingerprint() != before
    write_image(folder / "2.png", torch.rand(3, 33, 30))
    assert conditions(folder).fingerprint() != before


def record(name: str, psnr: float = 30.5) -> Record:
    return Record(name=name, height=4, width=5, score=Score(psnr=psnr, ssim=0.9, psnr_b=None, mae=0.01), seconds=0.5)


def test_a_journal_gives_back_every_record_also_infinite_ones(folder, tmp_path):
    made = Journal(tmp_path / "a.jsonl", conditions(folder))
    for one in (record("a"), record("b", math.inf)):
        made.add(one)
    assert Journal(tmp_path / "a.jsonl", conditions(folder)).done == {"a": record("a"), "b": record("b", math.inf)}


@pytest.mark.parametrize("cut", [1, 20, 150])
def test_a_journal_cut_short_loses_the_last_record_only_and_goes_on(folder, tmp_path, cut: int):
    path = tmp_path / "a.jsonl"
    made = Journal(path, conditions(folder))
    made.add(record("a"))
    length = path.stat().st_size
    made.add(record("b"))
    path.write_bytes(path.read_bytes()[: max(length, path.stat().st_size - cut)])
    again = Journal(path, conditions(folder))
    assert set(again.done) == {"a"}
    again.add(record("b"))
    assert set(Journal(path, conditions(folder)).done) == {"a", "b"}


def test_a_journal_cut_in_its_first_line_starts_anew(folder, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"pixmend": "jour')
    assert Journal(path, conditions(folder)).done == {}
    assert json.loads(path.read_text())["fingerprint"] == conditions(folder).fingerprint()


def test_a_journal_of_other_conditions_or_of_something_else_is_refused(folder, tmp_path):
    path = tmp_path / "a.jsonl"
    Journal(path, conditions(folder))
    with pytest.raises(PixmendError, match="another model, other pictures, another protocol or other versions"):
        Journal(path, conditions(folder, protocol=PROTOCOLS["classic_sr_ipt"]))
    for text in ("shopping list\n", '{"fingerprint": 3}\n[1]\n'):
        path.write_text(text)
        with pytest.raises(PixmendError, match="is no journal"):
            Journal(path, conditions(folder))


def test_networks_that_differ_in_a_number_outside_their_tensors_are_not_mistaken_for_each_other():
    from pixmend.models.edsr import EDSR, EDSRConfig

    plain, scaled = (EDSR(EDSRConfig(features=4, blocks=1, res_scale=factor)) for factor in (1.0, 0.1))
    scaled.load_state_dict(plain.state_dict())
    assert fingerprint(plain) != fingerprint(scaled)
    again = EDSR(plain.config)
    again.load_state_dict(plain.state_dict())
    assert fingerprint(plain) == fingerprint(again)


def test_a_picture_that_cannot_be_scored_is_named(folder):
    write_image(folder / "tiny.png", torch.rand(3, 6, 6))
    with pytest.raises(PixmendError, match=r"tiny\.png: metrics: "):
        measure(Nearest(), find(folder, task="sr_x2"), protocol=CLASSIC_SR)


def test_a_picture_with_transparent_pixels_is_refused(folder):
    pixels = torch.randint(0, 256, (12, 12, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    Image.fromarray(pixels.numpy(), mode="RGBA").save(folder / "see_through.png")
    with pytest.raises(PixmendError, match=r"see_through\.png: has transparent pixels"):
        measure(Nearest(), find(folder, task="sr_x2"), protocol=CLASSIC_SR)


def test_what_aligning_needs_is_missed_before_anything_is_measured(folder, monkeypatch):
    for name in ("target", "input"):
        (folder / name).mkdir()
        (folder / name / "1.png").write_bytes((folder / "1.png").read_bytes())
    benchmark = find(folder, task="deblur")
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(PixmendError, match=r'OpenCV is not installed: pip install "pixmend\[evaluate\]"'):
        Measurement(model=Identity(), benchmark=benchmark, protocol=PROTOCOLS["deblurring_aligned"], name="identity")
