"""A folder job on Ray Data: folders are listed, chunks of pictures restored and records gathered, all at once."""

import queue
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from pixmend.errors import PixmendError
from pixmend.infer.cluster.job import ClusterJob, plan_cluster
from pixmend.infer.cluster.ledger import WORK
from pixmend.infer.cluster.listing import Unit, chunks, units
from pixmend.infer.cluster.setup import Make, Setup, plainly
from pixmend.infer.cluster.starting import LOCAL, check_reached, last_line, settings, started
from pixmend.infer.cluster.telling import Told
from pixmend.infer.cluster.worker import Worker
from pixmend.infer.folder import Record
from pixmend.infer.folder.journal import clear, open_journal
from pixmend.models.base import MultiTask, Restorer

CHUNK = 16
"""Pictures that one worker of a cluster sees through at a time. What it has finished of them when it dies is found."""
_FEW = 4  # on one machine, where all workers should have some of a small folder
_LISTING = 0  # processors: it waits for the store most of the time, and must not wait for the workers, which have all
_POLL = 0.1


class ClusterRun:
    """The work on a job: iterate over it once, a ``Record`` of each file as its chunk is done.

    ``address`` is ``local``, which starts Ray on so many ``cores`` of this machine and stops it afterwards, or that of
    a cluster (``auto``, ``host:port``), of which all processors or all GPUs are used. The network is sent to it once.

    A worker that is killed is replaced, and what it had in hand is done by another one; a picture with which three
    workers have died is a failure. Leaving the loop stops the work. Whatever ends it, results are whole or not there,
    and a job with ``skip_existing`` goes on from them. A full disk ends it: ``stopped`` then says so.

    Raises:
        PixmendError: on iterating: Ray is not installed or not reached, workers cannot start, another process of this
            machine works at the same results, or they cannot be written.
    """

    def __init__(
        self,
        job: ClusterJob,
        network: Restorer | MultiTask,
        *,
        make: Make = plainly,
        device: str = "auto",
        address: str = LOCAL,
        cores: int = 2,
        chunk: int | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """``make`` is called by each worker, and once here so that what it refuses is said before the work."""
        if device not in ("auto", "cpu", "cuda"):
            raise PixmendError(f"device {device!r}: a cluster gives its workers what it has: leave it out, or say cpu")
        make(network, "cpu", None)
        self.job, self.network = job, network
        self.stopped: str | None = None
        self.hidden = self.others = 0
        self._make, self._device, self._stop = make, device, stop
        self._address, self._cores, self._chunk = address, cores, chunk or (_FEW if address == LOCAL else CHUNK)
        self._run = secrets.token_hex(6)

    def __iter__(self) -> Iterator[Record]:
        failed: list[Record] = []
        check_reached(self._address)
        with self._alone(), started(self._address, self._cores) as ray:
            listed = units(self.job.source, self.job.naming)
            try:
                for told in self._telling(ray, listed):
                    self.hidden, self.others = self.hidden + told.hidden, self.others + told.others
                    for record in told.records:
                        failed += [record] if record.status == "failed" else []
                        yield record
                    if told.full is not None:
                        self.stopped = told.full
                        return
            finally:
                self._tidy()
                self._keep(failed)

    def _alone(self) -> AbstractContextManager[object]:
        """No other process of this machine writes results there; of an object store nobody can tell."""
        local = self.job.out.local
        return nullcontext() if local is None else open_journal(local)

    def _telling(self, ray: Any, listed: list[Unit]) -> Iterator[Told]:
        """What workers tell, as they do, until all is done or the job is to stop."""
        arrived: queue.SimpleQueue[Told | BaseException | None] = queue.SimpleQueue()
        leaving = threading.Event()

        def gather() -> None:
            try:
                with settings():
                    for row in self._data(ray, listed).iter_rows():
                        arrived.put(Told.of(row["told"]))
                        if leaving.is_set():
                            break
                arrived.put(None)
            except BaseException as error:  # told in the thread that asks
                arrived.put(error)

        threading.Thread(target=gather, name="pixmend gathering", daemon=True).start()
        try:
            yield from self._arriving(arrived)
        finally:
            leaving.set()

    def _arriving(self, arrived: "queue.SimpleQueue[Told | BaseException | None]") -> Iterator[Told]:
        while not self._stop():
            try:
                told = arrived.get(timeout=_POLL)
            except queue.Empty:
                continue
            if told is None:
                return
            if isinstance(told, PixmendError):
                raise told
            if isinstance(told, BaseException):
                raise PixmendError(f"cluster {self._address}: {last_line(told)}") from told
            yield told

    def _data(self, ray: Any, listed: list[Unit]) -> Any:
        resources = ray.cluster_resources()
        gpus = int(resources.get("GPU", 0)) if self._device != "cpu" else 0
        if self._device == "cuda" and not gpus:
            raise PixmendError(f"cluster {self._address}: has no GPU: leave the device out")
        count = max(1, gpus or int(resources.get("CPU", 1)))
        setup = Setup(job=self.job, run=self._run, make=self._make, device="cuda" if gpus else "cpu")
        rows = [{"folder": unit.folder, "below": unit.below} for unit in listed]
        listing = partial(_listing, job=self.job, size=self._chunk)
        return (
            ray.data.from_items(rows, override_num_blocks=min(len(rows), 1000))
            .flat_map(listing, num_cpus=_LISTING)
            .map_batches(
                _Sent,
                batch_size=1,
                fn_constructor_kwargs={"setup": setup, "network": ray.put(self.network)},
                compute=ray.data.ActorPoolStrategy(min_size=1, max_size=count, initial_size=count),
                num_cpus=1,
                num_gpus=1 if gpus else None,
            )
        )

    def _tidy(self) -> None:
        """Remove what this run needed, and what workers that were killed have left beside the results."""
        local = self.job.out.local
        self.job.out.remove(WORK if local is not None else f"{WORK}/{self._run}")
        if local is not None:
            clear(local)

    def _keep(self, failed: list[Record]) -> None:
        try:
            self.job.keep_failures(failed)
        except PixmendError:  # on a full disk there is no room for them either
            if self.stopped is None:
                raise


class _Sent(Worker):
    """A worker whose network lies in the memory that a cluster shares."""

    def __init__(self, setup: Setup, network: Any) -> None:
        import ray  # pyright: ignore[reportMissingImports]

        super().__init__(setup, ray.get(network))


def _listing(row: Mapping[str, Any], *, job: ClusterJob, size: int) -> Iterator[dict[str, str]]:
    """One unit, in chunks: what Ray calls where it lists."""
    unit = Unit(folder=str(row["folder"]), below=bool(row["below"]))
    for chunk in chunks(job.source, unit, job.naming, size=size):
        yield {"chunk": chunk.text()}


def restore_cluster(
    network: Restorer | MultiTask,
    source: str | Path,
    out: str | Path,
    *,
    task: str | tuple[str, ...] | None = None,
    address: str = LOCAL,
    format: str | None = None,
    skip_existing: bool = False,
    force: bool = False,
) -> ClusterRun:
    """Restore every picture at one place into the same tree at another one; iterate over what is returned.

    Raises:
        PixmendError: as ``plan_cluster``, before any work; as ``ClusterRun`` on iterating.
    """
    job = plan_cluster(str(source), str(out), format=format, skip_existing=skip_existing, force=force)
    return ClusterRun(job, network, make=partial(plainly, task=task), address=address)
