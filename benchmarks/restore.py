"""Time and memory of ``pixmend restore`` with the default weights, each size in a process of its own.

``python benchmarks/restore.py`` writes results/restore.json: seconds per input megapixel, and the peak of the process.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from machine import keep

from pixmend.image import write_image

SIZES = {"1 megapixel": (1000, 1000), "12 megapixels": (3000, 4000)}
COMMANDS = {"sr_x2": ["--scale", "2"], "dn_g25": ["--denoise", "25"]}


def main() -> None:
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for size, (height, width) in SIZES.items():
            picture = Path(folder) / f"{height}.png"
            noise = torch.rand(3, height // 20, width // 20, generator=torch.Generator().manual_seed(0))
            write_image(picture, torch.nn.functional.interpolate(noise[None], size=(height, width), mode="bicubic")[0])
            for task, options in COMMANDS.items():
                start = time.perf_counter()
                command = [sys.executable, "-m", "pixmend", "restore", str(picture), f"{folder}/out.png", "--force"]
                subprocess.run([*command, *options, "--quiet"], check=True)
                seconds = time.perf_counter() - start
                peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
                rows.append(
                    {
                        "task": task,
                        "picture": size,
                        "seconds": round(seconds, 1),
                        "seconds per input megapixel": round(seconds / (height * width / 1e6), 2),
                        "largest peak so far, MB": round(peak),
                    }
                )
    keep("restore", "python benchmarks/restore.py", rows)


if __name__ == "__main__":
    main()
