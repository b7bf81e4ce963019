"""Points of a network where features are read from outside, by hooks: heads, every block's two halves, tails.

B batch, H and W height and width in input pixels.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pixmend.analyze.network import asked, check_askable
from pixmend.errors import PixmendError, nearest
from pixmend.models.base import Restorer, blocks_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A place in a network."""

    name: str
    """What it is called in figures, once in a network: ``layers.0.residual_group.blocks.3 attention``."""
    module: str
    """The module, as ``named_modules`` of the network calls it."""
    side: Literal["output", "input"] = "output"
    kind: Literal["head", "attention", "feed-forward", "block", "tail", "module"] = "module"


def points_of(network: Restorer) -> list[Point]:
    """The features that papers compare, in the order in which a picture passes them.

    Of every block its output, which carries the skip around it; in a block of attention and feed-forward network also
    what leaves the attention, which is what the second norm is given. Before and after the blocks: every outermost
    module that holds none, such as a head, the convolution after a group, an upsampler.

    Raises:
        PixmendError: as ``check_askable``.
    """
    # Order is that of execution, which the order of definition need not be.
    order: list[str] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, args, name=name: order.append(name))
        for name, module in network.named_modules()
    ]
    check_askable(network)
    side = network.fixed_size or network.multiple
    like = next(network.parameters(), torch.empty(0))
    try:
        with asked(network), torch.no_grad():
            network(torch.zeros(1, network.in_channels, side, side, device=like.device, dtype=like.dtype))
    finally:
        for hook in hooks:
            hook.remove()
    return list(_points(network, list(dict.fromkeys(order))))


def _points(network: Restorer, order: list[str]) -> Iterator[Point]:
    modules = dict(network.named_modules())
    known = {id(block) for block in blocks_of(network)}
    blocks = {name for name, module in modules.items() if id(module) in known}
    above = {"", *(parent for name in blocks for parent in _parents(name))}
    seen_block = False
    for name in order:
        # Containers that are never called, such as a dictionary of heads, hold nothing.
        outermost = not any(parent in order and parent not in above for parent in _parents(name))
        if name in blocks:
            seen_block = True
            norms = [part for part, _ in modules[name].named_children() if part in ("norm2", "norm3")]
            for norm, what in zip(norms, ("attention", "attention to memory"), strict=False):
                yield Point(name=f"{name} {what}", module=f"{name}.{norm}", side="input", kind="attention")
            yield Point(name=name, module=name, kind="feed-forward" if norms else "block")
        elif name not in above and outermost:
            yield Point(name=name, module=name, kind="tail" if seen_block else "head")


def _parents(name: str) -> list[str]:
    """The modules that hold it, outermost first."""
    parts = name.split(".")
    return ["", *(".".join(parts[:end]) for end in range(1, len(parts)))]


def find_points(network: Restorer, names: Sequence[str]) -> list[Point]:
    """Points by name: those of ``points_of``, or the output of any module, ``body.layers.0`` as well as its full name
    ``edt.body.layers.0`` in the network of one task.

    Raises:
        PixmendError: no such module; the nearest is named.
    """
    known = {point.name: point for point in points_of(network)}
    modules = dict(network.named_modules())
    found = []
    for asked_for in names:
        full = [name for name in (asked_for, *(f"{part}.{asked_for}" for part in ("edt", "ipt"))) if name in modules]
        if asked_for in known:
            found.append(known[asked_for])
        elif full and full[0]:
            found.append(known.get(full[0]) or Point(name=full[0], module=full[0]))
        else:
            raise PixmendError(f"no module is called {asked_for!r}: {nearest(asked_for, [*known, *modules])}")
    return found


@contextmanager
def watched(network: nn.Module, points: Sequence[Point], take: Callable[[Point, Tensor], None]) -> Iterator[None]:
    """Give ``take`` the features of every point whenever a picture passes it; nothing stays on the network afterwards.

    Of what a module gives or is given beside a first tensor, nothing is read. A network of fixed size passes every
    point once for each row of its windows.

    Raises:
        PixmendError: a module is not there.
    """
    modules = dict(network.named_modules())
    with ExitStack() as hooks:
        for point in points:
            if point.module not in modules:
                raise PixmendError(f"no module is called {point.module!r}: {nearest(point.module, list(modules))}")
            module = modules[point.module]
            if point.side == "input":
                handle = module.register_forward_pre_hook(partial(_given, point, take))
            else:
                handle = module.register_forward_hook(partial(_gives, point, take))
            hooks.callback(handle.remove)
        yield


def _given(point: Point, take: Callable[[Point, Tensor], None], module: nn.Module, given: Any) -> None:
    take(point, _first(given))


def _gives(point: Point, take: Callable[[Point, Tensor], None], module: nn.Module, given: Any, gives: Any) -> None:
    take(point, _first(gives))


def _first(value: Any) -> Tensor:
    while not isinstance(value, Tensor):
        value = value[0]
    return value
