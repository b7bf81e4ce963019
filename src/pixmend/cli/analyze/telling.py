"""What every analysis tells: how far it is, its numbers as JSON, and which files it wrote."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from pixmend.cli import console


@contextmanager
def bar(doing: str) -> Iterator[Callable[[float, int], None]]:
    """A bar with the time left, in a terminal alone, which is given what is done and how much there is."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    notes = console.notes()
    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as shown:
        task = shown.add_task(console.printable(doing), total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def print_json(content: Any, *, indent: int | None = 2) -> None:
    """JSON has no word for infinite numbers and for none: they become null."""
    typer.echo(json.dumps(_finite(content), indent=indent, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_files(*files: Path) -> None:
    """A line for each, whole however wide the terminal is."""
    for file in files:
        console.plain().print(console.printable(str(file)), soft_wrap=True)
