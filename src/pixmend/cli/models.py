"""``pixmend models``: the weights there are, and what a file holds."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixmend.cli import models_files, models_profile
from pixmend.cli.console import plain, print_facts, rows_table

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
    ours = [row for row in _bundled() if (task is None or task in row[1].split()) and family in (None, row[2])]
    try:
        chosen = catalog.select(task=task, family=family, commercial_only=commercial_only)
    except PixmendError:
        if not ours:
            raise
        chosen = ()
    if not chosen and not ours:
        raise PixmendError(f"no weights do that: {_wished(task, family, commercial_only=commercial_only)}")
    if ours:
        table = rows_table("weights", "tasks", "licence")
        for name, tasks, _, licence in ours:
            table.add_row(name, tasks, licence)
        console.print("Bundled: work offline", style="bold")
        console.print(table)
    if chosen:
        table = rows_table("weights", "tasks", "licence of the weights", "here")
        for entry in chosen:
            table.add_row(entry.name, " ".join(entry.tasks), entry.weights_licence, _here(entry))
        console.print("Released by the authors", style="bold")
        console.print(table)
        console.print(
            "fetch: pixmend models fetch NAME; import: get the file yourself, then pixmend models import FILE"
        )
    console.print("more of one: pixmend models show NAME; of a file: pixmend models inspect FILE")


def _wished(task: str | None, family: str | None, *, commercial_only: bool) -> str:
    wishes = [f"task {task}"] if task else []
    wishes += [f"family {family}"] if family else []
    wishes += ["commercial use"] if commercial_only else []
    return ", ".join(wishes)


def _bundled() -> list[tuple[str, str, str, str]]:
    """Name, tasks, family and licence of each; all of them may be used commercially."""
    from pixmend import weights

    rows = []
    for name in weights.bundled():
        opened = weights.open_weights(name)
        tasks = " ".join(getattr(opened.config, "tasks", ()))
        rows.append((name, tasks, opened.family, str(opened.card.get("licence", ""))))
    return rows


def _here(entry: "Released") -> str:
    from pixmend.weights.fetch import folder

    return "yes" if (folder() / entry.file).is_file() else "fetch" if entry.urls else "import"


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="A name of the list, or a released file's.")]) -> None:
    """Say all that is known of released weights: origin, licences, published scores, where to get them."""
    from pixmend import weights
    from pixmend.weights import catalog
    from pixmend.weights.fetch import folder

    if name in weights.bundled():
        inspect(name)
        return
    entry = catalog.named(name)
    kept = folder() / entry.file
    console = plain()
    facts = {
        "file": ", also ".join((entry.file, *entry.aliases)),
        "network": f"{entry.family}, {entry.variant}",
        "tasks": " ".join(entry.tasks),
        "trained on": entry.trained_on,
        "licence of the code": entry.code_licence,
        "licence of the weights": entry.weights_licence,
        "terms of the data": entry.data_terms,
        "commercial use": f"{'allowed' if entry.commercial else 'not allowed'} by the licences of code and weights",
        "project": f"{entry.project}, {entry.paper}",
        "from": "\n".join((*entry.urls, *([entry.where] if entry.where else []))),
        "sha256": entry.sha256 or "not published",
        "size": f"{entry.bytes:,} bytes" if entry.bytes else "not published",
        "here": str(kept)
        if kept.is_file()
        else f"no: pixmend models {_here(entry)} " + (name if entry.urls else "FILE"),
    }
    print_facts(console, entry.name, facts)
    for (protocol, source), scores in groupby(entry.scores, key=lambda score: (score.protocol, score.source)):
        table = rows_table("benchmark", "PSNR", "SSIM", numbers=2)
        for score in scores:
            table.add_row(score.on, f"{score.psnr:.2f}", "" if score.ssim is None else f"{score.ssim:.4f}")
        console.print(f"\nPublished: {protocol}; {source}", style="bold")
        console.print(table)


@app.command("inspect")
def inspect(
    file: Annotated[str, typer.Argument(help="A weight file, pixmend's or a released one, or the name of weights.")],
) -> None:
    """Say what a weight file holds: family, sizes, tasks, what it takes, licence, and what was wrapped around it."""
    from pixmend import weights
    from pixmend.weights.describe import describe

    opened = weights.open_weights(file)
    console = plain()
    print_facts(console, Path(file).name, describe(opened))
    for protocol, scores in _scores(opened.card):
        console.print(f"\nMeasured by its maker: {protocol}", style="bold")
        console.print(scores)


def _scores(card: Mapping[str, Any]) -> "Iterator[tuple[str, Table]]":
    """A table per protocol; of a stranger's card only what is written as pixmend writes it."""
    from pixmend.weights.describe import printable

    scores = card.get("scores")
    for protocol, rows in scores.items() if isinstance(scores, dict) else ():
        table = rows_table("task", "benchmark", "baseline", "PSNR", "SSIM", numbers=3)
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict):
                table.add_row(*(printable(row.get(key, "")) for key in _SCORE))
        yield printable(protocol), table
