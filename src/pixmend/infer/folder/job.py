"""What a folder job will read and write, settled and checked before any work."""

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from pixmend.errors import PixmendError
from pixmend.image import SUFFIXES, WRITABLE, WriteOptions
from pixmend.infer.folder.find import Found, find_pictures
from pixmend.infer.folder.record import FAILURES, owns_failures


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A picture and where its result goes, relative to the two folders."""

    name: Path
    target: Path
    refusal: str | None = None
    """Why it cannot be done, where that is known before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A folder of pictures and the folder of their results."""

    source: Path
    out: Path
    items: tuple[Item, ...]
    found: Found
    options: WriteOptions
    suffix: str | None
    """Of every result; None where each has its picture's."""
    skip_existing: bool
    force: bool

    def item(self, name: Path) -> Item:
        """For a picture that is found later on."""
        return Item(name=name, target=target_of(name, self.suffix))


def plan_job(
    source: Path,
    out: Path,
    *,
    format: str | None = None,
    options: WriteOptions | None = None,
    skip_existing: bool = False,
    force: bool = False,
    may_be_empty: bool = False,
) -> Job:
    """Find the pictures and name their results: the same tree, each in its own format or all in ``format`` (png, ...).

    Formats that can only be read become PNG. Nothing is written.

    Raises:
        PixmendError: no folder, no pictures in it (unless it ``may_be_empty``), an unknown format, two pictures of
            which the results have one name, results that exist (unless ``skip_existing`` or ``force``), or that would
            replace a picture.
    """
    suffix = suffix_for(format)
    if out.exists() and not out.is_dir():
        raise PixmendError(f"{out}: is a file, expected a folder for the results")
    if out.exists() and source.is_dir() and out.samefile(source):
        raise PixmendError(f"{out}: is the folder of the pictures itself, which are never replaced: name another one")
    found = find_pictures(source, without=out)
    if not found.files and not found.unreadable and not may_be_empty:
        raise PixmendError(f"{source}: no pictures in it or below: expected files ending in {', '.join(SUFFIXES)}")
    items = tuple(Item(name=name, target=target_of(name, suffix)) for name in found.files)
    _check_names(items, out)
    if not owns_failures(out):
        raise PixmendError(f"{out / FAILURES}: is not of this command, which would replace it: move it away")
    _check_existing(items, source, out, allowed=skip_existing or force)
    return Job(
        source=source,
        out=out,
        items=items,
        found=found,
        options=options or WriteOptions(),
        suffix=suffix,
        skip_existing=skip_existing,
        force=force,
    )


def suffix_for(format: str | None) -> str | None:
    if format is None:
        return None
    suffix = f".{format.lower().removeprefix('.')}"
    if suffix not in WRITABLE:
        known = ", ".join(name.removeprefix(".") for name in WRITABLE)
        raise PixmendError(f"format {format!r}: cannot be written: expected one of {known}")
    return suffix


def target_of(name: Path, suffix: str | None) -> Path:
    """The name as it is where its ending already says the format."""
    own = WRITABLE.get(name.suffix.lower())
    if own is not None and (suffix is None or own == WRITABLE[suffix]):
        return name
    return name.with_suffix(suffix or ".png")


def _check_names(items: tuple[Item, ...], out: Path) -> None:
    fold = ignores_case(out)
    seen: dict[str, Item] = {}
    clashes: list[tuple[Item, Item]] = []
    for item in items:
        key = str(item.target)
        if fold:
            key = unicodedata.normalize("NFC", key).casefold()
        first = seen.setdefault(key, item)
        if first is not item:
            clashes.append((first, item))
    if clashes:
        first, second = clashes[0]
        more = f" (and {len(clashes) - 1} more such pairs)" if len(clashes) > 1 else ""
        raise PixmendError(
            f"{first.name} and {second.name}: both results would be {out / first.target}{more}: rename one of them"
            + ("" if first.target.suffix == first.name.suffix == second.name.suffix else ", or ask for no format")
        )


def ignores_case(folder: Path) -> bool:
    """Whether a and A are one file there; nothing is written to find out."""
    for place in (folder.absolute(), *folder.absolute().parents):
        other = place.with_name(place.name.swapcase()) if place.name else place
        if place.exists() and other.name != place.name:
            return other.exists() and other.samefile(place)
    return False


def _check_existing(items: tuple[Item, ...], source: Path, out: Path, *, allowed: bool) -> None:
    existing = [item for item in items if os.path.lexists(out / item.target)] if out.exists() else []
    if not existing:
        return
    pictures = {_identity(source / item.name) for item in items} - {None}
    for item in existing:
        if _identity(out / item.target) in pictures:
            raise PixmendError(
                f"{out / item.target}: is one of the pictures, which are never replaced: name another OUT"
            )
    if not allowed:
        more = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise PixmendError(
            f"{out / existing[0].target}: exists already{more}: give --skip-existing to go on with what is missing, "
            "--force to replace, or another folder"
        )


def _identity(path: Path) -> tuple[int, int] | None:
    """What a file is, by whatever name or link; nothing for a link that leads nowhere."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
