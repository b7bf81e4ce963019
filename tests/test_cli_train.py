import json

import pytest
import torch
from PIL import Image

import pixmend as pm
from pixmend.cli import run

TINY = [
    *("--set", "model.tasks=sr_x2,dn_g25", "--set", "model.dim=8", "--set", "model.features=4"),
    *("--set", "model.depths=2", "--set", "data.patch=16", "--set", "steps=2", "--set", "every.preview=2"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures")
    pixels = torch.randint(256, (80, 90, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    Image.fromarray(pixels.numpy()).save(path / "a.png")
    return str(path)


def test_a_recipe_is_trained_and_its_weights_restore(folder, tmp_path, capsys):
    out = tmp_path / "run"
    assert run(["train", "default", "--data", folder, "--out", str(out), *TINY]) == 0
    assert "trained:" in capsys.readouterr().err
    assert json.loads((out / "run.json").read_text())["steps"] == 2
    restored, picture = tmp_path / "x2.png", f"{folder}/a.png"
    weights = str(out / "weights.safetensors")
    assert run(["restore", picture, str(restored), "--model", weights, "--scale", "2", "--quiet"]) == 0
    assert Image.open(restored).size == (180, 160)


def test_a_finished_run_can_be_resumed_with_more_steps(folder, tmp_path):
    out = str(tmp_path / "run")
    assert run(["train", "default", "--data", folder, "--out", out, *TINY]) == 0
    assert run(["train", "resume", out, "--set", "steps=3"]) == 0
    assert [json.loads(line)["step"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()] == [2, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "defualt", "--data", "x"], "no recipe is called 'defualt': did you mean default?"),
        (["train", "default"], "--data: training needs a folder of pictures"),
        (["train", "default", "--data", "nowhere"], "nowhere: not a folder"),
        (["train", "default", "--data", "x", "--set", "optim.lrr=1"], "optim.lrr: Adam has no field 'lrr'"),
    ],
)
def test_a_mistake_is_one_line_and_a_code(arguments, message, tmp_path, capsys):
    assert run([*arguments, "--out", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("pixmend: error: ") and error.count("\n") == 1


def test_a_folder_without_a_run_cannot_be_resumed(tmp_path, capsys):
    assert run(["train", "resume", str(tmp_path)]) == 1
    assert "run.json: not a run to resume" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "\xff"])
def test_a_damaged_run_file_is_named(content, tmp_path, capsys):
    (tmp_path / "run.json").write_text(content, encoding="latin-1")
    assert run(["train", "resume", str(tmp_path)]) == 1
    assert "run.json: not a run to resume" in capsys.readouterr().err


def test_models_lists_the_bundled_weights(capsys):
    assert run(["models"]) == 0
    printed = capsys.readouterr().out
    assert "default" in printed
    assert "edt_t" in printed


def test_inspect_tells_an_official_file(tmp_path, capsys):
    from pixmend.weights.families.edt import to_official

    torch.save(to_official(pm.create("edt_t", tasks=("dn_g15", "sr_x3"))), tmp_path / "file.pth")
    assert run(["models", "inspect", str(tmp_path / "file.pth")]) == 0
    printed = capsys.readouterr().out
    assert "EDT" in printed
    assert "dn_g15 sr_x3" in printed


def test_inspecting_what_is_not_weights_is_one_line(tmp_path, capsys):
    (tmp_path / "file.pth").write_text("hello")
    assert run(["models", "inspect", str(tmp_path / "file.pth")]) == 1
    assert "file.pth: not a checkpoint, or a damaged one" in capsys.readouterr().err


CARD = {"name": "[bold]x[/bold] :smile:", "data": ["a", "[/]"], "licence": None}


@pytest.mark.parametrize(
    "scores",
    [None, "good", {"classic_sr": 5}, {"classic_sr": ["good", {"task": "[red]sr_x2[/red]"}]}, {"classic_sr": [{}]}],
)
def test_a_card_is_printed_as_it_is_however_it_was_written(scores, tmp_path, capsys):
    network = pm.create("edt_p", tasks=("dn_g15",))
    card = {**CARD, "scores": scores}
    pm.weights.write_weights(tmp_path / "[a].safetensors", network.state_dict(), config=network.config, card=card)
    assert run(["models", "inspect", str(tmp_path / "[a].safetensors")]) == 0
    printed = capsys.readouterr().out
    assert "[a].safetensors" in printed
    assert "[bold]x[/bold] :smile:" in printed
    assert "['a', '[/]']" in printed
    assert ("[red]sr_x2[/red]" in printed) == ("[red]" in str(scores))


@pytest.mark.parametrize(
    ("stop", "lines"),
    [
        (KeyboardInterrupt(), ["pixmend: interrupted, nothing half-written"]),
        (
            KeyboardInterrupt("stopped and saved after step 3 of 9"),
            [
                "stopped and saved after step 3 of 9; go on with: pixmend train resume [/]run",
                "pixmend: interrupted, nothing half-written",
            ],
        ),
    ],
)
def test_going_on_is_offered_only_where_something_was_saved(stop, lines, folder, monkeypatch, capsys):
    def fit(*args, **options):
        raise stop

    monkeypatch.setattr("pixmend.train.fit", fit)
    assert run(["train", "default", "--data", folder, "--out", "[/]run", *TINY]) == 130
    assert capsys.readouterr().err.splitlines() == lines


def test_a_longer_run_is_forecast_before_it_starts(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("pixmend.cli.train_bar._WORTH_MEASURING", 2)
    arguments = ["train", "default", "--data", folder, "--out", str(tmp_path / "run"), *TINY]
    arguments += ["--set", "model.tasks=dn_g15"]
    assert run(arguments) == 0
    told = capsys.readouterr().err
    assert "s per step" in told and "samples/s" in told and " on disk (" in told
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_the_weights_say_which_pictures_they_were_trained_on(folder, tmp_path):
    out = tmp_path / "run"
    assert run(["train", "default", "--data", folder, "--out", str(out), *TINY]) == 0
    assert pm.weights.card(out / "weights.safetensors")["data"].startswith("pictures in pictures")
