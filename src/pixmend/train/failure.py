"""A loss or gradient that is not finite: what it was, where, and the batch that did it, kept to be looked at."""

from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor, nn

from pixmend.data import Batch
from pixmend.errors import PixmendError
from pixmend.weights.write import write_tensors

FAILED = "failed.safetensors"


def stop_not_finite(terms: dict[str, Tensor], network: nn.Module, batch: Batch, *, done: int, out: Path) -> NoReturn:
    """``terms`` and the network's gradients are those of the batch, before anything was clipped.

    Raises:
        PixmendError: always: names the terms that are not finite, or the first layer whose gradient is not, and the
            file with the batch.
    """
    bad = [task for task, term in terms.items() if not torch.isfinite(term)]
    what = f"the loss of {', '.join(bad)}" if bad else f"the gradient of {_first_bad(network)}"
    try:
        tensors = {f"{task}.{side}": getattr(pair, side) for task, pair in batch.items() for side in ("low", "high")}
        write_tensors(out / FAILED, tensors, metadata={"step": done})
        kept = f"its batch is in {out / FAILED}"
    except (OSError, PixmendError) as error:
        kept = f"its batch could not be kept ({error})"
    raise PixmendError(
        f"step {done}: {what} is not finite; {kept}; resume from the last save with a lower learning rate"
    )


def _first_bad(network: nn.Module) -> str:
    """The first parameter, in the network's order, whose gradient is not finite."""
    for name, parameter in network.named_parameters():
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
            return name.removeprefix("module.").removeprefix("network.")
    return "all parameters together"
