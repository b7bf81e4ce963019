"""Processes that make batches ahead, and what becomes of a run when one of them ends or falls silent."""

import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from torch.utils.data import DataLoader, Dataset

from pixmend.errors import PixmendError

PATIENCE = 600
"""Seconds to wait for the next batch of a worker."""

_Item = TypeVar("_Item")


def made_ahead(items: Dataset[_Item], order: range, *, workers: int) -> Iterator[_Item]:
    """``items[n]`` for every n of ``order``, by so many processes or, if none, as they are asked for.

    Raises:
        PixmendError: as ``telling_of_workers``.
    """
    loader = DataLoader(
        items,
        batch_size=None,
        sampler=order,
        num_workers=workers,
        timeout=PATIENCE if workers else 0,
        # Forked workers see the pictures where they are; pickled ones would need a file handle for each.
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
        worker_init_fn=_leave_interrupts_to_the_parent,
    )
    made = iter(loader)
    for _ in order:
        try:
            with telling_of_workers():
                item = next(made)
        except (ConnectionError, EOFError) as error:  # it died before its tensors were fetched from it
            raise _ended("a worker process") from error
        yield item


@contextmanager
def telling_of_workers() -> Iterator[None]:
    """Make the end of a worker process, or its silence, one line.

    PyTorch raises the end of a worker wherever the main thread happens to be, so this belongs around the whole loop.

    Raises:
        PixmendError: a worker ended, or gave nothing for ``PATIENCE`` seconds.
    """
    try:
        yield
    except RuntimeError as error:
        told = " ".join(str(error).split())
        if told.startswith("DataLoader timed out"):
            raise PixmendError(
                f"data.workers: no batch came for {PATIENCE / 60:.3g} minutes: does the disk with the pictures answer? "
                "what was saved is good: resume, with --set data.workers=0 if it happens again"
            ) from error
        ended = re.match(r"DataLoader worker \(pid\D* (\d+)", told)
        if ended is None:
            raise
        raise _ended(f"the worker process {ended[1]}") from error


def _ended(which: str) -> PixmendError:
    return PixmendError(
        f"data.workers: {which} was ended, most likely because memory ran out: take fewer (--set data.workers=1); what "
        "was saved is good: resume"
    )


def _leave_interrupts_to_the_parent(worker: int) -> None:
    """Ctrl-C reaches the whole process group; the parent wants the rest of its batches to finish the step."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
