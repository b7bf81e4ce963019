"""A folder that pictures come from or results go to: on a disk, or in an object store that fsspec knows."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmend.errors import PixmendError
from pixmend.files import not_writable, replace
from pixmend.infer.folder.passage import digest


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What is directly in a folder."""

    name: str
    folder: bool
    file: bool
    """Or a link that leads nowhere, of which is to be told that it cannot be read."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder by its address: a path, ``s3://bucket/folder``, ``gs://``, ``memory://`` and whatever fsspec reads.

    Names of files are relative to it, with slashes. Whatever is written appears whole or not at all: on a disk it is
    renamed into place, and object stores show nothing else.
    """

    url: str

    @property
    def local(self) -> Path | None:
        """The folder, where it is on a disk."""
        system, root = _system(self.url)
        return Path(root) if "file" in _protocols(system) else None

    def __str__(self) -> str:
        return self.url

    def address(self, name: str) -> str:
        """Of a file in it, for people."""
        return f"{self.url.rstrip('/')}/{name}" if name else self.url

    def is_folder(self) -> bool:
        """Whether it is one; an object store has a folder where anything is in it."""
        if (local := self.local) is not None:
            return local.is_dir()
        with _reading(self.url):
            system, root = _system(self.url)
            return bool(system.isdir(root))

    def identity(self, folder: str = "") -> tuple[object, ...]:
        """What a folder of it is, by whatever name or link.

        Raises:
            OSError: there is none.
        """
        if (local := self.local) is not None:
            found = (local / folder).stat()
            return found.st_dev, found.st_ino
        system, root = _system(self.url)
        return _protocols(system), _joined(root, folder)

    def holds(self, other: "Place") -> bool:
        """Whether the other one is it, or lies in it."""
        (system, root), (others, below) = _system(self.url), _system(other.url)
        if self.local is not None and other.local is not None:
            root, below = os.path.realpath(root), os.path.realpath(below)
        if _protocols(system) != _protocols(others):
            return False
        return f"{below.rstrip('/')}/".startswith(f"{root.rstrip('/')}/")

    def entries(self, folder: str = "") -> list[Entry]:
        """All that is directly in a folder of it.

        Raises:
            PixmendError: it cannot be looked into.
        """
        if (local := self.local) is not None:
            try:
                return [_entry(each) for each in os.scandir(local / folder)]
            except OSError as error:
                raise PixmendError(f"{self.address(folder)}: cannot be looked into: {error.strerror}") from error
        system, root = _system(self.url)
        with _reading(self.address(folder), "looked into"):
            rows = system.ls(_joined(root, folder), detail=True)
        here = _joined(root, folder).rstrip("/")
        names = [(row["name"].rstrip("/"), row["type"]) for row in rows]
        return [  # some stores have an object that stands for the folder itself
            Entry(name=name.rpartition("/")[2], folder=kind == "directory", file=kind == "file")
            for name, kind in names
            if name.strip("/") != here.strip("/")
        ]

    def read(self, name: str) -> bytes | None:
        """A whole file; None where it is missing.

        Raises:
            PixmendError: it cannot be read.
        """
        system, root = _system(self.url)
        try:
            with _reading(self.address(name)):
                return system.cat_file(_joined(root, name))
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """A file with this content, in one step; folders above it are made.

        Raises:
            PixmendError: it cannot be written.
        """
        if (local := self.local) is not None:
            _make_folder(local / name)
            replace(local / name, content)
            return
        system, root = _system(self.url)
        with _reading(self.address(name), "written"):
            system.pipe_file(_joined(root, name), content)

    def fetch(self, name: str, spare: Path) -> Path:
        """The file on this machine's disk: itself, or a copy of the same name in the spare folder.

        Raises:
            PixmendError: it cannot be read.
        """
        if (local := self.local) is not None:
            return local / name
        system, root = _system(self.url)
        copy = spare / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _reading(self.address(name)):
                system.get_file(_joined(root, name), str(copy))
        except FileNotFoundError as error:
            raise PixmendError(f"{self.address(name)}: cannot be read: No such file or directory") from error
        return copy

    def upload(self, path: Path, name: str) -> None:
        """Move a file of this machine's disk to this name in an object store.

        Raises:
            PixmendError: it cannot be written.
        """
        system, root = _system(self.url)
        with _reading(self.address(name), "written"):
            system.put_file(str(path), _joined(root, name))
        path.unlink()

    def digest(self, name: str) -> str | None:
        """SHA-256 of a file; None where it is missing.

        Raises:
            PixmendError: it cannot be read.
        """
        if (local := self.local) is not None:
            return digest(local / name) if os.path.lexists(local / name) else None
        content = self.read(name)
        return None if content is None else hashlib.sha256(content).hexdigest()

    def remove(self, name: str) -> None:
        """A file or a folder with all that is in it, if it is there and may be removed."""
        system, root = _system(self.url)
        with suppress(Exception):
            system.rm(_joined(root, name), recursive=True)


def _entry(found: "os.DirEntry[str]") -> Entry:
    try:
        return Entry(name=found.name, folder=found.is_dir(), file=found.is_file() or found.is_symlink())
    except OSError:  # a link to itself
        return Entry(name=found.name, folder=False, file=found.is_symlink())


def _system(url: str) -> tuple[Any, str]:
    """The file system of an address and the path in it. Listings are not kept: they would fill the memory.

    Raises:
        PixmendError: nothing installed reads such addresses, or it cannot be reached.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise PixmendError(f"{url}: fsspec is missing: pip install 'pixmend[cluster]'") from error
    try:
        return url_to_fs(url, use_listings_cache=False)
    except Exception as error:
        raise PixmendError(f"{url}: cannot be opened: {_line(error)}") from error


def _protocols(system: Any) -> tuple[str, ...]:
    names = system.protocol
    return (names,) if isinstance(names, str) else tuple(names)


def _joined(root: str, name: str) -> str:
    return f"{root.rstrip('/')}/{name}" if name else root


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def _reading(address: str, what: str = "read") -> Iterator[None]:
    """Whatever a store's own library raises, as one kind of error; a missing file stays what it is."""
    try:
        yield
    except (FileNotFoundError, PixmendError):
        raise
    except Exception as error:
        raise PixmendError(f"{address}: cannot be {what}: {_line(error)}") from error


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(path, error) from error
