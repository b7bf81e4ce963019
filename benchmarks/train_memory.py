"""What a run's memory is estimated at before it starts, and what it takes.

``python benchmarks/train_memory.py`` trains narrow or short forms of recipes for a few steps each in a process of its
own, on drawn pictures, and compares the most that process held, less what it held before with every library loaded,
with the estimate. It writes results/train_memory.json.
"""

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from machine import keep
from PIL import Image

from pixmend.recipes import find
from pixmend.train import Every, Run, fit
from pixmend.train.config import Engine
from pixmend.train.memory import peak, resident

STEPS = 3
FORMS = {
    "default": {"batch": 2},
    "hat.sr_x2": {"depths": (2,), "batch": 1},
    "ipt.pretrain_plain": {"num_layers": 1, "batch": 4},
    "restormer.dn_g15": {"num_blocks": (1, 1, 1, 1), "num_refinement_blocks": 1, "batch": 1},
    "swinir.classical_x2": {"depths": (4,), "batch": 2},
    "edsr.sr_x2": {"blocks": 8, "batch": 4},
    "rcan.sr_x2": {"groups": 2, "blocks": 10, "batch": 8},
    "rcdnet.dr_L": {"stages": 4, "batch": 2},
}


def form(name: str, *, precision: str, folder: str) -> Run:
    """A recipe with another batch and fewer blocks; its widths and its patch stay."""
    run = find(name)
    sizes = dict(FORMS[name])
    data = replace(run.data, folders=(folder,), batch=sizes.pop("batch"), stages=())
    every = Every(log=STEPS, preview=STEPS, save=STEPS)
    model = replace(run.model, **sizes)
    return replace(run, model=model, data=data, steps=STEPS, every=every, start=None, precision=precision)


def held(entry: str) -> int:
    """Bytes of this process: ``VmRSS`` now, ``VmHWM`` at most."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[entry].split()[0]) * 1024


def measured(name: str, precision: str, engine: Engine) -> tuple[int, int, int]:
    """(held before, most held in steps, most held in steps and saving) of a fresh process that trains."""
    command = [sys.executable, __file__, "--one", name, precision, str(engine.accumulate), str(int(engine.checkpoint))]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    before, most, saving = told.split()
    return int(before), int(most), int(saving)


def train(name: str, precision: str, accumulate: str, checkpoint: str) -> None:
    """In the fresh process."""
    engine = Engine(accumulate=int(accumulate), checkpoint=bool(int(checkpoint)))
    with tempfile.TemporaryDirectory() as folder:
        pixels = torch.randint(256, (200, 200, 3), dtype=torch.uint8).repeat(2, 2, 1)
        (Path(folder) / "pictures").mkdir()
        Image.fromarray(pixels.numpy()).save(Path(folder) / "pictures/a.png")
        run = replace(form(name, precision=precision, folder=f"{folder}/pictures"), engine=engine)
        # Loads every library first: the optimizer alone imports torch's compiler, which is 100 MB.
        tiny = replace(find("edsr_baseline.sr_x2"), data=replace(run.data, patch=8, batch=1), steps=2)
        fit(replace(tiny, model=replace(tiny.model, features=8, blocks=1), every=run.every), Path(folder) / "first")
        Path("/proc/self/clear_refs").write_text("5")  # the most held is now what is held
        before = held("VmRSS")
        most: list[int] = []
        fit(run, Path(folder) / "run", watch=lambda progress: most.append(held("VmHWM")))
        print(before, most[-2], most[-1])  # the last step also saves and draws


def main() -> None:
    rows: list[dict[str, object]] = []
    plain = [(name, precision, Engine()) for name in FORMS for precision in ("float32", "bfloat16")]
    spared = [("hat.sr_x2", "float32", engine) for engine in (Engine(checkpoint=True), Engine(accumulate=2))]
    for name, precision, engine in [*plain, *spared]:
        run = replace(form(name, precision=precision, folder=""), engine=engine)
        estimate = peak(run, patch=run.data.patch, batch=run.data.batch, device=torch.device("cpu"))
        step, saved = resident(estimate._replace(saving=0)), resident(estimate)
        before, most, saving = measured(name, precision, engine)
        row = {
            "recipe": name,
            "form": ", ".join(f"{key} {value}" for key, value in FORMS[name].items()),
            "precision": precision,
            "accumulate": engine.accumulate,
            "checkpoint": engine.checkpoint,
            "in_use_MB": round(estimate.step / 1e6),
            "estimated_MB": round(step / 1e6),
            "measured_MB": round((most - before) / 1e6),
            "estimated_with_saving_MB": round(saved / 1e6),
            "measured_with_saving_MB": round((saving - before) / 1e6),
            "before_MB": round(before / 1e6),
            "ratio": round(step / (most - before), 2),
            "ratio_with_saving": round(saved / (saving - before), 2),
        }
        print(*row.values(), flush=True)
        rows.append(row)
    keep("train_memory", "python benchmarks/train_memory.py", rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        train(*sys.argv[2:])
    else:
        main()
