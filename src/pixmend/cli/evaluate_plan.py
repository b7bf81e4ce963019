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
    loaded = {name: pixmend.load(name).to(find_device("auto")) for name in names if name not in BASELINES}
    plans = []
    for place in _split(on):
        for task in _tasks(loaded, _split(tasks or []), place=place, protocol=chosen):
            benchmark = _benchmark(place, task.name, data)
            here = names if against or baseline_name(task) in names else [baseline_name(task), *names]
            plans.append([_planned(name, loaded, benchmark, chosen, rule) for name in here])
    return plans


def _planned(
    name: str, loaded: Mapping[str, Restorer | MultiTask], benchmark: Benchmark, protocol: Protocol | None, padding: str
) -> Planned:
    task = benchmark.task
    channels = _channels(loaded, task)
    protocol = protocol or protocol_of(task.kind, channels=channels)
    if name in BASELINES:
        given = channels if channels == 6 else 3 if protocol.given == "rgb" else 1
        model, rule = baseline_named(name, task, channels=given), "needed"
    else:
        model, rule = select(loaded[name], task), padding
    measurement = Measurement(
        model=model, benchmark=benchmark, protocol=protocol, padding=parse_padding(rule), name=shown_name(name)
    )
    return Planned(source=Path(name).name, measurement=measurement)


def _channels(loaded: Mapping[str, Restorer | MultiTask], task: Task) -> int:
    """Input channels of the first of the models; baselines take what they are given."""
    for model in loaded.values():
        return select(model, task).in_channels
    return 6 if task.name == "defocus_dual" else 3


def _benchmark(place: str, task: str, data: Path | None) -> Benchmark:
    """A folder, or a name under ``--data``.

    Raises:
        PixmendError: neither, or a name without a folder to look in.
    """
    if Path(place).is_dir():
        return find(place, task=task)
    if known(place) is None:
        return find(place, task=task)  # which says what is wrong with it
    if data is None:
        raise PixmendError(
            f"--on {place}: no such folder here: say where the benchmarks are with --data or PIXMEND_DATA"
        )
    return locate(place, root=data, task=task)


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
    for name in (name for model in loaded.values() for name in model.tasks):
        try:
            task = parse_task(name)
        except PixmendError:  # dn_blind, sr_real_x4: what it does no benchmark says, so a person must
            continue
        if (protocol is None or task.kind in protocol.kinds) and (benchmark is None or _used_for(benchmark, task)):
            found[name] = task
    if not found:
        raise PixmendError(
            f"--on {place}: cannot tell which task to score: say --task sr_x2, dn_g25, dr_L, jpeg_q40, ..."
        )
    return list(found.values())


def _used_for(benchmark: Known, task: Task) -> bool:
    """What a set is first of all used for; of the two Rain100 only one is of light rain."""
    return task.kind == benchmark.kinds[0] and task.name != _OTHER_RAIN.get(benchmark.name)


def _split(texts: Sequence[str]) -> list[str]:
    """Of ``a,b`` and ``c`` all three; a folder whose name has a comma is left whole."""
    return [part for text in texts for part in ([text] if Path(text).is_dir() else text.split(",")) if part]


def shown_name(model: str) -> str:
    """A name as given; of a file, its folder too, since every run calls its file weights.safetensors."""
    path = Path(model)
    if path.name == model and not path.suffix:
        return model
    return f"{path.resolve().parent.name}_{path.stem}"
