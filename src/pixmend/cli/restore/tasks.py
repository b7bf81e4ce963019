"""What ``pixmend restore`` was asked for, in the words of the weights: tasks, their order and their names."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pixmend.models import Network


class Rain(StrEnum):
    """How much it rains in the picture."""

    light = "light"
    heavy = "heavy"


_RAIN_TASKS = {Rain.light: "dr_L", Rain.heavy: "dr_H"}


def chain(named: list[str], *, scale: int | None, denoise: int | None, derain: Rain | None) -> tuple[str, ...]:
    """The tasks in the order they are done: rain lies over the noise, and enlarging would enlarge both."""
    from pixmend.errors import PixmendError

    wished = [_RAIN_TASKS[derain]] if derain is not None else []
    wished += [f"dn_g{denoise}"] if denoise is not None else []
    wished += [f"sr_x{scale}"] if scale is not None else []
    if named and wished:
        raise PixmendError("--task goes without --derain, --denoise and --scale: name every task, in order")
    return tuple(named or wished)


def network(model: str, asked: tuple[str, ...]) -> tuple["Network", tuple[str, ...]]:
    """The weights, and their names for what was asked for."""
    import pixmend

    loaded = pixmend.load(model)
    return loaded, _tasks(loaded, asked, model)


def _tasks(network: "Network", asked: tuple[str, ...], model: str) -> tuple[str, ...]:
    """The network's own names for what was asked for; without being asked, its only task, or enlarging twice."""
    from pixmend.errors import PixmendError
    from pixmend.tasks import scale_of

    if not asked:
        if len(network.tasks) > 1 and "sr_x2" not in network.tasks:
            raise PixmendError(f"the weights {model!r} have several tasks, name one: {', '.join(network.tasks)}")
        return network.tasks if len(network.tasks) < 2 else ("sr_x2",)
    found = []
    for name in asked:
        alike = [
            task
            for task in network.tasks
            if task == name
            or (name.startswith("sr_x") and task.startswith("sr") and scale_of(task) == scale_of(name))
            or (name.startswith("dn_g") and task == "dn_blind")
            or (name.startswith("dr_") and task == "dr")
        ]
        if not alike:
            what = f"only {', '.join(network.tasks)}" if network.tasks else "but one that is not told: name none"
            raise PixmendError(f"the weights {model!r} have no task {name}, {what}")
        found.append(alike[0])
    return tuple(found)


def said(tasks: tuple[str, ...], model: str) -> str:
    """What is done where nothing was asked for."""
    if tasks == ("sr_x2",):
        return "enlarging twice (--scale 2)"
    return f"doing what {Path(model).name} does{f', {tasks[0]}' if tasks else ''}"


def words(tasks: tuple[str, ...], *, scale: int) -> list[str]:
    """The tasks in a file's name: ``derained``, ``dn25``, ``x2``."""
    if not tasks:
        return [f"restored_x{scale}" if scale > 1 else "restored"]
    return ["derained" if task.startswith("dr") else task.removeprefix("sr_").replace("_g", "") for task in tasks]


def overlap(text: str | None) -> "int | Literal['measured'] | None":
    """What ``--overlap`` means."""
    from pixmend.errors import PixmendError

    if text is None:
        return None
    if text == "measured":
        return "measured"
    if not text.isdecimal():
        raise PixmendError(f"--overlap: expected pixels, 0 or more, or measured, got {text!r}")
    return int(text)
