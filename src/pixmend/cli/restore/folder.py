"""``pixmend restore FOLDER [OUT]``: every picture in a folder, however many, and what became of each."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pixmend.cli import console
from pixmend.cli.restore import tasks
from pixmend.cli.restore.bar import bar
from pixmend.cli.restore.outcome import Outcome, ordered

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from pixmend.cli.restore.request import Request
    from pixmend.cli.restore.ways import Ways
    from pixmend.infer.folder import Job, Record
    from pixmend.infer.pipeline import Pipeline

_HEADERS = 1000
"""At most so many are read before the work to say how many pixels there are."""


def restore(request: "Request") -> None:
    """Restore all pictures in a folder, and with ``watch`` those that come.

    Raises:
        PixmendError: before the work, where it cannot be done; a disk was full; with ``quiet`` a picture failed.
        typer.Exit: with 1 where a picture failed, with 130 where the work was interrupted.
    """
    from pixmend.cli.restore.folder_plan import tell
    from pixmend.cli.restore.watch import watch
    from pixmend.cli.restore.ways import Ways
    from pixmend.infer.folder.flight import share_memory

    job = _plan(request)
    ways = Ways(request, job)
    if request.size is None and (said := tasks.said(ways.first, request)):
        request.notes.print(said)
    if request.dry_run:
        tell(job, ways, request)
        return
    if request.memory is not None:
        share_memory(ways.pipelines)  # before the work: too little for one tile is too little for every picture
    request.notes.print(console.printable(_said(job, ways.pipelines)))
    if request.watch:
        watch(job, ways, request)
    else:
        _carry_out(job, ways, request)


def _plan(request: "Request") -> "Job":
    """What is to be done, checked before anything is loaded; without a name results go to FOLDER_restored.

    Raises:
        PixmendError: as ``plan_job``.
    """
    from pixmend.errors import PixmendError
    from pixmend.infer.folder import plan_job

    folder, output = request.picture, request.output
    if output is None:
        place = folder.resolve() if folder.name in ("", "..") else folder
        if not place.name:
            raise PixmendError(f"{folder}: has no name to put the results beside: give a folder for them")
        output = place.with_name(f"{place.name}_restored")
    return plan_job(
        folder,
        output,
        format=request.format,
        options=request.options,
        skip_existing=request.skip_existing or request.watch,
        force=request.force,
        may_be_empty=request.watch,
    )


def _carry_out(job: "Job", ways: "Ways", request: "Request") -> None:
    """Do the work and tell."""
    from pixmend.infer.folder import FolderRun
    from pixmend.interrupt import Interrupt

    started = time.perf_counter()
    records: list[Record] = []
    with Interrupt() as interrupt, _bar(job, request.notes) as shown:
        run = FolderRun(
            job,
            ways.pipelines,
            choose=ways,
            batch=request.batch,
            facts=ways.facts,
            advance=shown.advance,
            stop=lambda: interrupt.asked,
        )
        for record in run:
            records.append(record)
            shown.count(record)
    outcome = Outcome(job=job, records=ordered(records), stopped=run.stopped)
    seconds = time.perf_counter() - started
    if request.as_json:
        facts = {"model": Path(request.model).name, "tasks": list(ways.first.names)}
        typer.echo(json.dumps(outcome.plain(facts, seconds=seconds), indent=2))
    elif not request.quiet:
        outcome.show(seconds=seconds)
    outcome.leave(interrupted=interrupt.asked, quiet=request.quiet)


def _said(job: "Job", pipelines: "Sequence[Pipeline]") -> str:
    """How many, where to, on what; and how many files are none of them."""
    found = job.found
    ignored = ((found.hidden, "hidden"), (found.others, "not pictures by name"), (found.results, "folders of results"))
    left_out = ", ".join(f"{count} {what}" for count, what in ignored if count)
    left_out = left_out and f" (left out: {left_out})"
    devices = " and ".join(str(pipeline.device) for pipeline in pipelines)
    count = f"{len(job.items)} picture{'' if len(job.items) == 1 else 's'}"
    return f"{count} into {job.out}{left_out}; {devices}, {pipelines[0].precision}"


class _Bar:
    """Files and pixels of a folder, drawn in a terminal."""

    def __init__(self, progress: "Progress", job: "Job") -> None:
        self._progress = progress
        self._done = self._failed = 0
        self._files = len(job.items) + len(job.found.unreadable)
        self._task = progress.add_task("restoring", total=None, files=self._text())
        if not progress.disable:
            progress.update(self._task, total=_megapixels(job))

    def advance(self, pixels: int) -> None:
        self._progress.advance(self._task, pixels / 1e6)

    def count(self, record: "Record") -> None:
        self._done += record.status != "failed"
        self._failed += record.status == "failed"
        self._progress.update(self._task, files=self._text())

    def _text(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._done} of {self._files} done{failed}"


@contextmanager
def _bar(job: "Job", notes: "Console") -> "Iterator[_Bar]":
    """Over the pixels, with rate and time left, if there is a terminal to show it."""
    with bar(notes, told="{task.fields[files]}") as drawn:
        yield _Bar(drawn, job)


def _megapixels(job: "Job") -> float:
    """Of all pictures, by the headers of at most so many, spread evenly."""
    from pixmend.infer.folder.flight import pixels_of

    some = job.items[:: max(1, len(job.items) // _HEADERS)]
    return sum(pixels_of(job.source / item.name) for item in some) / 1e6 * len(job.items) / max(1, len(some))
