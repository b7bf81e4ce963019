"""``pixmend restore FOLDER OUT --watch``: what is there, then whatever comes or changes, until Ctrl-C."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pixmend.cli import console

if TYPE_CHECKING:
    from pixmend.cli.restore.request import Request
    from pixmend.cli.restore.ways import Ways
    from pixmend.infer.folder import Job, Record


def watch(job: "Job", ways: "Ways", request: "Request") -> None:
    """Restore until told to stop; a line of each picture that was restored or failed.

    Raises:
        PixmendError: the folder is gone or cannot be watched, or a disk was full.
        typer.Exit: with 1 where a picture failed in the state that it has now.
    """
    from pixmend.errors import PixmendError
    from pixmend.infer.folder import FolderRun
    from pixmend.infer.folder.watch import arrivals
    from pixmend.interrupt import Interrupt

    last: dict[Path, str] = {}
    counts: Counter[str] = Counter()
    with Interrupt() as interrupt:
        run = FolderRun(
            job,
            ways.pipelines,
            choose=ways,
            batch=request.batch,
            facts=ways.facts,
            items=arrivals(job),
            stop=lambda: interrupt.asked,
        )
        request.notes.print(console.printable(f"watching {job.source}: Ctrl-C ends it"))
        for record in run:
            last[record.path] = record.status
            counts[record.status] += 1
            _tell(record, request)
    if run.stopped is not None:
        raise PixmendError(f"{job.out}: {run.stopped}")
    if not request.as_json and not request.quiet:
        told = {"done": "restored", "skipped": "skipped", "failed": "failed"}
        words = ", ".join(f"{counts[status]} {word}" for status, word in told.items() if counts[status])
        typer.echo(console.printable(f"{job.out}: {words or 'nothing came'}"))
    if "failed" in last.values():
        raise typer.Exit(1)


def _tell(record: "Record", request: "Request") -> None:
    if request.as_json:
        typer.echo(json.dumps(record.plain()))
        return
    if record.status == "failed":
        request.notes.print(console.printable(f"{record.path}: failed: {record.reason}"))
    elif record.status == "done" and not request.quiet:
        odd = f"; to look at: {'; '.join(record.warnings)}" if record.warnings else ""
        typer.echo(console.printable(f"{record.path}: restored, {record.seconds:.1f} s{odd}"))
