"""How much the protocol alone moves a score: ``python benchmarks/protocols.py DIR`` writes results/protocols.json.

DIR holds Set5, McMaster and Rain100L. Bicubic enlargement beside its published row; one network, and the noisy picture
itself, under the four denoising protocols; one network under three lumas and both padding rules; and the time that
scoring takes beside restoring.
"""

import sys
import time

import torch
from machine import keep

import pixmend as pm
from pixmend.evaluate import CLASSIC_SR, PROTOCOLS, BicubicEnlarge, Identity, Padding, find, measure, published
from pixmend.models.base import MultiTask, Restorer

DENOISING = ("colour_denoising", "colour_denoising_swinir", "colour_denoising_edt", "colour_denoising_ipt")
DERAINING = ("deraining", "deraining_edt", "deraining_ipt")
Row = dict[str, object]


def score(model: Restorer, folder: str, task: str, *, protocol: str = "classic_sr", padding: Padding = "needed") -> Row:
    """One mean, beside the published one if there is one."""
    name = {BicubicEnlarge: "bicubic", Identity: "input"}.get(type(model), "default")
    report = measure(model, find(folder, task=task), protocol=PROTOCOLS[protocol], padding=padding, name=name)
    mean = report.mean
    row: Row = {"model": name, "on": report.benchmark, "task": task, "protocol": protocol, "padding": padding}
    row |= {"psnr": round(mean.psnr, 4), "ssim": None if mean.ssim is None else round(mean.ssim, 5)}
    known = published("bicubic", report) if isinstance(model, BicubicEnlarge) else None
    return row | ({"published": known.psnr, "difference": round(known.difference(report), 2)} if known else {})


def seconds(folder: str) -> Row:
    """For the five pictures of Set5 x2 on one core: enlarged bicubically, and scored."""
    benchmark = find(folder, task="sr_x2")
    pairs = [(low, high) for low, high in map(benchmark.read, benchmark.pairs) if low is not None]
    model = BicubicEnlarge(2)
    started = time.perf_counter()
    restored = [model(low[None])[0] for low, _ in pairs]
    between = time.perf_counter()
    for result, (_, high) in zip(restored, pairs, strict=True):
        CLASSIC_SR.score(result, high, scale=2)
    times = {"enlarged in": between - started, "scored in": time.perf_counter() - between}
    return {"on": "Set5 x2", **{name: f"{value:.3f} s" for name, value in times.items()}}


def main() -> None:
    root = sys.argv[1]
    torch.set_num_threads(1)
    network = pm.load("default")
    assert isinstance(network, MultiTask)
    rows = [score(BicubicEnlarge(scale), f"{root}/Set5", f"sr_x{scale}") for scale in (2, 3, 4)]
    for model in (network.select("dn_g25"), Identity()):
        rows += [score(model, f"{root}/McMaster", "dn_g25", protocol=name) for name in DENOISING]
    rows += [score(network.select("dr_L"), f"{root}/Rain100L", "dr_L", protocol=name) for name in DERAINING]
    paddings: tuple[Padding, ...] = ("needed", "always")
    for scale in (2, 3, 4):
        model, task = network.select(f"sr_x{scale}"), f"sr_x{scale}"
        rows += [score(model, f"{root}/Set5", task, padding=padding) for padding in paddings]
    rows.append(seconds(f"{root}/Set5"))
    keep("protocols", "python benchmarks/protocols.py DIR", rows)


if __name__ == "__main__":
    main()
