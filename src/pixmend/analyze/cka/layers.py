"""Which features of a network are compared: what flows through it, or what each part adds to that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pixmend.analyze.points import Point, points_of
from pixmend.errors import PixmendError
from pixmend.models.base import Restorer, blocks_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """Features at a point or, with ``less``, what was added to those of ``less`` until there."""

    point: Point
    less: Point | None = None
    """Passed before the point, and of the same shape."""

    @property
    def name(self) -> str:
        return self.point.name


def stream(network: Restorer) -> list[Layer]:
    """All points of ``points_of``: features with the skips around attention and feed-forward network in them.

    Raises:
        PixmendError: a network without modules, such as bicubic enlargement; as ``check_askable``.
    """
    points = points_of(network)
    if not points:
        raise PixmendError("this network has no modules, and so no layers to compare")
    return [Layer(point=point) for point in points]


def branches(network: Restorer) -> list[Layer]:
    """Of every block what each of its parts adds: the output of attention or feed-forward network before the sum.

    A block of convolutions counts as one part, and beside HAT's attention its convolutions count to it. Taken as the
    difference of two sums: a part that adds a thousandth of what is there already keeps four digits of float32's seven.

    Raises:
        PixmendError: as ``stream``, and where the network has no blocks.
    """
    names = {id(module): name for name, module in network.named_modules()}
    blocks = {names[id(block)] for block in blocks_of(network)}
    found = list(_branches(points_of(network), blocks))
    if not found:
        raise PixmendError("this network has no blocks, and so no branches to compare")
    return found


def _branches(points: Sequence[Point], blocks: set[str]) -> Iterator[Layer]:
    before: Point | None = None
    for point in points:
        block = point.name.partition(" ")[0]
        if block in blocks:
            less = before if before is not None and before.name.startswith(f"{block} ") else None
            yield Layer(point=point, less=less or Point(name=f"{block} input", module=block, side="input"))
            before = point


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Neighbouring layers of one stage."""

    name: str
    first: int
    count: int


def groups_of(layers: Sequence[Layer]) -> list[Group]:
    """Layers by stage, from their names: heads, every module that holds several blocks and not all, tails.

    Between stages a layer stands alone, like one of Restormer's samplers.
    """
    inside = [layer.point.module for layer in layers if layer.point.kind not in ("head", "tail", "module")]
    modules = sorted({_block(layer) for layer in layers if layer.point.module in inside})
    stages = {block: _stage(block, modules) for block in modules}
    alone = len(set(stages.values())) == len(stages)
    common = _common(modules)
    named = [
        _named(layer, (common,) if alone else tuple(dict.fromkeys(stages.values())), blocks=bool(modules))
        for layer in layers
    ]
    found, first = [], 0
    for name, members in groupby(named):
        count = len(list(members))
        found.append(Group(name=name, first=first, count=count))
        first += count
    return found if len(found) <= max(3, len(layers) // 2) else [Group(name="", first=0, count=len(layers))]


def _named(layer: Layer, stages: tuple[str, ...], *, blocks: bool) -> str:
    module = layer.point.module
    stage = next((stage for stage in stages if f"{module}.".startswith(f"{stage}.")), None)
    if stage is not None and blocks:
        return stage.removeprefix("edt.body.").removeprefix("ipt.body.")
    return layer.point.kind


def _block(layer: Layer) -> str:
    return layer.name.partition(" ")[0]


def _stage(block: str, blocks: Sequence[str]) -> str:
    """The outermost module around it that does not hold all blocks."""
    parts = block.split(".")
    for end in range(1, len(parts) + 1):
        outer = ".".join(parts[:end])
        if not all(f"{other}.".startswith(f"{outer}.") for other in blocks):
            return outer
    return block


def _common(blocks: Sequence[str]) -> str:
    """The innermost module around all of them."""
    parts = [block.split(".")[:-1] for block in blocks]
    shared: list[str] = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return ".".join(shared)
