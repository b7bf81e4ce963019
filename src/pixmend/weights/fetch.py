"""Fetching a weight file: from several addresses, resumed where it broke off, checked, there only when whole.

Until then, what came lies beside it in ``hat.pth.part``, and ``hat.pth.part.json`` says what that is a part of.
Whoever holds the lock on the latter may write both.
"""

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, responses
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pixmend.errors import PixmendError
from pixmend.files import not_writable

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["Fetched", "fetch", "folder"]

BACK_OFF = 1.0
"""Seconds before the second try; twice as long before each further one."""

_PASSING = (408, 425, 429, 500, 502, 503, 504)
_URL = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_STRONG_ETAG = re.compile(r'"[!#-~]*"')
_DATE = re.compile(r"[ -~]+")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_PAGE = (b"<!doctype html", b"<html")
_A_PAGE = "the server sent a web page, not the file"


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
    if wrong := [url for url in urls if not _URL.fullmatch(url)]:
        raise PixmendError(f"{wrong[0]!r}: is no address of http or https")
    part, show = target.with_name(target.name + ".part"), progress or (lambda done, total: None)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part, lambda: show(_length(part), size)) as note:
            download = _Download(target, part, note, sha256, size, show, timeout, attempts)
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
    wrong = f"sha256 expected {sha256}, got {found}" if sha256 not in (None, found) else None
    if sha256 is None and size not in (None, _length(target)):
        wrong = f"{size} bytes expected, got {_length(target)}"
    if wrong and not replace:
        raise PixmendError(f"{target}: is another file than the one to fetch: {wrong}: move it away")
    return None if wrong else Fetched(target, found, None, 0, sha256 is not None)


class _Kept(NamedTuple):
    """What the part is a part of; without a validator nothing can be joined to it."""

    url: str = ""
    validator: str = ""
    total: int | None = None


class _Failed(Exception):
    """Why a try failed, whether another one may do better, and whether it must do without what came before."""

    def __init__(self, why: str, *, again: bool = True, forget: bool = False) -> None:
        super().__init__(why)
        self.again, self.forget = again, forget


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
                except _Failed as error:
                    failures.append(f"{url}: {error}")
            then = "try later, or fetch it another way and run `pixmend models import FILE`"
            if self._kept().validator:
                then = f"{_length(self.part)} bytes are kept: the same command goes on from there, if the server can"
            raise PixmendError(f"{self.target.name} was not fetched: {'; '.join(failures)}: {then}")
        finally:
            if not self._kept().validator:
                self._forget()

    def _from(self, url: str) -> Fetched:
        failures = most = 0
        while True:
            try:
                return self._once(url)
            except _Failed as error:
                came = _length(self.part)
                failures, most = (1, came) if came > most else (failures + 1, most)
                if error.forget:
                    self._forget()
                if failures >= self.attempts or not error.again:
                    raise
            time.sleep(BACK_OFF * 2 ** (failures - 1))

    def _once(self, url: str) -> Fetched:
        kept = self._kept()
        kept = kept if kept.url == url and kept.validator else _Kept()
        start = _length(self.part) if kept.url else 0
        if start and start == kept.total:  # all came, but was not moved to its place any more
            found = self._write(start, start, iter(()))
        else:
            headers = {"User-Agent": "pixmend"}
            headers |= {"Range": f"bytes={start}-", "If-Range": kept.validator} if start else {}
            with _open(url, headers, self.timeout) as response:
                start, total = self._check(response, start, kept)
                blocks = _blocks(response, fresh=not start)
                first = next(blocks, b"")  # before the older part is given up for it
                if not start:
                    self._begin(_Kept(url, _validator(response), total))
                self.show(start, total)
                found = self._write(start, total, blocks, first)
        if self.sha256 not in (None, found):  # the older bytes may be the wrong ones: then once more without them
            raise _Failed(f"sha256 expected {self.sha256}, got {found}", again=start > 0, forget=True)
        self.part.replace(self.target)
        return Fetched(self.target, found, url, start, self.sha256 is not None)

    def _check(self, response: HTTPResponse, start: int, kept: _Kept) -> tuple[int, int | None]:
        """Where in the file the body begins, and the length of the whole file, None if nobody says it."""
        if response.headers.get_content_type() == "text/html":
            raise _Failed(_A_PAGE, again=False)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise _Failed("the server sent the file packed, which was not asked for", again=False)
        if response.status == 206:
            told = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            first, last, total = map(int, told.groups()) if told else (-1, -1, -1)
            if (first, last + 1) != (start, total) or kept.total not in (None, total):
                raise _Failed("the server sent another part than was asked for", forget=True)
            if _validator(response) not in ("", kept.validator):
                raise _Failed("the file on the server changed in between", forget=True)
        else:
            start, total = 0, response.length
        if self.size is not None and total not in (None, self.size):
            raise _Failed(f"{self.size} bytes expected, the server has {total}", again=False)
        if total is None and not response.chunked and self.sha256 is None and self.size is None:
            raise _Failed("the server does not say how long the file is, so a cut one would pass", again=False)
        return start, self.size if total is None else total

    def _write(self, start: int, total: int | None, blocks: Iterator[bytes], first: bytes = b"") -> str:
        """Write the rest of the part, down to the disk; the sha256 of all of it."""
        with self.part.open("r+b") as file:
            digest, done, block = hashlib.file_digest(file, "sha256"), start, first
            while block:
                done += len(block)
                if total is not None and done > total:
                    raise _Failed(f"{total} bytes expected, the server sends more", again=False, forget=True)
                file.write(block)
                digest.update(block)
                self.show(done, total)
                block = next(blocks, b"")
            if total is not None and done < total:
                raise _Failed(f"the connection ended after {done} of {total} bytes")
            file.flush()
            os.fsync(file.fileno())
        return digest.hexdigest()

    def _kept(self) -> _Kept:
        self.note.seek(0)
        try:
            kept = _Kept(**json.loads(self.note.read()))
        except (ValueError, TypeError):  # empty, or cut while it was written
            return _Kept()
        return kept if _length(self.part) else _Kept()

    def _begin(self, kept: _Kept) -> None:
        self._forget()  # first: a note never stands beside the bytes of another file
        self.part.touch()
        self.note.write(json.dumps(kept._asdict()).encode())
        self.note.flush()

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.truncate(0)


class _Redirects(HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if not _URL.fullmatch(newurl) or (req.type == "https" and not newurl.lower().startswith("https:")):
            fp.close()
            raise _Failed("the server leads on to an address that is not secure", again=False)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str, headers: dict[str, str], timeout: float) -> HTTPResponse:
    try:
        return build_opener(_Redirects).open(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        error.close()
        past_the_end = error.code == 416
        why = f"HTTP {error.code} {responses.get(error.code, '')}".rstrip()
        raise _Failed(why, again=past_the_end or error.code in _PASSING, forget=past_the_end) from error
    except (OSError, HTTPException) as error:
        raise _Failed(_words(error)) from error
    except ValueError as error:
        raise _Failed("an address that cannot be understood", again=False) from error


def _blocks(response: HTTPResponse, *, fresh: bool) -> Iterator[bytes]:
    """The body: first enough of it to tell what it is, then as it comes, so that little is lost where it breaks off."""
    try:
        block = response.read(512)
        if fresh and block.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGE):
            raise _Failed(_A_PAGE, again=False)
        while block:
            yield block
            block = response.read1(1 << 20)
    except (OSError, HTTPException) as error:
        raise _Failed(f"the connection broke off: {_words(error)}") from error


def _words(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, OSError | str):
        return getattr(reason, "strerror", None) or str(reason)
    return type(reason).__name__  # the text of the others holds what the server sent


def _validator(response: HTTPResponse) -> str:
    """What tells two versions of the file apart; a weak ETag does not."""
    etag, date = response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")
    return etag if _STRONG_ETAG.fullmatch(etag) else date if _DATE.fullmatch(date) else ""


def _length(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


@contextmanager
def _alone(part: Path, waiting: Callable[[], None]) -> Iterator[BinaryIO]:
    """The note of the part, locked: the system lets go of it even if this process is killed."""
    path = part.with_name(part.name + ".json")
    while True:
        with path.open("a+b") as note:
            if _lock(note) and _is_at(path, note):
                try:
                    yield note
                finally:
                    if not part.exists():
                        with suppress(PermissionError):  # Windows removes no open file: an empty note stays
                            path.unlink()
                return
        waiting()
        time.sleep(0.2)


def _is_at(path: Path, file: BinaryIO) -> bool:
    """False for a file that its last holder removed while we waited for it: to have locked that one means nothing."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _lock(file: BinaryIO) -> bool:
    if sys.platform == "win32":
        file.seek(1 << 30)  # out of the way of what is written
        with suppress(OSError):
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            return True
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
