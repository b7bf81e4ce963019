"""``pixmend models profile``: parameters and arithmetic of networks, beside what their papers print."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixmend.cli.console import notes, plain, rows_table

if TYPE_CHECKING:
    from rich.table import Table

    from pixmend.evaluate.cost import Cost, Published

MOST = 100_000
"""Pixels along a side of what is counted."""


def profile(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Networks (hat_s) or weight files; else all.")
    ] = None,
    size: Annotated[str | None, typer.Option(metavar="HxW", help="Input size, 64x64 unless told.")] = None,
    task: Annotated[str | None, typer.Option(help="Which task of a network with several.")] = None,
) -> None:
    """Count parameters, multiply-adds and FLOPs; without names, at the papers' sizes beside their figures.

    Example: `pixmend models profile hat_s edt_t --size 128x128`
    """
    from rich.progress import track

    from pixmend.errors import PixmendError
    from pixmend.evaluate.cost import PUBLISHED, cost_of, create_for

    console = plain()
    if names:
        console.print(_counted([_count(name, size=_parse(size or "64x64"), task=task) for name in names]))
        return
    if size or task:
        raise PixmendError("--size and --task go with names; without names the papers' sizes are counted")
    counted = [
        (row, cost_of(create_for(row.variant, row.purpose), row.size))
        for row in track(PUBLISHED, description="counting", console=notes(), transient=True)
    ]
    console.print(_compared(counted))
    for why in dict.fromkeys(row.why for row, _ in counted if row.why):
        variants = ", ".join(dict.fromkeys(row.variant for row, _ in counted if row.why == why))
        console.print(f"{variants}: {why}.")
    console.print("Attention: products of two activations, part of the MACs. FLOPs are twice the MACs.")


def _parse(size: str) -> tuple[int, int]:
    from pixmend.errors import PixmendError

    height, cross, width = size.partition("x")
    if not cross or not (height + width).isdecimal() or not 0 < int(height) <= MOST or not 0 < int(width) <= MOST:
        raise PixmendError(f"--size: expected HxW such as 64x64, each up to {MOST}, got {size!r}")
    return int(height), int(width)


def _count(name: str, *, size: tuple[int, int], task: str | None) -> "tuple[str, str, Cost]":
    """The name, what is counted of it, and the count; a weight file's tensors are read, and not computed with."""
    from pixmend import weights
    from pixmend.evaluate.cost import cost_of, create_for
    from pixmend.models import VARIANTS

    if name in VARIANTS:
        network = create_for(name, task)
    else:
        network = weights.open_weights(name).network
    if task is None and len(network.tasks) > 1:
        task = network.tasks[0]
    return Path(name).name, task or " ".join(network.tasks), cost_of(network, size, task=task)


def _counted(rows: "list[tuple[str, str, Cost]]") -> "Table":
    table = rows_table("network", "task", "input", "parameters", "MACs", "attention", "FLOPs", numbers=4)
    for name, task, cost in rows:
        counts = map(_giga, (cost.macs, cost.attention_macs, cost.flops))
        table.add_row(name, task, _size(cost.size), f"{cost.parameters:,}", *counts)
    return table


def _compared(rows: "list[tuple[Published, Cost]]") -> "Table":
    headings = ("network", "task", "input", "parameters", "paper", "MACs", "attention", "paper")
    table = rows_table(*headings, numbers=5)
    for row, cost in rows:
        counts = (f"{cost.parameters:,}", row.parameters, _giga(cost.macs), _giga(cost.attention_macs), row.macs)
        table.add_row(row.variant, row.purpose, _size(row.size), *counts)
    return table


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _giga(count: int) -> str:
    return f"{count / 1e9:.2f}G"
