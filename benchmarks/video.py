"""Videos through a network: what reading, computing and encoding take alone and at once, memory, and kills.

``python benchmarks/video.py FOLDER [FRAMES [KILLS]]`` writes results/video.json. In the folder a clip of 640 x 360 is
made of a picture in ``examples`` with a tone; it is removed afterwards. The network is one convolution that sharpens
and enlarges twice, so that all but it is what is measured; on ten small frames, the bundled one too. "alone" are the
three parts one after another, "at once" is the command; "still" is a clip whose frames are all the same. Memory is the
largest resident set that the system saw of the process, and at each quarter of the way.
"""

import hashlib
import os
import random
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import keep
from PIL import Image
from stream import resident
from torch import Tensor

import pixmend as pm
from pixmend.infer.pipeline import Pipeline
from pixmend.infer.stream.journal import place_of
from pixmend.infer.video import plan_video, restore_video
from pixmend.infer.video.encode import Encoder
from pixmend.infer.video.frames import Colour, Damage, frames_of
from pixmend.models.base import Restorer

EXAMPLE = Path(__file__).parent.parent / "examples" / "building_rain.png"


class Sharpen(Restorer):
    """A Laplacian taken away from each channel, and every pixel twice each way."""

    scale = 2

    def __init__(self) -> None:
        super().__init__()
        kernel = torch.tensor([[0.0, -0.25, 0.0], [-0.25, 2.0, -0.25], [0.0, -0.25, 0.0]])
        self.register_buffer("kernel", kernel.expand(3, 1, 3, 3).contiguous())

    def restore(self, x: Tensor) -> Tensor:
        sharp = torch.nn.functional.conv2d(x, self.get_buffer("kernel"), padding=1, groups=3)
        return sharp.repeat_interleave(2, -1).repeat_interleave(2, -2)


def main() -> None:
    folder = Path(sys.argv[1])
    frames = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    kills = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    source, target = folder / "source.mp4", folder / "result.mp4"
    make(source, frames, size=(360, 640))
    rows = [alone(source, target), once("sharpen", source, target)]
    rows += [killed(source, folder / "again.mp4", expected=digest(target), kills=kills, seconds=rows[-1]["seconds"])]
    make(source, frames, size=(360, 640), still=True)
    rows += [once("sharpen", source, target) | {"clip": "still"}]
    make(source, 10, size=(90, 160))
    rows += [once("default:sr_x2", source, target)]
    source.unlink()
    target.unlink()
    threads = os.environ.get("OMP_NUM_THREADS", "")
    keep("video", f"OMP_NUM_THREADS={threads} python benchmarks/video.py FOLDER {frames} {kills}", rows)


def make(path: Path, frames: int, *, size: tuple[int, int], still: bool = False) -> None:
    """A window that wanders over the example, side by side with its mirror image, and a tone."""
    import av

    tile = np.asarray(Image.open(EXAMPLE).convert("RGB"))
    wide = np.concatenate([tile, tile[:, ::-1]], axis=1)
    whole = np.concatenate([wide, wide[::-1]], axis=0)
    while whole.shape[0] < 2 * size[0] or whole.shape[1] < 2 * size[1]:
        whole = np.tile(whole, (2, 2, 1))
    with av.open(str(path), "w") as made:
        video: Any = made.add_stream("libx264", 25, options={"crf": "20"})
        context = video.codec_context
        context.height, context.width, context.pix_fmt = *size, "yuv420p"
        context.time_base = video.time_base = Fraction(1, 12800)
        sound: Any = made.add_stream("aac", 48000)
        for number in range(frames):
            at = 0 if still else number
            top, left = at % (whole.shape[0] - size[0]), 2 * at % (whole.shape[1] - size[1])
            pixels = np.ascontiguousarray(whole[top : top + size[0], left : left + size[1]])
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = 512 * number, context.time_base
            made.mux(video.encode(frame))
        made.mux(video.encode(None))
        for start in range(0, frames * 1920, 1024):
            wave = 0.3 * np.sin(np.arange(start, start + 1024) * 2 * np.pi * 440 / 48000).astype(np.float32)
            heard = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
            heard.sample_rate, heard.pts = 48000, start
            made.mux(sound.encode(heard))
        made.mux(sound.encode(None))


def alone(source: Path, target: Path) -> dict[str, Any]:
    """The three parts one after another, on some frames, as seconds for each."""
    fix = Pipeline(Sharpen())
    plan = plan_video(fix, source, target=target)
    started = time.perf_counter()
    frames = [frame for _, frame in zip(range(50), frames_of(plan.clip, damage=Damage()), strict=False)]
    read = time.perf_counter()
    results = [fix.restore(frame.tensor).pixels for frame in frames]
    computed = time.perf_counter()
    encoder, colour = Encoder(plan.clip, plan.coding), Colour(plan.clip)
    for frame, result in zip(frames, results, strict=True):
        made = colour.to_frame(result, layout=plan.coding.layout, depth=plan.coding.depth)
        encoder.add(made, time=frame.time)
    encoder.finish()
    encoded = time.perf_counter()
    parts = {"reading": read - started, "computing": computed - read, "encoding": encoded - computed}
    each = {name: round(1000 * seconds / len(frames), 1) for name, seconds in parts.items()}
    return {"clip": "alone", "frames": len(frames), "ms a frame": each, "frames/s": round(1000 / sum(each.values()), 1)}


def once(model: str, source: Path, target: Path) -> dict[str, Any]:
    target.unlink(missing_ok=True)
    started, process = time.perf_counter(), start(model, source, target)
    seen: list[tuple[float, int]] = []
    while process.poll() is None:
        seen.append((time.perf_counter() - started, resident(process.pid)))
        time.sleep(0.1)
    assert process.stdout is not None and process.returncode == 0
    took = seen[-1][0]
    quarters = [max(found for at, found in seen if at <= took * part / 4) / 1e6 for part in (1, 2, 3, 4)]
    frames, seconds, reused = process.stdout.read().split()
    return {
        "clip": "at once",
        "model": model,
        "frames": int(frames),
        "seconds": float(seconds),
        "frames/s": round(int(frames) / float(seconds), 2),
        "reused": int(reused),
        "resident MB by quarter": [round(value) for value in quarters],
        "result kB": round(target.stat().st_size / 1000),
    }


def killed(source: Path, target: Path, *, expected: str, kills: int, seconds: float) -> dict[str, Any]:
    """Killed at random times, without warning, and run again, until it was killed so often and has come to its end."""
    draw, found, same = random.Random(0), [], []
    while len(found) < kills or not same:
        process = start("sharpen", source, target)
        try:
            process.wait(timeout=draw.uniform(0.2, 0.9) * (seconds + 2) if len(found) < kills else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            journal = place_of(target) / "journal.jsonl"
            found.append(max(0, journal.read_bytes().count(b"\n") - 1) if journal.exists() else 0)
        if target.exists() and not place_of(target).exists():
            same.append(digest(target) == expected)
            target.unlink()
    return {
        "clip": "killed",
        "kills": len(found),
        "pieces done at each kill": found,
        "results": len(same),
        "identical": all(same),
    }


def start(model: str, source: Path, target: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, __file__, "--work", model, str(source), str(target)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def work(model: str, source: str, target: str) -> None:
    """In a process of its own; prints frames, seconds, and frames that were reused."""
    network = Sharpen() if model == "sharpen" else pm.load(model.partition(":")[0])
    done = restore_video(Pipeline(network, task=model.partition(":")[2] or None), source, target=target)
    print(done.frames, round(done.seconds, 2), done.reused)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    if sys.argv[1] == "--work":
        work(*sys.argv[2:])
    else:
        main()
