"""Every figure of a network whose file has the name of a formula that is none."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from pixmend.cli import app
from pixmend.image import read_image, write_image
from small import SMALL, released

EXAMPLE = Path(__file__).parent.parent / "examples" / "sign.png"
NAME = r"$\frac$ [b]"

COMMANDS = {
    "lam": ("low.png", "--steps", "1"),
    "di": ("pictures", "--steps", "1"),
    "cka": ("pictures", "--patches", "4", "--size", "8", "--chain", "round8"),
    "field": ("low.png", "--pixels", "2"),
    "attention": ("low.png",),
    "features": ("low.png", "--offsets", "1"),
    "spectrum": ("low.png",),
    "errors": ("low.png", "--chain", "bicubic(scale=2)"),
    "fidelity": ("low.png",),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_name_is_drawn_and_told_as_it_is(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    released(tmp_path / f"{NAME}.pth", SMALL["swinir"])
    Path("pictures").mkdir()
    for path in ("low.png", "pictures/low.png"):
        write_image(path, read_image(EXAMPLE)[:, 100:132, 60:92])
    arguments = ["analyze", command, *COMMANDS[command], "--model", f"{NAME}.pth", "--out", "f.png"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.exception
    assert NAME in result.stdout
    with Image.open("f.png") as figure:
        assert figure.width > 300
