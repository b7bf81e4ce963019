"""What a fine-tuning is unless somebody says otherwise: crops, batch, rate, averaging."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from pixmend.models import Config, build, family_of
from pixmend.models.base import Restorer
from pixmend.models.ipt import IPTConfig
from pixmend.train.config import Adam, Data, Every, Everything, Last, LowRank, Run, Trained
from pixmend.train.finetune.origin import Origin
from pixmend.train.schedule import Plateau

_PATCH = {"hat": 64, "swinir": 64, "restormer": 128, "rcdnet": 64, "rdn": 32, "rrdbnet": 32}
"""As their papers have it, in tokens of the body; of the other families 48."""
_SMALLEST = 16
_WIDE = 128
_RATES: dict[type[Trained], float] = {Everything: 1e-4, LowRank: 1e-3, Last: 1e-4}


def rate(trained: Trained) -> float:
    """The learning rate that suits what is trained."""
    return _RATES[type(trained)]


def patches_of(config: Config) -> list[int]:
    """Sides of crops in tokens of the body, the usual one first, then about half of each, in whole windows."""
    if isinstance(config, IPTConfig):
        return [config.size]  # the only size that its positions are made for
    wanted, grid, found = _PATCH.get(family_of(config), 48), _grid(config), list[int]()
    while wanted >= min(_SMALLEST, grid) or not found:
        side = max(grid, wanted - wanted % grid)
        found += [] if side in found else [side]
        wanted //= 2
    return found


def preset(origin: Origin, *, steps: int) -> Run:
    """A run of a network's own family's size of crops, without pictures yet.

    The rate rises over the first twentieth and falls along a cosine; the weights that are kept average the last
    hundredth to tenth of the steps, so that also a short run forgets what it began with.
    """
    patch = patches_of(origin.config)[0]
    return Run(
        name=f"{origin.name}.{origin.task.name}.finetuned",
        model=origin.config,
        data=Data(patch=patch, batch=4 if patch >= _WIDE else 8, workers=2 if torch.cuda.is_available() else 0),
        optim=Adam(lr=rate(Everything())),
        schedule=Plateau(rise=max(1, steps // 20), fall=0.95),
        steps=steps,
        start=origin.source,
        ema=min(0.999, max(0.0, 1 - 10 / steps)),
        clip=1.0,
        every=Every(log=max(1, steps // 40), preview=max(1, steps // 4), save=min(250, steps), score=steps),
    )


def on_pictures(run: Run, *, folders: Sequence[Path], low: Sequence[Path], held: Sequence[Path]) -> Run:
    """The run on these folders, but for the pictures held out."""
    where = ", ".join(folder.resolve().name for folder in folders)
    names = (tuple(map(str, paths)) for paths in (folders, low, held))
    data = replace(run.data, **dict(zip(("folders", "low", "without"), names, strict=True)))
    return replace(run, data=data, notes=f"pictures in {where}; begun with {run.start}")


def _grid(config: Config) -> int:
    """Side of a window in tokens, of which a crop has whole ones."""
    with torch.device("meta"):
        network = build(config)
    task = network.tasks[0] if network.tasks else None
    one: Restorer = network.select(task)
    return math.lcm(1, one.multiple // network.reduction(task or ""))
