"""Carrying out a run before somebody's eyes: what it will take, then a bar with rate and time left."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

_MEASURED = 20
_WORTH_MEASURING = 10 * _MEASURED
"""Shorter runs are over before a forecast would be."""

if TYPE_CHECKING:
    from rich.console import Console

    from pixmend.train import Run


def console() -> "Console":
    """The error output; of several processes one speaks for all."""
    from rich.console import Console

    first = os.environ.get("RANK", "0") == "0"
    return Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True, quiet=not first)


def carry_out(run: "Run", out: Path, *, resume: bool) -> Path:
    """Train and say where the weights are; Ctrl-C says how to go on."""
    spoken = console()
    try:
        path = _watched(run, out, resume=resume, console=spoken)
    except KeyboardInterrupt as stop:
        if str(stop):  # else it came before there was anything to save
            spoken.print(f"{stop}; go on with: pixmend train resume {out}")
        raise
    spoken.print(f"trained: {path}")
    return path


def _watched(run: "Run", out: Path, *, resume: bool, console: "Console") -> Path:
    """Train with a progress bar: loss, steps and samples a second, time left; before that say what it will take."""
    from rich import progress

    from pixmend.train import Progress, check_fits, fit, forecast

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
        elif not resume:
            check_fits(run)
        return fit(run, out, resume=resume, loading=loading, watch=watch)
