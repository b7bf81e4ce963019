"""How much memory a folder takes: tiles at work, and pictures that are read, restored and written at once.

Sizes are (height, width) in pixels.
"""

import copy
import ctypes
import math
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from pixmend.errors import PixmendError
from pixmend.image import WRITABLE
from pixmend.image.metadata import orientation_of
from pixmend.infer.device import default_memory, largest_tile
from pixmend.infer.folder.way import Way
from pixmend.infer.forecast import memory_words
from pixmend.infer.pipeline import Pipeline
from pixmend.infer.plan import smallest_tile

_SAMPLES, _READING, _WRITING = 4, 12, 30
"""Of each pixel: values, with transparency, and the bytes besides while a file is decoded, and encoded.

Measured on pictures of 2.6 megapixels: reading 8 to 15, of a TIFF of 16 bits 30; writing 9 to 30.
"""
_PACKED = {"WEBP": 50, "AVIF": 50}
"""The latter, of formats whose encoders hold more."""
_ARENA_MAX = -8


class Stopped(Exception):
    """The job was told to stop; the picture is neither done nor failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """What the memory that all of it may take is divided into, in bytes."""

    base: int
    """The program, its libraries, the weights."""
    work: int
    """For the tiles of each device that shares the memory with the pictures."""
    pictures: int
    """For all that are in flight."""

    def seat(self, wanted: int | None) -> int:
        """What a picture that takes so much is to hold: of one that nobody knows the size of, all.

        Raises:
            PixmendError: so much there never is.
        """
        if wanted is not None and wanted > self.pictures:
            raise PixmendError(
                f"takes {memory_words(wanted)} of memory, {memory_words(self.pictures)} are there for pictures: allow "
                "more, or restore it by itself, row by row (--stream)"
            )
        return self.pictures if wanted is None else wanted


def share_memory(pipelines: Sequence[Pipeline]) -> Shares:
    """Divide what the pipelines may take, or seven tenths of what is free: for tiles what is of use, half at most.

    Raises:
        PixmendError: it is too little for the smallest tile.
    """
    ours = [pipeline for pipeline in pipelines if pipeline.device.type == "cpu"]
    base = pipelines[0].plan((1, 1)).base_bytes
    given = [pipeline.memory for pipeline in ours if pipeline.memory is not None]
    room = min(given) - base if given else default_memory(torch.device("cpu"))
    if not ours:
        return Shares(base=base, work=0, pictures=room)
    least = max(_work(pipeline, smallest=True) for pipeline in ours)
    work = max(least, min(max(_work(pipeline) for pipeline in ours), room // (2 * len(ours))))
    if work * len(ours) >= room:
        raise PixmendError(
            f"{memory_words(base + room)} of memory are too little: the program takes {memory_words(base)}, and the "
            f"smallest tiles {memory_words(work * len(ours))}"
        )
    return Shares(base=base, work=work, pictures=room - work * len(ours))


def _work(pipeline: Pipeline, *, smallest: bool = False) -> int:
    """Bytes for the tiles of this pipeline: those asked for, the smallest, or the largest that are worth it here.

    As large as those of a picture alone, where there is room, or its tiles would be others than here.
    """
    found = 0
    for network, footprint in zip(pipeline.networks, pipeline.footprints, strict=True):
        grid = network.multiple
        worth = largest_tile(pipeline.device, multiple=grid, bytes_per_pixel=footprint.per_pixel)
        side = pipeline.tile or (smallest_tile(grid) if smallest else worth)
        side = network.fixed_size or -(-side // grid) * grid
        found = max(found, footprint.at(side**2 if smallest or not network.fixed_size else worth**2))
    return found


def bounded(pipeline: Pipeline, work: int) -> Pipeline:
    """The same pipeline with so many bytes for its tiles; the pictures are somebody else's care."""
    twin = copy.copy(pipeline)
    twin.memory, twin.tile_memory = None, work
    return twin


def bytes_of(size: tuple[int, int], *, way: Way, target: Path) -> int:
    """Of a picture of this size at its worst moment, which is when its result is written; not of the tiles at work."""
    made = math.prod(size) * way.pipeline.scale**2
    written = math.prod(way.size) if way.size else made
    packing = _PACKED.get(WRITABLE[target.suffix.lower()], _WRITING)
    before = math.prod(size) * (4 * _SAMPLES + _READING)
    resampling = 4 * _SAMPLES * (made + written) if way.size else 0
    return before + written * 4 * _SAMPLES + max(written * packing, resampling)


def size_of(path: Path) -> tuple[int, int] | None:
    """Of the upright picture, by its header; None where it tells nothing."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            return (width, height) if orientation_of(image) >= 5 else (height, width)
    except Exception:  # a damaged file can raise nearly anything from inside a decoder, and reading it will tell
        return None


def pixels_of(path: Path) -> int:
    """Of the picture, by its header; 0 where it tells nothing."""
    return math.prod(size_of(path) or (0,))


def keep_few_arenas() -> None:
    """Tell glibc, where that is what gives out memory, to have two stores for all threads.

    One for each is what it likes, and keeps what its thread has given back: folders took a quarter more than foretold.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)


class Flight:
    """Counts the bytes of pictures in flight. Threads that want more than there is wait, in their order."""

    def __init__(self, shares: Callable[[], Shares]) -> None:
        """``shares`` is asked for by the first picture: what finds it out takes a while."""
        self._shares = shares
        self._held = 0
        self._boarding = threading.Lock()
        self._landed = threading.Condition()
        self._closed = False

    @contextmanager
    def seat(self, wanted: int | None) -> Iterator[None]:
        """Wait until so many bytes are free, and hold them.

        Raises:
            Stopped: the flight was closed.
            PixmendError: as ``Shares.seat``.
        """
        with self._boarding:  # one after another, or a large picture would wait for ever
            shares = self._shares()
            held = shares.seat(wanted)
            with self._landed:
                self._landed.wait_for(lambda: self._closed or self._held + held <= shares.pictures)
                if self._closed:
                    raise Stopped
                self._held += held
        try:
            yield
        finally:
            with self._landed:
                self._held -= held
                self._landed.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._landed:
            self._closed = True
            self._landed.notify_all()
