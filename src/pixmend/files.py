"""Writing a file whole or not at all, and one writer at a time."""

import errno
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pixmend.errors import PixmendError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def replace(path: Path, content: bytes | memoryview | str) -> None:
    """Give the file this content in one step: a reader sees the old file or the new one, never a part.

    Raises:
        PixmendError: the folder is not there or not writable, or the disk is full; an older file is untouched.
    """
    replace_together({path: content.encode() if isinstance(content, str) else content})


def replace_together(contents: Mapping[Path, bytes | memoryview]) -> None:
    """Give several files their content once all of it is written: if one cannot be, all are as they were.

    Raises:
        PixmendError: as ``replace``.
    """
    parts = {path: beside(path) for path in contents}
    path = Path()
    try:
        for path, content in contents.items():
            with parts[path].open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path, part in parts.items():
            part.replace(path)
    except OSError as error:
        raise not_writable(path, error) from error
    finally:
        for part in parts.values():
            with suppress(OSError):  # the folder may be none
                part.unlink(missing_ok=True)


def append(file: BinaryIO, content: bytes) -> int:
    """Add to a journal, on disk, past any buffer, which would try again what the disk has refused; the new length.

    Raises:
        OSError: the disk refuses; what of it was written is taken away again.
    """
    descriptor = file.fileno()
    end = os.fstat(descriptor).st_size
    try:
        if os.write(descriptor, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, end)
        raise
    return end + len(content)


def beside(path: Path) -> Path:
    """A name for a temporary file in the same folder that no other process uses."""
    return path.with_name(f".pixmend-{secrets.token_hex(6)}.part")


def not_writable(path: Path, error: OSError) -> PixmendError:
    """What to say of a file that the system refused to write."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    then = "free space or choose another folder" if full else "choose another folder"
    return PixmendError(f"{path}: cannot be written: {error.strerror or error}: {then}")


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[BinaryIO]:
    """The file, open to read and to append, while nobody else has it so; made if missing, removed if left empty.

    ``waiting`` is called now and then while another one has it. Of a process that is killed the system takes the lock.
    """
    while True:
        with path.open("a+b") as file:
            if _lock(file) and _is_at(path, file):
                try:
                    yield file
                finally:
                    if not file.seek(0, os.SEEK_END):
                        with suppress(PermissionError):  # Windows removes no open file: it stays
                            path.unlink(missing_ok=True)
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
