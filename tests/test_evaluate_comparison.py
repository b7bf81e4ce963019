"""Several models side by side: tables, gains, published scores and the chart."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pixmend.evaluate import (
    CLASSIC_SR,
    DERAINING,
    BicubicEnlarge,
    Comparison,
    Identity,
    Measurement,
    Published,
    Score,
    find,
    measure,
    published,
)
from pixmend.evaluate.chart import draw, worst_cases
from pixmend.image import write_image
from pixmend.models.base import Restorer


class Nearest(Restorer):
    """Repeats every pixel."""

    scale = 2

    def restore(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three smooth pictures, called 1, 2 and 10."""
    for index, name in enumerate(("1", "2", "10")):
        rows, columns = torch.linspace(0, 9 + index, 100)[:, None], torch.linspace(0, 40, 90)[None]
        picture = 0.5 + 0.4 * torch.sin(rows + torch.arange(3.0).view(3, 1, 1)) * torch.cos(columns)
        write_image(tmp_path / f"{name}.png", picture)
    return tmp_path


@pytest.fixture
def measurements(folder) -> list[Measurement]:
    benchmark = find(folder, task="sr_x2")
    models = {"bicubic": BicubicEnlarge(2), "nearest": Nearest()}
    return [
        Measurement(model=model, benchmark=benchmark, protocol=CLASSIC_SR, name=name) for name, model in models.items()
    ]


@pytest.fixture
def comparison(measurements) -> Comparison:
    reports = tuple(measurement.run() for measurement in measurements)
    row = Published(psnr=round(reports[1].mean.psnr, 2) + 0.01, ssim=0.9, source="a table", padding="always")
    return Comparison(reports=reports, published=(None, row), tolerance=0.02)


def test_json_holds_protocol_records_means_gains_and_versions(comparison):
    content = json.loads(comparison.to_json())
    bicubic, nearest = content["models"]
    assert (content["task"], content["pictures"], content["padding"]) == ("sr_x2", 3, "needed")
    assert content["protocol"]["luma"] == "bt601" and content["protocol"]["version"] == 1
    assert nearest["mean"]["psnr"] == comparison.reports[1].mean.psnr
    assert nearest["gain"]["mean"] == pytest.approx(nearest["mean"]["psnr"] - bicubic["mean"]["psnr"])
    assert (bicubic["gain"], nearest["against"]) == (None, "bicubic")
    assert nearest["interval"]["low"] <= nearest["mean"]["psnr"] <= nearest["interval"]["high"]
    assert [record["name"] for record in nearest["records"]] == ["1", "2", "10"]
    assert set(content["versions"]) == {"pixmend", "torch", "numpy", "python", "device"}
    assert content["made_here"] is True and content["problems"] == []
    assert {name: len(digest) for name, digest in content["files"].items()} == {"1.png": 64, "2.png": 64, "10.png": 64}


def test_markdown_has_a_row_per_picture_the_mean_and_the_conditions(comparison):
    lines = comparison.to_markdown().splitlines()
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    assert rows == ["picture", "---", "1", "2", "10", "**mean**"]
    assert f"| {comparison.reports[1].mean.psnr:.2f} | {comparison.reports[1].mean.ssim:.4f} |" in lines[7]
    text = "\n".join(lines)
    assert "protocol classic_sr v1: PSNR and SSIM on BT.601 luma" in text and "made here" in text
    assert "nearest against bicubic: -" in text and "better on 0 of 3 pictures, sign-flip p = 0.25" in text


def test_a_score_within_the_tolerance_is_the_published_one_only_on_the_published_pictures(comparison):
    report, row = comparison.reports[1], comparison.published[1]
    assert row is not None
    assert row.verdict(report, 0.02) == "reached" and row.verdict(report, 0.005) == "missed"
    partial = dataclasses.replace(report, problems=("3 of the 100 pictures of Urban100",))
    assert row.verdict(partial, 0.02) == "not comparable"
    sentence = row.sentence(partial, 0.02)
    assert "-0.01 dB here, not comparable" in sentence and "--padding always" in sentence and "3 of the 100" in sentence


def test_published_scores_are_found_by_model_set_task_and_protocol(folder):
    report = measure(BicubicEnlarge(2), find(folder, task="sr_x2"), protocol=CLASSIC_SR)
    set5 = dataclasses.replace(report, benchmark="Set5")
    for name in ("swinir.sr_x2_df2k", "001_classicalSR_DF2K_s64w8_SwinIR-M_x2.pth"):
        found = published(name, set5)
        assert found is not None and (found.psnr, found.ssim, found.padding) == (38.42, 0.9623, "always")
    bicubic = published("bicubic", set5)
    assert bicubic is not None and bicubic.psnr == 33.66
    assert published("swinir.sr_x2_df2k", report) is None, "another set"
    assert published("swinir.sr_x3_df2k", set5) is None, "another task"
    assert published("default", set5) is None


def test_perfect_pictures_give_inf_in_json_and_no_gain(folder):
    for name in ("target", "input"):
        (folder / name).mkdir()
        (folder / name / "1.png").write_bytes((folder / "1.png").read_bytes())
    report = measure(Identity(), find(folder, task="dr_L"), protocol=DERAINING)
    both = Comparison(reports=(report, dataclasses.replace(report, model="b")), published=(None, None), tolerance=0.02)
    assert report.mean.psnr == math.inf and report.mean.ssim == pytest.approx(1)
    content = json.loads(both.to_json())
    assert content["models"][1]["mean"]["psnr"] == "inf" and content["models"][1]["gain"] is None
    assert "| inf | 1.0000 | inf | 1.0000 |" in both.to_markdown()
    assert draw(both).width == 1000


def test_the_worst_cases_are_those_of_least_gain_at_the_place_of_most_error(comparison, measurements):
    cases = worst_cases(comparison, measurements)
    gains = [
        after.score.psnr - before.score.psnr
        for before, after in zip(comparison.reports[0].records, comparison.reports[1].records, strict=True)
    ]
    names = [record.name for record in comparison.first.records]
    expected = [names[index] for index in sorted(range(3), key=lambda index: gains[index])]
    assert [case.title for case in cases] == [f"least gain over bicubic: {name}" for name in expected]
    assert cases[0].true.shape == cases[0].low.shape == cases[0].restored[1].shape == (3, 72, 72)
    assert len(cases[0].restored) == 2


def test_the_chart_grows_with_the_pictures_and_shows_all_bars_and_cases(comparison, measurements):
    chart = draw(comparison)
    more = [dataclasses.replace(report, records=report.records * 3) for report in comparison.reports]
    longer = draw(dataclasses.replace(comparison, reports=tuple(more)))
    colours = {colour for _, colour in chart.getcolors(maxcolors=100_000) or []}
    assert chart.width == 1000 and longer.height >= chart.height + 6 * 34
    assert {(0xB6, 0xBD, 0xC9), (0x2F, 0x6F, 0xDE)} <= colours
    assert draw(comparison, worst=worst_cases(comparison, measurements)).height > chart.height + 3 * 240


def test_of_many_pictures_the_chart_shows_the_lowest_and_highest(comparison):
    records = tuple(dataclasses.replace(comparison.first.records[0], name=f"picture {index}") for index in range(100))
    many = tuple(dataclasses.replace(report, records=records) for report in comparison.reports)
    assert draw(dataclasses.replace(comparison, reports=many)).height < 40 * 34 + 800


def test_the_chart_can_show_infinite_scores_and_long_names(comparison):
    report = comparison.first
    perfect = dataclasses.replace(report.records[0].score, psnr=math.inf)
    record = dataclasses.replace(report.records[0], score=perfect, name="a very long name\n" * 9)
    alone = dataclasses.replace(report, records=(record,), model="a model of a very long name " * 9)
    assert draw(dataclasses.replace(comparison, reports=(alone,), published=(None,))).width == 1000


def test_a_difference_of_exactly_the_tolerance_is_reached(comparison):
    report = dataclasses.replace(
        comparison.first, records=(dataclasses.replace(comparison.first.records[0], score=Score(psnr=33.6818)),)
    )
    row = Published(psnr=33.66, ssim=None, source="a table")
    assert row.difference(report) == 0.02 and row.verdict(report, 0.02) == "reached"


def test_files_of_many_models_of_long_names_still_have_names_that_fit(comparison):
    reports = [dataclasses.replace(comparison.first, model=f"{letter}_" + "x" * 55) for letter in "abcdef"]
    first, second = (
        dataclasses.replace(comparison, reports=tuple(some), published=(None,) * len(some)).stem
        for some in (reports, reports[1:])
    )
    assert len(first) < 200 and first != second


def test_of_three_models_the_gain_stands_behind_each_but_the_first(comparison):
    third = dataclasses.replace(comparison.reports[1], model="third")
    three = dataclasses.replace(comparison, reports=(*comparison.reports, third), published=(None,) * 3)
    head = three.to_markdown().splitlines()[2]
    assert head.endswith("| nearest gain | third gain |")
