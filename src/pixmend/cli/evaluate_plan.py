"""What ``pixmend evaluate`` is about to measure: every model, benchmark and task is looked up before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pixmend
from pixmend.errors import PixmendError
from pixmend.evaluate import (
    BASELINES,
    Benchmark,
    Known,
    Measurement,
    Protocol,
    baseline_name,
    baseline_named,
    find,
    known,
    locate,
    parse_padding,
    protocol_named,
    protocol_of,
    select,
)
from pixmend.infer.device import find_device
from pixmend.models.base import MultiTask, Restorer
from pixmend.tasks import Task, parse_task

_OTHER_RAIN = {"Rain100L": "dr_H", "Rain100H": "dr_L"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """One model on one benchmark, and the name by which the catalog may know the model."""

    source: str
    measurement: Measurement


def plan(
    models: Sequence[str],
    *,
    on: Sequence[str],
    tasks: Sequence[str] | None,
    data: Path | None,
    protocol: str | None,
    padding: str,
    against: str | None,
) -> list[list[Planned]]:
    """A list per benchmark and task, of the model compared against and the others.

    Raises:
        PixmendError: something is not there or does not fit, whichever of all of them it is.
    """
    rule, chosen = parse_padding(padding), protocol_named(protocol) if protocol else None
    names = list(dict.fromkeys(([against] if against else []) + list(models)))
    _check_names(names)
    places, wanted = _split(on, "--on"), _split(tasks, "--task") if tasks else []
    loaded = {name: pixmend.load(name).to(find_device("auto")) for name in names if name not in BASELINES}
    plans = []
    for place in places:
        for task in _tasks(loaded, wanted, place=place, protocol=chosen):
            try:
                benchmark = _benchmark(place, task.name, data)
            except PixmendError as error:
                raise PixmendError(f"{task.name}: {error}") from error
            here = names if against or baseline_name(task) in names else [baseline_name(task), *names]
            plans.append([_planned(name, loaded, benchmark, chosen, rule) for name in here])
    return plans


def _planned(
    name: str, loaded: Mapping[str, Restorer | MultiTask], benchmark: Benchmark, protocol: Protocol | None, padding: str
) -> Planned:
    task = benchmark.task
    protocol = protocol or protocol_of(task.kind, channels=_channels(loaded, task))
    if name in BASELINES:
        model, rule = baseline_named(name, task, channels=protocol.channels(task)), "needed"
    else:
        model, rule = _select(name, loaded[name], task), padding
    measurement = Measurement(
        model=model, benchmark=benchmark, protocol=protocol, padding=parse_padding(rule), name=shown_name(name)
    )
    return Planned(source=Path(name).name, measurement=measurement)


def _select(name: str, model: Restorer | MultiTask, task: Task) -> Restorer:
    try:
        return select(model, task)
    except PixmendError as error:
        raise PixmendError(f"{name}: {error}") from error


def _channels(loaded: Mapping[str, Restorer | MultiTask], task: Task) -> int:
    """Input channels of the first of the models, which decide between colours and grey."""
    for name, model in loaded.items():
        return _select(name, model, task).in_channels
    return 3


def _benchmark(place: str, task: str, data: Path | None) -> Benchmark:
    """What is called so under ``--data``, else the folder.

    Raises:
        PixmendError: neither, or a name without a folder to look in.
    """
    if data is not None and Path(place).name == place:
        try:
            return locate(place, root=data, task=task)
        except PixmendError:
            if not Path(place).is_dir():
                raise
    elif not Path(place).is_dir() and known(place) is not None:
        raise PixmendError(
            f"--on {place}: no such folder here: say where the benchmarks are with --data or PIXMEND_DATA"
        )
    return find(place, task=task)


def _tasks(
    loaded: Mapping[str, Restorer | MultiTask], named: list[str], *, place: str, protocol: Protocol | None
) -> list[Task]:
    """Those named, else what the models do that the protocol scores and the benchmark is used for.

    Raises:
        PixmendError: no such task, or none is named and none follows.
    """
    if named:
        return [parse_task(name) for name in named]
    found: dict[str, Task] = {}
    benchmark = known(place if not Path(place).is_dir() else Path(place).resolve().name)
    for name in dict.fromkeys(name for model in loaded.values() for name in model.tasks):
        if any(isinstance(model, MultiTask) and name not in model.tasks for model in loaded.values()):
            continue  # only what all of them do can be compared
        try:
            task = parse_task(name)
        except PixmendError:  # dn_blind, sr_real_x4: what it does no benchmark says, so a person must
            continue
        if (protocol is None or task.kind in protocol.kinds) and (benchmark is None or _used_for(benchmark, task)):
            found[name] = task
    if not found or (benchmark is None and len({task.kind for task in found.values()}) > 1):
        raise PixmendError(
            f"--on {place}: cannot tell which task to score: say --task sr_x2, dn_g25, dr_L, jpeg_q40, ..."
        )
    return list(found.values())


def _used_for(benchmark: Known, task: Task) -> bool:
    """What a set is first of all used for; of the two Rain100 only one is of light rain."""
    return task.kind == benchmark.kinds[0] and task.name != _OTHER_RAIN.get(benchmark.name)


def _split(texts: Sequence[str], option: str) -> list[str]:
    """Of ``a,b`` and ``c`` all three; a folder whose name has a comma is left whole.

    Raises:
        PixmendError: nothing is named.
    """
    parts = [part for text in texts for part in ([text] if text and Path(text).is_dir() else text.split(",")) if part]
    if not parts:
        raise PixmendError(f"{option}: names nothing")
    return parts


def _check_names(models: Sequence[str]) -> None:
    """Refuse two models that tables and files would call the same.

    Raises:
        PixmendError: as said.
    """
    shown: dict[str, str] = {}
    for model in models:
        other = shown.setdefault(shown_name(model), model)
        if other != model:
            raise PixmendError(f"{other} and {model} would both be called {shown_name(model)}: rename a folder of one")


def shown_name(model: str) -> str:
    """A name as given; of a file, its folder too, since every run calls its file weights.safetensors."""
    path = Path(model)
    if path.name == model and not path.suffix:
        return model
    return f"{path.resolve().parent.name}_{path.stem}"
