"""``pixmend train finetune``: go on training weights on somebody's own pictures, and say whether that helped."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixmend.cli.console import plain, printable, rows_table
from pixmend.cli.train_bar import carry_out, console

if TYPE_CHECKING:
    from pixmend.evaluate import Comparison, Score


def finetune(
    data: Annotated[list[Path], typer.Option("--data", help="Your clean pictures. May be given again.")],
    source: Annotated[
        str, typer.Option("--from", metavar="WEIGHTS", help="A name of `pixmend models`, or any released file.")
    ] = "default",
    task: Annotated[
        str | None, typer.Option("--task", metavar="TASK", help="`sr_x2`, `dn_g25`, ...; else what the weights do.")
    ] = None,
    low: Annotated[
        list[Path], typer.Option("--low", help="Degraded pictures that belong by name to those of --data.")
    ] = [],  # noqa: B006
    out: Annotated[
        Path | None, typer.Option("--out", help="The run's folder; else `runs/WEIGHTS.TASK.finetuned`.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="SIZE", help="Memory to train in: 8GB, 800MB; else what is free.")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", min=1)] = 2000,
    settings: Annotated[
        list[str], typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the run: optim.lr=1e-5.")
    ] = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Go on training weights on your own pictures, and say whether that helped.

    Some of the pictures are held out and scored before and after. What does not fit into the memory is trained in
    part. Ctrl-C saves; **pixmend train resume RUN** goes on to the same end.

    Example: `pixmend train finetune --from HAT_SRx4.pth --data my_photos --task sr_x4 --budget 8GB`
    """
    from dataclasses import replace

    from pixmend.config import override
    from pixmend.errors import PixmendError
    from pixmend.train.finetune import begin, plan

    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise PixmendError("train finetune: runs in one process: start it without torchrun or accelerate launch")
    spoken = console()
    with spoken.status("looking for what fits into the memory"):
        planned = plan(source, data=data, low=low, task=task, budget=_bytes(budget) if budget else None, steps=steps)
    for line in planned.describe():
        spoken.print(printable(line))
    planned = replace(planned, run=override(planned.run, *settings))
    if settings:
        spoken.print(printable(f"changed after that: {', '.join(settings)}"))
    folder = out or Path("runs") / planned.run.name
    with _scoring() as watch:
        report = begin(planned, folder, watch=watch)
    spoken.print(f"before: {report.mean.psnr:.2f} dB")
    carry_out(planned.run, folder, resume=False)
    conclude(folder, as_json=as_json)


def conclude(out: Path, *, as_json: bool = False) -> None:
    """Of a finished fine-tuning print what it has brought; of another run nothing, nor in a second process."""
    from pixmend.train.finetune import finish, is_finetuning

    if os.environ.get("RANK", "0") != "0" or not is_finetuning(out):
        return
    console().print("scoring what has become of the pictures held out")
    with _scoring() as watch:
        outcome = finish(out, watch=watch)
    if outcome is None:
        return
    if as_json:
        typer.echo(outcome.to_json())
        return
    _show(outcome.comparison)
    paper = plain()
    paper.print(printable(outcome.describe()))
    paper.print(printable(f"to look at: {outcome.sheet}"))


def _show(comparison: "Comparison") -> None:
    """Every picture before and after, and what it has gained."""
    from pixmend.evaluate.comparison import TITLES, gain

    measures = " / ".join(TITLES[measure] for measure in comparison.measures)
    table = rows_table(
        "picture", *(f"{report.model}\n{measures}" for report in comparison.reports), "gain\ndB", numbers=3
    )

    def row(name: str, style: str, *scores: "Score") -> None:
        cells = [" / ".join(comparison.cells(score)) for score in scores]
        table.add_row(printable(name), *cells, gain(scores[1], scores[0]), style=style)

    for records in zip(*(report.records for report in comparison.reports), strict=True):
        row(records[0].name, "", *(record.score for record in records))
    table.add_section()
    row("mean", "bold", *(report.mean for report in comparison.reports))
    plain().print(table)


@contextmanager
def _scoring() -> "Iterator[Callable[[int, int], None]]":
    """A bar on standard error while pictures are scored, if there is a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    spoken = console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=spoken, transient=True, disable=not spoken.is_terminal) as bar:
        scored = bar.add_task("scoring", total=None, visible=False)
        yield lambda done, total: bar.update(scored, completed=done, total=total, visible=True)


def _bytes(text: str) -> int:
    """8GB is eight thousand million bytes, as everything here counts."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([mg])b?", text.strip(), re.ASCII | re.IGNORECASE)
    if found is None or not float(found[1]):
        raise typer.BadParameter(f"expected a size such as 8GB or 800MB, got {text!r}", param_hint="--budget")
    return int(float(found[1]) * 1000 ** " kmg".index(found[2].lower()))
