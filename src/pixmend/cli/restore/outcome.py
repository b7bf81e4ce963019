"""What became of a folder of pictures: for people a table and a line, for programs JSON, for both a code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from pixmend.cli import console

if TYPE_CHECKING:
    from pixmend.infer.folder import Job, Record

_ROWS = 20
INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a job."""

    job: "Job"
    records: "tuple[Record, ...]"
    stopped: str | None
    """Why not all was done."""

    def those(self, status: str) -> "list[Record]":
        return [record for record in self.records if record.status == status]

    @property
    def left(self) -> int:
        """Pictures that were not begun, or given up when the work was stopped."""
        return len(self.job.items) + len(self.job.found.unreadable) - len(self.records)

    def plain(self, facts: Mapping[str, object], *, seconds: float) -> dict[str, object]:
        """As JSON has it: the truth about each file."""
        counts = {status: len(self.those(status)) for status in ("done", "skipped", "failed")}
        return {
            "source": str(self.job.source),
            "out": str(self.job.out),
            **facts,
            **counts,
            "left": self.left,
            "stopped": self.stopped,
            "ignored": {
                "hidden": self.job.found.hidden,
                "no pictures": self.job.found.others,
                "folders of results": self.job.found.results,
            },
            "seconds": round(seconds, 3),
            "files": [record.plain() for record in self.records],
        }

    def show(self, *, seconds: float) -> None:
        """What failed and what is odd, then the counts in one line."""
        failed = [(record, record.reason or "") for record in self.those("failed")]
        odd = [(record, "; ".join(record.warnings)) for record in self.records if record.warnings]
        for heading, rows in (("failed", failed), ("to look at", odd)):
            show_rows(heading, rows)
        done = self.those("done")
        megapixels = sum(record.pixels for record in done) / 1e6
        counts = [f"{len(done)} restored"]
        counts += [f"{len(found)} {word}" for word in ("skipped", "failed") if (found := self.those(word))]
        counts += [f"{self.left} left"] if self.left else []
        rate = f" ({megapixels / seconds:.3f} MP/s)" if done else ""
        line = f"{self.job.out}: {', '.join(counts)}; {megapixels:.2f} megapixels in {seconds:.1f} s{rate}"
        typer.echo(console.printable(line))

    def leave(self, *, interrupted: bool, quiet: bool) -> None:
        """With the code that is the truth, and a line where there is something to do."""
        from pixmend.errors import PixmendError
        from pixmend.infer.folder import FAILURES

        failed = self.those("failed")
        rest = f"{self.left} of {len(self.job.items)} pictures are left: the same command with --skip-existing goes on"
        if self.stopped:
            raise PixmendError(f"{self.job.out}: {self.stopped}; {rest}")
        if interrupted:
            console.notes(quiet=quiet).print(rest)
            raise typer.Exit(INTERRUPTED)
        if failed and quiet:
            first, more = failed[0], f"; all {len(failed)} in {self.job.out / FAILURES}" if len(failed) > 1 else ""
            raise PixmendError(f"{self.job.source / first.path}: {first.reason}{more}")
        if failed:
            raise typer.Exit(1)


def ordered(records: "list[Record]") -> "tuple[Record, ...]":
    from pixmend.infer.folder.find import natural

    return tuple(sorted(records, key=lambda record: natural(record.path)))


def show_rows(heading: str, rows: "Sequence[tuple[Record, str]]") -> None:
    if not rows:
        return
    table = console.rows_table(heading, "why")
    for record, why in rows[:_ROWS]:
        table.add_row(console.printable(str(record.path)), console.printable(why))
    console.plain().print(table)
    if len(rows) > _ROWS:
        typer.echo(f"and {len(rows) - _ROWS} more")
