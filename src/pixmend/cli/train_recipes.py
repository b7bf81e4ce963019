"""``pixmend train --list``: the recipes there are."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pixmend.train import Run


def show(asked: bool) -> None:
    """Print a line for each recipe, and end, if the option is there."""
    if not asked:
        return
    from pixmend.recipes import RECIPES

    lines = [("recipe", "patch", "batch", "steps", "tasks"), *(_line(name, make()) for name, make in RECIPES.items())]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for name, *numbers, tasks in lines:
        middle = (number.rjust(width) for number, width in zip(numbers, widths[1:-1], strict=True))
        typer.echo("  ".join((name.ljust(widths[0]), *middle, tasks)))
    raise typer.Exit


def _line(name: str, run: "Run") -> tuple[str, ...]:
    """Its name, sizes and what it does, after which other recipe; of growing patches the first and the last."""
    ends = (run.data, *run.data.stages[-1:])
    patch, batch = ("-".join(str(getattr(end, field)) for end in ends) for field in ("patch", "batch"))
    after = f", after {Path(run.start).parent.name}" if run.start else ""
    return name, patch, batch, f"{run.steps:,}", " ".join(run.tasks) + after
