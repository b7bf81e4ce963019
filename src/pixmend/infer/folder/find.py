"""Which files of a folder are pictures, in the order in which people count."""

import os
import re
import string
from dataclasses import dataclass
from pathlib import Path

from pixmend.errors import PixmendError
from pixmend.image import SUFFIXES
from pixmend.infer.folder.journal import PLACE

_NUMBER = re.compile("([0-9]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What is in a folder and below, hidden files and folders left out."""

    files: tuple[Path, ...]
    """Pictures by their names, relative to the folder, 2.png before 10.png."""
    hidden: int
    others: int
    """Files that are no pictures by their names."""
    results: int = 0
    """Folders below with the results of other jobs, which are not taken for pictures."""
    unreadable: tuple[tuple[Path, str], ...]
    """Folders that could not be looked into, relative as well, and why."""


def find_pictures(folder: Path, *, without: Path | None = None) -> Found:
    """Search a folder and all below it but ``without``; links to folders are followed, but never in a circle.

    A link that leads nowhere is a picture by its name, too: that it cannot be read is to be told, not passed over.

    Raises:
        PixmendError: the folder is none, or cannot be looked into.
    """
    if not folder.is_dir():
        raise PixmendError(f"{folder}: {'is no folder' if folder.exists() else 'no such folder'}")
    left_out = _identity(without) if without is not None and without.is_dir() else None
    files: list[Path] = []
    hidden = others = results = 0
    unreadable: list[tuple[Path, str]] = []
    waiting: list[tuple[Path, tuple[tuple[int, int], ...]]] = [(Path(), ())]
    while waiting:
        name, above = waiting.pop()
        try:
            here = _identity(folder / name)
            if here == left_out or here in above:
                continue
            entries = list(os.scandir(folder / name))
        except OSError as error:
            unreadable.append((name, f"cannot be looked into: {error.strerror or error}"))
            continue
        if name != Path() and _holds_results(folder / name):
            results += 1
            continue
        for entry in entries:
            if entry.name.startswith("."):
                hidden += 1
            elif _is_folder(entry):
                waiting.append((name / entry.name, (*above, here)))
            elif entry.name.lower().endswith(SUFFIXES) and (entry.is_symlink() or entry.is_file()):
                files.append(name / entry.name)
            else:
                others += 1
    if unreadable and unreadable[0][0] == Path():
        raise PixmendError(f"{folder}: {unreadable[0][1]}")
    files.sort(key=natural)
    return Found(
        files=tuple(files), hidden=hidden, others=others, results=results, unreadable=tuple(sorted(unreadable))
    )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _holds_results(folder: Path) -> bool:
    """Whether a job, here or on a cluster, has its results in it."""
    place = folder / PLACE
    return (place / "journal.jsonl").is_file() or (place / "made").is_dir()


def natural(path: Path) -> tuple[object, ...]:
    """The key that sorts 2.png before 10.png, folder by folder; of a and A, which are the same to it, A is first."""
    parts = tuple(
        tuple(
            (0, int(text)) if text[0] in string.digits else (1, text) for text in _NUMBER.split(part.casefold()) if text
        )
        for part in path.parts
    )
    return (parts, str(path))


def _identity(folder: Path) -> tuple[int, int]:
    """What a folder is, by whatever name it was reached."""
    found = folder.stat()
    return found.st_dev, found.st_ino
