"""What a run keeps on disk: what it is, one file to go on from and one to use, each written whole or not at all."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from pixmend.errors import PixmendError
from pixmend.train.config import Run
from pixmend.weights import write_weights
from pixmend.weights.read import read
from pixmend.weights.write import write_tensors

RUN, STATE, WEIGHTS = "run.json", "state.safetensors", "weights.safetensors"


def check_folder(out: Path, *, resume: bool) -> None:
    """Refuse a folder that already holds a run, or with ``resume`` one that holds none.

    Raises:
        PixmendError: as said.
    """
    if resume and not (out / STATE).is_file():
        raise PixmendError(f"{out}: nothing to resume: there is no {STATE} in it")
    if not resume and (out / RUN).exists():
        raise PixmendError(f"{out}: already holds a run; resume it, or give another folder")


def begin(out: Path, run: Run) -> None:
    """Make the folder and write run.json.

    Raises:
        PixmendError: the folder cannot be made or written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / RUN).write_text(json.dumps(asdict(run), indent=2) + "\n")
    except OSError as error:
        raise PixmendError(f"{out}: cannot be written: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class State:
    """The moving parts of a run: the network, the moving average of its weights, and the optimizer."""

    network: nn.Module
    average: AveragedModel
    optimizer: Optimizer

    def save(self, out: Path, run: Run, *, step: int) -> None:
        """Keep everything that the next step depends on, and the averaged weights; ``step`` counts finished ones."""
        optim = self.optimizer.state_dict()
        tensors = {
            **{f"network.{name}": tensor for name, tensor in self.network.state_dict().items()},
            **{f"average.{name}": tensor for name, tensor in self.average.state_dict().items()},
            **{f"optim.{index}.{key}": t for index, part in optim["state"].items() for key, t in part.items()},
        }
        write_tensors(out / STATE, tensors, metadata={"step": step, "optim": optim["param_groups"]})
        card = {"name": run.name, "trained": f"{step} of {run.steps} steps", "data": run.notes}
        weights = self.average.module.state_dict()
        write_weights(out / WEIGHTS, weights, config=run.model, card={**card, "run": asdict(run)})

    def restore(self, out: Path) -> int:
        """Load what ``save`` kept; returns the number of finished steps.

        Raises:
            PixmendError: a damaged state, or that of another network.
        """
        tensors, metadata = read(out / STATE)
        try:
            self.network.load_state_dict(_part(tensors, "network."))
            self.average.load_state_dict(_part(tensors, "average."))
            self.optimizer.load_state_dict({"state": _by_index(tensors), "param_groups": metadata["optim"]})
        except (RuntimeError, KeyError, ValueError) as error:
            first = str(error).splitlines()[0]
            raise PixmendError(f"{out / STATE}: not the state of this run: {first}") from error
        step = metadata["step"]
        assert isinstance(step, int)
        return step


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _by_index(tensors: dict[str, Tensor]) -> dict[int, dict[str, Any]]:
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in _part(tensors, "optim.").items():
        index, key = name.split(".")
        state.setdefault(int(index), {})[key] = tensor
    return state
