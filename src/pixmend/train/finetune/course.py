"""The two ends of a fine-tuning: scores of the weights as they are, and the verdict on what has become of them."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

from pixmend import files, weights
from pixmend.data.places import check_apart
from pixmend.errors import PixmendError
from pixmend.evaluate import Comparison, Journal, Measurement, Record, Report, find
from pixmend.train import state
from pixmend.train.finetune import held_out, judge
from pixmend.train.finetune.judge import Outcome
from pixmend.train.finetune.origin import Origin, origin_of
from pixmend.train.finetune.planning import Plan

NOTE, BEFORE = "finetune.json", "before.jsonl"

Watch = Callable[[int, int], None]
"""Hears of pictures scored: how many, of how many."""

logger = logging.getLogger(__name__)


def begin(plan: Plan, out: str | Path, *, watch: Watch = lambda done, total: None) -> Report:
    """Write the held-out pictures into the run's folder, and score the weights on them as they are.

    Raises:
        PixmendError: the folder holds a run already or somebody's held_out, lies among the pictures, or cannot be
            written; a held-out picture is damaged.
    """
    out, origin, data = Path(out), plan.origin, plan.run.data
    state.check_folder(out, resume=False)
    check_apart(out, (*data.folders, *data.low))
    if (out / held_out.FOLDER).exists() and not is_finetuning(out):
        raise PixmendError(f"{out / held_out.FOLDER}: is not of a fine-tuning, and would be replaced: choose a folder")
    state.begin(out, plan.run)
    files.replace(out / NOTE, json.dumps({"from": origin.source, "task": origin.task.name}, indent=2) + "\n")
    benchmark = held_out.write(plan.held, out / held_out.FOLDER, task=origin.task, side=plan.side)
    return _before(judge.before_of(origin, benchmark), out, watch)


def is_finetuning(out: str | Path) -> bool:
    """Whether a run's folder is of one that ``begin`` began."""
    return (Path(out) / NOTE).is_file()


def finish(out: str | Path, *, watch: Watch = lambda done, total: None) -> Outcome | None:
    """Score the run's averaged weights on the held-out pictures and compare; None for a run that is no fine-tuning.

    Leaves before_after.json and before_after.png. What was scored before is not scored again, unless torch or the
    device have changed since.

    Raises:
        PixmendError: the weights that the run began with, or its held-out pictures, are not there any more.
    """
    out = Path(out)
    if not is_finetuning(out):
        return None
    origin = _origin(out / NOTE)
    benchmark = find(out / held_out.FOLDER, task=origin.task.name)
    before = judge.before_of(origin, benchmark)
    after = judge.measurement(weights.load(out / state.WEIGHTS), benchmark, name=judge.AFTER)
    reports = (_before(before, out, watch), after.run(watch=_counted(watch, len(benchmark.pairs))))
    outcome = Outcome(comparison=Comparison(reports=reports, published=(None, None), tolerance=0), out=out)
    files.replace(out / judge.TABLE, outcome.to_json() + "\n")
    judge.draw(outcome.comparison, before, after, out / judge.SHEET)
    return outcome


def _before(measurement: Measurement, out: Path, watch: Watch) -> Report:
    """Go on from what is written down, unless it was scored under other conditions."""
    path = out / BEFORE
    try:
        journal = Journal(path, measurement.conditions)
    except PixmendError as error:
        logger.info("scored anew: %s", error)
        path.unlink(missing_ok=True)
        journal = Journal(path, measurement.conditions)
    counted = _counted(watch, len(measurement.benchmark.pairs), done=len(journal.done))

    def scored(record: Record) -> None:
        journal.add(record)
        counted(record)

    return measurement.run(done=journal.done, watch=scored)


def _counted(watch: Watch, total: int, *, done: int = 0) -> Callable[[Record], None]:
    count = iter(range(done + 1, total + 1))
    return lambda record: watch(next(count), total)


def _origin(note: Path) -> Origin:
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
        source, task = content["from"], content["task"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise PixmendError(f"{note}: not what a fine-tuning keeps of its beginning ({error})") from error
    return origin_of(str(source), task=str(task))
