"""How many steps a budget of time pays for, from a few steps of each arm on this machine."""

import json
import math
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pixmend import files, weights
from pixmend.config import from_plain, to_plain
from pixmend.data import open_pictures
from pixmend.errors import PixmendError
from pixmend.evaluate import Benchmark, measure, protocol_of
from pixmend.files import not_writable
from pixmend.studies.design import Arm, Study
from pixmend.studies.pictures import Pictures
from pixmend.studies.small import parameters
from pixmend.train import Every, Progress, Run, fit

PLAN = "plan.json"
POINTS = 6
"""Scores along an arm, so that there is a curve."""
LEAST_STEPS = 200
_PROBED, _WARM, _FEW = 30, 4, 4
"""Steps of each arm that are tried, those of each run that are not timed, and the pictures they see."""
_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmPlan:
    """What an arm takes: of the network that is scored its parameters, of each run seconds per step."""

    name: str
    parameters: int
    pictures: int
    steps: tuple[int, ...]
    seconds_per_step: tuple[float, ...]
    seconds: float
    """Of one seed, with reading the pictures and scoring."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A study sized for a budget; kept beside its results, so that the same command goes on with it."""

    study: str
    data: tuple[str, ...]
    score: tuple[str, ...]
    seeds: int
    budget: float
    """In seconds."""
    steps: int
    """Of each arm, over all its runs."""
    arms: tuple[ArmPlan, ...]

    @property
    def seconds(self) -> float:
        return self.seeds * sum(arm.seconds for arm in self.arms)

    def write(self, out: Path) -> None:
        """Keep it in the folder of the study.

        Raises:
            PixmendError: the folder cannot be written.
        """
        files.replace(out / PLAN, json.dumps(to_plain(self), indent=2) + "\n")


def seconds_of(text: str) -> float:
    """Of ``90s``, ``20m`` or ``2h``.

    Raises:
        PixmendError: something else, or nothing at all.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise PixmendError(f"--budget: expected a time such as 90s, 20m or 2h, got {text!r}")
    return float(match[1]) * _UNITS[match[2]]


def planned(out: Path, *, asked: Plan) -> Plan | None:
    """The plan a folder already holds, if it is of what is asked for now, but for the steps; None in a new folder.

    Raises:
        PixmendError: it holds another study, or the same of other pictures or another size; a damaged plan.
    """
    file = out / PLAN
    if not file.exists():
        return None
    try:
        found = from_plain(Plan, json.loads(file.read_text()), where=str(file))
    except (OSError, ValueError) as error:
        raise PixmendError(f"{file}: not the plan of a study ({error}): choose another folder") from error
    for name in ("study", "data", "score", "seeds", "budget"):
        if (there := getattr(found, name)) != (wanted := getattr(asked, name)):
            raise PixmendError(f"{out}: holds a study with {name} {there}, got {wanted}: repeat it or choose a folder")
    return found


def size(
    study: Study,
    pictures: Pictures,
    benchmarks: Sequence[Benchmark],
    *,
    asked: Plan,
    out: Path,
    watch: Callable[[str], None] = lambda arm: None,
) -> Plan:
    """Try each arm, and give all of them as many steps as the budget pays for; trying counts.

    Raises:
        PixmendError: fewer than 200 steps; what ``fit`` raises.
    """
    started = time.perf_counter()
    reading = _reading(study.arms[0], pictures)
    probes: dict[str, tuple[tuple[float, ...], float]] = {}
    out.mkdir(parents=True, exist_ok=True)
    _probe(study.arms[0], pictures, benchmarks, out, steps=2 * _WARM)  # imports what must not be timed
    for arm in study.arms:
        watch(arm.name)
        probes[arm.name] = _probe(arm, pictures, benchmarks, out)
    spent = time.perf_counter() - started

    def plan(steps: int) -> Plan:
        return replace(asked, steps=steps, arms=tuple(arm_plan(arm, steps) for arm in study.arms))

    def arm_plan(arm: Arm, steps: int) -> ArmPlan:
        runs, (each, scoring) = arm.runs(steps), probes[arm.name]
        fixed = len(runs) * reading * arm.share + (POINTS + len(runs) - 1) * scoring
        return ArmPlan(
            name=arm.name,
            parameters=parameters(runs[-1].model),
            pictures=int(len(pictures.training) * arm.share),
            steps=tuple(run.steps for run in runs),
            seconds_per_step=tuple(round(seconds, 4) for seconds in each),
            seconds=fixed + sum(run.steps * seconds for run, seconds in zip(runs, each, strict=True)),
        )

    few, many = plan(1000).seconds, plan(2000).seconds
    steps = int(1000 + 1000 * (asked.budget - spent - few) / (many - few)) // 10 * 10
    if steps < LEAST_STEPS:
        least = math.ceil((spent + plan(LEAST_STEPS).seconds) * 1.1 / 60)
        raise PixmendError(
            f"--budget: {asked.budget / 60:.3g} minutes give {len(study.arms)} arms x {asked.seeds} seeds "
            f"{max(steps, 0)} steps each on this machine, and {LEAST_STEPS} are the fewest that say anything: "
            f"give {least}m or more, or fewer --seeds"
        )
    return plan(steps)


def trained_on(run: Run, pictures: Pictures, *, share: float) -> Run:
    """The run on a share of the training pictures."""
    return replace(run, data=replace(run.data, folders=pictures.folders, without=pictures.without(share)))


def scores_of(file: Path, benchmarks: Sequence[Benchmark]) -> dict[str, float]:
    """PSNR in dB of every picture by ``benchmark/picture``; nothing for a network without the task."""
    network = weights.load(file)
    task = benchmarks[0].task
    if task.name not in network.tasks:
        return {}
    protocol = protocol_of(task.kind)
    reports = [measure(network, benchmark, protocol=protocol) for benchmark in benchmarks]
    return {
        f"{report.benchmark}/{record.name}": round(record.score.psnr, 4)
        for report in reports
        for record in report.records
    }


def _reading(arm: Arm, pictures: Pictures) -> float:
    """Seconds until all training pictures are there."""
    started = time.perf_counter()
    open_pictures(pictures.folders, smallest=1, small=arm.runs(_PROBED)[0].data.small, without=pictures.held_out)
    return time.perf_counter() - started


def _probe(
    arm: Arm, pictures: Pictures, benchmarks: Sequence[Benchmark], out: Path, *, steps: int = _PROBED
) -> tuple[tuple[float, ...], float]:
    """Seconds per step of each run, and of a point: saving and scoring."""
    few = replace(pictures, held_out=(*pictures.held_out, *pictures.training[_FEW:]), training=pictures.training[:_FEW])
    each: list[float] = []
    scoring = 0.0
    with _temporary(out) as folder:
        for place, run in enumerate(arm.runs(steps)):
            ends: list[float] = []

            def seen(progress: Progress, ends: list[float] = ends) -> None:
                ends.append(time.perf_counter())

            tried = max(run.steps, 2 * _WARM)
            short = trained_on(replace(run, steps=tried, every=Every(log=tried, save=tried)), few, share=1.0)
            kept = fit(short, Path(folder) / str(place), watch=seen)
            timed = ends[_WARM - 1 : -1]  # the last step saves, draws and shows as well, as each point does
            each.append((timed[-1] - timed[0]) / (len(timed) - 1))
            scores_of(kept, benchmarks)
            scoring = max(scoring, time.perf_counter() - ends[-2] - each[-1])
    return tuple(each), scoring


def _temporary(out: Path) -> tempfile.TemporaryDirectory:
    try:
        return tempfile.TemporaryDirectory(prefix=".pixmend-study-", dir=out)
    except OSError as error:
        raise not_writable(out, error) from error
