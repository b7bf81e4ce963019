"""A folder in one call: its pictures restored once, or as they come."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pixmend.image import WriteOptions
from pixmend.infer.folder.job import plan_job
from pixmend.infer.folder.run import FolderRun
from pixmend.infer.folder.watch import arrivals
from pixmend.infer.pipeline import Pipeline


def restore_folder(
    pipeline: Pipeline | Sequence[Pipeline],
    source: Path | str,
    out: Path | str,
    *,
    format: str | None = None,
    options: WriteOptions | None = None,
    skip_existing: bool = False,
    force: bool = False,
    batch: int | None = None,
) -> FolderRun:
    """Restore every picture in ``source`` and below into the same tree under ``out``; iterate over what is returned.

    Several pipelines, one of each device, share the work. ``batch`` is how many tiles of one shape, of whichever
    pictures, are computed at once; with 1, the default on the CPU, each result is to the bit what it is alone.

    Raises:
        PixmendError: as ``plan_job``, before any work; as ``FolderRun`` on iterating. A picture that fails is a record.
    """
    job = plan_job(Path(source), Path(out), format=format, options=options, skip_existing=skip_existing, force=force)
    pipelines = (pipeline,) if isinstance(pipeline, Pipeline) else tuple(pipeline)
    return FolderRun(job, pipelines, batch=batch)


def watch_folder(
    pipeline: Pipeline,
    source: Path | str,
    out: Path | str,
    *,
    format: str | None = None,
    options: WriteOptions | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> FolderRun:
    """``restore_folder`` with ``skip_existing``, which then waits for pictures that come or change, until ``stop``.

    Raises:
        PixmendError: as ``restore_folder``, but the folder may be empty; ``FolderRun.stopped`` says so where it
            is gone, or cannot be watched.
    """
    job = plan_job(Path(source), Path(out), format=format, options=options, skip_existing=True, may_be_empty=True)
    return FolderRun(job, (pipeline,), items=arrivals(job), stop=stop)
