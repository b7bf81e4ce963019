"""Carrying a study out: every arm with every seed, each from where it stopped."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from pixmend import files
from pixmend.config import from_plain
from pixmend.errors import PixmendError
from pixmend.evaluate import Benchmark
from pixmend.studies.design import Arm, Study
from pixmend.studies.pictures import Pictures
from pixmend.studies.plan import POINTS, Plan, scores_of, trained_on
from pixmend.studies.verdict import Scores
from pixmend.train import Every, Progress, Run, fit
from pixmend.train.diary import lines_of
from pixmend.train.state import RUN, STATE, WEIGHTS
from pixmend.weights import read

SCORES = "scores.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One run of an arm with one seed."""

    arm: str
    seed: int
    folder: Path
    run: Run
    before: int
    """Steps of the arm's runs before this one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Scores along an arm with one seed."""

    arm: str
    seed: int
    steps: tuple[int, ...]
    """Over all runs of the arm."""
    psnr: tuple[dict[str, float], ...]
    """By picture, in dB."""

    @property
    def means(self) -> list[float]:
        return [sum(scores.values()) / len(scores) for scores in self.psnr]


def trials(study: Study, plan: Plan, pictures: Pictures, out: Path) -> Iterator[Trial]:
    """All of them, one seed after the other."""
    for seed in range(plan.seeds):
        for arm in study.arms:
            yield from _chain(study, arm, plan=plan, pictures=pictures, seed=seed, folder=out / arm.name / str(seed))


def _chain(study: Study, arm: Arm, *, plan: Plan, pictures: Pictures, seed: int, folder: Path) -> Iterator[Trial]:
    runs = arm.runs(plan.steps)
    for place, run in enumerate(runs):
        whole = replace(
            trained_on(run, pictures, share=arm.share),
            name=f"{study.name}.{arm.name}",
            seed=seed,
            start=str(folder / str(place) / WEIGHTS) if place else None,
            every=Every(log=max(1, plan.steps // 40), preview=run.steps, save=max(1, plan.steps // POINTS)),
        )
        before = sum(earlier.steps for earlier in runs[:place])
        yield Trial(arm=arm.name, seed=seed, folder=folder / str(place + 1), run=whole, before=before)


def carry_out(
    every: Sequence[Trial], benchmarks: Sequence[Benchmark], *, watch: Callable[[Trial, int], None]
) -> list[Curve]:
    """Train and score what is not there yet; ``watch`` hears of finished steps of a trial.

    Raises:
        PixmendError: what ``fit`` raises; a folder with another run in it.
        KeyboardInterrupt: as ``fit``, which saves first; the same trials go on from there.
    """
    found: dict[tuple[str, int], list[tuple[int, dict[str, float]]]] = {}
    for trial in every:
        points = found.setdefault((trial.arm, trial.seed), [])
        points += [(trial.before + line["step"], line["psnr"]) for line in _trial(trial, benchmarks, watch)]
    curves = []
    for (arm, seed), points in found.items():
        steps, psnr = zip(*((step, scores) for step, scores in points if scores), strict=True)
        assert all(a < b for a, b in pairwise(steps))
        curves.append(Curve(arm=arm, seed=seed, steps=steps, psnr=psnr))
    return curves


def final(curves: Sequence[Curve]) -> dict[str, Scores]:
    """The last scores of each arm, seeds by pictures."""
    names = list(curves[0].psnr[-1])
    arms = dict.fromkeys(curve.arm for curve in curves)
    return {
        arm: np.array([[curve.psnr[-1][name] for name in names] for curve in curves if curve.arm == arm])
        for arm in arms
    }


def _trial(trial: Trial, benchmarks: Sequence[Benchmark], watch: Callable[[Trial, int], None]) -> list[dict]:
    """The lines of its scores, which are kept as they come."""
    run, file = trial.run, trial.folder / SCORES
    resume = (trial.folder / STATE).is_file()
    lines = lines_of(file) if resume else []
    if resume:
        _check(trial)

    def score(step: int) -> None:
        nonlocal lines
        lines = [line for line in lines if line["step"] != step]
        lines.append({"step": step, "psnr": scores_of(trial.folder / WEIGHTS, benchmarks)})
        files.replace(file, "".join(json.dumps(line) + "\n" for line in lines))

    def is_point(step: int) -> bool:
        near = run.steps - step < run.every.save // 2  # of the last, which is scored in any case
        return step == run.steps or (step % run.every.save == 0 and not near)

    def seen(progress: Progress) -> None:
        if is_point(progress.step):  # its weights have just been saved
            score(progress.step)
        watch(trial, progress.step)

    saved = read(trial.folder / STATE).metadata["step"] if resume else 0
    lines = [line for line in lines if line["step"] <= saved]
    if saved and is_point(saved) and all(line["step"] != saved for line in lines):
        score(saved)  # it was stopped between the two
    if saved < run.steps:
        fit(run, trial.folder, resume=resume, watch=seen)
    else:
        watch(trial, run.steps)
    return lines


def _check(trial: Trial) -> None:
    """Refuse to go on with a run that is not this one.

    Raises:
        PixmendError: as said.
    """
    file = trial.folder / RUN
    try:
        there = from_plain(Run, json.loads(file.read_text()), where=str(file))
    except (OSError, json.JSONDecodeError) as error:
        raise PixmendError(f"{file}: not a run to go on with ({error}): remove {trial.folder}") from error
    if there != trial.run:
        raise PixmendError(
            f"{trial.folder}: was trained otherwise than this study would: remove it, or choose a folder"
        )
