"""What an ensemble of eight gains and costs, what less strength does, and one resampling after the network.

``python benchmarks/ensemble.py [DIR]`` writes results/ensemble.json: PSNR by pixmend's own protocols, with the bundled
weights, on examples/sign.png, reduced by MATLAB's bicubic or with noise of sigma 25, and on the Set5 that lies in DIR;
processor seconds of the network on one core, and megabytes that it works in on a tile of 192 pixels, as foretold.
Sizes: the picture reduced to half is enlarged by 1.5, and compared with the picture reduced to three quarters, on all
colours and without a border.
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from machine import keep
from torch import Tensor

import pixmend as pm
from pixmend.degrade import Bicubic, imresize, round8
from pixmend.evaluate import CLASSIC_SR, COLOUR_DENOISING, Protocol, find
from pixmend.image import read_image
from pixmend.infer.ensemble import Ensembled
from pixmend.infer.footprint import measure_footprint
from pixmend.infer.resample import Resample
from pixmend.infer.strength import Blended
from pixmend.metrics import psnr
from pixmend.models.base import MultiTask, Restorer

EXAMPLE = Path(__file__).parent.parent / "examples" / "sign.png"
STRENGTHS, TILE = (0.25, 0.5, 0.75), 192
Row = dict[str, object]
Pair = tuple[Tensor, Tensor]


class Given(Restorer):
    """Results that are there already, in their order, as a network gives them."""

    def __init__(self, results: list[Tensor], *, scale: int) -> None:
        super().__init__()
        self.results, self.scale = iter(results), scale

    def forward(self, x: Tensor) -> Tensor:
        return next(self.results)[None]


@torch.inference_mode()
def restored(network: Restorer, pairs: list[Pair]) -> tuple[list[Tensor], Row]:
    started = time.process_time()
    results = [network(low[None])[0] for low, _ in pairs]
    seconds = time.process_time() - started
    working = measure_footprint(network, device=torch.device("cpu"), precision="float32").at(TILE**2)
    return results, {"seconds": round(seconds, 1), "MB": round(working / 1e6)}


def rows(network: Restorer, pairs: list[Pair], *, on: str, task: str, protocol: Protocol) -> Iterator[Row]:
    def score(results: list[Tensor]) -> float:
        scores = [
            protocol.score(each, high, scale=network.scale) for each, (_, high) in zip(results, pairs, strict=True)
        ]
        return round(sum(each.psnr for each in scores) / len(scores), 3)

    network(pairs[0][0][None])  # the first time takes longer
    plain, cost = restored(network, pairs)
    yield {"on": on, "task": task, "how": "plain", "psnr": score(plain), **cost}
    eight, cost = restored(Ensembled(network), pairs)
    yield {"on": on, "task": task, "how": "ensemble 8", "psnr": score(eight), **cost}
    for strength in STRENGTHS:
        blend = Blended(Given(plain, scale=network.scale), strength)
        blended = [blend(low[None])[0] for low, _ in pairs]
        yield {"on": on, "task": task, "how": f"strength {strength}", "psnr": score(blended)}
    nothing = [imresize(low, scale=network.scale) if network.scale > 1 else low for low, _ in pairs]
    yield {"on": on, "task": task, "how": "no network", "psnr": score(nothing)}
    if network.scale == 2:
        yield from sizes(plain, pairs, on=on)


def sizes(plain: list[Tensor], pairs: list[Pair], *, on: str) -> Iterator[Row]:
    def score(resize: Callable[[Tensor, Tensor, tuple[int, int]], Tensor]) -> float:
        found = []
        for result, (low, high) in zip(plain, pairs, strict=True):
            size = (high.shape[1] * 3 // 4, high.shape[2] * 3 // 4)
            expected = imresize(high, size=size).clamp(0, 1)
            found.append(psnr(resize(low, result, size).clamp(0, 1), expected, border=0, luma="rgb", round8=True))
        return round(sum(found) / len(found), 3)

    def resampled(image: Tensor, size: tuple[int, int]) -> Tensor:
        return Resample((image.shape[1], image.shape[2]), size).whole(image)

    task = "x1.5"
    how = "sr_x2, clamped, resampled"
    yield {"on": on, "task": task, "how": how, "psnr": score(lambda _, made, size: resampled(made.clamp(0, 1), size))}
    how = "sr_x2, resampled as it is"
    yield {"on": on, "task": task, "how": how, "psnr": score(lambda _, made, size: resampled(made, size))}
    yield {"on": on, "task": task, "how": "bicubic", "psnr": score(lambda low, _, size: resampled(low, size))}


def main() -> None:
    torch.set_num_threads(1)
    model = pm.load("default").eval()
    assert isinstance(model, MultiTask)
    high = read_image(EXAMPLE)
    noisy = COLOUR_DENOISING.noise.start()(high, sigma=25)  # type: ignore[union-attr]
    low = round8(Bicubic(scale=2)(high))
    made = list(rows(model.select("sr_x2"), [(low, high)], on="sign.png", task="sr_x2", protocol=CLASSIC_SR))
    made += rows(model.select("dn_g25"), [(noisy, high)], on="sign.png", task="dn_g25", protocol=COLOUR_DENOISING)
    for folder in sys.argv[1:]:
        for task in ("sr_x2", "sr_x4"):
            benchmark = find(f"{folder}/Set5", task=task)
            pairs = [(low, high) for low, high in map(benchmark.read, benchmark.pairs) if low is not None]
            made += rows(model.select(task), pairs, on="Set5", task=task, protocol=CLASSIC_SR)
    keep("ensemble", "python benchmarks/ensemble.py DIR", made)


if __name__ == "__main__":
    main()
