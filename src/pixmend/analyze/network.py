"""A network made ready to be asked: whole, in float32, its parameters held still."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from pixmend.errors import PixmendError
from pixmend.models.base import MultiTask


@contextmanager
def asked(network: nn.Module) -> Iterator[None]:
    """In evaluation mode, in its own precision and without gradients of parameters while it is asked; all of it is put
    back afterwards.

    Gradients of the input pass, and autocast that somebody entered outside does not reach inside. The network belongs
    to one question at a time: two threads may not ask it at once.

    Raises:
        PixmendError: as ``check_askable``.
    """
    check_askable(network)
    modes = {module: module.training for module in network.modules()}
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    device = next(network.parameters(), torch.empty(0)).device.type
    try:
        network.eval()
        for parameter in learning:
            parameter.requires_grad_(False)
        with torch.autocast(device, enabled=False):
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for parameter in learning:
            parameter.requires_grad_(True)


def check_askable(network: nn.Module) -> None:
    """Hooks are left out of compiled graphs, and what is measured here drowns in the rounding of half precision.

    Raises:
        PixmendError: the network, or a part of it, is compiled, is not in float32 or float64, or has several tasks.
    """
    if isinstance(network, MultiTask):
        raise PixmendError(f"one task can be asked at a time: give network.select(NAME), of {', '.join(network.tasks)}")
    if hasattr(network, "_orig_mod"):
        raise PixmendError("a compiled network leaves out hooks: give the one it was compiled from")
    for name, module in network.named_modules():
        if hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None:
            raise PixmendError(f"{name or 'the network'} is compiled and leaves out hooks: load the network anew")
    for name, parameter in network.named_parameters():
        if parameter.dtype not in (torch.float32, torch.float64):
            raise PixmendError(
                f"{name} is {parameter.dtype}: expected float32, since gradients and similarities are lost in its "
                "rounding: call network.float() first"
            )
