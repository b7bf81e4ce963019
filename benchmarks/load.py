"""How long a released file takes to load, beside reading its bytes, and how much memory: is there a second copy?

``python benchmarks/load.py [VARIANT]`` writes results/load.json for a file of that size with random weights (HAT-L, 160
MB, unless told). Each figure is the best of several in a process of its own, with the file in the system's cache.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from machine import keep

import pixmend as pm
from pixmend.weights.convert import write_official
from pixmend.weights.open import Opened

REPEATS = 5

_MEASURE = """
import json, sys, time
import torch
import pixmend.weights
way, path = sys.argv[1:]
def memory(what):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024
before = memory("VmRSS:")
start = time.perf_counter()
if way == "read":
    kept = open(path, "rb").read()
elif way == "torch.load":
    kept = torch.load(path, weights_only=True)
else:
    kept = pixmend.weights.load(path)
seconds = time.perf_counter() - start
print(json.dumps([seconds, memory("VmHWM:") - before]))
"""


def measured(way: str, path: Path) -> tuple[float, float]:
    """Seconds and megabytes, the least of several processes."""
    command = [sys.executable, "-c", _MEASURE, way, str(path)]
    runs = [json.loads(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(REPEATS)]
    return min(seconds for seconds, _ in runs), min(memory for _, memory in runs)


def main(variant: str = "hat_l") -> None:
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        network = pm.create(variant)
        opened = Opened(
            where=variant,
            family=type(network).__name__.lower(),
            config=network.config,
            tensors=dict(network.state_dict()),
            layout=None,
            wrapped=(),
            released=None,
            card={},
        )
        for suffix in (".pth", ".safetensors"):
            path = Path(folder) / f"{variant}{suffix}"
            write_official(path, opened)
            size = path.stat().st_size / 1e6
            ways = ("read", "torch.load", "pixmend.load") if suffix == ".pth" else ("read", "pixmend.load")
            for way in ways:
                seconds, memory = measured(way, path)
                rows.append(
                    {
                        "file": path.name,
                        "MB": round(size, 1),
                        "way": way,
                        "seconds": round(seconds, 3),
                        "peak above start, MB": round(memory, 1),
                    }
                )
    keep("load", "python benchmarks/load.py", rows)


if __name__ == "__main__":
    torch.manual_seed(0)
    main(*sys.argv[1:])
