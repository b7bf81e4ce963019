"""A folder of small pictures against the same pictures one by one; what overlapping and batching gain, and memory.

``python benchmarks/folder.py [PICTURES]`` writes results/folder.json. Sixty crops of 64 to 300 pixels a side are made
of the pictures in that folder (``examples`` by itself), half of them PNG and half JPEG. Ways of doing them are timed in
turns, and of the turns the median is kept; processor seconds say what was computed where others use the machine too.
"""

import json
import os
import random
import resource
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
from pixmend.image import Picture, read_picture, write_picture
from pixmend.infer.folder import FolderRun, find_pictures, forecast_job, plan_job
from pixmend.infer.picture import restore_picture
from pixmend.infer.pipeline import Pipeline
from pixmend.models.base import Restorer

COUNT, ALONE, TURNS = 60, 6, 3
SIDES = (64, 300)
LIMITS = (450, 600, 800)
TILES = (48, 96, 144)
WAIT = 0.03


def main() -> None:
    if sys.argv[1:2] == ["--memory"]:
        print(json.dumps(measured(Path(sys.argv[2]), int(sys.argv[3]) * 10**6)))
        return
    source = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "examples")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        megapixels = make(source, folder / "in")
        rows = [
            *memory(folder),
            *waiting(folder, megapixels),
            *overlap(folder, megapixels),
            *ways(folder, megapixels),
            *batching(),
        ]
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


def memory(folder: Path) -> list[dict[str, object]]:
    """Twenty pictures of four formats, 8 and 16 bits, some with transparency, enlarged twice within a limit."""
    draw = torch.Generator().manual_seed(0)
    (folder / "mixed").mkdir()
    for number in range(20):
        side, suffix = (250, 500, 700, 900)[number % 4], (".png", ".jpg", ".webp", ".tif", ".png")[number % 5]
        pixels = torch.rand(3, side, side, generator=draw) * 0.1 + torch.linspace(0, 0.9, side)
        alpha = torch.rand(1, side, side, generator=draw) if number % 3 == 0 and suffix != ".jpg" else None
        picture = Picture(pixels=pixels, alpha=alpha, depth=16 if suffix == ".tif" else 8)
        write_picture(folder / "mixed" / f"{number}{suffix}", picture)
    rows: list[dict[str, object]] = []
    for limit in LIMITS:
        command = [sys.executable, __file__, "--memory", folder, str(limit)]
        rows.append({"limit, MB": limit, **json.loads(subprocess.check_output(command))})
    return rows


def measured(folder: Path, limit: int) -> dict[str, object]:
    """Of a process of its own: what is foretold, and the most that was resident."""
    pipeline = Pipeline(Twice(), device="cpu", max_memory=limit)
    job = plan_job(folder / "mixed", folder / f"mixed {limit}")
    told = forecast_job(job, [pipeline])
    statuses = [record.status for record in FolderRun(job, [pipeline])]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    counts = {"done": statuses.count("done"), "failed": statuses.count("failed")}
    return {"foretold, MB": round(told.peak_bytes / 1e6), "measured, MB": round(peak / 1e6), **counts}


class Twice(Restorer):
    """Two convolutions, which are light enough for pictures to be what takes the memory."""

    scale = 2

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 32, 3, padding=1), torch.nn.Conv2d(32, 12, 3, padding=1), torch.nn.PixelShuffle(2)
        )

    def restore(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear") * 0.9 + self.body(x) * 0.01


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
