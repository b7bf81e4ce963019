"""What a run keeps on disk: what it is, one file to go on from and one to use, each written whole or not at all."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from pixmend import files
from pixmend.config import to_plain
from pixmend.errors import PixmendError
from pixmend.files import not_writable
from pixmend.models import build
from pixmend.train.config import AdamW, Run
from pixmend.train.engine import spread, whole
from pixmend.train.trained import plain_weights
from pixmend.weights import write_weights
from pixmend.weights.read import read
from pixmend.weights.write import write_tensors

RUN, STATE, WEIGHTS = "run.json", "state.safetensors", "weights.safetensors"


def check_folder(out: Path, *, resume: bool) -> None:
    """Refuse a folder that already holds a run's state, or with ``resume`` one that holds none.

    Raises:
        PixmendError: as said.
    """
    if resume and not (out / STATE).is_file():
        raise PixmendError(f"{out}: nothing to resume: there is no {STATE} in it")
    if not resume and (out / STATE).exists():
        raise PixmendError(f"{out}: already holds a run; resume it, or give another folder")


def begin(out: Path, run: Run) -> None:
    """Make the folder and write run.json.

    Raises:
        PixmendError: the folder cannot be made or written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(out, error) from error
    files.replace(out / RUN, json.dumps(to_plain(run), indent=2) + "\n")


@dataclass(frozen=True, slots=True)
class State:
    """The moving parts of a run: the network, the moving average of its weights, and the optimizer.

    Where they are spread over processes, all of these call every method together, and the first one writes.
    """

    network: nn.Module
    average: AveragedModel
    optimizer: Optimizer
    writes: bool = True

    def save(self, out: Path, run: Run, *, step: int) -> None:
        """Keep everything that the next step depends on, and the averaged weights; ``step`` counts finished ones."""
        optim = self.optimizer.state_dict()
        tensors = {
            **{f"network.{name}": whole(tensor) for name, tensor in self.network.state_dict().items()},
            **{f"average.{name}": whole(tensor) for name, tensor in self.average.state_dict().items()},
            **{f"optim.{index}.{key}": whole(t) for index, part in optim["state"].items() for key, t in part.items()},
        }
        if self.writes:
            write_tensors(out / STATE, tensors, metadata={"step": step, "optim": optim["param_groups"]})
        averaged = self.averaged(run)
        if self.writes:
            save_weights(out / WEIGHTS, run, averaged, step=step)

    def averaged(self, run: Run) -> nn.Module:
        """The network with the averaged weights, to look at and to score."""
        if not run.engine.shard:
            return self.average.module
        network = build(run.model).to(next(self.network.parameters()).device)
        network.load_state_dict({name: whole(tensor) for name, tensor in plain_weights(self.average.module).items()})
        return network

    def restore(self, out: Path, run: Run) -> int:
        """Load what ``save`` kept; returns the number of finished steps. What the run says of the optimizer wins.

        Raises:
            PixmendError: a damaged state, that of another network, or one that is past the run's steps already.
        """
        tensors, metadata, _ = read(out / STATE)
        step = metadata.get("step")
        try:
            self.network.load_state_dict(_spread(_part(tensors, "network."), self.network))
            self.average.load_state_dict(_spread(_part(tensors, "average."), self.average))
            moments = _by_index(tensors, [each for group in self.optimizer.param_groups for each in group["params"]])
            self.optimizer.load_state_dict({"state": moments, "param_groups": metadata["optim"]})
            if type(step) is not int or step < 0:
                raise ValueError(f"its step is {step!r}")
        except (RuntimeError, LookupError, ValueError, TypeError) as error:
            told = " ".join(str(error).split())[:120]
            raise PixmendError(
                f"{out / STATE}: not the state of this run, whose network and trained part cannot change: {told}"
            ) from error
        for group in self.optimizer.param_groups:
            group["betas"] = run.optim.betas
            if isinstance(run.optim, AdamW):
                group["weight_decay"] = run.optim.weight_decay
        if step > run.steps:
            raise PixmendError(f"{out}: has {step} steps behind it already, more than the {run.steps} asked for")
        return step


def save_weights(file: Path, run: Run, averaged: nn.Module, *, step: int) -> None:
    """Keep averaged weights, which ``pixmend.load`` reads."""
    card = {"name": run.name, "trained": f"{step} of {run.steps} steps", "data": run.notes}
    write_weights(file, plain_weights(averaged), config=run.model, card={**card, "run": to_plain(run)})


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _spread(tensors: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Over processes, as the module's own are; what it has not is left for it to refuse."""
    own = module.state_dict()
    return {name: spread(tensor, own[name]) if name in own else tensor for name, tensor in tensors.items()}


def _by_index(tensors: dict[str, Tensor], parameters: list[Tensor]) -> dict[int, dict[str, Any]]:
    """What the optimizer keeps of each parameter, by its number."""
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in _part(tensors, "optim.").items():
        index, key = name.split(".")
        parameter = parameters[int(index)]
        state.setdefault(int(index), {})[key] = spread(tensor, parameter) if tensor.dim() else tensor
    return state
