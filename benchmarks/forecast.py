"""Memory and time that a plan foretells, and what restoring then took.

``python benchmarks/forecast.py`` restores a picture of 288 x 176 pixels, in tiles of up to 192, with a network of each
family, in a process of its own, and writes results/forecast.json: the peak of the resident memory of the whole process
and the seconds, foretold and measured. Large variants have few blocks, and their own widths: blocks come one after the
other, and memory is that of the widest place. Names after it restrict the networks.
"""

import json
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import torch
from machine import keep

import pixmend as pm
from pixmend.models import VARIANTS, build
from pixmend.models.base import Restorer

SIZE = (176, 288)
WITHIN = 0.25
FEW = {"depths": (2, 2), "num_blocks": (1, 1, 1, 1), "num_refinement_blocks": 1, "groups": 3, "blocks": 4}
"""Of what repeats; but the layers of IPT, of which there are 2, and the 17 stages of RCDNet stay in their number."""
NETWORKS = {
    "default": "sr_x2",
    "default, denoising": "dn_g25",
    "edt_s": None,
    "edt_b": None,
    "ipt": None,
    "hat_s": None,
    "hat": None,
    "restormer": None,
    "swinir_light": None,
    "swinir": None,
    "swinir_dn": None,
    "edsr_baseline": None,
    "edsr": None,
    "rcan": None,
    "han": None,
    "rdn": None,
    "rrdbnet": None,
    "rcdnet": None,
}


def network(name: str) -> Restorer:
    if name.startswith("default"):
        return pm.load("default").select(NETWORKS[name])
    config = VARIANTS[name]
    few = FEW | ({"num_layers": 2} if name == "ipt" else {"num_layers": 1})
    few = {field.name: few[field.name] for field in fields(config) if field.name in few}
    made = build(config if name in ("edsr_baseline", "edsr", "rcdnet") else replace(config, **few))
    return made.select(made.tasks[0] if made.tasks else None)


def held(entry: str) -> int:
    """Bytes of this process: ``VmRSS`` now, ``VmHWM`` at most."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[entry].split()[0]) * 1024


def restore(name: str, precision: str) -> None:
    """In the fresh process."""
    made = network(name)
    pipeline = pm.Pipeline(made, device="cpu", precision=precision)
    image = torch.rand(made.in_channels, *SIZE)
    plan = pipeline.plan(image)
    Path("/proc/self/clear_refs").write_text("5")  # the most held is now what is held
    start = time.perf_counter()
    pipeline.restore(image)
    seconds = time.perf_counter() - start
    print(json.dumps([plan.peak_bytes, held("VmHWM"), plan.base_bytes, plan.seconds, seconds, plan.tile_count]))


def row(name: str, precision: str) -> dict[str, object]:
    command = [sys.executable, __file__, "--one", name, precision]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    foretold, measured, base, seconds, took, tiles = json.loads(told)
    return {
        "network": name,
        "precision": precision,
        "tiles": tiles,
        "MB before": round(base / 1e6),
        "MB foretold": round(foretold / 1e6),
        "MB measured": round(measured / 1e6),
        "memory off by": round(foretold / measured - 1, 2),
        "within a quarter": abs(foretold / measured - 1) <= WITHIN,
        "s foretold": round(seconds, 1),
        "s measured": round(took, 1),
    }


def main() -> None:
    names = sys.argv[1:] or list(NETWORKS)
    rows = []
    for name in names:
        for precision in ("float32", "bfloat16"):
            rows.append(row(name, precision))
            print(rows[-1], flush=True)
    keep("forecast", "python benchmarks/forecast.py", rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        restore(*sys.argv[2:])
    else:
        main()
