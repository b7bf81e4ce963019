"""Rows that come from the top and are held while a row of tiles needs them; values that wait in a file.

C channels, h and w height and width in pixels.
"""

import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Rolling:
    """Bands (h, W, C) one below the other, of which only those are in memory that were asked for last."""

    def __init__(self, bands: Iterator[NDArray[Any]], *, top: int = 0) -> None:
        self._bands = bands
        self._held: deque[NDArray[Any]] = deque()
        self._top = self._bottom = top

    def hold(self, top: int, bottom: int) -> None:
        """Read on until row ``bottom``, and forget what lies above ``top``; both never go back."""
        while self._bottom < bottom:
            band = next(self._bands)
            self._bottom += len(band)
            if self._bottom > top:
                self._held.append(band)
            else:
                self._top = self._bottom
        while self._held and self._top + len(self._held[0]) <= top:
            self._top += len(self._held.popleft())

    def crop(self, rows: range, columns: range) -> Tensor:
        """(C, h, w) float32 of what is held; whole numbers become shares of the largest."""
        top, parts = self._top, []
        for band in self._held:
            first, last = max(rows.start - top, 0), min(rows.stop - top, len(band))
            if first < last:
                parts.append(band[first:last, columns.start : columns.stop])
            top += len(band)
        values = np.concatenate(parts) if len(parts) > 1 else parts[0]
        crop = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1), np.float32))
        return crop if values.dtype == np.float32 else crop.div_(np.iinfo(values.dtype).max)


class Shelf:
    """Blocks of values by number, in a nameless file that is gone with the process."""

    def __init__(self, folder: Path, *, largest: int) -> None:
        """``largest`` is the most bytes of a block."""
        self._file = tempfile.TemporaryFile(dir=folder, prefix=".pixmend-", buffering=0)  # noqa: SIM115
        self._room = largest
        self._kinds: dict[int, tuple[tuple[int, ...], np.dtype[Any]]] = {}

    def close(self) -> None:
        self._file.close()

    def put(self, number: int, block: NDArray[Any]) -> None:
        """Raises OSError where the disk is full."""
        assert block.nbytes <= self._room, (block.nbytes, self._room)
        self._kinds[number] = block.shape, block.dtype
        self._file.seek(number * self._room)
        left = np.ascontiguousarray(block).data.cast("B") if block.size else memoryview(b"")
        while len(left):
            left = left[self._file.write(left) :]

    def get(self, number: int, rows: slice | None = None) -> NDArray[Any] | None:
        """A block, or some rows of it along its first axis; None where nothing was put."""
        if number not in self._kinds:
            return None
        shape, kind = self._kinds[number]
        first, last, _ = (rows or slice(None)).indices(shape[0])
        part = np.empty((last - first, *shape[1:]), kind)
        if part.size:
            self._file.seek(number * self._room + first * (part.nbytes // len(part)))
            left = part.data.cast("B")
            while len(left):
                got = self._file.readinto(left)
                assert got, "a nameless file is not cut short"
                left = left[got:]
        return part
