"""Decoding with libvips, which knows depths and numbers of channels that Pillow does not.

H and W are height and width in pixels.
"""

import os
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

INSTALL = 'pip install "pyvips[binary]"'
_DTYPES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}


def decoded(content: bytes, *, loader: str) -> NDArray[Any] | None:
    """The values (H, W, channels) of the picture in these bytes; None where pyvips cannot be used.

    Raises:
        ValueError: numbers of another kind than 8 or 16 bits without sign and floats.
    """
    vips = imported()
    if vips is None:
        return None
    image = getattr(vips.Image, loader)(content, access="sequential", fail_on="error")
    dtype = _DTYPES.get(image.format)
    if dtype is None:
        raise ValueError(f"numbers of the kind {image.format}")
    return np.frombuffer(image.write_to_memory(), dtype).reshape(image.height, image.width, image.bands)


def imported() -> Any | None:
    """pyvips; None where it is not installed, and in a process that was forked from one that used it.

    The threads of libvips do not survive a fork, and it would wait for them for ever.
    """
    try:
        import pyvips
    except (ImportError, OSError):  # the second without the library itself
        return None
    return pyvips if _first_process() == os.getpid() else None


@cache
def _first_process() -> int:
    return os.getpid()
