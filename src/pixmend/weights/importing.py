"""Released files that are here already: which of the catalog's they are, and keeping them where names find them."""

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path

from pixmend import files, models
from pixmend.errors import PixmendError
from pixmend.weights import catalog
from pixmend.weights.catalog import Released
from pixmend.weights.open import Opened, fits


def identify(file: Path, opened: Opened, entry: Released | None = None) -> Released:
    """The catalog's entry of a file: by its checksum, by its name, or ``entry``, which the user says it is.

    Raises:
        PixmendError: it is no released file, or another network than the entry's, or its checksum is another, or
            nothing tells which it is; the message then lists what it could be.
    """
    if opened.layout is None:
        raise PixmendError(f"{file}: was written by pixmend and is no released file: load it by its path")
    digest = sha256_of(file)
    known = catalog.by_sha256(digest)
    if known is not None and entry not in (None, known):
        raise PixmendError(f"{file}: is no {entry.name}: it is {known.name}, which its sha256 says")
    found = known or entry or opened.released
    if found is None:
        raise PixmendError(f"{file}: {_what(opened)}, but neither name nor checksum tells which{_could_be(opened)}")
    if found.family != opened.family or not fits(opened.config, found):
        raise PixmendError(f"{file}: is no {found.name}: it is {_what(opened)}{_could_be(opened)}")
    if found.sha256 is not None and found.sha256 != digest:
        raise PixmendError(f"{file}: not the released file: expected sha256 {found.sha256}, got {digest}")
    return found


def _what(opened: Opened) -> str:
    size = models.variant_of(opened.config) or f"a size of {opened.family} that no paper names"
    tasks = opened.network.tasks
    return f"{size} for {' '.join(tasks)}" if tasks else size


def _could_be(opened: Opened) -> str:
    """The entries with such a network and no known checksum, which was compared already."""
    names = [entry.name for entry in catalog.select(family=opened.family) if entry.sha256 is None]
    names = [name for name in names if fits(opened.config, catalog.named(name))]
    return f"; it could be {', '.join(names)}: say so with --as NAME" if names else "; load it by its path"


def sha256_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def keep(file: Path, target: Path) -> Path:
    """Copy the file whole or not at all.

    Raises:
        PixmendError: another file is there already, the folder cannot be written, or the disk is full.
    """
    if target.is_file() and sha256_of(target) != sha256_of(file):
        raise PixmendError(f"{target}: another file of this name is kept already: move it away first")
    part = files.beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, part)
        part.replace(target)
    except OSError as error:
        raise files.not_writable(target, error) from error
    finally:
        with suppress(OSError):  # its folder may be none
            part.unlink(missing_ok=True)
    return target
