import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pytest
import torch
from PIL import Image

from pixmend.cli import run
from pixmend.cli.train_finetune import conclude
from pixmend.models import build
from pixmend.models.swinir import SwinIRConfig
from pixmend.weights import write_weights

QUICK = ["--steps", "2", "--set", "trackers=", "--set", "every.preview=100"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos")
    for number in range(4):
        stripes = torch.arange(40 * 48).mul(number + 1).remainder(255).view(40, 48, 1).expand(-1, -1, 3)
        Image.fromarray(stripes.to(torch.uint8).numpy()).save(path / f"{number}.png")
    return str(path)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    config = SwinIRConfig(dim=8, depths=(2,), num_heads=2, scale=2)
    file = tmp_path_factory.mktemp("weights") / "small.safetensors"
    write_weights(file, build(config).state_dict(), config=config, card={})
    return str(file)


@pytest.fixture(scope="module")
def done(folder, weights, tmp_path_factory):
    """Where a fine-tuning was carried out, and what was printed of it, results and the rest."""
    path = tmp_path_factory.mktemp("runs") / "run"
    arguments = ["--from", weights, "--data", folder, "--out", str(path), "--budget", "4GB", *QUICK]
    with redirect_stdout(io.StringIO()) as results, redirect_stderr(io.StringIO()) as words:
        assert run(["train", "finetune", *arguments]) == 0
    return path, results.getvalue(), words.getvalue()


@pytest.fixture(scope="module")
def out(done):
    return done[0]


def test_what_is_done_and_why_is_told_before_and_the_verdict_after(done):
    _, results, words = done
    told = words.splitlines()
    assert told[0].startswith("SwinIR, sr_x2, 0.2 M parameters: all of it is trained on 8 crops of 16: ")
    assert told[1].startswith("2 of 4 pictures are held out")
    assert told[2].startswith("changed after that: ")
    assert told[3].startswith("before: ")
    assert "fine-tuned" in results and "mean" in results
    assert "not told apart: " in results and "before_after.png" in results


def test_json_is_all_that_is_printed_where_it_is_asked_for(out, capsys):
    conclude(out, as_json=True)
    assert json.loads(capsys.readouterr().out)["verdict"] == "not told apart"


def test_of_a_run_that_is_no_fine_tuning_nothing_is_said(tmp_path, capsys):
    conclude(tmp_path)
    assert capsys.readouterr().out == ""


def test_settings_come_after_what_was_chosen(out):
    kept = json.loads((out / "run.json").read_text())
    assert kept["every"]["preview"] == 100
    assert len(kept["data"]["without"]) == 2


def test_a_resumed_fine_tuning_ends_with_the_same_table(out, capsys):
    assert run(["train", "resume", str(out), "--set", "steps=3"]) == 0
    assert "fine-tuned" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--budget", "1MB"],
            "--budget: 0.001 GB is too little for this network, whose smallest form of training takes",
        ),
        (["--task", "dn_g25"], "--task dn_g25: SwinIR of this kind cannot learn it"),
        (["--task", "sr_x9"], "no task is called 'sr_x9'"),
        (["--from", "nowhere.pth"], "nowhere.pth"),
        (["--data", "nowhere"], "nowhere: not a folder"),
        (["--budget", "4GB", "--set", "optim.lrr=1"], "optim.lrr: Adam has no field 'lrr'"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(arguments, message, folder, weights, tmp_path, capsys):
    given = ["--from", weights, "--data", folder, "--out", str(tmp_path / "run"), *arguments]
    if "--data" in arguments:
        given.remove("--data"), given.remove(folder)
    assert run(["train", "finetune", *given]) == 1
    error = capsys.readouterr().err
    assert message in error.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_a_budget_that_is_no_size_is_wrong_usage(folder, capsys):
    assert run(["train", "finetune", "--data", folder, "--budget", "much"]) == 2
    assert "expected a size such as 8GB or 800MB, got 'much'" in capsys.readouterr().err


def test_several_processes_are_sent_away(folder, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run(["train", "finetune", "--data", folder]) == 1
    assert "runs in one process: start it without torchrun" in capsys.readouterr().err
