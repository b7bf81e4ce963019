"""``pixmend models``: the weights there are, and what a file holds."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

app = typer.Typer(no_args_is_help=False, invoke_without_command=True)

_SCORE = ("task", "benchmark", "baseline", "psnr", "ssim")


@app.callback()
def models(context: typer.Context) -> None:
    """List the bundled weights and the sizes of network there are."""
    if context.invoked_subcommand is not None:
        return
    from rich.table import Table

    from pixmend import weights
    from pixmend.models import VARIANTS

    table = Table("weights", "tasks", "parameters", "licence", "trained on", title="Bundled: work offline")
    for path in sorted(weights.BUNDLED.glob("*.safetensors")):
        network, card = weights.load(path), weights.card(path)
        count = sum(parameter.numel() for parameter in network.parameters())
        known = (str(card.get(key, "")) for key in ("licence", "data"))
        table.add_row(path.stem, " ".join(network.tasks), f"{count:,}", *known)
    console = _console()
    console.print(table)
    console.print(f"sizes to train: {', '.join(VARIANTS)}")
    console.print("what a file holds: pixmend models inspect FILE")


@app.command("inspect")
def inspect(
    file: str = typer.Argument(help="A weight file, pixmend's or an official one, or the name of bundled weights."),
) -> None:
    """Say what a weight file holds: family, sizes, tasks, and where pixmend's own come from."""
    from dataclasses import asdict

    from rich.table import Table

    from pixmend import weights

    network, card = weights.load(file), weights.card(file)
    table = Table("", "", show_header=False, title=Path(file).name)
    table.add_row("family", type(network).__name__)
    table.add_row("parameters", f"{sum(parameter.numel() for parameter in network.parameters()):,}")
    for name, value in asdict(network.config).items():
        table.add_row(name, " ".join(map(str, value)) if isinstance(value, tuple) else str(value))
    for name, value in card.items():
        if not isinstance(value, dict):
            table.add_row(str(name), str(value))
    console = _console()
    console.print(table)
    for scores in _scores(card):
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


def _console() -> "Console":
    """Paths and cards are printed as they are, whatever brackets and colons they hold."""
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)
