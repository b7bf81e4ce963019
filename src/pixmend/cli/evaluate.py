"""``pixmend evaluate``: score models the way the papers did, and explain every difference."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixmend.cli.console import make_folder, notes, plain, printable, rows_table
from pixmend.cli.evaluate_explain import explain
from pixmend.cli.group import RunByDefault

if TYPE_CHECKING:
    from rich.table import Table

    from pixmend.evaluate import Comparison, Journal, Measurement, Record, Report, Score


app = typer.Typer(
    cls=RunByDefault,
    help="Score models the way the papers did, and explain every difference. "
    "`pixmend evaluate MODEL ...` is short for `pixmend evaluate run MODEL ...`.",
    no_args_is_help=True,
)


app.command("explain")(explain)


@app.command()
def run(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...", help="`default`, names, weights files, or `bicubic` or `input`."),
    ],
    on: Annotated[
        list[str],
        typer.Option(
            "--on", metavar="SET", help="A folder, or names under --data: `set5,urban100`.", show_default=False
        ),
    ],
    task: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="TASK", help="`sr_x2`, `dn_g25`, ...; by itself what the model does."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", envvar="PIXMEND_DATA", help="Where the benchmarks are.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(metavar="NAME", help="See `pixmend evaluate protocols`; by itself the task's.")
    ] = None,
    padding: Annotated[
        str, typer.Option(metavar="RULE", help="`needed`, `always` (SwinIR, EDT) or `chop` (IPT).")
    ] = "needed",
    against: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Compare with this one; by itself with `bicubic` or `input`.")
    ] = None,
    tolerance: Annotated[float, typer.Option(metavar="DB", min=0, help="How near is as published.")] = 0.02,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write JSON, Markdown and a chart; resume what is there.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Measure anew what --out already holds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Score models on benchmarks: every picture, the means, how sure they are, and what was published.

    Example: `pixmend evaluate default --on set5 --data benchmarks --out scores`
    """
    from pixmend.cli.evaluate_plan import plan
    from pixmend.evaluate import Comparison, published

    plans = plan(models, on=on, tasks=task, data=data, protocol=protocol, padding=padding, against=against)
    if out is not None:
        make_folder(out)
    printed = []
    for planned in plans:
        reports = tuple(_measure(each.measurement, out, force=force) for each in planned)
        rows = tuple(published(each.source, report) for each, report in zip(planned, reports, strict=True))
        comparison = Comparison(reports=reports, published=rows, tolerance=tolerance)
        if out is not None:
            _write(comparison, [each.measurement for each in planned], out)
        if as_json:
            printed.append(comparison.to_json())
        else:
            _show(comparison)
    if as_json:
        typer.echo("[" + ",\n".join(printed) + "]")


@app.command()
def protocols(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the protocols: what each compares, and whose numbers it makes."""
    import json
    from dataclasses import asdict

    from pixmend.evaluate import PROTOCOLS

    if as_json:
        typer.echo(json.dumps([asdict(protocol) for protocol in PROTOCOLS.values()], indent=2))
        return
    table = rows_table("protocol", "tasks", "what is fixed", "source")
    for protocol in PROTOCOLS.values():
        name = f"{protocol.name} v{protocol.version}"
        table.add_row(name, ", ".join(protocol.kinds), protocol.describe(), protocol.source)
        table.add_section()
    plain().print(table)


def _measure(measurement: "Measurement", out: Path | None, *, force: bool) -> "Report":
    """Measure; with a folder, go on from what it holds and write every record down, one run at a time."""
    from pixmend.errors import PixmendError
    from pixmend.evaluate import Journal
    from pixmend.files import locked

    if out is None:
        return _watched(measurement, None)
    stem = f"{measurement.name}_{measurement.stem}"

    def refuse() -> None:
        raise PixmendError(f"{out}: another run measures {measurement.name} there: wait for it or name another folder")

    with locked(out / f".{stem}.lock", waiting=refuse):
        if force:
            (out / f"{stem}.jsonl").unlink(missing_ok=True)
        return _watched(measurement, Journal(out / f"{stem}.jsonl", measurement.conditions))


def _watched(measurement: "Measurement", journal: "Journal | None") -> "Report":
    """Measure behind a progress bar on standard error, so that standard output holds results only."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    done = journal.done if journal else {}
    if journal and done:
        notes().print(f"{len(done)} pictures taken from {journal.path}: --force measures them anew")
    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        title = escape(f"{measurement.name} on {measurement.benchmark.name}, {measurement.benchmark.task.name}")
        bar = progress.add_task(title, total=len(measurement.benchmark.pairs), completed=len(done), rate="")

        def watch(record: "Record") -> None:
            if journal:
                journal.add(record)
            progress.update(bar, advance=1, rate=f"{record.seconds:.2f} s/picture")

        try:
            return measurement.run(done=done, watch=watch)
        except KeyboardInterrupt:
            if journal:
                kept = f"{int(progress.tasks[bar].completed)} of {len(measurement.benchmark.pairs)}"
                notes().print(f"{kept} pictures are kept in {journal.path}: the same command goes on with the rest")
            raise


def _show(comparison: "Comparison") -> None:
    console = plain()
    console.print(printable(f"{comparison.first.benchmark}, {comparison.first.task}"), style="bold")
    console.print(_table(comparison))
    for line in (*comparison.sentences(), *comparison.reports[-1].describe().splitlines()):
        console.print(printable(line))
    console.print()


def _table(comparison: "Comparison") -> "Table":
    from pixmend.evaluate.comparison import TITLES

    first, reports = comparison.first, comparison.reports
    measures = " / ".join(TITLES[measure] for measure in comparison.measures)
    columns = [f"{printable(report.model)}\n{measures}" for report in reports]
    columns += ["gain\ndB"] if len(reports) == 2 else []
    table = rows_table("picture", *columns, "seconds", numbers=len(columns) + 1)
    for index, record in enumerate(first.records):
        records = [report.records[index] for report in reports]
        cells = _cells(comparison, [each.score for each in records])
        table.add_row(printable(record.name), *cells, f"{records[-1].seconds:.2f}")
    table.add_section()
    means = [report.mean for report in reports]
    table.add_row("mean", *_cells(comparison, means), f"{reports[-1].mean_seconds:.2f}", style="bold")
    return table


def _cells(comparison: "Comparison", scores: "list[Score]") -> list[str]:
    """Of two models the gain has a column of its own, of more it stands behind each but the first."""
    from pixmend.evaluate.comparison import gain

    cells = [" / ".join(comparison.cells(score)) for score in scores]
    gains = [gain(score, scores[0]) for score in scores[1:]]
    if len(gains) == 1:
        return [*cells, gains[0]]
    return [cells[0], *(f"{cell}  {better}" for cell, better in zip(cells[1:], gains, strict=True))]


def _write(comparison: "Comparison", measurements: "list[Measurement]", folder: Path) -> None:
    """Three files named after benchmark, task, protocol and padding, and the models, so that none replaces another."""
    import io

    from pixmend.evaluate.chart import draw, worst_cases
    from pixmend.files import replace

    stem = comparison.stem
    replace(folder / f"{stem}.json", comparison.to_json() + "\n")
    replace(folder / f"{stem}.md", comparison.to_markdown())
    chart = io.BytesIO()
    draw(comparison, worst=worst_cases(comparison, measurements)).save(chart, format="PNG")
    replace(folder / f"{stem}.png", chart.getbuffer())
