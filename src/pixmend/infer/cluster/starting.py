"""Ray itself: started on this machine or connected to, kept quiet, and stopped."""

import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pixmend.errors import PixmendError

LOCAL = "local"
"""The address of a cluster that is started on this machine and stopped afterwards."""
_PATIENCE = 5
_STORE = 200_000_000  # bytes: names and records, and the network once


def check_reached(address: str) -> None:
    """That somebody listens, where the address names a machine: Ray tries for minutes.

    Raises:
        PixmendError: nobody does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise PixmendError(f"cluster {address}: cannot be reached: {error}: was Ray started there?") from error


@contextmanager
def started(address: str, cores: int) -> Iterator[Any]:
    """Ray, started or connected to, and left or stopped; as it is, where the program has done that already."""
    try:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it warns of what is as it should be
        os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")  # or what is left to stop would start it anew
        if address == LOCAL and "ray" not in sys.modules:  # which reads them once
            os.environ.setdefault("RAY_AUTH_MODE", "token")
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(16))  # this program's own, in no file
        import ray  # pyright: ignore[reportMissingImports]
        import ray.data  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise PixmendError(f"cluster {address}: Ray is missing: pip install 'pixmend[cluster]'") from error
    if ray.is_initialized():
        yield ray
        return
    where: dict[str, Any] = {"address": address}
    if address == LOCAL:
        where = {"num_cpus": cores, "include_dashboard": False, "object_store_memory": _STORE, "address": LOCAL}
    before = signal.getsignal(signal.SIGTERM)
    try:
        try:
            with _hushed():
                ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:
            raise PixmendError(f"cluster {address}: cannot be reached: {last_line(error)}") from error
        with contextlib.suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGTERM, before)  # which Ray takes for itself
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def _hushed() -> Iterator[None]:
    """Nothing on the error output, where Ray's core says past Python's logging that it says nothing."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def settings() -> Iterator[None]:
    """Ray Data quiet, and every row on its own, so that a chunk is what is given out, told, and done again."""
    import ray.data  # pyright: ignore[reportMissingImports]

    context = ray.data.DataContext.get_current()
    asked = {"enable_progress_bars": False, "target_max_block_size": 1}
    before = {name: getattr(context, name) for name in asked}
    logger = logging.getLogger("ray.data")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # errors are raised
    for name, value in asked.items():
        setattr(context, name, value)
    try:
        yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            setattr(context, name, value)


def last_line(error: BaseException) -> str:
    """The last line of what Ray tells, which is that of the worker."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
