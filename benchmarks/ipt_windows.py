"""IPT sees 48 x 48 pixels: what the plan of overlapping windows costs and how well it hides its borders.

``python benchmarks/ipt_windows.py WEIGHTS PICTURE...`` compares, for weights of any IPT that has the task dn_g25, the
official plan (windows every 12 pixels, of which the inner 24 count, averaged) with blended windows at several overlaps
and with none, and writes results/ipt_windows.json. Of each plan: windows computed, PSNR of the whole, and the seam: how
much steeper the error is across the borders of windows than elsewhere, 1 where they leave no trace.
"""

import sys
from collections.abc import Callable

import torch
from machine import keep
from torch import Tensor

import pixmend as pm
from pixmend.degrade import GaussianNoise
from pixmend.layers.tiles import place_tiles, tiled

SIZE, STRIDE, KEPT = 48, 12, 24
Run = Callable[[Tensor], Tensor]


def official(run: Run, image: Tensor) -> tuple[Tensor, int, list[int]]:
    """Windows every 12 pixels; their inner 24 x 24 are averaged, and the frame comes from the outermost windows.

    Source: utility of Pretrained-IPT (``forward_chop``). The windows along the four borders, which it computes a second
    time, are counted once.
    """
    starts = [sorted({*range(0, side - SIZE + 1, STRIDE), side - SIZE}) for side in image.shape[-2:]]
    total, weight = torch.zeros_like(image), torch.zeros_like(image[:1])
    margin = (SIZE - KEPT) // 2
    for top in starts[0]:
        results = run(torch.stack([image[:, top : top + SIZE, left : left + SIZE] for left in starts[1]]))
        for left, result in zip(starts[1], results, strict=True):
            spans = []
            for start, side in ((top, image.shape[-2]), (left, image.shape[-1])):
                first = 0 if start == 0 else start + margin
                last = side if start == side - SIZE else start + SIZE - margin
                spans.append((first, last, start))
            (t0, t1, t), (l0, l1, left_) = spans
            total[:, t0:t1, l0:l1] += result[:, t0 - t : t1 - t, l0 - left_ : l1 - left_]
            weight[:, t0:t1, l0:l1] += 1
    borders = [start + margin for start in starts[1][1:]] + [start + SIZE - margin for start in starts[1][:-1]]
    return total / weight, len(starts[0]) * len(starts[1]), sorted(set(borders))


def blended(run: Run, image: Tensor, overlap: int) -> tuple[Tensor, int, list[int]]:
    """Windows that overlap by at least so much, in linear ramps: what pixmend does."""
    tiles = place_tiles((image.shape[-2], image.shape[-1]), tile=SIZE, overlap=overlap, multiple=1)
    output = torch.cat(list(tiled(run, image, tiles=tiles, scale=1)), dim=-2)
    borders = [span.start for span in tiles.columns[1:]] + [span.stop for span in tiles.columns[:-1]]
    return output, len(tiles), sorted(set(borders))


def seam(output: Tensor, clean: Tensor, borders: list[int]) -> float:
    """How steep the error is between the columns on both sides of a border, over how steep it is elsewhere."""
    steps = (output - clean).diff(dim=-1).abs().mean(dim=(0, 1))
    at = torch.zeros(len(steps), dtype=torch.bool)
    at[torch.tensor(borders) - 1] = True
    return float(steps[at].mean() / steps[~at].mean())


def main(weights: str, *pictures: str) -> None:
    network = pm.load(weights, tasks=("dn_g25",)).select("dn_g25")
    plans: dict[str, Callable[[Run, Tensor], tuple[Tensor, int, list[int]]]] = {"official, every 12": official}
    for overlap in (24, 20, 16, 12, 8, 0):
        plans[f"blended, overlap {overlap}"] = lambda run, image, overlap=overlap: blended(run, image, overlap)
    rows: list[dict[str, object]] = []
    clean = [pm.read_image(picture) for picture in pictures]
    with torch.inference_mode():
        for name, plan in plans.items():
            scores, seams, windows = [], [], 0
            for index, image in enumerate(clean):
                noisy = GaussianNoise(sigma=25.0)(image, seed=index)
                output, count, borders = plan(network, noisy)
                scores.append(pm.metrics.psnr(output.clamp(0, 1), image, border=0, luma="rgb", round8=True))
                seams.append(seam(output, image, borders))
                windows += count
            rows.append(
                {
                    "plan": name,
                    "windows": windows,
                    "of the official": round(windows / (rows[0]["windows"] if rows else windows), 3),  # type: ignore[operator]
                    "PSNR": round(sum(scores) / len(scores), 3),
                    "seam": round(sum(seams) / len(seams), 3),
                }
            )
    keep("ipt_windows", "python benchmarks/ipt_windows.py WEIGHTS PICTURE...", rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
