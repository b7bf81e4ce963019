"""``pixmend evaluate``: score models the way the papers did, and explain every difference."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from pixmend.cli.evaluate_explain import explain

if TYPE_CHECKING:
    from rich.table import Table

    from pixmend.evaluate import Comparison, Measurement, Record, Report, Score


class _RunByDefault(TyperGroup):
    """``pixmend evaluate MODEL ...`` is ``pixmend evaluate run MODEL ...``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunByDefault,
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
        _make(out)
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

    from rich.console import Console
    from rich.table import Table

    from pixmend.evaluate import PROTOCOLS

    if as_json:
        typer.echo(json.dumps([asdict(protocol) for protocol in PROTOCOLS.values()], indent=2))
        return
    table = Table("protocol", "tasks", "what is fixed", "source", show_lines=True)
    for protocol in PROTOCOLS.values():
        name = f"{protocol.name} v{protocol.version}"
        table.add_row(name, ", ".join(protocol.kinds), protocol.describe(), protocol.source)
    Console().print(table)


def _measure(measurement: "Measurement", out: Path | None, *, force: bool) -> "Report":
    """Measure behind a progress bar on standard error, so that standard output holds results only."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from pixmend.evaluate import Journal

    journal = None
    if out is not None:
        stem = "_".join((measurement.name, measurement.stem))
        if force:
            (out / f"{stem}.jsonl").unlink(missing_ok=True)
        journal = Journal(out / f"{stem}.jsonl", measurement.conditions)
    done = journal.done if journal else {}
    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    console = Console(stderr=True)
    if done:
        console.print(
            f"{len(done)} pictures taken from {out}: --force measures them anew", markup=False, highlight=False
        )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        title = escape(f"{measurement.name} on {measurement.benchmark.name}, {measurement.benchmark.task.name}")
        bar = progress.add_task(title, total=len(measurement.benchmark.pairs), completed=len(done), rate="")

        def watch(record: "Record") -> None:
            if journal:
                journal.add(record)
            progress.update(bar, advance=1, rate=f"{record.seconds:.2f} s/picture")

        return measurement.run(done=done, watch=watch)


def _show(comparison: "Comparison") -> None:
    from rich.console import Console

    console = Console()
    console.print(_table(comparison))
    for line in (*comparison.sentences(), *comparison.first.describe().splitlines()):
        console.print(line, markup=False, highlight=False)
    console.print()


def _table(comparison: "Comparison") -> "Table":
    from rich.markup import escape
    from rich.table import Table

    from pixmend.evaluate.comparison import TITLES

    first, reports = comparison.first, comparison.reports
    table = Table(title=escape(f"{first.benchmark}, {first.task}"), title_justify="left")
    table.add_column("picture")
    measures = " / ".join(TITLES[measure] for measure in comparison.measures)
    for report in reports:
        table.add_column(escape(f"{report.model}\n{measures}"), justify="right")
    if len(reports) == 2:
        table.add_column("gain\ndB", justify="right")
    table.add_column("seconds", justify="right")
    for index, record in enumerate(first.records):
        records = [report.records[index] for report in reports]
        scores = [each.score for each in records]
        table.add_row(escape(record.name), *_cells(comparison, scores), f"{records[-1].seconds:.2f}")
    table.add_section()
    means = [report.mean for report in reports]
    table.add_row("mean", *_cells(comparison, means), f"{reports[-1].mean_seconds:.2f}", style="bold")
    return table


def _cells(comparison: "Comparison", scores: "list[Score]") -> list[str]:
    cells = [" / ".join(comparison.cells(score)) for score in scores]
    if len(scores) == 2:
        first, second = (score.psnr for score in scores)
        cells.append(f"{0.0 if first == second else second - first:+.2f}")
    return cells


def _write(comparison: "Comparison", measurements: "list[Measurement]", folder: Path) -> None:
    """Three files named after benchmark, task, protocol and padding, and the models, so that none replaces another."""
    import io

    from pixmend.evaluate.chart import draw, worst_cases
    from pixmend.files import replace

    stem = comparison.stem
    chart = io.BytesIO()
    draw(comparison, worst=worst_cases(comparison, measurements)).save(chart, format="PNG")
    replace(folder / f"{stem}.json", comparison.to_json() + "\n")
    replace(folder / f"{stem}.md", comparison.to_markdown())
    replace(folder / f"{stem}.png", chart.getbuffer())


def _make(folder: Path) -> None:
    """The folder of the reports, made and tried before hours of measuring.

    Raises:
        PixmendError: it cannot be made or written to.
    """
    from pixmend.errors import PixmendError
    from pixmend.files import beside

    trial = beside(folder / "report")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise PixmendError(f"{folder}: cannot write reports here: {error.strerror}") from error
