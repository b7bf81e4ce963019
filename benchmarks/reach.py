"""How far a cut is felt by each network, what blending leaves of it, and whether that was foretold.

``python benchmarks/reach.py PICTURE [NAME...]`` measures the bundled weights, or networks of these names with random
weights, on the most textured part of a picture, and writes results/reach.json, or adds to it. Two tiles side by side,
which overlap by 8, 16, 32 or 64 pixels where the network's grid lets them, are compared with the network on both at
once: in linear ramps over the inner half of the overlap, as pixmend blends, and over all of it.
"""

import json
import sys
from pathlib import Path

import torch
from machine import keep
from torch import Tensor

import pixmend as pm
from pixmend.infer.reach import measure_reach
from pixmend.models.base import Restorer

TRAINED, UNTRAINED = 128, 64
"""Sides of the tiles."""


def actual(network: Restorer, image: Tensor, *, tile: int, overlap: int) -> tuple[float, float]:
    """The largest difference in levels: ramps over the inner half of the overlap, and over all of it."""
    scale, stride = network.scale, tile - overlap
    whole = network(image[None, :, :tile, : tile + stride])[0]
    left, right = (network(image[None, :, :tile, start : start + tile])[0] for start in (0, stride))
    both = slice(stride * scale, tile * scale)
    a, b, want = left[..., both], right[..., : overlap * scale], whole[..., both]
    position = (torch.arange(overlap * scale) + 0.5) / (overlap * scale)
    apart = [
        max(float(part.abs().max()) for part in (a * (1 - share) + b * share - want, rest(left, right, whole, both)))
        for share in ((2 * position - 0.5).clamp(0, 1), position)
    ]
    return apart[0] * 255, apart[1] * 255


def rest(left: Tensor, right: Tensor, whole: Tensor, both: slice) -> Tensor:
    """What is off outside the overlap."""
    own = torch.cat([left[..., : both.start], right[..., both.stop - both.start :]], -1)
    return own - torch.cat([whole[..., : both.start], whole[..., both.stop :]], -1)


@torch.inference_mode()
def measure(name: str, network: Restorer, image: Tensor, *, tile: int) -> dict[str, object]:
    reach = measure_reach(network, image, side=tile, places=2)
    top = min(reach.places[0][0], image.shape[1] - tile)
    left = min(reach.places[0][1], (image.shape[2] - 2 * tile) // network.multiple * network.multiple)
    around = image[:, top:, left:]
    row: dict[str, object] = {
        "network": name,
        "tile": tile,
        "distance": reach.distance(),
        "span": reach.span,
        "least": round(reach.plateau, 5),
        "independent": reach.independent,
        "overlaps": {},
    }
    for overlap in (8, 16, 32, 64):
        if overlap % network.multiple == 0 and overlap <= tile // 2:
            inner, plain = actual(network, around, tile=tile, overlap=overlap)
            row["overlaps"][overlap] = [round(value, 3) for value in (reach.blended(overlap), inner, plain)]  # type: ignore[index]
    print(name, flush=True)
    return row


def main(path: str, names: list[str]) -> None:
    image = pm.read_image(path)
    rows = []
    if names:
        for name in names:
            torch.manual_seed(0)
            rows.append(measure(f"{name} (untrained)", pm.create(name).select(None).eval(), image, tile=UNTRAINED))
        before = Path(__file__).parent / "results" / "reach.json"
        rows = json.loads(before.read_text())["rows"] + rows if before.exists() else rows
    else:
        default = pm.load("default").eval()
        rows = [measure(f"default:{task}", default.select(task), image, tile=TRAINED) for task in default.tasks]
    keep("reach", f"python benchmarks/reach.py {Path(path).name} [NAME...]", rows)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
