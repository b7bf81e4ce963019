"""Several processes: the same training as one, sample by sample."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from pixmend.config import to_plain
from pixmend.models.edsr import EDSRConfig
from pixmend.models.edt import EDTConfig
from pixmend.train import Adam, Constant, Data, Every, Run, fit
from pixmend.weights import read

CODE = """
import json, sys
from pixmend.config import from_plain
from pixmend.train import Run, fit
fit(from_plain(Run, json.loads(sys.argv[1]), where="run"), sys.argv[2], resume=sys.argv[3] == "resume")
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("pictures")
    for place in range(3):
        pixels = torch.randint(256, (110, 120, 3), generator=torch.Generator().manual_seed(place), dtype=torch.uint8)
        Image.fromarray(pixels.numpy()).save(folder / f"{place}.png")
    return str(folder)


def run_of(pictures: str, model: EDSRConfig | EDTConfig, **data: object) -> Run:
    return Run(
        name="several",
        model=model,
        data=Data(folders=(pictures,), patch=24, batch=4, **data),  # pyright: ignore[reportArgumentType]
        optim=Adam(lr=1e-3),
        schedule=Constant(),
        steps=4,
        precision="float32",
        every=Every(log=1, preview=100, save=2),
    )


def in_processes(run: Run, out: Path, *, count: int, resume: bool = False) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    where |= {"LOCAL_WORLD_SIZE": str(count), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    arguments = [sys.executable, "-c", CODE, json.dumps(to_plain(run)), str(out), "resume" if resume else "new"]
    started = [
        subprocess.Popen(arguments, env={**os.environ, **where, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(count)
    ]
    assert [process.wait(timeout=120) for process in started] == [0] * count


def losses(out: Path) -> list[dict[str, float]]:
    return [json.loads(line)["losses"] for line in (out / "log.jsonl").read_text().splitlines()]


def weights(out: Path) -> dict[str, torch.Tensor]:
    return read(out / "weights.safetensors").tensors


def assert_alike(first: Path, second: Path) -> None:
    for ours, theirs in zip(losses(first), losses(second), strict=True):
        assert ours == pytest.approx(theirs, abs=2e-6)
    other = weights(second)
    for name, tensor in weights(first).items():
        torch.testing.assert_close(tensor, other[name], rtol=0, atol=2e-6)


def test_two_processes_train_as_one_does_and_one_goes_on_where_two_stopped(pictures, tmp_path):
    run = run_of(pictures, EDSRConfig(features=8, blocks=2, res_scale=1.0))
    fit(run, tmp_path / "one")
    in_processes(replace(run, steps=2), tmp_path / "two", count=2)
    fit(run, tmp_path / "two", resume=True)
    assert_alike(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_two_processes_with_one_task_a_step_train_as_one_does(pictures, tmp_path):
    model = EDTConfig(tasks=("sr_x2", "dn_g25"), features=4, dim=8, depths=(2,), num_heads=2, drop_path=0.0)
    run = run_of(pictures, model, every_task=False)
    fit(run, tmp_path / "one")
    in_processes(run, tmp_path / "two", count=2)
    assert_alike(tmp_path / "one", tmp_path / "two")
