"""From a study and folders of pictures to its results, in two steps, so that the plan can be shown before."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pixmend.data.places import check_apart
from pixmend.evaluate import Benchmark
from pixmend.files import not_writable
from pixmend.studies import pictures as choosing
from pixmend.studies.design import Study
from pixmend.studies.plan import Plan, planned, size
from pixmend.studies.report import Results, conclude
from pixmend.studies.runner import Trial, carry_out, trials

__all__ = ["Planned", "Study", "plan_study", "run_study"]


class Planned(NamedTuple):
    """A study ready to be carried out."""

    study: Study
    plan: Plan
    trials: tuple[Trial, ...]
    benchmarks: tuple[Benchmark, ...]
    out: Path


def plan_study(
    study: Study,
    *,
    data: Sequence[str | Path],
    out: str | Path,
    budget: float,
    score: Sequence[str | Path] = (),
    seeds: int = 3,
    watch: Callable[[str], None] = lambda arm: None,
) -> Planned:
    """Choose pictures and steps; ``budget`` is in seconds. A folder that holds the study already keeps its plan.

    Without ``score``, folders of benchmarks, every fifth picture of ``data`` is held out and scored.

    Raises:
        PixmendError: too few pictures, too small a budget, a folder with another study in it or among the pictures.
    """
    out = Path(out)
    check_apart(out, data)
    asked = Plan(
        study=study.name,
        data=tuple(map(str, data)),
        score=tuple(map(str, score)),
        seeds=seeds,
        budget=budget,
        steps=0,
        arms=(),
    )
    plan = planned(out, asked=asked)
    pictures = choosing.split(data, hold_out=not score)
    for arm in study.arms:
        pictures.without(arm.share)  # raises before anything is measured
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(out, error) from error
    benchmarks = choosing.benchmarks(pictures, score, task=study.task, out=out)
    if plan is None:
        plan = size(study, pictures, benchmarks, asked=asked, out=out, watch=watch)
        plan.write(out)
    return Planned(study, plan, tuple(trials(study, plan, pictures, out)), benchmarks, out)


def run_study(ready: Planned, *, watch: Callable[[Trial, int], None] = lambda trial, step: None) -> Results:
    """Train and score every arm with every seed, as far as it has not been done, and write study.json, .md and .png.

    Raises:
        PixmendError: what ``fit`` raises.
        KeyboardInterrupt: Ctrl-C, after the run has been saved; the same call goes on from there.
    """
    curves = carry_out(ready.trials, ready.benchmarks, watch=watch)
    return conclude(ready.study, ready.plan, curves, ready.benchmarks, trials=ready.trials, out=ready.out)
