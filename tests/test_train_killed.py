"""Killed at any moment, a run goes on from its last save and ends as if nothing had happened."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from pixmend.config import to_plain
from pixmend.models.edsr import EDSRConfig
from pixmend.train import Adam, Constant, Data, Every, Run, fit
from pixmend.weights import read

CODE = """
import json, sys, pathlib
from pixmend.config import from_plain
from pixmend.train import Run, fit
out = pathlib.Path(sys.argv[2])
run = from_plain(Run, json.loads(sys.argv[1]), where="run")
resume = (out / "state.safetensors").exists()
fit(run, out, resume=resume, watch=lambda progress: print(progress.step, flush=True))
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_kills_at_random_moments_lose_nothing_that_was_saved(tmp_path):
    (tmp_path / "pictures").mkdir()
    pixels = torch.randint(256, (90, 90, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    Image.fromarray(pixels.numpy()).save(tmp_path / "pictures/a.png")
    run = Run(
        name="killed",
        model=EDSRConfig(features=8, blocks=2, res_scale=1.0),
        data=Data(folders=(str(tmp_path / "pictures"),), patch=24, batch=2),
        optim=Adam(lr=1e-3),
        schedule=Constant(),
        steps=400,
        precision="float32",
        every=Every(log=10, preview=100, save=3),
    )
    draw, kills, finished = random.Random(0), 0, False
    while not finished:
        with subprocess.Popen(
            [sys.executable, "-c", CODE, json.dumps(to_plain(run)), str(tmp_path / "run")],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            if kills < 20:
                process.stdout.readline()  # it is past its imports, and in its steps
                time.sleep(draw.uniform(0, 0.4))
                process.send_signal(signal.SIGKILL)
                kills += 1
            else:
                process.communicate(timeout=120)
                assert process.returncode == 0
                finished = True
    fit(run, tmp_path / "whole")
    assert_same(tmp_path / "run", tmp_path / "whole")


def assert_same(first: Path, second: Path) -> None:
    for file in ("state.safetensors", "weights.safetensors"):
        ours, theirs = (read(folder / file).tensors for folder in (first, second))
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
