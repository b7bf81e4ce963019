"""Fetching a weight file: from several addresses, resumed where it broke off, checked, there only when whole.

Until then, what came lies beside it in ``hat.pth.part``, and ``hat.pth.part.json`` says what that is a part of.
Whoever holds the lock on the latter may write both.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pixmend.errors import PixmendError
from pixmend.files import locked, not_writable
from pixmend.weights.http import ADDRESS, Failed, get

__all__ = ["Fetched", "fetch", "folder"]

BACK_OFF = 1.0
"""Seconds before the second try; twice as long before each further one."""


class Fetched(NamedTuple):
    """A whole file; ``verified`` is whether its sha256 was known before it came."""

    path: Path
    sha256: str
    url: str | None
    """None if the file was there already."""
    resumed_bytes: int
    """What the last request did not have to bring again."""
    verified: bool


def folder() -> Path:
    """Where fetched weights are kept: ``PIXMEND_WEIGHTS``, else where this system keeps what can be fetched again."""
    if chosen := os.environ.get("PIXMEND_WEIGHTS"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
        cache = cache if cache.is_absolute() else Path.home() / ".cache"
    return cache / "pixmend" / "weights"


def fetch(
    urls: Sequence[str],
    target: Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    offline: bool = False,
    replace: bool = False,
    timeout: float = 30,
    attempts: int = 3,
) -> Fetched:
    """Have the file at ``target``: the one that is there already, or from the first address that gives it whole.

    An address is left for the next after ``attempts`` tries in a row that bring nothing new, and at once if it has
    another file. Two who fetch the same target take turns. ``progress`` gets the bytes that are here and those of the
    whole, if known. ``replace`` fetches the file even if another one is in its place.

    Raises:
        PixmendError: another file is in the place, no address gives the file, it would have to be fetched and this is
            ``offline``, or the folder cannot be written. What came is kept, also on Ctrl-C: the next call resumes.
    """
    sha256 = sha256.lower() if sha256 else None
    if found := _existing(target, sha256, size, replace=replace):
        return found
    if not urls:
        raise PixmendError(f"{target.name}: no address to fetch it from is known")
    if offline:
        then = f"fetch {' or '.join(urls)} on another machine, then run `pixmend models import FILE`"
        raise PixmendError(f"{target}: is not there, and offline nothing is fetched: {then}")
    if wrong := [url for url in urls if not ADDRESS.fullmatch(url)]:
        raise PixmendError(f"{wrong[0]!r}: is no address of http or https")
    part, note = (target.with_name(target.name + suffix) for suffix in (".part", ".part.json"))
    show = progress or (lambda done, total: None)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(note, waiting=lambda: show(_length(part), size)) as file:
            download = _Download(target, part, file, sha256, size, show, timeout, attempts)
            return _existing(target, sha256, size, replace=replace) or download.from_any(urls)
    except OSError as error:  # of a file: those of the network have become messages
        raise not_writable(target, error) from error


def _existing(target: Path, sha256: str | None, size: int | None, *, replace: bool) -> Fetched | None:
    """The file in the place if it is the right one, as far as is known; None if there is none."""
    if not target.exists() or (replace and sha256 is None):
        return None
    try:
        with target.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PixmendError(f"{target}: cannot be read: {error.strerror or error}") from error
    what, expected, got = ("sha256", sha256, found) if sha256 else ("bytes", size, _length(target))
    if expected in (None, got):
        return Fetched(target, found, None, 0, sha256 is not None)
    if not replace:
        raise PixmendError(f"{target}: another file is here: {what} expected {expected}, got {got}: move it away")
    return None


class _Kept(NamedTuple):
    """What the part is a part of; as it stands, of nothing that could be joined to it."""

    url: str = ""
    validator: str = ""
    total: int | None = None


@dataclass(frozen=True, slots=True)
class _Download:
    target: Path
    part: Path
    note: BinaryIO
    sha256: str | None
    size: int | None
    show: Callable[[int, int | None], None]
    timeout: float
    attempts: int

    def from_any(self, urls: Sequence[str]) -> Fetched:
        """The file from the address that the part came from, or from the first other one that gives it."""
        failures, begun = [], self._kept().url
        try:
            for url in sorted(urls, key=lambda url: url != begun):
                try:
                    return self._from(url)
                except Failed as error:
                    failures.append(f"{url}: {error}")
            then = "try later, or fetch it another way and run `pixmend models import FILE`"
            if self._kept().url:
                then = f"{_length(self.part)} bytes are kept: the same command goes on from there, if the server can"
            raise PixmendError(f"{self.target.name} was not fetched: {'; '.join(failures)}: {then}")
        finally:
            if not self._kept().url:
                self._forget()

    def _from(self, url: str) -> Fetched:
        failures = most = 0
        while True:
            try:
                return self._once(url)
            except Failed as error:
                came = _length(self.part)
                failures, most = (1, came) if came > most else (failures + 1, most)
                if error.forget:
                    self._forget()
                if failures >= self.attempts or not error.again:
                    raise
            time.sleep(BACK_OFF * 2 ** (failures - 1))

    def _once(self, url: str) -> Fetched:
        kept = self._kept()
        kept = kept if kept.url == url else _Kept()
        start = _length(self.part) if kept.url else 0
        if start and start == kept.total:  # all came, but was not moved to its place any more
            found = self._write(start, start, ())
        else:
            with get(url, self.timeout, start=start, validator=kept.validator, total=kept.total) as body:
                start, total = body.start, self.size if body.total is None else body.total
                if self.size not in (None, total):
                    raise Failed(f"{self.size} bytes expected, the server has {total}", again=False)
                if not body.ends and (self.sha256, self.size) == (None, None):
                    raise Failed("the server does not say how long the file is, so a cut one would pass", again=False)
                if not start:  # an older part is given up only now that the file has begun to come
                    self._begin(_Kept(url, body.validator, total))
                self.show(start, total)
                found = self._write(start, total, body.blocks)
        if self.sha256 not in (None, found):  # the older bytes may be the wrong ones: then once more without them
            raise Failed(f"sha256 expected {self.sha256}, got {found}", again=start > 0, forget=True)
        self.part.replace(self.target)
        return Fetched(self.target, found, url, start, self.sha256 is not None)

    def _write(self, start: int, total: int | None, blocks: Iterable[bytes]) -> str:
        """Write the rest of the part, down to the disk; the sha256 of all of it."""
        with self.part.open("r+b") as file:
            digest, done = hashlib.file_digest(file, "sha256"), start
            for block in blocks:
                done += len(block)
                if total is not None and done > total:
                    raise Failed(f"{total} bytes expected, the server sends more", again=False, forget=True)
                file.write(block)
                digest.update(block)
                self.show(done, total)
            if total is not None and done < total:
                raise Failed(f"the connection ended after {done} of {total} bytes")
            file.flush()
            os.fsync(file.fileno())
        return digest.hexdigest()

    def _kept(self) -> _Kept:
        self.note.seek(0)
        try:
            kept = _Kept(**json.loads(self.note.read()))
        except (ValueError, TypeError):  # empty, or cut while it was written
            kept = _Kept()
        return kept if _length(self.part) else _Kept()

    def _begin(self, kept: _Kept) -> None:
        self._forget()  # first: a note never stands beside the bytes of another file
        self.part.touch()
        if kept.validator:  # without one nothing can be joined to this
            self.note.write(json.dumps(kept._asdict()).encode())
            self.note.flush()

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.truncate(0)


def _length(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
