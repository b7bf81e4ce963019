"""Released files that are here already: which of the catalog's they are, and keeping them where names find them."""

import hashlib
import shutil
from pathlib import Path

import torch

from pixmend import files, models
from pixmend.errors import PixmendError
from pixmend.models.base import MultiTask
from pixmend.tasks import scale_of
from pixmend.weights import catalog
from pixmend.weights.catalog import Released
from pixmend.weights.open import Opened


def identify(file: Path, opened: Opened, entry: Released | None = None) -> Released:
    """The catalog's entry of a file: by its checksum, by its name, or ``entry``, which the user says it is.

    Raises:
        PixmendError: it is another network than the entry's, its checksum is another, or nothing tells which it is.
    """
    digest = sha256_of(file)
    found = catalog.by_sha256(digest) or entry or opened.released
    candidates = [known for known in catalog.catalog() if _fits(opened, known)]
    if found is None:
        names = ", ".join(known.name for known in candidates) or "none: load it by its path"
        raise PixmendError(
            f"{file}: a {opened.family}, but neither name nor checksum tells which; it could be {names}"
            + (": say so with --as NAME" if candidates else "")
        )
    if found not in candidates:
        raise PixmendError(f"{file}: is no {found.name}: expected {found.variant}, got {_network(opened)}")
    if found.sha256 is not None and found.sha256 != digest:
        raise PixmendError(f"{file}: not the released file: expected sha256 {found.sha256}, got {digest}")
    return found


def _fits(opened: Opened, entry: Released) -> bool:
    """Whether the file could be this entry: the same network, enlarging as much; what else it does is not told."""
    if entry.family != opened.family or entry.variant != models.variant_of(opened.config):
        return False
    with torch.device("meta"):
        network = models.build(opened.config)
    tasks = network.tasks if isinstance(network, MultiTask) else (network.tasks or entry.tasks)
    return sorted(map(scale_of, tasks)) == sorted(map(scale_of, entry.tasks))


def _network(opened: Opened) -> str:
    return models.variant_of(opened.config) or f"a {opened.family} of another size"


def sha256_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def keep(file: Path, target: Path) -> Path:
    """Copy the file whole or not at all.

    Raises:
        PixmendError: the folder cannot be written, or the disk is full.
    """
    part = files.beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, part)
        part.replace(target)
    except OSError as error:
        raise files.not_writable(target, error) from error
    finally:
        part.unlink(missing_ok=True)
    return target
