"""``pixmend models profile``: parameters and arithmetic of networks, beside what their papers print."""

from typing import TYPE_CHECKING, Annotated

import typer

from pixmend.cli.console import plain

if TYPE_CHECKING:
    from rich.table import Table

    from pixmend.evaluate.cost import Cost, Published


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
        rows = [(name, _count(name, size=_parse(size or "64x64"), task=task)) for name in names]
        console.print(_counted(rows))
        return
    if size or task:
        raise PixmendError("--size and --task go with names; without names the papers' sizes are counted")
    counted = [
        (row, cost_of(create_for(row.variant, row.purpose), row.size, task=None))
        for row in track(PUBLISHED, description="counting", transient=True)
    ]
    console.print(_compared(counted))
    reasons = {row.why: None for row, _ in counted if row.why}
    for why in reasons:
        variants = ", ".join(dict.fromkeys(row.variant for row, _ in counted if row.why == why))
        console.print(f"{variants}: {why}.")


def _parse(size: str) -> tuple[int, int]:
    from pixmend.errors import PixmendError

    height, cross, width = size.partition("x")
    if not cross or not height.isdecimal() or not width.isdecimal() or 0 in (int(height), int(width)):
        raise PixmendError(f"--size: expected HxW such as 64x64, got {size!r}")
    return int(height), int(width)


def _count(name: str, *, size: tuple[int, int], task: str | None) -> "Cost":
    import torch

    from pixmend import weights
    from pixmend.evaluate.cost import cost_of
    from pixmend.models import VARIANTS, create

    with torch.device("meta"):
        network = create(name) if name in VARIANTS else weights.load(name)
    if task is None and len(network.tasks) > 1:
        task = network.tasks[0]
    return cost_of(network, size, task=task)


def _counted(rows: "list[tuple[str, Cost]]") -> "Table":
    from rich.table import Table

    table = Table("network", "input", "parameters", "MACs", "of which attention", "FLOPs")
    for name, cost in rows:
        input_ = f"{cost.size[0]} x {cost.size[1]}"
        table.add_row(name, input_, f"{cost.parameters:,}", *map(_giga, (cost.macs, cost.attention_macs, cost.flops)))
    return table


def _compared(rows: "list[tuple[Published, Cost]]") -> "Table":
    from rich.table import Table

    table = Table("network", "task", "input", "parameters", "paper", "MACs", "without attention", "paper", "FLOPs")
    for row, cost in rows:
        table.add_row(
            row.variant,
            row.purpose,
            f"{row.size[0]} x {row.size[1]}",
            f"{cost.parameters:,}",
            row.parameters,
            _giga(cost.macs),
            _giga(cost.macs - cost.attention_macs),
            row.macs,
            _giga(cost.flops),
        )
    return table


def _giga(count: int) -> str:
    return f"{count / 1e9:.2f}G"
