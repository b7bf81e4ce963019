import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import pixmend as pm
from pixmend.config import to_plain
from pixmend.image import write_image
from pixmend.recipes import find
from pixmend.weights import card, write_weights

TASKS = ("sr_x2", "sr_x3", "sr_x4", "dn_g15", "dn_g25", "dn_g50", "dr_L", "dr_H")


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """The tool, writing below tmp_path."""
    path = Path(__file__).parent.parent / "tools" / "bundle.py"
    spec = importlib.util.spec_from_file_location("bundle", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "BUNDLED", tmp_path)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results" / "default_weights.json")
    monkeypatch.setattr(module, "PAGE", tmp_path / "default.md")
    monkeypatch.setattr(module, "README", tmp_path / "README.md")
    (tmp_path / "README.md").write_text(f"before {module.MARK} old {module.MARK} after")
    return module


@pytest.fixture
def benchmarks(tmp_path):
    """One small picture in each of the three layouts."""
    folder = tmp_path / "benchmarks"
    image = torch.rand(3, 36, 48, generator=torch.Generator().manual_seed(0))
    for place in ("Set5", "McMaster", "Rain100L/norain", "Rain100L/rain"):
        (folder / place).mkdir(parents=True)
        name = {"Rain100L/norain": "norain-1.png", "Rain100L/rain": "rain-1.png"}.get(place, "a.png")
        write_image(folder / place / name, image)
    return folder


def test_a_run_becomes_the_default_weights_with_card_results_and_page(bundle, benchmarks, tmp_path, monkeypatch):
    network = pm.create("edt_p", tasks=TASKS)
    run = tmp_path / "run"
    run.mkdir()
    made = replace(find("default"), steps=3, data=replace(find("default").data, folders=("/home/me",)))
    described = {"name": "tiny", "trained": "3 of 3 steps", "data": "noise", "run": to_plain(made)}
    write_weights(run / "weights.safetensors", network.state_dict(), config=network.config, card=described)
    monkeypatch.setattr(sys, "argv", ["bundle.py", str(run), "--benchmarks", str(benchmarks)])
    bundle.main()

    loaded, found = pm.load(tmp_path / "default.safetensors"), card(tmp_path / "default.safetensors")
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in network.state_dict().items())
    assert "/home/me" not in str(found)
    assert found["command"] == "pixmend train default --data photos --out runs/default --set steps=3"
    rows = [row for table in found["scores"].values() for row in table]
    assert [row["task"] for row in rows] == list(bundle.SCORED)
    assert json.loads((tmp_path / "results" / "default_weights.json").read_text())["scores"] == found["scores"]
    page, readme = ((tmp_path / name).read_text() for name in ("default.md", "README.md"))
    assert all(f"**{row['psnr']:.2f}**" in text for row in rows for text in (page, readme))
    assert readme.startswith("before ") and readme.endswith(" after") and "old" not in readme
