"""The pictures of a place in chunks, found while others are restored: nobody ever holds the list of all of them."""

import json
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from pixmend.errors import PixmendError
from pixmend.image import SUFFIXES
from pixmend.infer.cluster.place import Place
from pixmend.infer.folder import Item
from pixmend.infer.folder.find import natural
from pixmend.infer.folder.job import target_of

_Identity = tuple[object, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """What one listing goes through: a folder with all below it, or only the files directly in it."""

    folder: str
    below: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """Some pictures, which one worker sees through one after another, and what was found beside them."""

    items: tuple[tuple[str, str], ...]
    """Names of pictures and of their results."""
    failed: tuple[tuple[str, str, str], ...] = ()
    """The same of what cannot be done, folders as well, and why."""
    hidden: int = 0
    others: int = 0

    def text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> "Chunk":
        content = json.loads(text)
        items = tuple((name, target) for name, target in content.pop("items"))
        failed = tuple((name, target, why) for name, target, why in content.pop("failed"))
        return cls(items=items, failed=failed, **content)


@dataclass(frozen=True, kw_only=True, slots=True)
class Naming:
    """What decides which files are pictures and where their results go."""

    suffix: str | None
    """Of all results; None where each keeps its own."""
    fold: bool
    """Whether a and A are one file there."""
    without: Place
    """That of the results, should it lie among the pictures; made after this is told, and before anything is listed."""


def units(source: Place, naming: Naming) -> list[Unit]:
    """What can be listed at the same time: the files of the place itself, and each of its folders.

    Raises:
        PixmendError: it is no folder, or cannot be looked into.
    """
    if not source.is_folder():
        raise PixmendError(f"{source}: no such folder, or nothing in it")
    names = [each.name for each in source.entries() if each.folder and not each.name.startswith(".")]
    return [Unit(folder="", below=False), *(Unit(folder=name, below=True) for name in sorted(names))]


def chunks(source: Place, unit: Unit, naming: Naming, *, size: int) -> Iterator[Chunk]:
    """The pictures of a unit, ``size`` at a time, in the order in which people count.

    Two pictures of one folder whose results would have one name both fail. The same tree gives the same chunks.
    """
    items: list[tuple[str, str]] = []
    failed: list[tuple[str, str, str]] = []
    hidden = others = 0
    above = (source.identity(),) if unit.folder else ()
    for folder, inner in _walk(source, unit, naming, above):
        if isinstance(inner, PixmendError):
            failed.append((folder, folder, str(inner).removeprefix(f"{source.address(folder)}: ")))
        else:
            hidden, others = hidden + inner.hidden, others + inner.others
            failed += inner.clashing
            items += inner.items
        while len(items) >= size:
            yield Chunk(items=tuple(items[:size]), failed=tuple(failed), hidden=hidden, others=others)
            items, failed, hidden, others = items[size:], [], 0, 0
    if items or failed or hidden or others:
        yield Chunk(items=tuple(items), failed=tuple(failed), hidden=hidden, others=others)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Inner:
    """What is directly in one folder."""

    items: list[tuple[str, str]]
    clashing: list[tuple[str, str, str]]
    folders: list[str]
    hidden: int
    others: int


def _walk(
    source: Place, unit: Unit, naming: Naming, above: tuple[_Identity, ...]
) -> Iterator[tuple[str, _Inner | PixmendError]]:
    waiting: list[tuple[str, tuple[_Identity, ...]]] = [(unit.folder, above)]
    left_out: _Identity | None = None
    with suppress(OSError):
        left_out = naming.without.identity()
    while waiting:
        folder, above = waiting.pop()
        try:
            here = source.identity(folder)
            if here == left_out or here in above:
                continue
            inner = _look(source, folder, naming)
        except (PixmendError, OSError) as error:
            yield folder, error if isinstance(error, PixmendError) else PixmendError(f"cannot be looked into: {error}")
            continue
        yield folder, inner
        if unit.below:
            waiting += [(name, (*above, here)) for name in reversed(inner.folders)]


def _look(source: Place, folder: str, naming: Naming) -> _Inner:
    found = sorted(source.entries(folder), key=lambda each: natural(Path(each.name)))
    shown = [each for each in found if each.name and not each.name.startswith(".")]
    inside = f"{folder}/" if folder else ""
    pictures = [
        f"{inside}{each.name}"
        for each in shown
        if not each.folder and each.file and each.name.lower().endswith(SUFFIXES)
    ]
    folders = [f"{inside}{each.name}" for each in shown if each.folder]
    items, clashing = _named(pictures, naming)
    others = len(shown) - len(folders) - len(pictures)
    return _Inner(items=items, clashing=clashing, folders=folders, hidden=len(found) - len(shown), others=others)


def _named(pictures: list[str], naming: Naming) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    """Pictures of one folder with the names of their results; and those of which two would have one name."""
    taken: dict[str, list[tuple[str, str]]] = {}
    for name in pictures:
        target = target_of(Path(name), naming.suffix).as_posix()
        key = unicodedata.normalize("NFC", target).casefold() if naming.fold else target
        taken.setdefault(key, []).append((name, target))
    items = [pairs[0] for pairs in taken.values() if len(pairs) == 1]
    clashing = [
        (name, target, f"the results of {' and '.join(other for other, _ in pairs)} would have one name: rename one")
        for pairs in taken.values()
        if len(pairs) > 1
        for name, target in pairs
    ]
    return items, clashing


def item_of(pair: tuple[str, str]) -> Item:
    return Item(name=Path(PurePosixPath(pair[0])), target=Path(PurePosixPath(pair[1])))
