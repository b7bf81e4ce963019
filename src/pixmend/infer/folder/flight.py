"""How many pictures are held at once: as many as fit in so many bytes, and one always does."""

import threading
from pathlib import Path

from pixmend.errors import PixmendError
from pixmend.image import shape_of

IN_FLIGHT = 2**30
"""Bytes of pictures that are read, restored and written at once, as floats, before and after."""


def pixels_of(path: Path) -> int:
    """Of the picture, by its header; 0 where it tells nothing."""
    try:
        _, height, width = shape_of(path)
    except PixmendError:
        return 0
    return height * width


class Flight:
    """Counts the bytes of pictures in flight. Threads that want more than there is wait, in their order."""

    def __init__(self, *, scale: int, limit: int = IN_FLIGHT) -> None:
        self._bytes_per_pixel = 4 * 4 * (1 + scale**2)
        self._limit = limit
        self._held = 0
        self._landed = threading.Condition()
        self._closed = False

    def board(self, pixels: int) -> int | None:
        """Wait until a picture of so many pixels fits, or all is empty; what to give back. None once closed.

        One whose size nobody knows flies alone. For one thread at a time, or a large picture would wait for ever.
        """
        wanted = min(pixels * self._bytes_per_pixel, self._limit) or self._limit
        with self._landed:
            self._landed.wait_for(lambda: self._closed or self._held + wanted <= self._limit)
            if self._closed:
                return None
            self._held += wanted
            return wanted

    def land(self, held: int) -> None:
        with self._landed:
            self._held -= held
            self._landed.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._landed:
            self._closed = True
            self._landed.notify_all()
