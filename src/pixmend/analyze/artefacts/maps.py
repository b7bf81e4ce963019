"""Features as maps: however a module lays them out, as channels over the picture.

B batch, C channels, H and W height and width of the picture, h and w of a map, N tokens of D channels.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from pixmend.analyze.network import asked
from pixmend.analyze.points import Point, points_of, watched
from pixmend.errors import PixmendError
from pixmend.layers.group import BlockGroup
from pixmend.layers.mlp import Mlp
from pixmend.layers.window import Window, WindowAttention
from pixmend.models import edt, edt_body, hat, hat_attention, ipt, swinir
from pixmend.models.base import Restorer, check_batch

CHANNELS_LAST = (
    *(nn.LayerNorm, nn.Linear, Mlp, BlockGroup, WindowAttention),
    *(edt_body.Stage, edt_body.Block, edt_body.ConvMlp, edt_body.WindowAttention),
    *(swinir.RSTB, swinir.STL, hat.RHAG, hat.HAB, hat_attention.OCAB),
)
"""Modules that give (B, h, w, C). Sizes do not tell: a map can be as wide as it has channels."""
CHANNELS_FIRST = (_ConvNd, nn.BatchNorm2d, hat_attention.CAB, hat_attention.ChannelAttention)
"""Modules that give (B, C, h, w) although they lie in one of the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Map:
    """Features of one picture at one point, without those of what the picture was extended by."""

    point: Point
    values: Tensor
    """(C, h, w) float32 on the CPU."""
    step: Fraction
    """Input pixels from one value to the next; below 1 behind an upsampler."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """What a network cuts its features into, in input pixels."""

    sizes: tuple[Window, ...]
    """Height and width; of EDT the lying and the standing ones."""
    shifted: bool
    """Whether every other block shifts them by half a window."""
    token: int
    """Input pixels per token: half a window is a whole number of tokens."""


def windows_of(network: Restorer) -> Windows | None:
    """Windows of attention or, of IPT, its patches; None for a network that cuts nothing."""
    if isinstance(network, edt.Branch):
        token = network.edt.reduction(network.task)
        sizes = edt_body.crosswise(network.edt.config.window)
        return Windows(sizes=tuple((u * token, v * token) for u, v in sizes), shifted=True, token=token)
    if isinstance(network, ipt.Branch):
        patch = network.ipt.config.patch
        return Windows(sizes=((patch, patch),), shifted=False, token=1)
    if isinstance(network, swinir.SwinIR | hat.HAT):
        window = network.config.window
        return Windows(sizes=((window, window),), shifted=True, token=1)
    return None


def blocks_by_depth(network: Restorer, *, halves: bool = False) -> list[Point]:
    """The outputs of all blocks, in the order in which a picture passes them; with ``halves`` also what leaves the
    attention in each."""
    kinds = ("block", "feed-forward", *(("attention",) if halves else ()))
    return [point for point in points_of(network) if point.kind in kinds]


def milestones(network: Restorer, *, most: int = 6) -> list[Point]:
    """The ends of its groups or stages, or of its blocks, where it has fewer than three groups.

    Of many, one in so many that no more than ``most`` are left, the last among them.

    Raises:
        PixmendError: it has no blocks, as bicubic enlargement.
    """
    modules = dict(network.named_modules())
    blocks = blocks_by_depth(network)
    if not blocks:
        raise PixmendError("it has no layers to look into: name a network that has")
    held = {name: sum(block.module.startswith(f"{name}.") for block in blocks) for name in modules}

    def outermost(block: Point) -> str:
        parts = block.module.split(".")
        above = (".".join(parts[:end]) for end in range(1, len(parts)))
        fitting = (name for name in above if not isinstance(modules[name], nn.ModuleList | nn.ModuleDict))
        return next((name for name in fitting if held[name] < len(blocks)), block.module)

    groups = list(dict.fromkeys(map(outermost, blocks)))
    names = groups if len(groups) >= 3 else [block.module for block in blocks]
    kept = names[:: len(names) // -most][::-1]
    known = {block.module: block for block in blocks}
    return [known.get(name) or Point(name=name, module=name) for name in kept]


def varying(values: Tensor) -> Tensor:
    """(C,) of booleans: the channels of (C, h, w) that are not the same everywhere, but for rounding."""
    flat = values.flatten(1)
    return flat.std(1, correction=0) > 1e-6 * flat.abs().amax(1)


def visit(network: Restorer, image: Tensor, *, points: Sequence[Point], take: Callable[[Map], None]) -> Tensor:
    """Restore one picture (1, C, H, W) to (1, C', s H, s W), and give ``take`` the map of every point it passes.

    Maps are not kept: what ``take`` makes of one is all that stays of it. At points inside of shifted window attention
    the features have been shifted; they are shifted back.

    Raises:
        PixmendError: not one picture, one larger than a network of fixed size sees at once, a point that gives no map
            of the picture, or as ``check_askable`` and ``watched``.
    """
    size = check_batch(image, network.in_channels)
    if len(image) != 1:
        raise PixmendError(f"expected one picture (1, C, H, W), got a batch of {len(image)}")
    if network.fixed_size is not None and max(size) > network.fixed_size:
        side = network.fixed_size
        raise PixmendError(
            f"the network sees {side} x {side} pixels at once, got {size[1]} x {size[0]}: cut the picture to one window"
        )
    like = next(network.parameters(), image)
    with torch.no_grad(), asked(network):
        layouts = {point.module: _channels_last(network, point.module) for point in points}

        def taken(point: Point, features: Tensor) -> None:
            take(_map(network, point, features, last=layouts[point.module], size=size))

        with watched(network, points, taken):
            return network(image.to(like))


def _map(network: Restorer, point: Point, features: Tensor, *, last: bool, size: tuple[int, int]) -> Map:
    extended = [network.fixed_size or -(-side // network.multiple) * network.multiple for side in size]
    if isinstance(network, ipt.Branch) and features.dim() == 3:
        features = _joined(network, features)
    elif features.dim() == 4 and last:
        features = features.permute(0, 3, 1, 2)
    if features.dim() != 4 or len(features) != 1 or features.shape[2] * extended[1] != features.shape[3] * extended[0]:
        raise PixmendError(f"{point.name} gives {tuple(features.shape)}, which is no map of the picture: name another")
    parent = network.get_submodule(point.module.rpartition(".")[0])
    if isinstance(parent, WindowAttention) and parent.shifted:
        features = features.roll((parent.window[0] // 2, parent.window[1] // 2), (2, 3))
    step = Fraction(extended[0], features.shape[2])
    height, width = (math.ceil(side / step) for side in size)
    return Map(point=point, values=features[0, :, :height, :width].float().cpu(), step=step)


def _joined(network: ipt.Branch, tokens: Tensor) -> Tensor:
    """(1, N, D) to (1, C, S, S) as the tail joins them; wider tokens, inside of an MLP, to one place for each token."""
    config = network.ipt.config
    if tokens.shape[2] == config.dim:
        return ipt.join(tokens, config.patch)
    side = config.size // config.patch
    return tokens.transpose(1, 2).unflatten(2, (side, side))


def _channels_last(network: nn.Module, name: str) -> bool:
    """By the module itself, the last one of a chain, or else what it lies in."""
    module = network.get_submodule(name)
    while isinstance(module, nn.Sequential) and len(module):
        name = f"{name}.{next(reversed(module._modules))}".removeprefix(".")
        module = network.get_submodule(name)
    while name:
        module = network.get_submodule(name)
        if isinstance(module, CHANNELS_FIRST):
            return False
        if isinstance(module, CHANNELS_LAST):
            return True
        name = name.rpartition(".")[0]
    return False
