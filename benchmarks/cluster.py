"""The folder job on Ray against the plain one: what starting costs, what a picture costs besides, and a killed worker.

``python benchmarks/cluster.py [PICTURES]`` writes results/cluster.json. Crops of 128 pixels a side are made of the
pictures in that folder (``examples`` by itself). Everything runs on two processors of this machine, one thread each.
"""

import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
from machine import keep
from PIL import Image

import pixmend as pm
from pixmend.infer.cluster import restore_cluster
from pixmend.infer.folder import Record, find_pictures, restore_folder
from pixmend.infer.pipeline import Pipeline
from pixmend.models.base import Restorer

COUNT, LIGHT, SIDE = 24, 200, 128
TASK = "dn_g15"


def main() -> None:
    torch.set_num_threads(1)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    source = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "examples")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(source, folder / "few", count=2)
        make(source, folder / "in", count=COUNT)
        make(source, folder / "many", count=LIGHT, side=32)
        rows = [
            row(
                "start and stop: two pictures, no network to speak of",
                lambda out: cluster(Nothing(), folder / "few", out),
            ),
            row("light network, folder", lambda out: alone(Nothing(), folder / "many", out)),
            row("light network, cluster", lambda out: cluster(Nothing(), folder / "many", out)),
            row(f"default weights, {TASK}, folder", lambda out: alone(network(), folder / "in", out)),
            row(f"default weights, {TASK}, cluster", lambda out: cluster(network(), folder / "in", out)),
            row("the same, a worker killed in the middle", lambda out: killed(network(), folder / "in", out)),
        ]
    keep("cluster", f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '')} python benchmarks/cluster.py", rows)


class Nothing(Restorer):
    """Half as bright."""

    def restore(self, x: torch.Tensor) -> torch.Tensor:
        return x * 0.5


def network() -> Restorer:
    return pm.load("default").select(TASK)


def make(source: Path, folder: Path, *, count: int, side: int = SIDE) -> None:
    """Crops of the pictures."""
    draw = random.Random(0)
    found = [source / name for name in find_pictures(source).files]
    folder.mkdir()
    for number in range(count):
        with Image.open(draw.choice(found)) as picture:
            left, top = draw.randint(0, picture.width - side), draw.randint(0, picture.height - side)
            picture.convert("RGB").crop((left, top, left + side, top + side)).save(folder / f"{number}.png")


def row(what: str, do: Callable[[Path], list[Record]]) -> dict[str, object]:
    """Seconds and records of one way, into a fresh folder."""
    with tempfile.TemporaryDirectory() as name:
        start, processor = time.perf_counter(), worked()
        records = do(Path(name) / "out")
        seconds, processor = time.perf_counter() - start, worked() - processor
    return {
        "what": what,
        "seconds": round(seconds, 1),
        "processor seconds of the command itself": round(processor, 1),
        "records": len(records),
        "different pictures": len({record.path for record in records}),
        "done": sum(record.status == "done" for record in records),
        "megapixels": round(sum(record.pixels for record in records) / 1e6, 3),
        "load": round(os.getloadavg()[0], 1),
    }


def worked() -> float:
    """Processor seconds of this program, without its workers."""
    return time.process_time()


def alone(network: Restorer, source: Path, out: Path) -> list[Record]:
    return list(restore_folder(Pipeline(network, device="cpu"), source, out))


def cluster(network: Restorer, source: Path, out: Path) -> list[Record]:
    return list(restore_cluster(network, source, out))


def killed(network: Restorer, source: Path, out: Path) -> list[Record]:
    """One worker is killed as soon as a third of the results are there."""

    def kill() -> None:
        while len(list(out.glob("*.png"))) < COUNT // 3:
            time.sleep(0.1)
        os.kill(workers()[0], signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    return cluster(network, source, out)


def workers() -> list[int]:
    """Of this program, by the titles of processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        process = int(path.name)
        try:
            title, above = (path / "cmdline").read_bytes(), process
            while above > 1 and above != os.getpid():
                above = int(Path(f"/proc/{above}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if title.startswith(b"ray::MapWorker") and above == os.getpid():
            found.append(process)
    return found


if __name__ == "__main__":
    main()
