"""``pixmend models``: the weights there are, and what a file holds."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixmend.cli import models_files, models_profile
from pixmend.cli.console import plain

if TYPE_CHECKING:
    from rich.table import Table

    from pixmend.weights.catalog import Released

app = typer.Typer(no_args_is_help=False, invoke_without_command=True)
app.command("fetch")(models_files.fetch)
app.command("import")(models_files.import_file)
app.command("convert")(models_files.convert)
app.command("profile")(models_profile.profile)

_SCORE = ("task", "benchmark", "baseline", "psnr", "ssim")


@app.callback()
def models(
    context: typer.Context,
    task: Annotated[str | None, typer.Option(help="Only weights that do this: sr_x4, dn_g25, dr, ...")] = None,
    family: Annotated[str | None, typer.Option(help="Only this family: hat, restormer, ...")] = None,
    commercial_only: Annotated[
        bool, typer.Option("--commercial-only", help="Only weights whose licence allows commercial use.")
    ] = False,
) -> None:
    """List weights: those that ship with pixmend, and every released file of its families.

    Example: `pixmend models --task sr_x4 --commercial-only`
    """
    if context.invoked_subcommand is not None:
        return
    from pixmend.errors import PixmendError
    from pixmend.weights import catalog

    console = plain()
    chosen = catalog.select(task=task, family=family, commercial_only=commercial_only)
    ours = [row for row in _bundled() if (task is None or task in row[1].split()) and family in (None, row[2])]
    if not chosen and not ours:
        raise PixmendError(f"no weights do that: {_wished(task, family, commercial_only=commercial_only)}")
    if ours:
        console.print(_table("Bundled: work offline", ours))
    if chosen:
        console.print(_table("Released: pixmend models fetch NAME, or import a file you have", map(_row, chosen)))
    console.print("more of one: pixmend models show NAME; of a file: pixmend models inspect FILE")


def _wished(task: str | None, family: str | None, *, commercial_only: bool) -> str:
    wishes = [f"task {task}"] if task else []
    wishes += [f"family {family}"] if family else []
    wishes += ["commercial use"] if commercial_only else []
    return ", ".join(wishes)


def _table(title: str, rows: "Iterator[tuple[str, ...]] | list[tuple[str, ...]]") -> "Table":
    from rich.table import Table

    table = Table("weights", "tasks", "network", "licence of the weights", "here", title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    return table


def _bundled() -> list[tuple[str, ...]]:
    from pixmend import weights

    rows = []
    for name in weights.bundled():
        opened = weights.open_weights(name)
        tasks = " ".join(getattr(opened.config, "tasks", ()))
        rows.append((name, tasks, opened.family, str(opened.card.get("licence", "")), "yes"))
    return rows


def _row(entry: "Released") -> tuple[str, ...]:
    from pixmend.weights.fetch import folder

    here = "yes" if (folder() / entry.file).is_file() else "fetch" if entry.urls else "import"
    return entry.name, " ".join(entry.tasks), entry.variant, entry.weights_licence, here


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="A name of the list, or a released file's.")]) -> None:
    """Say all that is known of released weights: origin, licences, published scores, where to get them."""
    from rich.table import Table

    from pixmend.weights import catalog
    from pixmend.weights.fetch import folder

    entry = catalog.named(name)
    kept = folder() / entry.file
    rows = {
        "file": entry.file,
        "network": f"{entry.family}, {entry.variant}",
        "tasks": " ".join(entry.tasks),
        "trained on": entry.trained_on,
        "licence of the code": entry.code_licence,
        "licence of the weights": entry.weights_licence,
        "terms of the data": entry.data_terms,
        "project": f"{entry.project}, {entry.paper}",
        "from": " ".join(entry.urls) or entry.where,
        "sha256": entry.sha256 or "not published",
        "here": str(kept) if kept.is_file() else "no",
    }
    table = Table("", "", show_header=False, title=entry.name, title_justify="left")
    for key, value in rows.items():
        table.add_row(key, str(value))
    console = plain()
    console.print(table)
    if entry.scores:
        scores = Table("benchmark", "PSNR", "SSIM", "protocol", "source", title="Published", title_justify="left")
        for score in entry.scores:
            ssim = "" if score.ssim is None else f"{score.ssim:.4f}"
            scores.add_row(score.on, f"{score.psnr:.2f}", ssim, score.protocol, score.source)
        console.print(scores)


@app.command("inspect")
def inspect(
    file: Annotated[str, typer.Argument(help="A weight file, pixmend's or a released one, or the name of weights.")],
) -> None:
    """Say what a weight file holds: family, sizes, tasks, what it takes, licence, and what was wrapped around it."""
    from rich.table import Table

    from pixmend import weights
    from pixmend.weights.card import describe

    opened = weights.open_weights(file)
    table = Table("", "", show_header=False, title=Path(file).name, title_justify="left")
    for key, value in describe(opened).items():
        table.add_row(key, value)
    console = plain()
    console.print(table)
    for scores in _scores(opened.card):
        console.print(scores)


def _scores(card: Mapping[str, Any]) -> "Iterator[Table]":
    """A table per protocol; of a stranger's card only what is written as pixmend writes it."""
    from rich.table import Table

    scores = card.get("scores")
    for protocol, rows in scores.items() if isinstance(scores, dict) else ():
        table = Table("task", "benchmark", "baseline", "PSNR", "SSIM", title=str(protocol))
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict):
                table.add_row(*(str(row.get(key, "")) for key in _SCORE))
        yield table
