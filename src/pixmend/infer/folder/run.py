"""A folder of pictures through a network: read, restored and written at the same time, each result whole or not there.

Every worker sees one picture through. The network is where they meet: one thread of each device runs it for all.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pixmend.errors import PixmendError
from pixmend.image import read_picture
from pixmend.infer.device import default_memory, is_out_of_memory
from pixmend.infer.folder.computing import Computing, default_batch
from pixmend.infer.folder.flight import Flight, Shares, Stopped, bytes_of, keep_few_arenas, share_memory, size_of
from pixmend.infer.folder.job import Item, Job
from pixmend.infer.folder.journal import open_journal
from pixmend.infer.folder.listening import Listening
from pixmend.infer.folder.passage import Facts, Passage, digest, is_full
from pixmend.infer.folder.record import Record, Status, write_failures
from pixmend.infer.folder.way import Choose, straight
from pixmend.infer.pipeline import Pipeline

Advance = Callable[[int], None]
"""Called from any thread with the input pixels that are done since the last call."""

HANDS = 3
"""Workers besides those whose picture is being computed: they read, encode, and wait for the disk."""
_POLL = 0.1


class FolderRun:
    """The work on a job: iterate over it once, a ``Record`` of each file as it is done.

    ``pipelines`` are one of each device; what they may hold at most, the pictures in flight included, is what the
    first one of the CPU may. ``choose`` finds another way for a picture of another size; the memory is divided for
    the networks of ``pipelines`` all the same, which should have the largest of all ways. ``facts`` are written into
    each result, with the name and digest of its picture. ``items`` are instead of those of the job, maybe without
    end; None among them is a moment in which there is nothing to do.

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
        choose: Choose = straight,
        batch: int | None = None,
        facts: Facts | None = None,
        items: Iterable[Item | None] | None = None,
        advance: Advance = lambda pixels: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.job = job
        self.stopped: str | None = None
        self._pipelines, self._choose, self._facts = tuple(pipelines), choose, facts
        self._advance, self._stop = advance, stop
        self._listening = Listening()
        self._computing = [
            Computing(batch=batch or default_batch(pipeline), memory=self._work_of(pipeline)) for pipeline in pipelines
        ]
        self._load = [0] * len(pipelines)  # pixels that wait for each device
        self._flight = Flight(lambda: self._shares)
        self._items = iter(enumerate(job.items if items is None else items))
        self._taking, self._sharing, self._halted = threading.Lock(), threading.Lock(), threading.Event()
        self._under_way: set[Path] = set()
        self._changing = threading.Condition()
        self._arrived: queue.SimpleQueue[Record | None] = queue.SimpleQueue()

    @cached_property
    def _shares(self) -> Shares:
        return share_memory(self._pipelines)

    def _work_of(self, pipeline: Pipeline) -> Callable[[], int]:
        if pipeline.device.type == "cpu":
            return lambda: self._shares.work
        return lambda: pipeline.memory or default_memory(pipeline.device)

    def __iter__(self) -> Iterator[Record]:
        keep_few_arenas()
        last = {folder: _unreadable(folder, reason) for folder, reason in self.job.found.unreadable}
        with open_journal(self.job.out) as journal, self._listening:
            passage = Passage(job=self.job, journal=journal, facts=self._facts)
            workers = [
                threading.Thread(target=self._work, args=(passage,), name=f"pixmend {n}", daemon=True)
                for n in range(self.hands)
            ]
            yield from last.values()
            try:
                for thread in (*self._computing, *workers):
                    thread.start()
                for record in self._arriving(len(workers)):
                    last[record.path] = record
                    yield record
            finally:
                self._halt()
                for thread in (*workers, *self._computing):
                    thread.join()
                self._keep_failures(list(last.values()))

    @property
    def hands(self) -> int:
        """Pictures that may be in flight at once, if the memory suffices."""
        return sum(2 * computing.batch if computing.batch > 1 else 1 for computing in self._computing) + HANDS

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
        self._halted.set()
        self._flight.close()
        for computing in self._computing:
            computing.stop()

    def _work(self, passage: Passage) -> None:
        """One worker: a picture after another."""
        try:
            while (taken := self._take()) is not None:
                with self._alone(taken[1].name), self._listening.picture() as heard:
                    record = self._seethrough(*taken, passage=passage, heard=heard)
                if record is not None:
                    self._arrived.put(record)
        finally:
            self._arrived.put(None)

    def _take(self) -> tuple[int, Item] | None:
        """The next picture and its number; one worker at a time."""
        with self._taking:
            try:
                for order, item in self._items:
                    if self._halted.is_set():
                        return None
                    if item is not None:
                        return order, item
            except PixmendError as error:  # there will be no more of them
                self.stopped = str(error)
            return None

    @contextmanager
    def _alone(self, name: Path) -> Iterator[None]:
        """Wait for the worker that has an earlier state of this picture: the later one's result is to stay."""
        with self._changing:
            self._changing.wait_for(lambda: name not in self._under_way)
            self._under_way.add(name)
        try:
            yield
        finally:
            with self._changing:
                self._under_way.remove(name)
                self._changing.notify_all()

    def _seethrough(self, order: int, item: Item, *, passage: Passage, heard: list[str]) -> Record | None:
        """What became of it; None if the job was stopped meanwhile."""
        started, size = time.perf_counter(), size_of(self.job.source / item.name)
        told = _Told(pixels=size[0] * size[1] if size else 0, advance=self._advance)
        status: Status = "done"
        reason = None
        try:
            if not self._restored(order, item, size=size, passage=passage, told=told):
                status = "skipped"
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
            seconds=time.perf_counter() - started,
            pixels=told.pixels,
            reason=reason,
            warnings=tuple(dict.fromkeys(heard)),  # each once: a picture of several channels is restored one by one
        )

    def _restored(
        self, order: int, item: Item, *, size: tuple[int, int] | None, passage: Passage, told: "_Told"
    ) -> bool:
        """Whether it had to be restored, on the device for which the fewest pixels wait."""
        if item.refusal is not None:
            raise PixmendError(item.refusal)
        source = self.job.source / item.name
        picture = digest(source)
        way = self._choose(self._pipelines[0], size or (1, 1))
        if passage.skips(item, picture, way=way):
            return False
        with (
            self._flight.seat(size and bytes_of(size, way=way, target=item.target)),
            self._device(told.pixels) as number,
        ):
            before = read_picture(source)
            if digest(source) != picture:
                raise PixmendError(f"{source}: has changed while it was read: run again")
            way = self._choose(self._pipelines[number], (before.pixels.shape[1], before.pixels.shape[2]))
            through = self._computing[number].through(way.pipeline, order=order)
            passage.restore(item, before, picture=picture, way=way, through=through, progress=told.tiles)
        return True

    @contextmanager
    def _device(self, pixels: int) -> Iterator[int]:
        """The number of the one for which the fewest pixels wait, and so many more from now on."""
        with self._sharing:
            number = self._load.index(min(self._load))
            self._load[number] += pixels
        try:
            yield number
        finally:
            with self._sharing:
                self._load[number] -= pixels

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

    def tiles(self, done: int, total: int) -> None:
        self.share(done / total)

    def share(self, share: float) -> None:
        now = round(self.pixels * share)
        if now > self.done:
            self.advance(now - self.done)
            self.done = now


def _unreadable(folder: Path, reason: str) -> Record:
    return Record(path=folder, target=folder, status="failed", seconds=0.0, pixels=0, reason=reason)
