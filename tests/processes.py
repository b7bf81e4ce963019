"""Runs of a few steps, in this process and in several."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pixmend.config import to_plain
from pixmend.models.edsr import EDSRConfig
from pixmend.models.edt import EDTConfig
from pixmend.train import Adam, Constant, Data, Every, Run
from pixmend.weights import read

CODE = """
import json, sys
from pixmend.config import from_plain
from pixmend.train import Run, fit
fit(from_plain(Run, json.loads(sys.argv[1]), where="run"), sys.argv[2], resume=sys.argv[3] == "resume")
"""


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
