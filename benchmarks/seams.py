"""What tiles change: the bundled network over a picture in tiles against the picture done whole.

``python benchmarks/seams.py PICTURE [TASK...]`` takes a picture of 1000 pixels or so, spoils it where a task asks for
it, restores it whole and in tiles, as a pipeline chooses them and with other overlaps, and writes results/seams.json.
Largest difference and root mean square in levels of 255; the share of values that are another level, or more than one,
once rounded; the difference in PSNR to the clean picture; seconds of processor time beside those of the whole.
"""

import sys
import time
from pathlib import Path

import torch
from machine import keep
from torch import Tensor

import pixmend as pm
from pixmend.degrade import GaussianNoise
from pixmend.errors import PixmendError
from pixmend.infer.pipeline import Pipeline
from pixmend.metrics import psnr

SIDE = 1024
BORDER = 16
"""Pixels at the picture's border that "inside" leaves out."""
OVERLAPS = (None, 16, 64, 128, 192)
"""None is the default; those beyond half of the largest tile are left out."""


def spoiled(clean: Tensor, task: str) -> Tensor:
    """What the network is given; the clean picture itself where nothing can be added to it that it knows."""
    if task.startswith("dn_g"):
        return GaussianNoise(sigma=int(task[4:]))(clean, seed=0)
    return pm.degrade.Bicubic(scale=int(task[-1]))(clean) if task.startswith("sr") else clean


def levels(image: Tensor) -> Tensor:
    return (image.clamp(0, 1) * 255).round()


@torch.inference_mode()
def measure(clean: Tensor, task: str) -> list[dict[str, object]]:
    network = pm.load("default").select(task).eval()
    side = SIDE // network.scale // 12 * 12 * network.scale
    clean = clean[:, :side, :side]
    low = spoiled(clean, task)
    started = time.process_time()
    whole = network(low[None])[0]
    seconds = time.process_time() - started
    rows: list[dict[str, object]] = []
    for overlap in OVERLAPS:
        pipeline = Pipeline(network, device="cpu", overlap=overlap)
        try:
            step = pipeline.plan(low).steps[0]
        except PixmendError:
            continue
        if overlap is not None and overlap != step.overlap:  # on the grid it is another one of them
            continue
        started = time.process_time()
        tiled = pipeline(low)
        apart, steps = (tiled - whole).abs() * 255, (levels(tiled) - levels(whole)).abs()
        truth = [psnr(image, clean, border=0, luma="rgb", round8=True) for image in (tiled, whole)]
        rows.append(
            {
                "task": task,
                "size": low.shape[-1],
                "tile": step.tile,
                "overlap": step.overlap,
                "default": overlap is None,
                "tiles": len(step.tiles),
                "largest": round(float(apart.max()), 3),
                "inside": round(float(apart[..., BORDER:-BORDER, BORDER:-BORDER].max()), 3),
                "rms": round(float(apart.square().mean().sqrt()), 4),
                "another level": round(float((steps > 0).float().mean()), 5),
                "more than one": round(float((steps > 1).float().mean()), 6),
                "dB": round(float(truth[0] - truth[1]), 4),
                "seconds": round(time.process_time() - started, 1),
                "seconds whole": round(seconds, 1),
            }
        )
    return rows


if __name__ == "__main__":
    picture = pm.read_image(sys.argv[1])
    tasks = sys.argv[2:] or ["sr_x2", "sr_x4", "dn_g15", "dn_g25", "dn_g50", "dr_L", "dr_H"]
    command = " ".join(["python benchmarks/seams.py", Path(sys.argv[1]).name, *sys.argv[2:]])
    keep("seams", command, [row for task in tasks for row in measure(picture, task)])
