"""A benchmark by its folder, or by its name under a folder of benchmarks."""

import re
from contextlib import suppress
from pathlib import Path

from pixmend.errors import PixmendError, nearest
from pixmend.evaluate.benchmarks.known import KNOWN, Known, key, known
from pixmend.evaluate.benchmarks.layouts import layout_of
from pixmend.evaluate.benchmarks.pairing import folders, inside
from pixmend.evaluate.benchmarks.reading import Benchmark
from pixmend.tasks import Task, parse_task

_DEPTH = 3
_SPLITS = ("test", "testset", "val", "valid", "validation")
_PARTS = re.compile(
    rf"{'|'.join(_SPLITS)}|hr|lr|x\d|original(_png)?|gtmod\d+|image_srf_\d|gt|target|clean|png|test_[clr]", re.I
)
"""Folders inside that of a set, which is called by the name of the set instead."""


def find(folder: str | Path, *, task: str) -> Benchmark:
    """The pictures of a folder in one of the layouts of ``layouts``, in the natural order of their names.

    Pairs are made by name and nothing is guessed or left out. Files that are not pictures are ignored.

    Raises:
        PixmendError: unknown task; folder missing, without pictures, or in none or several of the layouts of the
            task; a picture without its partner, or two of one name.
    """
    root = Path(folder)
    wanted = parse_task(task)
    if not root.is_dir():
        problem = "is not a folder" if root.exists() else "no such folder"
        raise PixmendError(f"{root}: {problem}: expected a folder of pictures")
    return _benchmark(root, wanted)


def locate(name: str, *, root: str | Path, task: str) -> Benchmark:
    """A benchmark by its name, wherever it lies under a folder, three folders deep: ``set5``, ``B100``, ``realblur_j``.

    Capitals, hyphens and the usual other names of a set do not count. A set that lies in a folder ``test`` of its own
    is found there. A name that is no known set is that of a folder in ``root``.

    Raises:
        PixmendError: as ``find``; no set of this name, none of its folders under ``root``, or several.
    """
    above, wanted = Path(root), parse_task(task)
    if not above.is_dir():
        raise PixmendError(f"{above}: no such folder: expected the folder your benchmarks are in")
    entry = known(name)
    if entry is None:
        own = above / name
        if name and own.is_dir():
            return find(own, task=task)
        names = [key(each) for one in KNOWN.values() for each in (one.name, *one.aliases)]
        raise PixmendError(f"no benchmark is called {name!r}, nor a folder in {above}: {nearest(key(name), names)}")
    found, refusals = _everywhere(above, entry, wanted)
    if len(found) > 1:
        names = "; ".join(str(benchmark.folder) for benchmark in found)
        raise PixmendError(f"{above}: {entry.name} is there {len(found)} times ({names}): name the folder itself")
    if found:
        return found[0]
    if refusals:
        raise refusals[-1]
    raise PixmendError(f"{above}: no folder is called {entry.name}{_or(entry)}{inside(above)}")


def _everywhere(root: Path, entry: Known, task: Task) -> tuple[list[Benchmark], list[PixmendError]]:
    """The set wherever it lies, and why other folders of its name are not it; where it is found, nobody looks deeper.

    A folder that two links lead to counts once.
    """
    found: list[Benchmark] = []
    refusals: list[PixmendError] = []
    seen: set[Path] = set()
    level = [root]
    for _ in range(_DEPTH + 1):
        deeper: list[Path] = []
        for folder in level:
            real = folder.resolve()
            called_so = key(folder.name) in entry.keys or (folder == root and key(real.name) in entry.keys)
            if real in seen:
                continue
            seen.add(real)
            try:
                if called_so:
                    found.append(_usable(folder, task))
                    continue
            except PixmendError as error:
                refusals.append(error)
            with suppress(PermissionError):  # a folder of others beside the benchmarks
                deeper += folders(folder)
        level = deeper
    return found, refusals


def _usable(place: Path, task: Task) -> Benchmark:
    """The set in the folder itself, else in its ``test``.

    Raises:
        PixmendError: it is in neither; what is said is of the folder itself, if there is no ``test``.
    """
    try:
        return _benchmark(place, task)
    except PixmendError:
        inner = {folder.name.lower(): folder for folder in folders(place)}
        split = next((inner[name] for name in _SPLITS if name in inner), None)
        if split is None:
            raise
        return _benchmark(split, task)


def _benchmark(root: Path, task: Task) -> Benchmark:
    layout = layout_of(root, task)
    entry = _recognised(root)
    name = entry.name if entry else root.resolve().name
    return Benchmark(name=name, task=task, folder=root, layout=layout.name, pairs=layout.pairs, known=entry)


def _recognised(root: Path) -> Known | None:
    """The known set that a folder is called after: ``Set5``, ``Rain100L/test``, ``Set5/HR/x2``."""
    path = root.resolve()
    while _PARTS.fullmatch(path.name):
        path = path.parent
    return known(path.name)


def _or(entry: Known) -> str:
    return f" or {', '.join(entry.aliases)}" if entry.aliases else ""
