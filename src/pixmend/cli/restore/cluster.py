"""``pixmend restore IN OUT --cluster``: the pictures of a folder or an object store, on as many machines as wished."""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pixmend.cli import console
from pixmend.cli.restore import tasks
from pixmend.cli.restore.bar import bar
from pixmend.cli.restore.outcome import INTERRUPTED, ordered, show_rows

if TYPE_CHECKING:
    from pixmend.cli.restore.request import Request
    from pixmend.infer.cluster import ClusterJob, ClusterRun, Making
    from pixmend.infer.folder import Record


def restore(request: "Request") -> None:
    """Restore all pictures at one place into another one, on ``local``, ``local:8`` or the cluster at an address.

    Raises:
        PixmendError: before the work, where it cannot be done; a disk was full; with ``quiet`` a picture failed.
        typer.Exit: with 1 where a picture failed, with 130 where the work was interrupted.
    """
    import pixmend
    from pixmend.infer.cluster import ClusterRun
    from pixmend.interrupt import Interrupt

    address = request.cluster or "local"
    job = _plan(request)
    where, cores = _where(address)
    network = pixmend.load(request.model)
    first = tasks.find_way(network, request, (256, 256))
    if request.size is None and (said := tasks.said(first, request)):
        request.notes.print(said)
    started, tally = time.perf_counter(), _Tally(whole=request.as_json)
    with _silence(), Interrupt() as interrupt, bar(request.notes, told="{task.fields[files]}") as drawn:
        make, stop = _Make(request=request), lambda: interrupt.asked
        run = ClusterRun(job, network, make=make, device=request.device, address=where, cores=cores, stop=stop)
        request.notes.print(console.printable(f"{job.source} into {job.out}; cluster {address}, {request.precision}"))
        shown = drawn.add_task("restoring", total=None, files="")
        for record in run:
            tally.add(record)
            drawn.update(shown, advance=record.pixels / 1e6, files=tally.words())
    seconds = time.perf_counter() - started
    if request.as_json:
        facts = {"model": Path(request.model).name, "tasks": list(first.names), "cluster": address}
        typer.echo(json.dumps(tally.plain(run, facts, seconds=seconds, interrupted=interrupt.asked), indent=2))
    elif not request.quiet:
        tally.show(run, seconds=seconds)
    _leave(tally, run, interrupted=interrupt.asked, quiet=request.quiet)


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing on the output, where Ray tells at length of each worker that died, and JSON is to stand alone."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        yield


@dataclass(frozen=True, kw_only=True, slots=True)
class _Make:
    """What each worker does with the network that it is sent."""

    request: "Request"

    def __call__(self, network: Any, device: str, memory: int | None) -> "Making":
        from pixmend.cli.restore.ways import Ways
        from pixmend.infer.cluster import Making

        request = replace(self.request, device=device, memory=self.request.memory or memory)
        ways = Ways(request, network=network)
        return Making(pipeline=ways.pipelines[0], choose=ways, facts=ways.facts)


def _plan(request: "Request") -> "ClusterJob":
    """Both places, checked before anything is loaded; without a name results go to IN_restored.

    Raises:
        PixmendError: as ``plan_cluster``; an option that asks for the list of all pictures.
    """
    from pixmend.errors import PixmendError
    from pixmend.infer.cluster import plan_cluster

    if request.dry_run:
        raise PixmendError(
            "--dry-run: on a cluster pictures are found while others are restored: leave one of them out"
        )
    source = _address(request.picture)
    out = f"{source.rstrip('/')}_restored" if request.output is None else _address(request.output)
    return plan_cluster(
        source,
        out,
        format=request.format,
        options=request.options,
        skip_existing=request.skip_existing,
        force=request.force,
    )


def _address(path: Path) -> str:
    """As it was typed: a path has lost one of the strokes of ``s3://``."""
    text = path.as_posix()
    found = re.match("([a-zA-Z][a-zA-Z0-9+.-]+):/+(.*)", text)
    if found is None:
        return str(path.resolve()) if path.name in ("", "..") else text
    return f"/{found[2]}" if found[1] == "file" else f"{found[1]}://{found[2]}"


def _where(address: str) -> tuple[str, int]:
    """The address for Ray and the processors of this machine."""
    from pixmend.errors import PixmendError

    name, _, count = address.partition(":")
    if name != "local":
        return address, 2
    if count and (not count.isdecimal() or not int(count)):
        raise PixmendError(f"--cluster {address}: expected local, local:8 for eight processors, or an address of Ray")
    return name, int(count or 2)


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What became of all pictures; those of which there is nothing to tell are only counted, unless ``whole``."""

    whole: bool
    counts: dict[str, int] = field(default_factory=lambda: {"done": 0, "skipped": 0, "failed": 0})
    pixels: int = 0
    records: "list[Record]" = field(default_factory=list)

    def add(self, record: "Record") -> None:
        self.counts[record.status] += 1
        self.pixels += record.pixels if record.status == "done" else 0
        if self.whole or record.warnings or record.status == "failed":
            self.records.append(record)

    def words(self) -> str:
        counts = self.counts.items()
        said = {"done": "restored"}
        return ", ".join(f"{count} {said.get(name, name)}" for name, count in counts if count or name == "done")

    def failed(self) -> "list[Record]":
        return [record for record in self.records if record.status == "failed"]

    def plain(
        self, run: "ClusterRun", facts: Mapping[str, object], *, seconds: float, interrupted: bool
    ) -> dict[str, object]:
        """As JSON has it: the truth about each file."""
        return {
            "source": str(run.job.source),
            "out": str(run.job.out),
            **facts,
            **self.counts,
            "stopped": run.stopped,
            "interrupted": interrupted,
            "ignored": {"hidden": run.hidden, "no pictures": run.others},
            "seconds": round(seconds, 3),
            "files": [record.plain() for record in ordered(self.records)],
        }

    def show(self, run: "ClusterRun", *, seconds: float) -> None:
        """What failed and what is odd, then the counts in one line."""
        records = ordered(self.records)
        show_rows("failed", [(record, record.reason or "") for record in records if record.status == "failed"])
        show_rows("to look at", [(record, "; ".join(record.warnings)) for record in records if record.warnings])
        megapixels = self.pixels / 1e6
        ignored = ((run.hidden, "hidden"), (run.others, "not pictures by name"))
        left_out = ", ".join(f"{count} {what}" for count, what in ignored if count)
        rate = f" ({megapixels / seconds:.3f} MP/s)" if self.counts["done"] else ""
        line = f"{run.job.out}: {self.words()}{left_out and f' (left out: {left_out})'}; "
        typer.echo(console.printable(f"{line}{megapixels:.2f} megapixels in {seconds:.1f} s{rate}"))


def _leave(tally: _Tally, run: "ClusterRun", *, interrupted: bool, quiet: bool) -> None:
    """With the code that is the truth, and a line where there is something to do."""
    from pixmend.errors import PixmendError
    from pixmend.infer.folder import FAILURES

    rest = "not all pictures are done: the same command with --skip-existing goes on"
    if run.stopped:
        raise PixmendError(f"{run.job.out}: {run.stopped}; {rest}")
    if interrupted:
        console.notes(quiet=quiet).print(rest)
        raise typer.Exit(INTERRUPTED)
    if not sum(tally.counts.values()):
        raise PixmendError(f"{run.job.source}: no pictures in it or below")
    failed = tally.failed()
    if failed and quiet:
        more = f"; all {len(failed)} in {run.job.out.address(FAILURES)}" if len(failed) > 1 else ""
        raise PixmendError(f"{run.job.source.address(failed[0].path.as_posix())}: {failed[0].reason}{more}")
    if failed:
        raise typer.Exit(1)
