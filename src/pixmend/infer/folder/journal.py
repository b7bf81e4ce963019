"""What was made of which bytes, one line a picture: whatever stops a job, the next one knows what is done.

The journal lies in a hidden folder in the folder of the results, with the files that are being written.
"""

import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pixmend.errors import PixmendError
from pixmend.files import append, locked, not_writable

PLACE = ".pixmend"
"""The hidden folder. Everything in it but the journal is of a job at work, or of one that was killed."""
_NAME = "journal.jsonl"
_HEAD = b'{"pixmend": "journal of a folder, 1"}\n'


class Journal:
    """The results in a folder that are known to be this command's own.

    A line is written before its result is put in place, and counts only while the file there has the bytes that it
    tells: killed in between, the job finds either the old file or the new one, and knows both.
    """

    def __init__(self, file: BinaryIO, path: Path, *, only_read: bool = False) -> None:
        self.path = path
        self._file = file
        self._writing = threading.Lock()
        self._made: dict[str, dict[str, tuple[str, str]]] = {}
        end = self._read()
        if not only_read:
            self._begin(end)

    def made_of(self, target: Path, *, result: str) -> tuple[str, str] | None:
        """Digests of the picture and the job that made the file at ``target``, where that one has this digest."""
        return self._made.get(target.as_posix(), {}).get(result)

    def add(self, target: Path, *, picture: str, job: str, result: str) -> None:
        """Append, from any thread.

        Raises:
            PixmendError: the disk refuses.
        """
        line = {"target": target.as_posix(), "picture": picture, "job": job, "result": result}
        with self._writing:
            self._append(line)
            self._note(line)

    def _append(self, line: dict[str, str]) -> None:
        try:
            append(self._file, json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise not_writable(self.path, error) from error

    def _note(self, line: dict[str, str]) -> None:
        known = self._made.setdefault(line["target"], {})
        known[line["result"]] = (line["picture"], line["job"])

    def _read(self) -> int:
        """The end of the last whole line."""
        self._file.seek(0)
        end = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            if not end and line != _HEAD:
                raise PixmendError(f"{self.path}: is no journal of this version of pixmend: move it away")
            with suppress(ValueError, KeyError, TypeError):  # spoilt by a power cut: that picture is done again
                if end:
                    self._note(json.loads(line))
            end += len(line)
        return end

    def _begin(self, end: int) -> None:
        os.ftruncate(self._file.fileno(), end)
        if not end:
            self._append(json.loads(_HEAD))


@contextmanager
def open_journal(out: Path) -> Iterator[Journal]:
    """The journal of this folder, made if there is none, for this process alone; what a killed job left is removed.

    Raises:
        PixmendError: another process has it, it is none, or the folder cannot be made or written to.
    """
    place = out / PLACE
    path = place / _NAME

    def refuse() -> None:
        raise PixmendError(f"{out}: another pixmend is writing its results here: wait for it, or name another folder")

    try:
        place.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()
    except OSError as error:
        raise not_writable(path, error) from error
    with locked(path, refuse) as file:
        clear(out)
        yield Journal(file, path)


def clear(out: Path) -> None:
    """Remove the files that jobs which were killed have left in the hidden folder; for the holder of the journal."""
    for left in (out / PLACE).iterdir():
        if left.name != _NAME:
            with suppress(OSError):
                left.unlink()


def look_up(out: Path) -> Journal:
    """The journal of this folder to read from; an empty one if there is none. Nothing is made or removed.

    Raises:
        PixmendError: it is none, or cannot be read.
    """
    path = out / PLACE / _NAME
    try:
        with io.BytesIO(path.read_bytes() if path.exists() else b"") as file:
            return Journal(file, path, only_read=True)
    except OSError as error:
        raise PixmendError(f"{path}: cannot be read: {error.strerror or error}") from error
