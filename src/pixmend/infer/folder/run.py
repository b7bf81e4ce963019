"""A folder of pictures through a network: read, restored and written at the same time, each result whole or not there.

Every worker sees one picture through. The network is where they meet: one thread of each device runs it for all.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pixmend.errors import PixmendError
from pixmend.image import WriteOptions
from pixmend.infer.device import is_out_of_memory
from pixmend.infer.folder.computing import Computing, Stopped, default_batch, through
from pixmend.infer.folder.flight import IN_FLIGHT, Flight, pixels_of
from pixmend.infer.folder.job import Item, Job, plan_job
from pixmend.infer.folder.journal import open_journal
from pixmend.infer.folder.listening import Listening
from pixmend.infer.folder.passage import Passage, digest, identity, is_full
from pixmend.infer.folder.record import Record, Status, write_failures
from pixmend.infer.pipeline import Pipeline

Advance = Callable[[int], None]
"""Called from any thread with the input pixels that are done since the last call."""

_HANDS = 3
"""Workers besides those whose picture is being computed: they read, encode, and wait for the disk."""
_POLL = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ticket:
    """A picture that is under way."""

    order: int
    item: Item
    pixels: int
    held: int
    started: float


class FolderRun:
    """The work on a job: iterate over it once, a ``Record`` of each file as it is done.

    Leaving the loop stops the work: what is being written is finished, what is being computed is dropped. A file that
    fails does not stop it, but a full disk does, since all others would fail as well: ``stopped`` then says so.
    Whatever ends it, even a kill, results are whole or not there, and a job with ``skip_existing`` goes on from them.

    Raises:
        PixmendError: on iterating: the folder of the results cannot be made or written to, or another process works
            there.
    """

    def __init__(
        self,
        job: Job,
        pipelines: Sequence[Pipeline],
        *,
        batch: int | None = None,
        in_flight: int = IN_FLIGHT,
        provenance: Mapping[str, Any] | None = None,
        advance: Advance = lambda pixels: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.job = job
        self.stopped: str | None = None
        self._provenance = provenance
        self._pipelines, self._advance, self._stop = tuple(pipelines), advance, stop
        self._listening = Listening()
        self._computing = [
            Computing(pipeline, batch=batch or default_batch(pipeline), listening=self._listening)
            for pipeline in pipelines
        ]
        self._load = [0] * len(pipelines)  # pixels that wait for each device
        self._flight = Flight(scale=pipelines[0].scale, limit=in_flight)
        self._items = enumerate(job.items)
        self._taking, self._sharing = threading.Lock(), threading.Lock()
        self._arrived: queue.SimpleQueue[Record | None] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[Record]:
        records = [_unreadable(folder, reason) for folder, reason in self.job.found.unreadable]
        with open_journal(self.job.out) as journal, self._listening:
            passage = Passage(
                job=self.job,
                journal=journal,
                identity=identity(self.job, self._pipelines[0]),
                provenance=self._provenance,
            )
            hands = sum(2 * computing.batch if computing.batch > 1 else 1 for computing in self._computing) + _HANDS
            workers = [
                threading.Thread(target=self._work, args=(passage,), name=f"pixmend {n}", daemon=True)
                for n in range(hands)
            ]
            yield from records
            try:
                for thread in (*self._computing, *workers):
                    thread.start()
                for record in self._arriving(len(workers)):
                    records.append(record)
                    yield record
            finally:
                self._halt()
                for thread in (*workers, *self._computing):
                    thread.join()
                self._keep_failures(records)

    def _keep_failures(self, records: list[Record]) -> None:
        try:
            write_failures(self.job.out, records)
        except PixmendError:  # on a full disk there is no room for them either
            if self.stopped is None:
                raise

    def _arriving(self, workers: int) -> Iterator[Record]:
        """Records until the last worker has left."""
        while workers:
            if self._stop():
                self._halt()
            try:
                record = self._arrived.get(timeout=_POLL)
            except queue.Empty:
                continue
            if record is None:
                workers -= 1
            else:
                yield record

    def _halt(self) -> None:
        self._flight.close()
        for computing in self._computing:
            computing.stop()

    def _work(self, passage: Passage) -> None:
        """One worker: a picture after another."""
        try:
            while ticket := self._take():
                try:
                    with self._listening.picture() as heard:
                        record = self._seethrough(ticket, passage, heard)
                    if record is not None:
                        self._arrived.put(record)
                finally:
                    self._flight.land(ticket.held)
        finally:
            self._arrived.put(None)

    def _take(self) -> _Ticket | None:
        """The next picture, once there is room for it; one worker at a time, so that none is overtaken."""
        with self._taking:
            order, item = next(self._items, (0, None))
            if item is None:
                return None
            pixels = pixels_of(self.job.source / item.name)
            held = self._flight.board(pixels)
            if held is None:
                return None
            return _Ticket(order=order, item=item, pixels=pixels, held=held, started=time.perf_counter())

    def _seethrough(self, ticket: _Ticket, passage: Passage, heard: list[str]) -> Record | None:
        """What became of it; None if the job was stopped meanwhile."""
        item, told = ticket.item, _Told(pixels=ticket.pixels, advance=self._advance)
        status: Status = "done"
        reason = None
        warnings: tuple[str, ...] = ()
        try:
            picture = digest(self.job.source / item.name)
            if passage.skips(item, picture):
                status = "skipped"
            else:
                warnings = self._restore(ticket, passage, picture, told)
        except Stopped:
            return None
        except Exception as error:  # whatever it is, the others go on
            status, reason = "failed", self._reason(error, item)
            if is_full(error):
                self.stopped = reason
                self._halt()
        told.share(1)
        return Record(
            path=item.name,
            target=item.target,
            status=status,
            seconds=time.perf_counter() - ticket.started,
            pixels=ticket.pixels,
            reason=reason,
            warnings=(*heard, *warnings),
        )

    def _restore(self, ticket: _Ticket, passage: Passage, picture: str, told: "_Told") -> tuple[str, ...]:
        """On the device for which the fewest pixels wait."""
        with self._sharing:
            device = self._load.index(min(self._load))
            self._load[device] += ticket.pixels
            computing = self._computing[device]
            computing.pipeline.plan((1, 1))  # measures the network once, not once for each picture
        try:
            pipeline = through(computing.pipeline, partial(computing.run, ticket.order))
            return passage.restore(ticket.item, picture, pipeline=pipeline, share=told.share)
        finally:
            with self._sharing:
                self._load[device] -= ticket.pixels

    def _reason(self, error: Exception, item: Item) -> str:
        """One line, without the names that stand beside it."""
        text = " ".join(str(error).split())
        for path in (self.job.source / item.name, self.job.out / item.target):
            text = text.removeprefix(f"{path}: ")
        if isinstance(error, PixmendError):
            return text
        return "out of memory" if is_out_of_memory(error) else f"internal error: {type(error).__name__}: {text}"


@dataclass(slots=True, kw_only=True)
class _Told:
    """The pixels of one picture that were told to be done."""

    pixels: int
    advance: Advance
    done: int = 0

    def share(self, share: float) -> None:
        now = round(self.pixels * share)
        if now > self.done:
            self.advance(now - self.done)
            self.done = now


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


def _unreadable(folder: Path, reason: str) -> Record:
    return Record(path=folder, target=folder, status="failed", seconds=0.0, pixels=0, reason=reason)
