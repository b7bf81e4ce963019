"""One worker of a cluster: it holds the network and sees chunks of pictures through."""

import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pixmend.errors import PixmendError
from pixmend.image import read_picture
from pixmend.infer.cluster.ledger import Deaths, Ledger, Made
from pixmend.infer.cluster.listing import Chunk, item_of
from pixmend.infer.cluster.setup import Setup
from pixmend.infer.cluster.telling import Told, failed, record_of
from pixmend.infer.device import FREE_SHARE, is_out_of_memory
from pixmend.infer.folder import Item, Job, Record, Way
from pixmend.infer.folder.flight import size_of
from pixmend.infer.folder.journal import PLACE, look_up
from pixmend.infer.folder.listening import Listening
from pixmend.infer.folder.passage import Passage, digest, is_full
from pixmend.infer.memory import free
from pixmend.models.base import MultiTask, Restorer

TRIES = 3
"""A picture with which so many workers have died is not begun again."""
_AHEAD = 4  # pictures fetched from an object store at once, while one is restored
_SPOOL = "pixmend-worker-"


@dataclass(kw_only=True, slots=True)
class _Ticket:
    """A picture that is under way, on this machine's disk."""

    item: Item
    path: Path
    picture: str
    """Its digest."""
    there: str | None
    """Digest of what is where its result goes."""
    way: Way
    job: Job
    heard: list[str]
    started: float
    pixels: int

    def record(self) -> Record:
        """That it is done, and what was said of it."""
        return Record(
            path=self.item.name,
            target=self.item.target,
            status="done",
            seconds=time.perf_counter() - self.started,
            pixels=self.pixels,
            warnings=tuple(dict.fromkeys(self.heard)),
        )


class Worker:
    """Sees chunks of pictures through, one picture after another; whatever is wrong with one is a record.

    Nothing is kept from chunk to chunk but the network: any worker can do any chunk, or do again what another one has
    left when it died. What that one has finished is then found, told as it was, and not done again.
    """

    def __init__(self, setup: Setup, network: Restorer | MultiTask) -> None:
        torch.set_num_threads(1)  # there is a worker for each processor
        share = int(free() * FREE_SHARE / (os.cpu_count() or 1))
        making = setup.make(network, setup.device, share if setup.device == "cpu" else None)
        self._pipeline, self._choose = making.pipeline, making.choose
        self.setup, self.ledger, self._listening = setup, Ledger(out=setup.job.out), Listening()
        self._earlier = look_up(setup.job.out.local) if setup.job.out.local is not None else None
        journal: Any = None  # each picture has one of its own
        self._passage = Passage(job=setup.folder_job(Path()), journal=journal, facts=making.facts)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        """As Ray calls it: the texts of chunks to the texts of what is told of them."""
        return {"told": [self.see_through(Chunk.of(str(text))).text() for text in batch["chunk"]]}

    def see_through(self, chunk: Chunk) -> Told:
        """All pictures of a chunk. One answer for all of them: a worker that dies has then told nothing yet."""
        records = [failed(*each) for each in chunk.failed]
        full: str | None = None
        try:
            deaths = Deaths.of(self.setup.job.out, self.setup.run, chunk.items)
            with _spare(self.setup) as spare, ThreadPoolExecutor(_AHEAD) as hands, self._listening:
                fetched = [hands.submit(self.setup.job.source.fetch, name, spare / "in") for name, _ in chunk.items]
                for pair, source in zip(chunk.items, fetched, strict=True):
                    record, error = self._picture(item_of(pair), source, spare, deaths)
                    records.append(record)
                    if is_full(error):
                        full = record.reason
        except (PixmendError, OSError) as error:  # nothing can be written there, so that no picture can be begun
            rest, full = chunk.items[len(records) - len(chunk.failed) :], str(error) if is_full(error) else None
            records += [failed(name, target, str(error)) for name, target in rest]
        return Told(records=tuple(records), hidden=chunk.hidden, others=chunk.others, full=full)

    def _picture(
        self, item: Item, source: "Future[Path]", spare: Path, deaths: Deaths
    ) -> tuple[Record, Exception | None]:
        """What became of it, and the error where it failed."""
        name, started, pixels = item.name.as_posix(), time.perf_counter(), 0
        with self._listening.picture() as heard:
            try:
                path = source.result()
                size = size_of(path)
                pixels = math.prod(size or (0,))
                ticket = _Ticket(
                    item=item,
                    path=path,
                    picture=digest(path),
                    there=self.setup.job.out.digest(item.target.as_posix()),
                    way=self._choose(self._pipeline, size or (1, 1)),
                    job=self.setup.folder_job(spare),
                    heard=heard,
                    started=started,
                    pixels=pixels,
                )
                record = self._standing(ticket)
                if record is None:
                    if deaths.begin(name) >= TRIES - 1:
                        raise PixmendError(f"{TRIES} workers have died while they restored it: it is left out")
                    record = self._restored(ticket)
                    deaths.end(name)
                return record, None
            except Exception as error:  # whatever it is, the others go on
                deaths.end(name)
                reason, seconds = self._reason(error, item, spare), time.perf_counter() - started
                target = item.target.as_posix()
                return failed(name, target, reason, seconds=seconds, pixels=pixels, heard=heard), error

    def _standing(self, ticket: _Ticket) -> Record | None:
        """The record of a result that is there and stays; None where it is to be made.

        Raises:
            PixmendError: something is there that may not be replaced.
        """
        setup, target, there = self.setup, ticket.item.target, ticket.there
        if there is None:
            return None
        made = self.ledger.read(target.as_posix(), result=there)
        if made is None and self._earlier is not None and (known := self._earlier.made_of(target, result=there)):
            made = Made(picture=known[0], job=known[1], result=there, run="", record=ticket.record().plain())
        if made is None and not setup.job.force:
            raise PixmendError("its result exists and is none of this command's: move it away, or give --force")
        if made is None or (made.picture, made.job) != (ticket.picture, self._passage.identity(ticket.way)):
            return None
        if made.run == setup.run:  # by a worker that has died since
            return record_of(made.record)
        if setup.job.skip_existing:
            return record_of(made.record | {"status": "skipped", "warnings": []})
        return None

    def _restored(self, ticket: _Ticket) -> Record:
        job, item = ticket.job, ticket.item
        before = read_picture(ticket.path)
        if digest(ticket.path) != ticket.picture:
            raise PixmendError(f"{ticket.path}: has changed while it was read: run again")
        if job.out != self.setup.job.out.local:
            (job.out / PLACE).mkdir(parents=True, exist_ok=True)
        note = _Note(self, ticket)
        passage = replace(self._passage, job=job, journal=note)  # pyright: ignore[reportArgumentType]
        passage.restore(
            item,
            before,
            picture=ticket.picture,
            way=ticket.way,
            through=ticket.way.pipeline,
            progress=lambda done, total: None,
        )
        if self.setup.job.out.local is None:
            self.setup.job.out.upload(job.out / item.target, item.target.as_posix())
        return note.record

    def _reason(self, error: Exception, item: Item, spare: Path) -> str:
        """One line, without the names that stand beside it."""
        text, job = " ".join(str(error).split()), self.setup.folder_job(spare)
        paths = (job.source / item.name, job.out / item.target)
        addresses = (
            self.setup.job.source.address(item.name.as_posix()),
            self.setup.job.out.address(item.target.as_posix()),
        )
        for name in (*map(str, paths), *addresses):
            text = text.removeprefix(f"{name}: ")
        if isinstance(error, PixmendError):
            return text
        return "out of memory" if is_out_of_memory(error) else f"internal error: {type(error).__name__}: {text}"


class _Note:
    """The journal of one picture on its way, as far as a passage writes into it."""

    def __init__(self, worker: Worker, ticket: _Ticket) -> None:
        self._worker, self._ticket = worker, ticket
        self.record = ticket.record()

    def add(self, target: Path, *, picture: str, job: str, result: str) -> None:
        """As ``Journal.add``: before the result is put in place."""
        setup, self.record = self._worker.setup, self._ticket.record()
        made = Made(picture=picture, job=job, result=result, run=setup.run, record=self.record.plain())
        self._worker.ledger.write(target.as_posix(), made, there=self._ticket.there)


@contextmanager
def _spare(setup: Setup) -> Iterator[Path]:
    """Room for copies where a place is no disk; what workers that were killed have left there is removed."""
    if setup.job.source.local is not None and setup.job.out.local is not None:
        yield Path()
        return
    for left in Path(tempfile.gettempdir()).glob(f"{_SPOOL}*"):
        if not _lives(int(left.name.removeprefix(_SPOOL).partition("-")[0])):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{_SPOOL}{os.getpid()}-") as folder:
        yield Path(folder)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
