"""What a fine-tuning begins with: a weight file, and the network of one task that is made of it."""

from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch

from pixmend import weights
from pixmend.errors import PixmendError
from pixmend.models import Config, Network, build, family_of
from pixmend.models.base import MultiTask
from pixmend.tasks import Task, parse_task
from pixmend.weights import Opened


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Weights, and what is to be learnt with them."""

    source: str
    """File or name."""
    task: Task
    config: Config
    """Of the network to train, which has this task alone."""
    does_it: bool
    """Whether the weights do the task as they are; else there is nothing of theirs to score before."""
    drawn: tuple[str, ...]
    """Tensors of the network that the weights lack."""

    @property
    def name(self) -> str:
        """For tables: of a file its stem, after its folder where every run calls its file the same."""
        path = Path(self.source)
        if not path.is_file():
            return self.source
        return f"{path.resolve().parent.name}_{path.stem}" if path.stem == "weights" else path.stem

    def network(self) -> Network:
        """As the weights are, untrained."""
        return weights.load(self.source)


def origin_of(source: str, *, task: str | None) -> Origin:
    """Look into weights for what they do, and make of it the configuration of a network of one task.

    Of a network of several tasks the others go; where it enlarges, another scale keeps the trunk.

    Raises:
        PixmendError: weights that cannot be read; no task named and none follows; one that this family cannot have.
    """
    opened = weights.open_weights(source)
    wanted = _task(opened, task)
    family = type(opened.network).__name__
    try:
        config = _for_task(opened.config, wanted)
        with torch.device("meta"):
            network = build(config)
    except PixmendError as error:
        raise PixmendError(f"--task {wanted.name}: {family} of this kind cannot learn it: {error}") from error
    does_it = _does(opened, wanted)
    own = {} if does_it else network.state_dict()
    found = opened.tensors
    drawn = tuple(name for name, like in own.items() if name not in found or found[name].shape != like.shape)
    return Origin(source=source, task=wanted, config=config, does_it=does_it, drawn=drawn)


def _task(opened: Opened, name: str | None) -> Task:
    """The one named, else the only one that the weights have."""
    has = opened.network.tasks
    if name is None and len(has) != 1:
        told = f"it has {', '.join(has)}" if has else "it does not say what it is for"
        raise PixmendError(f"--task: {opened.where}: {told}: name the task to learn, such as sr_x2 or dn_g25")
    try:
        return parse_task(name or has[0])
    except PixmendError as error:
        raise PixmendError(f"--task: {error}; a fine-tuning is of a task that can be scored") from error


def _for_task(config: Config, task: Task) -> Config:
    names = {field.name for field in fields(config)}
    if "tasks" in names:
        return replace(config, tasks=(task.name,))  # pyright: ignore[reportCallIssue]
    if "scale" not in names and task.scale > 1:
        raise PixmendError(f"a {family_of(config)} does not enlarge")
    changes = {"scale": task.scale, "task": None if task.kind == "sr" else task.name}
    return replace(config, **{name: value for name, value in changes.items() if name in names})


def _does(opened: Opened, task: Task) -> bool:
    """A network of one task is taken at its word for every task of its scale: it is to be taught what it cannot do."""
    network = opened.network
    return task.name in network.tasks if isinstance(network, MultiTask) else network.scale == task.scale
