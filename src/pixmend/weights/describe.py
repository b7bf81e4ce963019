"""What there is to know of a weight file, as rows of words."""

from collections import Counter
from dataclasses import fields

import torch

from pixmend import models
from pixmend.models.base import MultiTask, Restorer
from pixmend.weights.open import Opened

_PURPOSE = ("tasks", "task", "scale", "mean", "value_range", "in_channels", "out_channels")
"""Fields of configurations that have a row of their own."""

_MOST = 1000


def describe(opened: Opened) -> dict[str, str]:
    """Family, size, tasks, what goes in and comes out, precision, origin and licences, in the order to be read."""
    network = opened.network
    single = network.select(network.tasks[0]) if isinstance(network, MultiTask) else network
    sizes = {f.name: getattr(opened.config, f.name) for f in fields(opened.config) if f.name not in _PURPOSE}
    rows = {
        "family": type(network).__name__,
        "network": models.variant_of(opened.config) or "a size no paper names",
        "tasks": " ".join(network.tasks) or "one, which the file does not tell",
        "parameters": f"{sum(parameter.numel() for parameter in network.parameters()):,}",
        "takes": _input(single),
        "gives": _output(network, single),
        "precision": ", ".join(f"{count} tensors of {kind}" for kind, count in _kinds(opened).items()),
        **{name: " ".join(map(str, v)) if isinstance(v, tuple) else str(v) for name, v in sizes.items()},
        "file": _origin(opened),
    }
    if opened.released is not None:
        rows["released as"] = f"{opened.released.name}, going by the file's name"
        rows["trained on"] = opened.released.trained_on
        rows["licences"] = (
            f"code {opened.released.code_licence}; weights {opened.released.weights_licence}; "
            f"data {opened.released.data_terms}"
        )
    ours = {printable(key): printable(value) for key, value in opened.card.items() if not isinstance(value, dict)}
    return {**rows, **{key: value for key, value in ours.items() if key not in rows}}


def printable(value: object) -> str:
    """What a stranger's file says, without what would move the cursor of a terminal or fill it."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(value)[:_MOST])
    return text + ("..." if len(str(value)) > _MOST else "")


def _input(network: Restorer) -> str:
    colours = {1: "grey", 3: "RGB", 6: "two RGB views"}.get(network.in_channels, f"{network.in_channels} channels")
    if network.fixed_size:
        sides = f"windows of {network.fixed_size}, blended for larger pictures"
    else:
        sides = "any size" + (f", extended to a multiple of {network.multiple}" if network.multiple > 1 else "")
    inside = f"; inside 0 to {network.value_range:.0f}" + (f", less the mean {network.mean}" if network.mean else "")
    return f"{colours}, {sides}{inside}"


def _output(network: torch.nn.Module, single: Restorer) -> str:
    if isinstance(network, MultiTask):
        scales = sorted({network.select(task).scale for task in network.tasks})
        return " or ".join(f"{scale} x the size" if scale > 1 else "the same size" for scale in scales)
    return f"{single.scale} x the size" if single.scale > 1 else "the same size"


def _kinds(opened: Opened) -> dict[str, int]:
    return dict(Counter(str(tensor.dtype).removeprefix("torch.") for tensor in opened.tensors.values()))


def _origin(opened: Opened) -> str:
    if opened.layout is None:
        return "written by pixmend"
    wrapped = f", inside {' then '.join(opened.wrapped)}" if opened.wrapped else ""
    return f"a released layout ({opened.layout}){wrapped}"
