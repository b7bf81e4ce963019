"""Writing a file whole or not at all."""

import os
import secrets
from pathlib import Path

from pixmend.errors import PixmendError


def replace(path: Path, content: bytes | memoryview | str) -> None:
    """Give the file this content in one step: a reader sees the old file or the new one, never a part.

    Raises:
        PixmendError: the folder is not there or not writable, or the disk is full; an older file is untouched.
    """
    part = beside(path)
    try:
        with part.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise not_writable(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def beside(path: Path) -> Path:
    """A name for a temporary file in the same folder that no other process uses."""
    return path.with_name(f".pixmend-{secrets.token_hex(6)}.part")


def not_writable(path: Path, error: OSError) -> PixmendError:
    """What to say of a file that the system refused to write."""
    return PixmendError(f"{path}: cannot be written: {error.strerror or error}: free space or choose another folder")
