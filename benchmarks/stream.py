"""A picture of 1.2 gigapixels through a network: memory, time, and the same killed again and again.

``python benchmarks/stream.py FOLDER [WIDTH HEIGHT [KILLS]]`` writes results/stream.json. In the folder, which needs
8 GB for the full size, a TIFF of tiles is made of a picture in ``examples``; it is removed afterwards. The network is
one convolution that sharpens, so that reading, blending and writing are what is measured; on a smaller picture, the
bundled one too. Killed is a picture of a fifth of the sides. Memory is the largest resident set that the system saw of
the process, and at each quarter of the way.
"""

import hashlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import torch
from machine import keep
from torch import Tensor

import pixmend as pm
from pixmend.infer.pipeline import Pipeline
from pixmend.infer.stream import stream_picture
from pixmend.infer.stream.journal import place_of
from pixmend.models.base import Restorer

EXAMPLE = Path(__file__).parent.parent / "examples" / "building_rain.png"
REAL = (1536, 1024)


class Sharpen(Restorer):
    """A Laplacian taken away from each channel."""

    def __init__(self) -> None:
        super().__init__()
        kernel = torch.tensor([[0.0, -0.25, 0.0], [-0.25, 2.0, -0.25], [0.0, -0.25, 0.0]])
        self.register_buffer("kernel", kernel.expand(3, 1, 3, 3).contiguous())

    def restore(self, x: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(x, self.get_buffer("kernel"), padding=1, groups=3)


def main() -> None:
    folder = Path(sys.argv[1])
    width, height = (int(value) for value in (sys.argv[2:4] or ("40000", "30000")))
    kills = int(sys.argv[4]) if len(sys.argv) > 4 else 10
    source, target = folder / "source.tif", folder / "result.tif"
    make(source, width, height)
    rows = [once("sharpen", source, target)]
    make(source, width // 5, height // 5)
    rows += [once("sharpen", source, target)]
    seconds = float(str(rows[-1]["seconds"]))
    again = folder / "again.tif"
    rows += [killed("sharpen", source, again, expected=digest(target), kills=kills, seconds=seconds)]
    rows += [once("sharpen", source, folder / f"result{suffix}") for suffix in (".png", ".jpg")]
    make(source, *REAL)
    rows += [once("default:sr_x2", source, target)]
    for name in ("source.tif", "result.tif", "result.png", "result.jpg"):
        (folder / name).unlink()
    keep("stream", f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '')} python benchmarks/stream.py FOLDER", rows)


def make(path: Path, width: int, height: int) -> None:
    """The example side by side with itself, brighter towards one corner, so that no two places are alike."""
    import pyvips

    tile = pyvips.Image.new_from_file(str(EXAMPLE))
    many = tile.replicate(-(-width // tile.width), -(-height // tile.height)).crop(0, 0, width, height)
    at = pyvips.Image.xyz(width, height)
    slope = at[0] / width * 60 + at[1] / height * 60 - 60
    picture = (many + slope).cast("uchar").copy(interpretation="srgb")
    picture.tiffsave(str(path), tile=True, tile_width=256, tile_height=256, bigtiff=True, compression="none")


def once(model: str, source: Path, target: Path) -> dict[str, object]:
    started, process = time.perf_counter(), start(model, source, target)
    seen: list[tuple[float, int]] = []
    while process.poll() is None:
        seen.append((time.perf_counter() - started, resident(process.pid)))
        time.sleep(0.2)
    _check(process)
    seconds = time.perf_counter() - started
    quarters = [max(bytes_ for at, bytes_ in seen if at <= seconds * part / 4) / 1e6 for part in (1, 2, 3, 4)]
    return describe(model, source, target) | {
        "seconds": round(seconds, 1),
        "peak MB": round(float(process.stdout.read()) / 1e6),  # type: ignore[union-attr]
        "resident MB by quarter": [round(value) for value in quarters],
        "output MB": round(target.stat().st_size / 1e6),
    }


def killed(model: str, source: Path, target: Path, *, expected: str, kills: int, seconds: float) -> dict[str, object]:
    """Killed at random times, without warning, and run again, until it was killed so often and has come to its end.

    Whenever it comes to its end, the result is compared with ``expected`` and removed.
    """
    draw, found, same = random.Random(0), [], []
    while len(found) < kills or not same:
        process = start(model, source, target)
        try:
            process.wait(timeout=draw.uniform(0.3, 0.8) * seconds if len(found) < kills else None)
            _check(process)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            found.append(journal_lines(target))
        if target.exists() and not place_of(target).exists():
            same.append(digest(target) == expected)
            target.unlink()
    return describe(model, source, target) | {
        "kills": len(found),
        "rows of tiles done at each kill": found,
        "results": len(same),
        "identical": all(same),
    }


def journal_lines(target: Path) -> int:
    journal = place_of(target) / "journal.jsonl"
    return max(0, journal.read_bytes().count(b"\n") - 1) if journal.exists() else 0


def describe(model: str, source: Path, target: Path) -> dict[str, object]:
    import pyvips

    image = pyvips.Image.new_from_file(str(source), access="sequential", revalidate=True)
    size = f"{image.width} x {image.height}"
    return {"model": model, "picture": size, "to": target.suffix, "source MB": round(source.stat().st_size / 1e6)}


def start(model: str, source: Path, target: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, __file__, "--work", model, str(source), str(target)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def work(model: str, source: str, target: str) -> None:
    """In a process of its own; prints its peak."""
    import resource

    network = Sharpen() if model == "sharpen" else pm.load(model.partition(":")[0])
    stream_picture(Pipeline(network, task=model.partition(":")[2] or None), source, target=target)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):  # it has ended
        return 0


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(process: "subprocess.Popen[str]") -> None:
    if process.returncode:
        raise SystemExit(f"ended with {process.returncode}")


if __name__ == "__main__":
    if sys.argv[1] == "--work":
        work(*sys.argv[2:])
    else:
        main()
