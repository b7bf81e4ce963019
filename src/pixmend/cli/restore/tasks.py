"""What ``pixmend restore`` was asked for, in the words of the weights: tasks, their order, their names, the size."""

import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pixmend.cli.restore.request import Request
    from pixmend.infer.sizing import Size
    from pixmend.models import Network

RESIZE = "resize"
"""The task of a picture that is made smaller, and nothing else: of no network."""


class Rain(StrEnum):
    """How much it rains in the picture."""

    light = "light"
    heavy = "heavy"


_RAIN_TASKS = {Rain.light: "dr_L", Rain.heavy: "dr_H"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """How a picture of some size becomes what was asked for."""

    names: tuple[str, ...]
    """The tasks in their order, as the weights call them; none where nobody knows the only one."""
    size: tuple[int, int] | None
    """(height, width) that the last network's result is brought to; None where it stays as it is."""
    words: list[str]
    """The same in a file's name: ``derained``, ``dn25``, ``x2``."""
    resampled: float
    """How many times the resampling enlarges; below 1 it makes smaller."""


def asked(named: list[str], *, size: "Size | None", denoise: int | None, derain: Rain | None) -> tuple[str, ...]:
    """The tasks in the order they are done, but for enlarging to a size, which comes last: rain lies over the noise.

    Raises:
        PixmendError: tasks by name and by option.
    """
    from pixmend.errors import PixmendError

    wished = [_RAIN_TASKS[derain]] if derain is not None else []
    wished += [f"dn_g{denoise}"] if denoise is not None else []
    if named and (wished or (size is not None and size.scale is not None)):
        raise PixmendError("--task goes without --derain, --denoise and --scale: name every task, in order")
    return tuple(named or wished)


def find_way(network: "Network", request: "Request", given: tuple[int, int], *, model: str | None = None) -> Way:
    """How a picture of this (height, width) becomes what was asked for.

    Weights that are not told what to do do their only task, or enlarge twice. For a size, unless a task is named that
    enlarges, they enlarge once or twice, as little as reaches it, and the rest is resampled.

    Raises:
        PixmendError: the weights do not have such a task, have several and none is named, or do not enlarge.
    """
    model = model or request.model
    names = tuple(_own_name(network, name, model) for name in request.asked)
    if request.size is None:
        names = names or _unasked(network, model)
        return Way(names=names, size=None, words=_words(names, scale=_scale(network, names)), resampled=1.0)
    words = _words(names, scale=1) if names else []
    height, width = request.size.of(given)
    words.append(f"{width}x{height}" if request.size.scale is None else f"x{request.size.scale:g}")
    if _scale(network, names) == 1:
        names += _enlarging(network, request.size, given, model=model, alone=not names)
    made = _scale(network, names)
    same = (height, width) == (given[0] * made, given[1] * made)
    return Way(names=names, size=None if same else (height, width), words=words, resampled=width / (given[1] * made))


def _enlarging(network: "Network", size: "Size", given: tuple[int, int], *, model: str, alone: bool) -> tuple[str, ...]:
    """The tasks that bring a picture to a size, or beyond it; ``alone`` where there are no others."""
    from pixmend.errors import PixmendError
    from pixmend.infer.sizing import chain_scale

    factor, have = size.factor(given), _enlargers(network)
    if size.of(given) != given and factor > 1 and not have:
        what = f"sr_x{size.scale:g}" if size.scale else f"that enlarges {factor:.3g} times"
        only = f"only {', '.join(network.tasks)}" if network.tasks else "but one that is not told"
        raise PixmendError(f"the weights {model!r} have no task {what}, {only}")
    scales = chain_scale(factor, have)
    if scales or not alone:
        return tuple(have[scale] for scale in scales)
    return network.tasks if len(network.tasks) < 2 and not have else (RESIZE,)


def _enlargers(network: "Network") -> dict[int, str]:
    """The first task for each scale."""
    from pixmend.tasks import scale_of

    return {scale_of(task): task for task in reversed(network.tasks) if scale_of(task) > 1}


def all_names(network: "Network", request: "Request") -> tuple[str, ...]:
    """The tasks that pictures may take on their ways, whatever sizes they have.

    Raises:
        PixmendError: as ``find_way``, where it does not depend on the size.
    """
    names = tuple(_own_name(network, name, request.model) for name in request.asked)
    if request.size is None:
        return names or _unasked(network, request.model)
    if _scale(network, names) == 1:
        names += tuple(_enlargers(network).values())
    return names or (network.tasks if len(network.tasks) < 2 else (RESIZE,))


def _scale(network: "Network", names: tuple[str, ...]) -> int:
    """How many times the tasks enlarge, one after the other; of one without a name the network's own."""
    if names == (RESIZE,) or (not names and network.tasks):
        return 1
    return math.prod(network.select(name).scale for name in names or (None,))


def _own_name(network: "Network", name: str, model: str) -> str:
    """What the network calls a task that was asked for."""
    from pixmend.errors import PixmendError
    from pixmend.tasks import scale_of

    for task in network.tasks:
        if (
            task == name
            or (name.startswith("sr_x") and task.startswith("sr") and scale_of(task) == scale_of(name))
            or (name.startswith("dn_g") and task == "dn_blind")
            or (name.startswith("dr_") and task == "dr")
        ):
            return task
    what = f"only {', '.join(network.tasks)}" if network.tasks else "but one that is not told: name none"
    raise PixmendError(f"the weights {model!r} have no task {name}, {what}")


def _unasked(network: "Network", model: str) -> tuple[str, ...]:
    from pixmend.errors import PixmendError

    if len(network.tasks) > 1 and "sr_x2" not in network.tasks:
        raise PixmendError(f"the weights {model!r} have several tasks, name one: {', '.join(network.tasks)}")
    return network.tasks if len(network.tasks) < 2 else ("sr_x2",)


def said(way: Way, request: "Request") -> str | None:
    """What people should know of the way that is taken, and did not ask for."""
    if way.names == (RESIZE,):
        return "nothing is to be enlarged, and nothing else was asked for: the picture is at most made smaller"
    if way.resampled > 1:
        return f"the weights enlarge less: the last {way.resampled:.3g} times are resampled, which adds no detail"
    if request.asked or request.size is not None:
        return None
    if way.names == ("sr_x2",):
        return "nothing asked for: enlarging twice (--scale 2)"
    name = Path(request.model).name
    return f"nothing asked for: doing what {name} does{f', {way.names[0]}' if way.names else ''}"


def _words(names: tuple[str, ...], *, scale: int) -> list[str]:
    if not names:
        return [f"restored_x{scale}" if scale > 1 else "restored"]
    return ["derained" if task.startswith("dr") else task.removeprefix("sr_").replace("_g", "") for task in names]


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


def size(
    *, scale: float | None, width: int | None, height: int | None, fit: str | None, megapixels: float | None
) -> "Size | None":
    """What size was asked for, if any.

    Raises:
        PixmendError: two of them, or no size.
    """
    import re

    from pixmend.errors import PixmendError
    from pixmend.infer.sizing import Size

    given = {"scale": scale, "width": width, "height": height, "fit": fit, "megapixels": megapixels}
    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        return None
    if len(given) > 1:
        raise PixmendError(
            f"{' and '.join(f'--{name}' for name in given)}: one of them says the size: leave out the rest"
        )
    if fit is None:
        return Size(scale=scale, width=width, height=height, megapixels=megapixels)
    box = re.fullmatch(r"(\d{1,6})\s*[xX×]\s*(\d{1,6})", fit.strip(), re.ASCII)
    if box is None:
        raise PixmendError(f"--fit: expected width and height such as 3840x2160, got {fit[:40]!r}")
    return Size(fit=(int(box[1]), int(box[2])))
