"""How far a picture is: a line for each row of tiles whose rows are in the part file, and what made them.

Both lie in a folder beside the result, which is removed when the result is whole.
"""

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from pixmend.errors import PixmendError
from pixmend.files import append, locked, not_writable

_NAME, _PART = "journal.jsonl", "picture.part"
_KIND = "journal of a picture, 1"
_CHUNK = 1 << 24


def place_of(target: Path) -> Path:
    """The folder of a result that is not whole yet."""
    return target.with_name(f"{target.name}.parts")


def begun(target: Path) -> bool:
    """Whether there is a folder of an earlier call that has not come to its end."""
    return bool(target.name) and (place_of(target) / _NAME).exists()


class Journal:
    """The part file and what is known of it: nothing counts that was not written, and forced to the disk, before."""

    def __init__(self, file: BinaryIO, folder: Path, target: Path) -> None:
        self.part, self.target = folder / _PART, target
        self._file = file
        self.facts: dict[str, Any] | None = None
        """What made the part; None of a new one."""
        self.lines: list[dict[str, Any]] = []
        """Of each piece: ``end`` in the part file, ``sum`` of its bytes, and what else was told."""
        self.finished: str | None = None
        """The name in the folder of the whole file, once it is one."""
        self._ends: list[int] = []
        self._read()

    @property
    def end(self) -> int:
        """Bytes of the part file that count."""
        return int(self.lines[-1]["end"]) if self.lines else 0

    def begin(self, facts: Mapping[str, Any]) -> None:
        """A new part of this making; what was there is forgotten."""
        os.ftruncate(self._file.fileno(), 0)
        self.part.unlink(missing_ok=True)
        self.lines, self.finished, self.facts = [], None, dict(facts)
        self._append({"pixmend": _KIND, "facts": self.facts})

    def check(self) -> None:
        """Forget what does not stand in the part file as it was told, and what comes after it."""
        sound, before = 0, 0
        with suppress(OSError), self.part.open("rb") as part:
            for line in self.lines:
                if _sum(part, line["end"] - before) != line["sum"]:
                    break
                sound, before = sound + 1, line["end"]
        if sound < len(self.lines):
            os.ftruncate(self._file.fileno(), self._ends[sound])
            self.lines, self._ends, self.finished = self.lines[:sound], self._ends[: sound + 1], None

    def add(self, line: Mapping[str, Any]) -> None:
        """One more piece, which is in the part file and on the disk."""
        self._append(dict(line))
        self.lines.append(dict(line))

    def finish(self, name: str) -> None:
        """The whole result is in the file of this name."""
        self._append({"finished": name})
        self.finished = name

    def _append(self, line: dict[str, Any]) -> None:
        self._ends.append(append(self._file, json.dumps(line).encode() + b"\n"))

    def _read(self) -> None:
        self._file.seek(0)
        end = 0
        for text in self._file:
            try:
                line = json.loads(text)
                if self.facts is None:
                    if line["pixmend"] != _KIND:
                        break
                    self.facts = dict(line["facts"])
                elif "finished" in line:
                    self.finished = str(line["finished"])
                else:
                    self.lines.append({**line, "end": int(line["end"]), "sum": int(line["sum"])})
            except (ValueError, KeyError, TypeError):  # torn by a power cut
                break
            end += len(text)
            self._ends.append(end)
        os.ftruncate(self._file.fileno(), end)


def _sum(part: BinaryIO, length: int) -> int | None:
    """Of so many bytes from here; None where there are fewer."""
    found = 0
    while length > 0:
        content = part.read(min(length, _CHUNK))
        if not content:
            return None
        found = zlib.crc32(content, found)
        length -= len(content)
    return found


@contextmanager
def open_journal(target: Path) -> Iterator[Journal]:
    """The journal of this result, for this process alone; afterwards the folder is removed if the result is in place.

    Raises:
        PixmendError: another process has it, or the folder cannot be made or written to.
    """
    folder = place_of(target)

    def refuse() -> None:
        raise PixmendError(f"{target}: another pixmend is writing it: wait for it, or give another name")

    try:
        folder.mkdir(exist_ok=True)
        with locked(folder / _NAME, refuse) as file:
            journal = Journal(file, folder, target)
            yield journal
            whole = journal.finished is not None and not (folder / journal.finished).exists()
    except OSError as error:
        raise not_writable(target, error) from error
    if whole:
        remove(target)


def remove(target: Path) -> None:
    """Take away what is left of the work on this result."""
    folder = place_of(target)
    with suppress(OSError):
        for left in (_NAME, _PART, f"{_PART}.jpg"):
            (folder / left).unlink(missing_ok=True)
        folder.rmdir()
