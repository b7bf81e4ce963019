"""PPM and PGM, whose values may go to any number up to 65535; Pillow rounds them to 8 bits.

C channels, H and W height and width in pixels.
"""

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_HEADER = re.compile(rb"P([2356])((?:\s|#[^\n]*\n)+\d+)((?:\s|#[^\n]*\n)+\d+)((?:\s|#[^\n]*\n)+\d+)\s")
_COMMENT = re.compile(rb"#[^\n]*")
_LONGEST = 4096


def header(start: bytes) -> tuple[int, int, int, int, int] | None:
    """(kind, H, W, highest value, length) of the header in the first bytes of a file; None of another format.

    Kinds 2 and 3 are grey and colour in words, 5 and 6 in bytes.
    """
    found = _HEADER.match(start[:_LONGEST])
    if found is None:
        return None
    width, height, highest = (int(_COMMENT.sub(b"", found[number])) for number in (2, 3, 4))
    return int(found[1]), height, width, highest, found.end()


def read_values(content: bytes) -> tuple[NDArray[np.integer], int]:
    """The values (H, W, C) and the highest there could be.

    Raises:
        ValueError: cut short, or a value or the highest one is out of range.
    """
    known = header(content)
    if known is None:
        raise ValueError("no header")
    kind, height, width, highest, start = known
    if not 0 < highest < 65536:
        raise ValueError(f"highest value {highest}")
    channels = 3 if kind in (3, 6) else 1
    count = height * width * channels
    if kind in (2, 3):
        words = _COMMENT.sub(b"", content[start:]).split(maxsplit=count)[:count]
        values = np.array([int(word) for word in words], np.uint32)
    else:
        dtype = np.dtype(">u2" if highest > 255 else np.uint8)
        values = np.frombuffer(content[start : start + count * dtype.itemsize], dtype)
    if len(values) != count or (count and values.max() > highest):
        raise ValueError(f"{len(values)} of {count} values up to {highest}")
    return values.reshape(height, width, channels), highest


def written(bands: Iterable[NDArray[np.integer]], *, size: tuple[int, int], channels: int, depth: int) -> bytes:
    """A file of these rows (h, W, C) from the top; ``size`` is (H, W)."""
    start = f"P{6 if channels == 3 else 5}\n{size[1]} {size[0]}\n{2**depth - 1}\n".encode()
    return start + b"".join(np.ascontiguousarray(band, ">u2" if depth == 16 else np.uint8).tobytes() for band in bands)
