"""How many training samples a second are made bad photographs: crops of 256 pixels to 64, by either paper's chain.

``python benchmarks/real_photos.py FOLDER`` writes results/real_photos.json. Pictures and figures are as in data.py; the
steps of one core are the processor's time for a crop, most of which depends on what is drawn.
"""

import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from time import process_time

import torch
from machine import keep

from data import prepare, samples_per_second
from pixmend.data import Files
from pixmend.degrade import BSRGAN, RealESRGAN
from pixmend.seeding import child

SIDE, SCALE, DRAWN = 256, 4, 400
CHAINS = (RealESRGAN(scale=SCALE), BSRGAN(scale=SCALE))


def steps(how: RealESRGAN | BSRGAN, pictures: Files) -> dict[str, float]:
    """Milliseconds of one core for a crop: the mean of many, all of it and by kind of step."""
    torch.set_num_threads(1)
    spent = defaultdict[str, float](float)
    for number in range(-20, DRAWN):
        began = process_time()
        image = pictures.crop(number % len(pictures), SIDE, key=number).float() / 255
        times = {"cropping from the file": process_time() - began}
        began = process_time()
        drawn = how.drawn(SIDE, SIDE, seed=number)
        times["drawing"] = process_time() - began
        for i, step in enumerate(drawn):
            began = process_time()
            image = step(image, child(number, i))
            times[type(step).__name__] = times.get(type(step).__name__, 0.0) + process_time() - began
        for name, seconds in times.items() if number >= 0 else ():
            spent[name] += 1000 * seconds / DRAWN
    ordered = {name: round(spent[name], 2) for name in sorted(spent, key=lambda name: -spent[name])}
    return {"all": round(sum(spent.values()), 2)} | ordered


def main(source: str) -> None:
    rows: list[dict[str, object]] = [{"load before": round(os.getloadavg()[0], 1), "cores": os.cpu_count()}]
    with tempfile.TemporaryDirectory() as folder:
        loose = Path(folder) / "loose"
        prepare(Path(source), loose)
        pictures = Files([loose], smallest=SIDE)
        for how in CHAINS:
            for workers in (0, 1, 2):
                speed = samples_per_second(
                    pictures, workers, task=f"sr_real_x{SCALE}", patch=SIDE // SCALE, how=how, repeats=3
                )
                rows.append({"chain": type(how).__name__, "workers": workers, "samples a second": round(speed)})
            parts = steps(how, pictures)
            rows += [{"chain": type(how).__name__, "step": name, "ms of one core": ms} for name, ms in parts.items()]
    keep("real_photos", "python benchmarks/real_photos.py FOLDER", rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
