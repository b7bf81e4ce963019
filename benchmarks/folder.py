"""A folder of small pictures against the same pictures one by one; what overlapping and batching gain.

``python benchmarks/folder.py [PICTURES]`` writes results/folder.json. Sixty crops of 64 to 300 pixels a side are made
of the pictures in that folder (``examples`` by itself), half of them PNG and half JPEG. Ways of doing them are timed in
turns, and of the turns the median is kept; processor seconds say what was computed where others use the machine too.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from machine import keep
from PIL import Image

import pixmend as pm
from pixmend.image import read_picture, write_picture
from pixmend.infer.folder import FolderRun, find_pictures, plan_job
from pixmend.infer.picture import restore_picture
from pixmend.infer.pipeline import Pipeline
from pixmend.models.base import Restorer

COUNT, ALONE, TURNS = 60, 6, 3
SIDES = (64, 300)
TILES = (48, 96, 144)
WAIT = 0.03


def main() -> None:
    source = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "examples")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        megapixels = make(source, folder / "in")
        rows = [*waiting(folder, megapixels), *overlap(folder, megapixels), *ways(folder, megapixels), *batching()]
    keep("folder", f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '')} python benchmarks/folder.py", rows)


def make(source: Path, folder: Path) -> float:
    """The crops; how many megapixels they are."""
    draw = random.Random(0)
    found = [source / name for name in find_pictures(source).files]
    pixels = 0
    for number in range(COUNT):
        with Image.open(draw.choice(found)) as picture:
            width, height = (min(draw.randint(*SIDES), side) for side in picture.size)
            left, top = draw.randint(0, picture.width - width), draw.randint(0, picture.height - height)
            path = folder / "abc"[number % 3] / f"{number}{('.png', '.jpg')[number % 2]}"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.convert("RGB").crop((left, top, left + width, top + height)).save(path, quality=90)
            pixels += width * height
    return pixels / 1e6


def one_by_one(pipeline: Pipeline, source: Path, out: Path) -> None:
    for name in find_pictures(source).files:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_picture(out / name, restore_picture(pipeline, read_picture(source / name)))


def together(pipeline: Pipeline, source: Path, out: Path, *, batch: int = 1) -> None:
    records = list(FolderRun(plan_job(source, out), [pipeline], batch=batch))
    assert all(record.status == "done" for record in records), records


def timed(folder: Path, doings: dict[str, Callable[[Path], None]], *, turns: int) -> dict[str, tuple[float, float]]:
    """Median wall-clock and processor seconds of each, done in turns into a fresh folder."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in doings}
    for _ in range(turns):
        for name, do in doings.items():
            wall, processor = time.perf_counter(), time.process_time()
            do(folder / "out")
            found[name].append((time.perf_counter() - wall, time.process_time() - processor))
            shutil.rmtree(folder / "out")
    return {
        name: (statistics.median(wall for wall, _ in times), statistics.median(own for _, own in times))
        for name, times in found.items()
    }


def rows_of(times: dict[str, tuple[float, float]], megapixels: float, **facts: object) -> list[dict[str, object]]:
    return [
        {
            **facts,
            "way": name,
            "seconds": round(wall, 2),
            "processor seconds": round(processor, 2),
            "megapixels a second": round(megapixels / wall, 4),
            "load": round(os.getloadavg()[0], 1),
        }
        for name, (wall, processor) in times.items()
    ]


def ways(folder: Path, megapixels: float) -> list[dict[str, object]]:
    """The default weights: a folder, a loop, a command for each."""
    pipeline = Pipeline(pm.load("default"), task="sr_x2", device="cpu")
    pipeline.plan((64, 64))
    doings = {
        "folder": lambda out: together(pipeline, folder / "in", out),
        "loop of one process": lambda out: one_by_one(pipeline, folder / "in", out),
    }
    times = timed(folder, doings, turns=1)
    start = time.perf_counter()
    for name in find_pictures(folder / "in").files[:ALONE]:
        command = [sys.executable, "-m", "pixmend", "restore", folder / "in" / name, folder / f"alone{name.suffix}"]
        subprocess.run([*command, "--quiet", "--force"], check=True)
    rows = rows_of(times, megapixels, network="default, sr_x2", pictures=COUNT)
    seconds = (time.perf_counter() - start) * COUNT / ALONE
    more = {"way": "a command for each", "seconds": round(seconds, 2), "of them measured": ALONE}
    return [*rows, {"network": "default, sr_x2", "pictures": COUNT, **more}]


def overlap(folder: Path, megapixels: float) -> list[dict[str, object]]:
    """The lightest work of the default weights, beside which reading and writing weigh something."""
    pipeline = Pipeline(pm.load("default"), task="dn_g15", device="cpu")
    pipeline.plan((64, 64))
    doings = {
        "folder": lambda out: together(pipeline, folder / "in", out),
        "loop of one process": lambda out: one_by_one(pipeline, folder / "in", out),
    }
    rows = rows_of(timed(folder, doings, turns=TURNS), megapixels, network="default, dn_g15", pictures=COUNT)
    return [row | {"threads": torch.get_num_threads()} for row in rows]


class Elsewhere(Restorer):
    """Bicubic, after a wait in which nothing is computed here: what a network on another device looks like."""

    scale = 2

    def restore(self, x: torch.Tensor) -> torch.Tensor:
        time.sleep(WAIT)
        return torch.nn.functional.interpolate(x, scale_factor=2, mode="bicubic") * 0.99


def waiting(folder: Path, megapixels: float) -> list[dict[str, object]]:
    """Reading and writing against a network that takes no processor."""
    pipeline = Pipeline(Elsewhere(), device="cpu", max_memory=2**34)
    pipeline.plan((64, 64))
    doings = {
        "folder": lambda out: together(pipeline, folder / "in", out),
        "loop of one process": lambda out: one_by_one(pipeline, folder / "in", out),
    }
    times = timed(folder, doings, turns=TURNS)
    return rows_of(times, megapixels, network=f"waits {WAIT} s a picture", pictures=COUNT)


def batching() -> list[dict[str, object]]:
    """Eight tiles through the default network, several at once."""
    network = pm.load("default").select("sr_x2").eval()
    rows: list[dict[str, object]] = []
    for side in TILES:
        tiles = torch.rand(8, 3, side, side, generator=torch.Generator().manual_seed(0))
        best = {batch: float("inf") for batch in (1, 2, 4, 8)}
        with torch.inference_mode():
            network(tiles[:1])
            for _ in range(TURNS):
                for batch in best:
                    start = time.process_time()
                    for part in tiles.split(batch):
                        network(part)
                    best[batch] = min(best[batch], time.process_time() - start)
        facts = {f"processor seconds, {batch} at once": round(seconds, 2) for batch, seconds in best.items()}
        rows.append({"tiles": f"8 of {side} x {side}", "threads": torch.get_num_threads(), **facts})
    return rows


if __name__ == "__main__":
    main()
