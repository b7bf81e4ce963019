"""``pixmend evaluate``: what it prints, writes and refuses."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

import pixmend as pm
from pixmend.cli import run
from pixmend.image import write_image
from pixmend.models.base import MultiTask, Restorer


class Nearest(Restorer):
    """Repeats every pixel."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def restore(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2)


class Several(MultiTask):
    """``Nearest`` for two tasks."""

    tasks = ("sr_x2", "sr_x3")

    def select(self, task: str | None = None) -> Restorer:
        return Nearest(int(self.check_task(task)[-1]))


@pytest.fixture
def folder(tmp_path) -> Path:
    """A benchmark of two smooth pictures."""
    folder = tmp_path / "Tiny"
    folder.mkdir()
    for index, name in enumerate(("one", "two")):
        rows, columns = torch.linspace(0, 3 + index, 36)[:, None], torch.linspace(0, 4, 42)[None]
        picture = 0.5 + 0.4 * torch.sin(rows + torch.arange(3.0).view(3, 1, 1)) * torch.cos(columns)
        write_image(folder / f"{name}.png", picture)
    return folder


@pytest.fixture
def loads(monkeypatch) -> list[str]:
    """Makes every name load ``Several``; the names asked for."""
    names: list[str] = []

    def load(name: str) -> MultiTask:
        names.append(name)
        return Several()

    monkeypatch.setattr("pixmend.weights.load", load, raising=False)
    return names


def test_bicubic_prints_every_picture_the_mean_and_the_protocol(folder, capsys):
    assert run(["evaluate", "bicubic", "--on", str(folder), "--task", "sr_x2"]) == 0
    printed = capsys.readouterr().out
    rows = [line.split()[0] for line in printed.splitlines() if line.split()]
    assert [row for row in rows if row in ("one", "two", "mean")] == ["one", "two", "mean"]
    text = " ".join(printed.split())
    assert "Tiny, sr_x2" in text and "made here" in text
    assert "protocol classic_sr v1: PSNR and SSIM on BT.601 luma" in text


def test_the_padding_that_is_printed_is_the_models_and_not_that_of_what_needs_none(folder, capsys, monkeypatch):
    monkeypatch.setattr("pixmend.weights.load", lambda name: pm.create("swinir_light", scale=2))
    assert run(["evaluate", "mine", "--on", str(folder), "--task", "sr_x2", "--padding", "always"]) == 0
    assert "padding always" in capsys.readouterr().out


def test_json_is_all_there_is_on_standard_output(folder, capsys):
    arguments = ["evaluate", "input", "--on", str(folder), "--task", "dn_g15", "--task", "dn_g50", "--json"]
    assert run(arguments) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["task"], second["task"]) == ("dn_g15", "dn_g50")
    assert first["protocol"]["name"] == "colour_denoising"
    assert first["models"][0]["mean"]["psnr"] > second["models"][0]["mean"]["psnr"]


def test_a_model_is_loaded_once_for_all_its_tasks(folder, capsys, loads):
    arguments = ["evaluate", "default", "--on", str(folder), "--task", "sr_x2", "--task", "sr_x3", "--json"]
    assert run(arguments) == 0
    reports = json.loads(capsys.readouterr().out)
    assert loads == ["default"]
    names = [[model["name"] for model in report["models"]] for report in reports]
    assert names == [["bicubic", "default"]] * 2 and [report["scale"] for report in reports] == [2, 3]
    assert all(report["models"][1]["gain"]["mean"] < 0 for report in reports)


def test_out_receives_json_markdown_and_a_chart(folder, tmp_path, capsys):
    out = tmp_path / "reports/today"
    assert run(["evaluate", "bicubic", "--on", str(folder), "--task", "sr_x2", "--out", str(out)]) == 0
    stem = "bicubic_Tiny_sr_x2_classic_sr"
    endings = (".json", ".jsonl", ".md", ".png")
    assert sorted(path.name for path in out.iterdir()) == [stem + ending for ending in endings]
    assert json.loads((out / f"{stem}.json").read_text())["benchmark"] == "Tiny"


def test_a_folder_for_reports_that_cannot_be_made_is_refused_before_anything_is_measured(folder, capsys):
    out = str(folder / "one.png")
    assert run(["evaluate", "bicubic", "--on", str(folder), "--task", "sr_x2", "--out", out]) == 1
    printed = capsys.readouterr()
    assert "one.png: cannot write here" in printed.err.replace("\n", " ") and printed.out == ""


def test_files_of_one_name_in_two_folders_leave_two_reports(folder, tmp_path, capsys, loads, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in ("runs/first/weights.safetensors", "runs/v1.2/weights.safetensors"):
        arguments = ["evaluate", file, "--on", str(folder), "--task", "sr_x2", "--out", "reports", "--json"]
        assert run(arguments) == 0
        name = f"{Path(file).parent.name}_weights"
        assert json.loads(capsys.readouterr().out)[0]["models"][1]["name"] == name
    assert sorted(path.name for path in (tmp_path / "reports").glob("*.json")) == [
        "first_weights_bicubic_Tiny_sr_x2_classic_sr.json",
        "v1.2_weights_bicubic_Tiny_sr_x2_classic_sr.json",
    ]


def test_a_file_in_the_working_folder_is_named_with_that_folder_too(folder, capsys, loads, monkeypatch):
    monkeypatch.chdir(folder)
    assert run(["evaluate", "net.pth", "--on", str(folder), "--task", "sr_x2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["models"][1]["name"] == "Tiny_net"


def test_trying_the_folder_for_reports_leaves_what_is_in_it(folder, tmp_path, capsys):
    (tmp_path / ".pixmend").write_text("mine")
    assert run(["evaluate", "bicubic", "--on", str(folder), "--task", "sr_x2", "--out", str(tmp_path)]) == 0
    assert (tmp_path / ".pixmend").read_text() == "mine"


def test_another_protocol_changes_the_score_and_is_printed(folder, capsys):
    scores = {}
    for protocol in ("classic_sr", "classic_sr_ipt"):
        arguments = ["evaluate", "bicubic", "--on", str(folder), "--task", "sr_x2", "--protocol", protocol, "--json"]
        assert run(arguments) == 0
        (report,) = json.loads(capsys.readouterr().out)
        assert report["protocol"]["name"] == protocol
        scores[protocol] = report["models"][0]["mean"]
    assert 0 < abs(scores["classic_sr"]["psnr"] - scores["classic_sr_ipt"]["psnr"]) < 0.1
    assert scores["classic_sr_ipt"]["ssim"] is None


def test_several_models_on_several_sets_are_compared_with_the_one_named(folder, tmp_path, capsys, loads):
    (tmp_path / "benchmarks/Set5").mkdir(parents=True)
    for path in folder.iterdir():
        (tmp_path / "benchmarks/Set5" / path.name).write_bytes(path.read_bytes())
    arguments = ["evaluate", "a", "bicubic", "--against", "b", "--on", f"set5,{folder}", "--task", "sr_x2,sr_x3"]
    assert run([*arguments, "--data", str(tmp_path / "benchmarks"), "--json"]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert [(report["benchmark"], report["task"]) for report in reports] == [
        ("Set5", "sr_x2"), ("Set5", "sr_x3"), ("Tiny", "sr_x2"), ("Tiny", "sr_x3"),
    ]  # fmt: skip
    assert all([model["name"] for model in report["models"]] == ["b", "a", "bicubic"] for report in reports)
    assert loads == ["b", "a"]


def test_without_a_task_a_model_is_scored_on_all_that_it_does(folder, capsys, loads):
    assert run(["evaluate", "default", "--on", str(folder), "--json"]) == 0
    assert [report["task"] for report in json.loads(capsys.readouterr().out)] == ["sr_x2", "sr_x3"]


def test_a_run_is_resumed_from_what_is_in_the_folder(folder, tmp_path, capsys):
    arguments = [
        "evaluate",
        "bicubic",
        "--on",
        str(folder),
        "--task",
        "sr_x2",
        "--out",
        str(tmp_path / "out"),
        "--json",
    ]
    assert run(arguments) == 0
    journal = tmp_path / "out/bicubic_Tiny_sr_x2_classic_sr.jsonl"
    head, *records = journal.read_text().splitlines(keepends=True)
    planted = json.loads(records[0])
    planted["seconds"] = 123.0
    journal.write_text(head + json.dumps(planted) + "\n" + records[1][:40])
    capsys.readouterr()
    assert run(arguments) == 0
    printed = capsys.readouterr()
    seconds = [record["seconds"] for record in json.loads(printed.out)[0]["models"][0]["records"]]
    assert seconds[0] == 123.0 and seconds[1] < 100
    assert "1 pictures taken from" in printed.err
    assert run([*arguments, "--force"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["models"][0]["records"][0]["seconds"] < 100


def test_a_folder_with_another_runs_records_is_refused(folder, tmp_path, capsys):
    arguments = ["evaluate", "bicubic", "--on", str(folder), "--task", "sr_x2", "--out", str(tmp_path / "out")]
    assert run(arguments) == 0
    write_image(folder / "one.png", torch.rand(3, 36, 42))
    capsys.readouterr()
    assert run(arguments) == 1
    assert "or --force to measure anew" in capsys.readouterr().err


def test_the_protocols_are_listed_with_their_versions(capsys):
    assert run(["evaluate", "protocols", "--json"]) == 0
    listed = {protocol["name"]: protocol for protocol in json.loads(capsys.readouterr().out)}
    assert listed["deblurring"]["ssim"] == "matlab" and listed["classic_sr"]["version"] == 1
    assert run(["evaluate", "protocols"]) == 0
    assert "classic_sr" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--task", "sr_2x"], "no task is called 'sr_2x': did you mean sr_x2?"),
        (["--task", "dr_L"], "expected the folders norain and rain"),
        (["--protocol", "clasic_sr"], "did you mean classic_sr?"),
        (["--on", "nowhere"], "nowhere: no such folder"),
        (["--on", "set5"], "say where the benchmarks are with --data"),
        (["--on", ","], "--on: names nothing"),
        (["--task", ","], "--task: names nothing"),
        (["--padding", "zero"], "no padding is called 'zero'"),
        (["--protocol", "deraining"], "protocol deraining: scores dr, not sr"),
        (["--task", "dn_g15"], "bicubic: not a baseline of dn_g15: use input"),
    ],
)
def test_wrong_arguments_end_in_one_clear_line(folder, capsys, change: list[str], message: str):
    options = {"--on": str(folder), "--task": "sr_x2"} | {change[0]: change[1]}
    arguments = ["evaluate", "bicubic", *(part for option in options.items() for part in option)]
    assert run(arguments) == 1
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.startswith("pixmend: error: ") and printed.err.count("\n") == 1
    assert printed.out == ""


def test_an_unreadable_picture_ends_in_one_line_that_names_it(folder, capsys):
    (folder / "two.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    assert run(["evaluate", "bicubic", "--on", str(folder), "--task", "sr_x2"]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("pixmend: error: ") and printed.err.count("\n") == 1
    assert "two.png: damaged or cut short" in printed.err and printed.out == ""


def test_an_empty_folder_and_an_unpaired_picture_are_refused(tmp_path, folder, capsys):
    (tmp_path / "empty").mkdir()
    assert run(["evaluate", "bicubic", "--on", str(tmp_path / "empty"), "--task", "sr_x2"]) == 1
    assert "no pictures" in capsys.readouterr().err
    folder.rename(tmp_path / "HR")
    (tmp_path / "LR/x2").mkdir(parents=True)
    write_image(tmp_path / "LR/x2/onex2.png", torch.zeros(3, 18, 21))
    assert run(["evaluate", "bicubic", "--on", str(tmp_path), "--task", "sr_x2"]) == 1
    assert "two.png" in capsys.readouterr().err.replace("\n", " ")


def test_two_models_that_would_be_called_the_same_are_refused_before_anything_runs(folder, capsys, loads):
    models = ["a/mine/weights.safetensors", "b/mine/weights.safetensors"]
    assert run(["evaluate", *models, "--on", str(folder), "--task", "sr_x2"]) == 1
    assert "would both be called mine_weights" in capsys.readouterr().err
    assert loads == []


def test_a_folder_under_data_is_found_by_its_bare_name(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PIXMEND_DATA", str(tmp_path))
    assert run(["evaluate", "bicubic", "--on", "Tiny", "--task", "sr_x2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["pictures"] == 2


def test_several_models_without_a_task_are_scored_on_what_all_of_them_do(folder, capsys, monkeypatch):
    class One(MultiTask):
        tasks = ("sr_x3",)

        def select(self, task: str | None = None) -> Restorer:
            return Nearest(int(self.check_task(task)[-1]))

    monkeypatch.setattr("pixmend.weights.load", lambda name: One() if name == "one" else Several(), raising=False)
    assert run(["evaluate", "one", "several", "--on", str(folder), "--json"]) == 0
    assert [report["task"] for report in json.loads(capsys.readouterr().out)] == ["sr_x3"]


def test_a_second_run_of_the_same_model_in_one_folder_is_refused_while_the_first_lasts(folder, tmp_path, capsys):
    from pixmend.files import locked

    (tmp_path / "out").mkdir()
    arguments = ["evaluate", "bicubic", "--on", str(folder), "--task", "sr_x2", "--out", str(tmp_path / "out")]
    with locked(tmp_path / "out/.bicubic_Tiny_sr_x2_classic_sr.lock") as held:
        held.write(b"x")
        assert run(arguments) == 1
    assert "another run measures bicubic there" in capsys.readouterr().err
