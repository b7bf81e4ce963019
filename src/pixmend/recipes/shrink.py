"""The small form of a recipe: its training, carried out by a network that a laptop trains in a minute."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from pixmend.models import Config, family_of
from pixmend.models.edt import EDTConfig
from pixmend.models.swinir import SwinIRConfig
from pixmend.recipes.runs import weights_of
from pixmend.train import Every, Run, Stage

_FEW: dict[str, dict[str, Any]] = {
    "edt": {"features": 4, "dim": 8, "depths": (2,), "num_heads": 2},
    "ipt": {"features": 4, "num_heads": 2, "num_layers": 1, "size": 12},
    "hat": {
        "dim": 24,
        "depths": (2,),
        "num_heads": 2,
        "window": 4,
        "overlapping_window": 6,
        "compress": 3,
        "squeeze": 12,
    },
    "restormer": {"dim": 8, "num_blocks": (1, 1, 1, 1), "num_refinement_blocks": 1, "heads": (1, 1, 2, 2)},
    "swinir": {"dim": 12, "depths": (2,), "num_heads": 2},
    "edsr": {"features": 8, "blocks": 2},
    "rcan": {"features": 8, "groups": 2, "blocks": 1, "reduction": 2},
    "han": {"features": 8, "groups": 2, "blocks": 1, "reduction": 2},
    "rdn": {"features": 8, "growth": 4, "blocks": 2, "layers": 2},
    "rrdbnet": {"features": 8, "growth": 4, "blocks": 1},
    "rcdnet": {"stages": 3, "maps": 4, "dual": 4, "blocks": 1},
}
"""Sizes of a small network by family. What is not here stays: heads of tasks, upsampler, normalisation, channels."""
_PATCH = {"ipt": 12, "hat": 8, "restormer": 16, "rcdnet": 16}


def small(run: Run, *, steps: int = 100) -> Run:
    """The same training of a small network on small patches, ``steps`` long: to try a recipe before its days begin.

    Objective, optimizer, schedule, tasks, mixup, clipping and averaging stay what they are; batches are a sixteenth,
    of 2 or more, and the stages of growing patches come in proportion. Its name ends in ``.small``, and if it begins
    with another recipe, it looks for what that one's small form left in ``runs/<that recipe>.small``. Its scores say
    nothing of the recipe's, and averaged over 0.999 of the past, its weights are near those it began with.
    """
    patch = _patch(run.model)
    stages = {
        start: Stage(start=start, patch=patch * stage.patch // run.data.patch, batch=_batch(stage.batch))
        for stage in run.data.stages
        if (start := math.ceil(stage.start * steps / run.steps)) < steps
    }
    return replace(
        run,
        name=f"{run.name}.small",
        model=replace(run.model, **_FEW[family_of(run.model)]),
        data=replace(run.data, patch=patch, batch=_batch(run.data.batch), stages=tuple(stages.values())),
        steps=steps,
        every=Every(log=math.ceil(steps / 20), preview=math.ceil(steps / 2), save=math.ceil(steps / 2), score=steps),
        start=_start(run.start),
    )


def _patch(model: Config) -> int:
    """Two windows or so, which EDT needs whole."""
    if isinstance(model, EDTConfig):
        return math.lcm(*model.window)
    return 2 * model.window if isinstance(model, SwinIRConfig) else _PATCH.get(family_of(model), 8)


def _batch(batch: int) -> int:
    return max(2, batch // 16)


def _start(start: str | None) -> str | None:
    """The weights of the small form of the recipe whose weights these are; any other file stays."""
    if start is None:
        return None
    recipe = Path(start).parent.name
    return weights_of(f"{recipe}.small") if start == weights_of(recipe) else start
