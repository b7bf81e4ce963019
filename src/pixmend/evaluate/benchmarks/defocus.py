"""The layouts of DPDD: pictures out of focus, from one view or from the two views of a dual-pixel camera."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from pixmend.errors import PixmendError
from pixmend.evaluate.benchmarks.pairing import inside, matched, natural, pictures, within
from pixmend.evaluate.benchmarks.reading import Pair

_ONE = (
    ("test_c/target", "test_c/source"),
    ("target", "inputC"),
    ("target", "source"),
    ("target", "input"),
)
_TWO = (("test_c/target", "test_l/source", "test_r/source"), ("target", "inputL", "inputR"))
_GROUPS = ("indoor", "outdoor")


def defocus(root: Path, *, dual: bool) -> Iterator[tuple[str, Callable[[], tuple[Pair, ...]]]]:
    """The layouts whose folders are there, and what pairs their files.

    Where names differ in the folders of the original release, files are paired in the order of their names, as all
    its scripts do (a camera numbers its pictures on, so the sharp one of a scene has another number); the name of
    the layout says so.

    Raises:
        PixmendError: no such folders.
    """
    wanted = _TWO if dual else _ONE
    found = False
    for names in wanted:
        sides = [within(root, name) for name in names]
        if all(len(side) == 1 for side in sides):
            found = True
            paths = [side[0] for side in sides]
            original = names[0] == "test_c/target" and not _alike(paths)
            note = ", in the order of the files" if original else ""
            layout = " + ".join(path.relative_to(root).as_posix() for path in paths)
            yield layout + note, partial(_by_order if original else _by_name, root, paths)
    if not found:
        names = ", or ".join(" and ".join(names) for names in wanted)
        raise PixmendError(f"{root}: expected the folders {names}{inside(root)}")


def _alike(paths: list[Path]) -> bool:
    return len({frozenset(pictures(path)) for path in paths}) == 1


def _by_name(root: Path, paths: list[Path]) -> tuple[Pair, ...]:
    high, low, *right = paths
    found = {name: [*files] for name, *files in matched(high, low)}
    if right:
        others = {path: other for _, path, other in matched(high, right[0])}
        found = {name: [*files, others[files[0]]] for name, files in found.items()}
    return _grouped(root, found)


def _by_order(root: Path, paths: list[Path]) -> tuple[Pair, ...]:
    sides = [list(pictures(path).values()) for path in paths]
    if len({len(side) for side in sides}) > 1:
        counts = ", ".join(f"{len(side)} in {path}" for side, path in zip(sides, paths, strict=True))
        raise PixmendError(f"{root}: names differ, and so do the numbers of pictures: {counts}")
    return _grouped(root, {files[0].stem: [*files] for files in zip(*sides, strict=True)})


def _grouped(root: Path, found: dict[str, list[Path]]) -> tuple[Pair, ...]:
    ordered = sorted(found.items(), key=lambda item: natural(item[1][0]))
    groups = _groups(root, len(ordered))
    return tuple(
        Pair(name=name, high=high, low=low, right=right[0] if right else None, group=groups.get(number))
        for number, (name, (high, low, *right)) in enumerate(ordered, 1)
    )


def _groups(root: Path, count: int) -> dict[int, str]:
    """Which pictures, counted from 1, were taken indoors and outdoors; nothing where that is not told of every one.

    Restormer's ``indoor_labels.npy`` and ``outdoor_labels.npy`` lie beside the pictures, or one folder up.
    """
    for folder in (root, root.parent):
        files = [folder / f"{group}_labels.npy" for group in _GROUPS]
        if all(file.is_file() for file in files):
            try:
                groups = {int(n): g for g, file in zip(_GROUPS, files, strict=True) for n in np.load(file).ravel()}
            except (ValueError, OSError) as error:
                raise PixmendError(f"{folder}: {files[0].name} and {files[1].name} are no lists of numbers") from error
            return groups if set(groups) == set(range(1, count + 1)) else {}
    return {}
