"""What every recipe's small form costs, and whether it trains, resumes and is described.

``python benchmarks/recipes.py FOLDER [RECIPE ...]`` writes results/recipes.json, of some recipes their rows alone;
``python benchmarks/recipes.py --table`` writes the table of docs/reference/recipes.md from it.

The small form (``pixmend.recipes.small``) is trained on eight squares of 256 pixels from the middle of FOLDER's first
pictures, in a process of its own, on one core. Seconds are the median of ten steps after three; memory is the largest
beyond what the imports take, without the drawing of curves. Then two steps are made whole and in two parts.
"""

import importlib
import inspect
import json
import multiprocessing
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from machine import RESULTS, describe
from PIL import Image

from pixmend.data import degradation
from pixmend.errors import PixmendError
from pixmend.models import build
from pixmend.recipes import RECIPES, find, small
from pixmend.train import Every, Progress, Run, fit
from pixmend.weights import read

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "recipes.md"
MARK = "<!-- the recipes, written by benchmarks/recipes.py -->"
PARTS = ("Reproduces: ", "Command: ", "Data", "Hardware", "Hours", "Expected", "disagree")
PICTURES, SIDE, WARM, MEASURED = 8, 256, 3, 10
IMPORTED = ("accelerate", "matplotlib.figure", "torch._dynamo", "torch.distributed.tensor")
"""What ``fit`` imports as it goes."""


class Killed(Exception):
    """Stops a run after a step, before it draws its curves."""


def prepare(source: Path, root: Path) -> None:
    """``clean``, and darker ones for the recipes that take pairs: ``one``, ``two``."""
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    for folder, share in {"clean": 1.0, "one": 0.5, "two": 0.6}.items():
        (root / folder).mkdir()
        for number, path in enumerate(paths[:PICTURES]):
            picture = Image.open(path).convert("RGB")
            left, top = (picture.width - SIDE) // 2, (picture.height - SIDE) // 2
            middle = picture.crop((left, top, left + SIDE, top + SIDE))
            middle.point(lambda value, share=share: int(value * share)).save(root / folder / f"{number}.png")


def prepared(name: str, *, steps: int) -> Run:
    """The small form, on the pictures of ``prepare`` in the working directory."""
    run = small(find(name), steps=steps)
    low = () if _made(run.tasks[0]) else ("one", "two")[: 1 + run.tasks[0].endswith("dual")]
    data = replace(run.data, folders=("clean",), low=low, small="reflect" if low else run.data.small)
    return replace(run, data=data, every=Every(log=steps, preview=steps, save=1 if steps == 3 else steps), trackers=())


def _made(task: str) -> bool:
    try:
        return bool(degradation(task))
    except PixmendError:
        return False


def first(run: Run, out: Path, *, steps: int, resume: bool = False, seen: Callable[[], object] = lambda: None) -> None:
    """Carry out so many steps; ``seen`` is called after each."""

    def watch(progress: Progress) -> None:
        seen()
        if progress.step == steps:
            raise Killed

    try:
        fit(run, out, resume=resume, watch=watch)
    except Killed:
        return
    raise AssertionError(f"{run.name}: ended before step {steps}")


def begin(name: str) -> None:
    """Leave the weights that it begins with: a step of the small form of what it names."""
    start = prepared(name, steps=3).start
    if start is not None and not Path(start).exists():
        left = Path(start).parent
        first(prepared(left.name.removesuffix(".small"), steps=3), left, steps=1)


def resumes(name: str) -> bool:
    """Whether two steps in two parts leave the bits of two steps at once."""
    run, parts, whole = prepared(name, steps=3), Path("parts", name), Path("whole", name)
    first(run, whole, steps=2)
    first(run, parts, steps=1)
    first(run, parts, steps=2, resume=True)
    for file in ("state.safetensors", "weights.safetensors"):
        one, other = (read(out / file).tensors for out in (whole, parts))
        if one.keys() != other.keys() or not all(torch.equal(tensor, other[key]) for key, tensor in one.items()):
            return False
    return True


def cost(name: str) -> dict[str, object]:
    """Seconds of a step, and memory in MB."""
    run, times = prepared(name, steps=WARM + MEASURED + 2), []
    before = megabytes("VmRSS:")
    first(run, Path("cost", name), steps=WARM + MEASURED + 1, seen=lambda: times.append(time.process_time()))
    seconds = [after - before for before, after in pairwise(times)][WARM:]
    return {"seconds a step": round(statistics.median(seconds), 4), "MB": round(megabytes("VmHWM:") - before)}


def megabytes(what: str) -> float:
    """Of this process: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) * 1024 / 1e6


def parameters(run: Run) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build(run.model).parameters())


def missing(recipe: Callable[[], Run]) -> list[str]:
    """Parts that the docstring of a recipe lacks, together with that of a recipe which it says to see."""
    function: Any = recipe.func if isinstance(recipe, partial) else recipe
    text = function.__doc__ or ""
    for other in re.findall(r"see ``(\w+)``", text):
        text += getattr(inspect.getmodule(function), other).__doc__
    return [part for part in PARTS if part.lower() not in text.lower()]


def row(name: str) -> dict[str, object]:
    torch.set_num_threads(1)
    run = find(name)
    said: dict[str, object] = {"recipe": name, "parameters": parameters(run), "small": parameters(small(run))}
    try:
        said |= {**cost(name), "trains two steps": True, "resumes bit for bit": resumes(name)}
    except Exception as error:  # of one recipe, which is what is to be found out
        said |= {"trains two steps": False, "error": f"{type(error).__name__}: {error}"}
    return said


def measure(source: str, names: list[str]) -> None:
    """Each recipe in a fork of this process, whose imports are done, and are no recipe's memory."""
    for module in IMPORTED:
        importlib.import_module(module)
    file, folder = RESULTS / "recipes.json", Path(source).resolve()
    old = json.loads(file.read_text())["rows"] if names and file.exists() else []
    known: dict[str, dict[str, object]] = {kept["recipe"]: kept for kept in old}
    with tempfile.TemporaryDirectory() as root:
        os.chdir(root)
        prepare(folder, Path(root))
        with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
            for name in names or RECIPES:
                pool.apply(begin, (name,))
                known[name] = pool.apply(row, (name,))
                print(*(f"{key} {value}" for key, value in known[name].items()), sep="   ", flush=True)
                rows = [known[each] for each in RECIPES if each in known]
                content = {"command": "python benchmarks/recipes.py FOLDER", "machine": describe(), "rows": rows}
                file.write_text(json.dumps(content, indent=2) + "\n")


def table(text: str, content: dict[str, Any]) -> str:
    """The page with the table of these results between its marks."""
    before, mark, rest = text.partition(MARK)
    if not mark or MARK not in rest:
        raise SystemExit(f"{PAGE}: expected two marks {MARK}")
    machine = content["machine"]
    lines = [
        f"{len(content['rows'])} recipes, measured with `{content['command']}` on one core of {machine['processor']}, "
        f"PyTorch {machine['torch']}, commit {machine['commit']}, {machine['date']}.",
        "",
        "| recipe | parameters | of the small form | s / step | MB | two steps | resumes bit for bit | docstring |",
        "|---|--:|--:|--:|--:|---|---|---|",
        *map(_line, content["rows"]),
    ]
    return "\n".join([f"{before}{MARK}", "", *lines, "", f"{MARK}{rest.partition(MARK)[2]}"])


def _line(found: dict[str, Any]) -> str:
    lacks = ", ".join(
        part.strip(": ").replace("disagree", "disagreements") for part in missing(RECIPES[found["recipe"]])
    )
    cells = (
        f"`{found['recipe']}`",
        f"{found['parameters']:,}",
        f"{found['small']:,}",
        f"{found['seconds a step']:.3f}" if "MB" in found else "-",
        f"{found['MB']}" if "MB" in found else "-",
        "yes" if found["trains two steps"] else f"no: {found['error']}",
        {True: "yes", False: "no", None: "-"}[found.get("resumes bit for bit")],
        f"lacks {lacks}" if lacks else "complete",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    if sys.argv[1] != "--table":
        measure(sys.argv[1], sys.argv[2:])
    results = json.loads((RESULTS / "recipes.json").read_text())
    PAGE.write_text(table(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
