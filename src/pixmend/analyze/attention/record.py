"""Attention weights, read from outside while a picture passes the network.

M windows, h heads, N and N' tokens of a window's queries and keys, d channels of a head.

No network keeps its weights: the fused kernel never holds them. Here the calls of that kernel, and those of softmax,
are listened to; of the first the weights are computed once more from what it was given, of the second they are the
result.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pixmend.analyze.attention.geometry import GEOMETRIES, stage_of
from pixmend.analyze.network import asked
from pixmend.errors import PixmendError, nearest
from pixmend.models.base import Restorer

MOST = 2**20
"""Weights computed at once, 4 MB of them, unless a single window has more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call of attention. It holds what the kernel was given, so that it is not to be kept."""

    name: str
    """The module, as ``named_modules`` of the network calls it."""
    module: nn.Module
    given: tuple[int, ...]
    """The shape of what the module was given."""
    passes: int
    """How often the module had been run before for this picture: a network of fixed size sees rows of windows."""
    order: int
    """How many calls the module had made before in this pass: one of shifted windows makes four."""
    queries: Tensor
    """(M, h, N, d), or the weights themselves (M, h, N, N') where ``keys`` is None."""
    keys: Tensor | None = None
    bias: Tensor | None = None
    """(M or 1, h or 1, N, N'), added to the logits."""

    def weights(self) -> Iterator[tuple[slice, Tensor]]:
        """(m, h, N, N') in float32 of some windows at a time, and which; of each query they add up to 1."""
        keys = self.queries if self.keys is None else self.keys
        each = self.queries.shape[1] * self.queries.shape[2] * keys.shape[2]
        step = max(1, MOST // max(each, 1))
        for start in range(0, self.queries.shape[0], step):
            some = slice(start, min(start + step, self.queries.shape[0]))
            yield some, self.weights_of(some)

    def weights_of(self, some: slice) -> Tensor:
        """(m, h, N, N') of these windows, however many weights that are."""
        queries = self.queries[some].float()
        if self.keys is None:
            return queries
        logits = (queries * queries.shape[-1] ** -0.5) @ self.keys[some].float().transpose(-2, -1)
        if self.bias is not None:
            logits += self.bias if self.bias.shape[0] == 1 else self.bias[some]
        return logits.softmax(-1)


def attentions_of(network: Restorer) -> dict[str, nn.Module]:
    """The modules of a network that weigh tokens, channels or layers against one another, by name, in its order.

    Raises:
        PixmendError: it has none, such as a convolutional network.
    """
    found: dict[str, nn.Module] = {
        name: module for name, module in network.named_modules() if type(module) in GEOMETRIES
    }
    if not found:
        raise PixmendError(
            f"{type(network).__name__} has no attention: expected a transformer (EDT, HAT, IPT, Restormer, SwinIR) or "
            "HAN, since the gates of a channel attention such as RCAN's are no weights of one thing against another"
        )
    return found


def find_attentions(network: Restorer, names: Sequence[str]) -> list[str]:
    """The attentions that a name means: itself, or all inside the module of that name; ``layers.0`` is enough for
    ``edt.body.layers.0`` in the network of one task.

    Raises:
        PixmendError: as ``attentions_of``; or no attention has or is inside such a name: the nearest is named.
    """
    known = list(attentions_of(network))
    found: list[str] = []
    for name in names:
        full = [f"{wrapping}{name}" for wrapping in ("", "edt.", "edt.body.", "ipt.", "ipt.body.")]
        meant = [each for each in known if any(each == one or each.startswith(f"{one}.") for one in full)]
        if not meant:
            stages = dict.fromkeys(map(stage_of, known))
            raise PixmendError(f"there is no attention in {name!r}: {nearest(name, [*stages, *known])}")
        found += [each for each in meant if each not in found]
    return found


def read_attention(
    network: Restorer, x: Tensor, take: Callable[[Call], None], *, names: Sequence[str] | None = None
) -> None:
    """Pass one picture (1, C, H, W), and give ``take`` every call of these attentions, or of all, as it is made.

    Raises:
        PixmendError: more than one picture; as ``find_attentions``, ``check_askable`` and the network itself.
    """
    if x.dim() == 4 and x.shape[0] != 1:
        # With one, both of the orders in which pictures, windows and heads lie in memory are the same.
        raise PixmendError(f"attention is read of one picture at a time: expected (1, C, H, W), got {tuple(x.shape)}")
    modules = attentions_of(network)
    chosen = {name: modules[name] for name in (modules if names is None else find_attentions(network, names))}
    like = next(network.parameters())
    with asked(network), torch.no_grad(), _running(chosen) as running, _Listening(running, take):
        network(x.to(like))


@dataclass(kw_only=True, slots=True)
class _Pass:
    """A module as it runs."""

    name: str
    module: nn.Module
    given: tuple[int, ...]
    passes: int
    calls: int = 0


@contextmanager
def _running(modules: dict[str, nn.Module]) -> Iterator[list[_Pass]]:
    """A list that holds, while one of these modules runs, that one."""
    running: list[_Pass] = []
    count = dict.fromkeys(modules, 0)

    def begin(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: tuple[Any, ...]) -> None:
            running.append(_Pass(name=name, module=module, given=tuple(given[0].shape), passes=count[name]))
            count[name] += 1

        return hook

    def end(module: nn.Module, given: Any, gives: Any) -> None:
        running.pop()

    with ExitStack() as hooks:
        for name, module in modules.items():
            hooks.callback(module.register_forward_pre_hook(begin(name)).remove)
            hooks.callback(module.register_forward_hook(end, always_call=True).remove)
        yield running


class _Listening(TorchFunctionMode):
    """While it is entered, every call of attention inside a running module is handed on."""

    def __init__(self, running: list[_Pass], take: Callable[[Call], None]) -> None:
        super().__init__()
        self.running, self.take = running, take

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if self.running and func is F.scaled_dot_product_attention:
            bias = kwargs.get("attn_mask", args[3] if len(args) > 3 else None)
            self._hand_on(queries=args[0], keys=args[1], bias=bias)
        elif self.running and func is Tensor.softmax:
            self._hand_on(queries=result if result.dim() == 4 else result.unsqueeze(1))
        return result

    def _hand_on(self, **tensors: Tensor) -> None:
        now = self.running[-1]
        self.take(
            Call(name=now.name, module=now.module, given=now.given, passes=now.passes, order=now.calls, **tensors)
        )
        now.calls += 1
