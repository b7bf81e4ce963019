"""How exact the analyses are, what the diffusion index of untrained networks is, what CKA costs.

``python benchmarks/analyze.py PICTURE`` asks about a part of 48 x 48 of the picture and writes results/analyze.json;
``python benchmarks/analyze.py PICTURE NAME COUNT`` adds the time and memory that CKA of NAME over COUNT patches of
48 x 48 takes, in a process of its own.
"""

import itertools
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch
from machine import keep
from torch import Tensor

import pixmend as pm
from pixmend.analyze.cka import unbiased_hsic
from pixmend.analyze.lam import Edges, Intensity, Window, busiest_window
from pixmend.analyze.place import busiest
from pixmend.evaluate.baseline import BicubicEnlarge
from pixmend.models.base import Restorer

SIDE, WINDOW = 48, 16
STEPS, FEW = (5, 10, 25, 50), (5, 10)
LARGE = ("rcan", "hat_s")
"""Asked with few steps, of which each takes seconds."""
UNTRAINED = ("edsr_baseline", "swinir_light", *LARGE)


def networks() -> dict[str, Restorer]:
    """Of scale 2; what has no weights here has random ones."""
    found: dict[str, Restorer] = {"bicubic": BicubicEnlarge(2), "default:sr_x2": pm.load("default").select("sr_x2")}
    for name in UNTRAINED:
        torch.manual_seed(0)
        found[f"{name} (untrained)"] = pm.create(name, scale=2).eval().select(None)
    return found


def part(path: str) -> Tensor:
    image = pm.read_image(path)
    top, left = busiest(image, size=(SIDE, SIDE))
    return image[:, top : top + SIDE, left : left + SIDE]


def linear_error(x: Tensor) -> float:
    """Of a linear network and detector the answer is known: each pixel's weight times how far the path moves it."""
    x, network, window = x.double(), BicubicEnlarge(2), Window(top=40, left=40, size=WINDOW)
    found = pm.analyze.local_attribution(network, x, top=40, left=40, size=WINDOW, detector=Intensity())
    picture = x.clone().requires_grad_()
    (weights,) = torch.autograd.grad(network(picture[None])[..., 40:56, 40:56].sum(), picture)
    from pixmend.analyze.lam import Blur

    known = weights * (x - Blur().start(x))
    assert window == found.window
    return float((found.values - known).abs().max() / known.abs().max())


def attributions(name: str, network: Restorer, x: Tensor, window: Window) -> dict[str, object]:
    """Sums of attributions over what they should be, and the diffusion index, at the most steps."""
    row: dict[str, object] = {"network": name}
    for steps in FEW if name.startswith(LARGE) else STEPS:
        start = time.process_time()
        found = pm.analyze.local_attribution(
            network, x, top=window.top, left=window.left, size=window.size, detector=Edges(), steps=steps
        )
        row[f"completeness at {steps}"] = round(found.completeness, 4)
        row["diffusion index"] = round(found.diffusion_index, 3)
        row["processor seconds a step"] = round((time.process_time() - start) / steps, 3)
    print(row, flush=True)
    return row


def hsic_error() -> float:
    """Against the U-statistic itself: the mean of its kernel over all ordered quadruples of different examples."""
    draw = torch.Generator().manual_seed(0)
    x, y = (torch.randn(8, width, generator=draw, dtype=torch.float64) for width in (5, 3))
    k, l = x @ x.T, y @ y.T  # noqa: E741
    terms = [k[i, j] * (l[i, j] + l[q, r] - 2 * l[i, q]) for i, j, q, r in itertools.permutations(range(8), 4)]
    return abs(unbiased_hsic(k, l) - float(torch.stack(terms).mean()))


def cka_cost(name: str, count: int) -> None:
    """In this process: seconds and megabytes."""
    torch.manual_seed(0)
    network = pm.create(name).eval()
    network = network.select(network.tasks[0] if network.tasks else None)
    patches = torch.rand(count, 3, SIDE, SIDE)
    wall, processor = time.perf_counter(), time.process_time()
    layers = len(pm.analyze.similarity(network, patches).layers)
    took = {"seconds": time.perf_counter() - wall, "processor seconds": time.process_time() - processor}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"network": name, "patches": count, "layers": layers, **took, "peak MiB": peak}))


def main(path: str, *more: str) -> None:
    kept = Path(__file__).parent / "results" / "analyze.json"
    if more:
        command = [sys.executable, __file__, "--cost", *more]
        cost = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        rows = [*json.loads(kept.read_text())["rows"], {"cka": cost}]
    else:
        x = part(path)
        window = busiest_window(x, scale=2, size=WINDOW)
        rows = [{"linear network, largest error": linear_error(x)}, {"HSIC, error": hsic_error()}]
        rows += [attributions(name, network, x, window) for name, network in networks().items()]
    keep("analyze", f"python benchmarks/analyze.py {Path(path).name} [NAME COUNT]", rows)


if __name__ == "__main__":
    if sys.argv[1] == "--cost":
        cka_cost(sys.argv[2], int(sys.argv[3]))
    else:
        main(*sys.argv[1:])
