"""Frames that are restored and wait for the rest of their piece to be encoded: as they are, so that none is lost."""

import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmend.infer.video.clip import library
from pixmend.infer.video.encode import Coding
from pixmend.infer.video.heard import Heard

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptFrame:
    """A frame as the encoder takes it."""

    number: int
    """From 0."""
    time: int
    duration: int
    heard: Heard
    """Of it alone."""
    frame: "VideoFrame"


class Kept:
    """Their file, which is never forced to the disk: a kill leaves it, and a power cut costs a piece.

    ``maker`` is told of all that decides about the frames; those of another are none.
    """

    def __init__(self, path: Path, coding: Coding, *, maker: object) -> None:
        self._path, self._coding = path, coding
        self._maker = zlib.crc32(json.dumps(maker, sort_keys=True).encode())
        self._file: Any = None

    def load(self, first: int) -> list[KeptFrame]:
        """Those from this number on, one after the other; all others are forgotten."""
        found: list[KeptFrame] = []
        with suppress(OSError, ValueError, KeyError, TypeError):  # there is none, or its end was not written
            for kept in self._read():
                if kept.number == first + len(found):
                    found.append(kept)
        self.clear()
        for kept in found:
            self.add(kept)
        return found

    def add(self, kept: KeptFrame) -> None:
        content = b"".join(bytes(plane) for plane in kept.frame.planes)
        head = {name: getattr(kept, name) for name in ("number", "time", "duration")}
        told = {"maker": self._maker, "size": len(content), "sum": zlib.crc32(content), "heard": kept.heard.plain()}
        try:
            if self._file is None:
                self._file = self._path.open("wb", buffering=0)
            for part in (json.dumps({**head, **told}).encode() + b"\n", content):
                if self._file.write(part) < len(part):
                    raise OSError
        except OSError:  # no room: a kill costs the piece, which takes less
            self.clear()

    def clear(self) -> None:
        """They are encoded, and in the journal."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self) -> Iterator[KeptFrame]:
        height, width = self._coding.size
        with self._path.open("rb") as file:
            for line in file:
                head = json.loads(line)
                content = file.read(head["size"])
                if head["maker"] != self._maker or zlib.crc32(content) != head["sum"]:
                    return
                frame = library().VideoFrame(width, height, self._coding.layout)
                at = 0
                for plane in frame.planes:
                    plane.update(content[at : at + plane.buffer_size])
                    at += plane.buffer_size
                numbers = {name: head[name] for name in ("number", "time", "duration")}
                yield KeptFrame(**numbers, heard=Heard.of([head]), frame=frame)
