"""A folder watched: the pictures that are there, then each that is put there or changes, until somebody stops it."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pixmend.errors import PixmendError
from pixmend.image import SUFFIXES
from pixmend.infer.folder.find import find_pictures
from pixmend.infer.folder.job import Item, Job

SETTLED = 1.0
"""Seconds in which a file has neither grown nor changed, before it is taken to be whole."""
_TICK = 0.2

_Stamp = tuple[int, int]
"""Bytes, and when they were written."""


def arrivals(job: Job, *, settled: float = SETTLED) -> Iterator[Item | None]:
    """The pictures of a job, then those that come or change, once they are ``settled``; None when there are none.

    What the results' folder holds is no picture, wherever that lies. Links to folders are not watched. Where a folder
    tells of no changes, as network drives do not, ``WATCHFILES_FORCE_POLLING=1`` has them looked for.

    Raises:
        PixmendError: watchfiles is missing, or the system refuses to watch; the folder is gone.
    """
    root, out = job.source.resolve(), job.out.resolve()
    if root.is_relative_to(out):
        raise PixmendError(f"{job.out}: holds the folder that is watched, which would never end: name another one")
    changes = _changes(root, out)
    next(changes)  # from here on nothing is missed
    waiting: dict[Path, tuple[_Stamp | None, float]] = {}
    taken: dict[Path, _Stamp] = {}
    owners: dict[Path, Path] = {}
    for name in find_pictures(root, without=out).files:  # again: since the job was planned, weights were loaded
        stamp = _stamp(root / name)
        old = stamp is not None and stamp[1] < time.time_ns() - settled * 1e9
        waiting[name] = stamp, time.monotonic() - settled * old
    for changed in changes:
        if not root.is_dir():
            raise PixmendError(f"{job.source}: the folder is gone")
        for name in changed:
            waiting.setdefault(name, (None, 0))
        for name, (before, since) in list(waiting.items()):
            stamp = _stamp(root / name)
            if stamp is None or stamp == taken.get(name):  # gone again, or touched by somebody who changed nothing
                del waiting[name]
            elif stamp != before:
                waiting[name] = stamp, time.monotonic()
            elif time.monotonic() - since >= settled:
                del waiting[name]
                taken[name] = stamp
                yield _owned(job.item(name), owners, root)
        yield None


def _changes(root: Path, out: Path) -> Iterator[set[Path]]:
    """Names of pictures that have come or changed since the last time, several times a second; at first none."""
    try:
        from watchfiles import Change, watch
    except ImportError as error:
        raise PixmendError("watching a folder needs watchfiles: pip install 'pixmend[watch]'") from error

    def counts(change: Change, path: str) -> bool:
        return change != Change.deleted and not Path(path).is_relative_to(out)

    milliseconds = round(1000 * _TICK)
    told = watch(
        root,
        watch_filter=counts,
        debounce=milliseconds,
        rust_timeout=milliseconds,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    try:
        for found in told:
            yield {
                name for change, path in found for name in _pictures(root, Path(path), out, new=change == Change.added)
            }
    except (OSError, RuntimeError) as error:
        raise PixmendError(
            f"{root}: cannot be watched: {error}: set WATCHFILES_FORCE_POLLING=1 to look for changes now and then"
        ) from error


def _pictures(root: Path, path: Path, out: Path, *, new: bool) -> Iterator[Path]:
    """The picture at this path, or those in the folder there, which may have come with all that it holds."""
    name = path.relative_to(root)
    if any(part.startswith(".") for part in name.parts):
        return
    if new and path.is_dir():
        with suppress(PixmendError):  # it may be gone already, and is hardly worth a word
            yield from (name / below for below in find_pictures(path, without=out).files)
    elif name.name.lower().endswith(SUFFIXES):
        yield name


def _stamp(path: Path) -> _Stamp | None:
    """None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return None if path.is_dir() else (found.st_size, found.st_mtime_ns)


def _owned(item: Item, owners: dict[Path, Path], root: Path) -> Item:
    """The item, refused if its result is already that of another picture that is still there."""
    owner = owners.setdefault(item.target, item.name)
    if owner == item.name or not (root / owner).exists():
        owners[item.target] = item.name
        return item
    return replace(item, refusal=f"its result would be that of {owner}: rename one of them")
