"""``pixmend train``: train as a recipe says, and go on where a run stopped."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pixmend.cli.train_recipes import show

_MEASURED = 20
_WORTH_MEASURING = 10 * _MEASURED
"""Shorter runs are over before a forecast would be."""

if TYPE_CHECKING:
    from rich.console import Console

    from pixmend.train import Run


def train(
    recipe: str = typer.Argument(
        help="A recipe (default, hat.sr_x2, ...), or 'resume' to go on with the run in --out."
    ),
    data: list[Path] = typer.Option([], "--data", help="A folder of pictures. May be given more than once."),
    out: Path = typer.Option(..., "--out", help="The run's folder: weights, log, curves, previews."),
    validate: list[Path] = typer.Option(
        [], "--validate", help="A benchmark to score on the way; best weights are kept."
    ),
    settings: list[str] = typer.Option([], "--set", help="Change a field of the run: optim.lr=1e-4, steps=1000."),
    _list: bool = typer.Option(False, "--list", callback=show, is_eager=True, help="Show the recipes, and end."),
) -> None:
    """Train a network on folders of pictures.

    Ctrl-C finishes the step and saves; **pixmend train resume --out RUN** goes on from there. The folder's
    weights.safetensors is what **pixmend restore --model** takes.
    """
    from dataclasses import replace

    from rich.console import Console

    from pixmend.config import override

    run = override(_run(recipe, data, out), *settings)
    if validate:
        run = replace(run, validation=tuple(str(folder) for folder in validate))
    first = os.environ.get("RANK", "0") == "0"  # of several processes one speaks for all
    console = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True, quiet=not first)
    try:
        path = _watched(run, out, resume=recipe == "resume", console=console)
    except KeyboardInterrupt as stop:
        if str(stop):  # else it came before there was anything to save
            console.print(f"{stop}; go on with: pixmend train resume --out {out}")
        raise
    console.print(f"trained: {path}")


def _run(recipe: str, data: list[Path], out: Path) -> "Run":
    """The recipe's run on these folders, or the one that the folder already holds."""
    import json
    from dataclasses import replace

    from pixmend.config import from_plain
    from pixmend.errors import PixmendError
    from pixmend.recipes import find
    from pixmend.train import Run

    folders = tuple(str(folder) for folder in data)
    if recipe != "resume":
        run = find(recipe)
        if not folders:
            raise PixmendError("--data: training needs a folder of pictures")
        where = "pictures in " + ", ".join(folder.resolve().name for folder in data)
        return replace(run, data=replace(run.data, folders=folders), notes=run.notes or where)
    file = out / "run.json"
    try:
        run = from_plain(Run, json.loads(file.read_text()), where=str(file))
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, PixmendError):
            raise
        raise PixmendError(f"{file}: not a run to resume ({error})") from error
    return replace(run, data=replace(run.data, folders=folders)) if folders else run


def _watched(run: "Run", out: Path, *, resume: bool, console: "Console") -> Path:
    """Train with a progress bar: loss, steps and samples a second, time left; before that say what it will take."""
    from rich import progress

    from pixmend.train import Progress, fit, forecast

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[note]}"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        pictures = bar.add_task("decode", total=None, note="pictures")
        steps = bar.add_task(run.name, total=run.steps, note="", visible=False)
        measured = bar.add_task("measuring", total=_MEASURED, note="steps", visible=False)

        def loading(done: int, total: int) -> None:
            bar.update(pictures, completed=done, total=total)

        def watch(seen: Progress) -> None:
            speed = bar.tasks[steps].speed or 0
            note = f"loss {seen.loss:.4f}  {speed:.2f} steps/s  {speed * seen.samples:.0f} samples/s"
            bar.update(pictures, visible=False)
            bar.update(steps, completed=seen.step, visible=True, note=note)

        def measure(seen: Progress) -> None:
            bar.update(pictures, visible=False)
            bar.update(measured, completed=seen.step, visible=seen.step < _MEASURED)

        if not resume and run.steps >= _WORTH_MEASURING:
            console.print(f"{run.name}: {forecast(run, out, loading=loading, watch=measure).describe()}")
        return fit(run, out, resume=resume, loading=loading, watch=watch)
