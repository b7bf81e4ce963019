"""How many training samples a second come out of a folder: 48-pixel inputs and 96-pixel truths of ``sr_x2``.

``python benchmarks/data.py FOLDER`` writes results/data.json. The pictures of FOLDER are first made what ImageNet's
are like: 500 x 375, JPEG of quality 90 with halved colour. Each figure is the best of several, since other work on the
machine takes its share; all files are in the system's cache.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from machine import keep
from PIL import Image

from pixmend.data import Batches, CropSource, Files, Pictures, Shards, degradation, pack
from pixmend.data.folders import content_of
from pixmend.data.loader import degrade
from pixmend.degrade import Degradation
from pixmend.image.window import read_window

PICTURES, BATCH, STEPS, REPEATS, SIDE = 200, 32, 8, 10, 96


def prepare(source: Path, folder: Path) -> None:
    """The first pictures of a folder as JPEGs of 500 x 375."""
    folder.mkdir()
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    for number, path in enumerate(paths[:PICTURES]):
        picture = Image.open(path).convert("RGB").resize((500, 375), Image.Resampling.LANCZOS)
        picture.save(folder / f"{number:04}.jpg", quality=90, subsampling="4:2:0")


def samples_per_second(
    pictures: CropSource,
    workers: int,
    *,
    task: str = "sr_x2",
    patch: int = SIDE // 2,
    how: Degradation | None = None,
    repeats: int = REPEATS,
) -> float:
    """Of whole batches, the first left out: it waits for the workers to start."""
    batches = Batches(
        pictures,
        patches={task: patch},
        batch=BATCH,
        every_task=True,
        candidates=1,
        seed=0,
        degradations={task: how or degradation(task)},
    )
    best = 0.0
    for repeat in range(repeats):
        made = batches.from_step(100 * repeat, 100 * repeat + STEPS + 2 * workers + 1, workers=workers)
        for _ in range(2 * workers + 1):  # and with them the batches made ahead
            next(made)
        start = time.perf_counter()
        count = sum(pair.high.shape[0] for batch in made for pair in batch.values())
        best = max(best, count / (time.perf_counter() - start))
    return best


def milliseconds(work: Callable[[int], object], count: int) -> float:
    """Of the processor for each of ``count`` calls, the best of several rounds."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        for n in range(count):
            work(n)
        best = min(best, (time.process_time() - start) / count)
    return 1000 * best


def parts(files: Files) -> dict[str, float]:
    """Where the time of one sample goes, on one core."""
    torch.set_num_threads(1)
    contents = [content_of(path) for path in files.paths]
    high = torch.rand(BATCH, 3, SIDE, SIDE)
    how = degradation("sr_x2")
    draws = torch.randint(375 - SIDE + 1, (len(files),)).tolist()

    def decoded(top: Callable[[int], int]) -> Callable[[int], object]:
        return lambda n: read_window(contents[n], "", lambda height, width: (top(n), 0, SIDE, SIDE))

    found = {
        "read the file": milliseconds(lambda n: content_of(files.paths[n]), len(files)),
        "decode to the last row": milliseconds(decoded(lambda n: 375 - SIDE), len(files)),
        "decode as far as the crop": milliseconds(decoded(lambda n: draws[n]), len(files)),
        "crop, from the file": milliseconds(lambda n: files.crop(n, SIDE, key=n), len(files)),
        "degrade, one by one": milliseconds(lambda n: how(high[n % BATCH], 0), 10 * BATCH),
        "degrade, as a batch": milliseconds(lambda n: degrade(how, high, keys=range(BATCH)), 20) / BATCH,
    }
    return {what: round(value, 3) for what, value in found.items()}


def main(source: str) -> None:
    rows: list[dict[str, object]] = [{"load before": round(os.getloadavg()[0], 1), "cores": os.cpu_count()}]
    with tempfile.TemporaryDirectory() as folder:
        loose, packed = Path(folder) / "loose", Path(folder) / "packed"
        prepare(Path(source), loose)
        pack(loose, packed, shard_size=4 * 10**6)
        sources: list[CropSource] = [
            Pictures([loose], smallest=SIDE),
            Files([loose], smallest=SIDE),
            Shards([packed], smallest=SIDE),
        ]
        for pictures in sources:
            for workers in (0, 1, 2):
                speed = round(samples_per_second(pictures, workers))
                rows.append({"source": type(pictures).__name__, "workers": workers, "samples a second": speed})
        rows += [
            {"part": what, "ms of one core": value} for what, value in parts(Files([loose], smallest=SIDE)).items()
        ]
    keep("data", "python benchmarks/data.py FOLDER", rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
