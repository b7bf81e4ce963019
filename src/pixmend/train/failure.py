"""A loss or gradient that is not finite: what it was, where, and the batch that did it, kept to be computed again."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, cast

import torch
from torch import Tensor, nn

from pixmend.config import from_plain, to_plain
from pixmend.data import Batch, Pair
from pixmend.errors import PixmendError
from pixmend.models import Network, build
from pixmend.seeding import generator
from pixmend.train.batches import RunBatches
from pixmend.train.config import Run
from pixmend.train.engine import precision, whole
from pixmend.train.objectives import Loss
from pixmend.train.trained import plain_weights
from pixmend.weights.read import read
from pixmend.weights.write import write_tensors

FAILED = "failed.safetensors"
_NAMED = 4


def stop_not_finite(
    terms: Mapping[str, Tensor], objective: nn.Module, batch: Batch, *, done: int, out: Path, batches: RunBatches
) -> NoReturn:
    """``terms`` and the gradients of ``objective`` are those of the batch, before anything was clipped.

    The batch, its files and the weights before the step are kept. Of several processes each calls this, and each but
    the first keeps its share under a name with its rank.

    Raises:
        PixmendError: always: names the terms that are not finite, or the first layer whose gradient is not, the
            pictures, and the file with the batch.
    """
    layer = _first_bad(objective)  # asked for in any case, since of spread gradients all processes must ask
    loss = cast(Loss, getattr(objective, "module", objective))
    weights = {f"network.{name}": whole(tensor) for name, tensor in plain_weights(loss.network).items()}
    bad = [name for name, term in terms.items() if not torch.isfinite(term)]
    what = f"the loss of {', '.join(bad)}" if bad else f"the gradient of {layer}"
    try:
        files = batches.files(done - 1)
    except PixmendError:  # a disk that is gone must not hide what is being told
        files = {}
    rank = os.environ.get("RANK", "0")
    path = out / (FAILED if rank == "0" else f"failed.{rank}.safetensors")
    try:
        sides = {f"batch.{task}.{side}": getattr(pair, side) for task, pair in batch.items() for side in pair._fields}
        write_tensors(
            path, weights | sides, metadata={"step": done, "card": {"run": to_plain(batches.run), "files": files}}
        )
        kept = f"its batch is in {path}"
    except (OSError, PixmendError) as error:
        kept = f"its batch could not be kept ({error})"
    shown = [name for task, names in files.items() if task in bad or not set(bad) & set(files) for name in names]
    raise PixmendError(
        f"step {done}: {what} is not finite{named(shown, ' with ')}; {kept}; resume from the last save with a lower "
        "learning rate"
    )


@dataclass(frozen=True, slots=True)
class Failed:
    """A step that was not finite, as ``fit`` kept it."""

    step: int
    run: Run
    batch: Batch
    files: Mapping[str, list[str]]
    """For each task the picture that each sample was cut from."""
    network: Network
    """With the weights that it had before the step."""

    def terms(self) -> dict[str, Tensor]:
        """The loss of the batch, computed again on the network's device, with gradients if they are asked for."""
        device = next(self.network.parameters()).device
        batch = {task: Pair(low.to(device), high.to(device)) for task, (low, high) in self.batch.items()}
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(generator((self.run.seed, self.step - 1)).initial_seed())
            with precision(self.run, device):
                return Loss(self.run.objective, self.network.train())(batch)


def replay(file: str | Path) -> Failed:
    """Read what a run that was not finite left in its folder as failed.safetensors.

    Raises:
        PixmendError: not such a file, or a damaged one.
    """
    tensors, metadata, _ = read(Path(file))
    try:
        run = from_plain(Run, metadata["card"]["run"], where=str(file))
        network = build(run.model)
        network.load_state_dict(_part(tensors, "network."))
        sides = _part(tensors, "batch.")
        tasks = dict.fromkeys(name.rpartition(".")[0] for name in sides)
        batch = {task: Pair(sides[f"{task}.low"], sides[f"{task}.high"]) for task in tasks}
        return Failed(metadata["step"], run, batch, metadata["card"]["files"], network)
    except (LookupError, TypeError, RuntimeError) as error:
        told = " ".join(str(error).split())[:200]
        raise PixmendError(f"{file}: not the batch of a run that was not finite: {told}") from error


def named(files: list[str], before: str) -> str:
    """At most four different names as the end of a part of a sentence; nothing where there are none."""
    different = list(dict.fromkeys(files))
    more = f" and {len(different) - _NAMED} more" if len(different) > _NAMED else ""
    return f"{before}{', '.join(different[:_NAMED])}{more}" if different else ""


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _first_bad(objective: nn.Module) -> str:
    """The first parameter, in the network's order, whose gradient is not finite."""
    for name, parameter in objective.named_parameters():
        if parameter.grad is not None and not torch.isfinite(whole(parameter.grad)).all():
            return name.removeprefix("module.").removeprefix("network.")
    return "all parameters together"
