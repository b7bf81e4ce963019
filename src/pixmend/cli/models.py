"""``pixmend models``: the weights there are, and what a file holds."""

from pathlib import Path

import typer

app = typer.Typer(no_args_is_help=False, invoke_without_command=True)


@app.callback()
def models(context: typer.Context) -> None:
    """List the bundled weights and the sizes of network there are."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console
    from rich.table import Table

    from pixmend import weights
    from pixmend.models import VARIANTS

    table = Table("weights", "tasks", "parameters", "licence", "trained on", title="Bundled: work offline")
    for path in sorted(weights.BUNDLED.glob("*.safetensors")):
        network, card = weights.load(path), weights.card(path)
        count = sum(parameter.numel() for parameter in network.parameters())
        table.add_row(path.stem, " ".join(network.tasks), f"{count:,}", card.get("licence"), card.get("data"))
    console = Console()
    console.print(table)
    console.print(f"sizes to train: {', '.join(VARIANTS)}")
    console.print("what a file holds: pixmend models inspect FILE")


@app.command("inspect")
def inspect(
    file: str = typer.Argument(help="A weight file, pixmend's or an official one, or the name of bundled weights."),
) -> None:
    """Say what a weight file holds: family, sizes, tasks, and where pixmend's own come from."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from pixmend import weights

    network, card = weights.load(file), weights.card(file)
    table = Table("", "", show_header=False, title=Path(file).name)
    table.add_row("family", type(network).__name__)
    table.add_row("parameters", f"{sum(parameter.numel() for parameter in network.parameters()):,}")
    for name, value in asdict(network.config).items():  # pyright: ignore[reportArgumentType]
        table.add_row(name, " ".join(map(str, value)) if isinstance(value, tuple) else str(value))
    for name, value in card.items():
        if not isinstance(value, dict):
            table.add_row(name, str(value))
    console = Console()
    console.print(table)
    for protocol, rows in card.get("scores", {}).items():
        scores = Table("task", "benchmark", "baseline", "PSNR", "SSIM", title=protocol)
        for row in rows:
            scores.add_row(*(str(row[key]) for key in ("task", "benchmark", "baseline", "psnr", "ssim")))
        console.print(scores)
