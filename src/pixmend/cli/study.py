"""``pixmend study``: the papers' claims as experiments to run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixmend.cli.console import notes, plain, printable, rows_table

if TYPE_CHECKING:
    from pixmend.studies import Results
    from pixmend.studies.carry import Planned
    from pixmend.studies.runner import Trial


def study(
    name: Annotated[
        str | None, typer.Argument(help="A study; without one they are listed.", show_default=False)
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="A folder of pictures. May be given more than once.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where runs, scores and the verdict go.")] = None,
    budget: Annotated[str, typer.Option(metavar="TIME", help="How long it may take here: `90s`, `20m`, `2h`.")] = "30m",
    score: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="A benchmark to score on; by itself every 5th picture, which is held out."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Every arm is trained so often.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print study.json instead of a table.")] = False,
) -> None:
    """Test a paper's claim at small scale: train the arms with several seeds, score them, and say what that shows.

    Ctrl-C keeps what is there, and the same command goes on.

    Example: `pixmend study windows --data photos --out studies/windows --budget 30m`
    """
    from pixmend.errors import PixmendError

    if name is None:
        _list(as_json=as_json)
        return
    from pixmend.studies import find, plan_study, run_study
    from pixmend.studies.plan import seconds_of
    from pixmend.studies.report import JSON

    chosen, seconds = find(name), seconds_of(budget)
    if not data or out is None:
        raise PixmendError(f"study {name}: needs --data, a folder of pictures, and --out, a folder for the results")
    say = notes()
    ready = plan_study(
        chosen,
        data=data,
        out=out,
        budget=seconds,
        score=score or (),
        seeds=seeds,
        watch=lambda arm: say.print(f"measuring {arm}"),
    )
    for line in _plan_lines(ready):
        say.print(printable(line))
    try:
        with _bar(ready) as watch:
            results = run_study(ready, watch=watch)
    except KeyboardInterrupt:
        say.print(f"stopped; what is in {out} is kept, and the same command goes on")
        raise
    if as_json:
        typer.echo((out / JSON).read_text().rstrip())
    else:
        _show(results, out)


def _list(*, as_json: bool) -> None:
    """Every study with the claim it tests."""
    import json

    from pixmend.studies import STUDIES

    studies = [make() for make in STUDIES.values()]
    if as_json:
        facts = ("name", "claim", "source", "small", "task")
        typer.echo(json.dumps([{fact: getattr(each, fact) for fact in facts} for each in studies], indent=2))
        return
    table = rows_table("study", "claim", "source", "arms")
    for each in studies:
        table.add_row(each.name, each.claim, each.source, ", ".join(arm.name for arm in each.arms))
        table.add_section()
    plain().print(table)


def _plan_lines(ready: "Planned") -> list[str]:
    """What will be done and how long it will take."""
    plan = ready.plan
    lines = [f"claim: {ready.study.claim}", f"small form: {ready.study.small}"]
    pictures = sum(len(benchmark.pairs) for benchmark in ready.benchmarks)
    where = ", ".join(benchmark.name for benchmark in ready.benchmarks)
    lines.append(f"scored: {ready.study.task} on {pictures} pictures ({where})")
    for arm in plan.arms:
        steps = " + ".join(map(str, arm.steps))
        lines.append(
            f"{arm.name}: {arm.parameters:,} parameters, {arm.pictures} pictures, {steps} steps, "
            f"{arm.seconds / 60:.1f} minutes"
        )
    return [*lines, f"{plan.seeds} seeds: {plan.seconds / 60:.0f} minutes in all"]


@contextmanager
def _bar(ready: "Planned") -> Iterator[Callable[["Trial", int], None]]:
    """A bar over all steps of all runs, if there is a terminal to show it; else a line for each finished run."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    said = notes()
    remaining = (TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=False))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), *remaining)
    order = {trial.folder: place for place, trial in enumerate(ready.trials)}
    before = list(accumulate((trial.run.steps for trial in ready.trials), initial=0))
    with Progress(*columns, console=said, disable=not said.is_terminal) as progress:
        bar = progress.add_task(ready.study.name, total=before[-1])

        def watch(trial: "Trial", step: int) -> None:
            what = f"{trial.arm}, seed {trial.seed}, run {trial.folder.name}"
            progress.update(bar, completed=before[order[trial.folder]] + step, description=what)
            if step == trial.run.steps and not said.is_terminal:
                said.print(f"{what}: {before[order[trial.folder] + 1]} of {before[-1]} steps")

        yield watch


def _show(results: "Results", out: Path) -> None:
    table = rows_table("arm", "PSNR", "worst seed", "best seed", numbers=3)
    for name, *values in results.arms():
        table.add_row(name, *(f"{value:.2f}" for value in values))
    table.add_row(results.baseline, f"{results.baseline_psnr:.2f}", "", "")
    plain().print(table)
    for each in results.findings:
        print_line = f"{each.contrast.says}: {each.mean:+.3f} dB ({each.low:+.3f} to {each.high:+.3f}), {each.says}"
        plain().print(print_line)
    plain().print(results.verdict)
    plain().print(printable(f"wrote {out / 'study.png'}, study.md, study.json"))
