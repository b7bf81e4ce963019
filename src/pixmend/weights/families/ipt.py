"""Released IPT files (huawei-noah/Pretrained-IPT): flat state dicts with a head, a tail and a query row for each task.

Heads and tails are numbered, and the number does not say what the task is. A file with six query rows is of the six
tasks that the paper pre-trains for, whose order is known. Of any other a tail tells the scale; what a head that keeps
the size removes is told by nothing in the file, and it is called ``x1`` unless the caller names the tasks.
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.layers.conv import STEPS
from pixmend.models.base import DIV2K
from pixmend.models.ipt import IPT, TASKS, IPTConfig, scale_of
from pixmend.weights.families.edsr_pytorch import mean_shift
from pixmend.weights.families.tensors import counts, renamed, shape_of, without

LAYOUTS = ("ipt",)
BRANCH = re.compile(r"(head|tail)\.(0|[1-9]\d{0,2})\.")
"""A head or tail in a released file, ``head.0.``, which is ``heads.sr_x2.`` here."""
ATTENTION_BIAS = re.compile(r"body\.(?:en|de)coder\.layers\.\d+\.(?:self|multihead)_attn\.out_proj\.bias")
OUR_BRANCH = re.compile(r"(head|tail)s\.(\w+)\.")
QUERIES = "body.query_embed.weight"
POSITIONS = "body.position_encoding.pe.weight"
POSITION_IDS = "body.position_encoding.position_ids"
WIDTH, HEADS = 576, 12
"""Of all released files. A file does not tell its number of attention heads."""


def layout_of(names: Collection[str]) -> str | None:
    """The layout of a released IPT file, if these are its names."""
    transformer = "body.encoder.layers.0.self_attn.in_proj_weight" in names
    decoder = "body.decoder.layers.0.multihead_attn.in_proj_weight" in names
    return LAYOUTS[0] if transformer and decoder and any(BRANCH.match(name) for name in names) else None


def config_of(tensors: Mapping[str, Tensor], *, tasks: tuple[str, ...] | None = None) -> IPTConfig:
    """Read the configuration off the names and shapes of a released file.

    ``tasks`` names what its heads are for, in their order, where that is known better than the file tells. Whether
    the position was added before the encoder, as in all released files, or at every layer leaves no trace.

    Raises:
        PixmendError: not all of a released network is there, or not in a shape it can have; other tasks than its.
    """
    branches = _branches(tensors, tasks)
    dim = shape_of(tensors, "body.linear_encoding.weight", rank=2)[0]
    if dim != WIDTH:
        raise PixmendError(f"an IPT of width {dim}: its heads are not in the file, and only {WIDTH} was released")
    features = shape_of(tensors, f"head.{next(iter(branches))}.0.weight", rank=4)[0]
    patch = math.isqrt(dim // max(features, 1))
    return IPTConfig(
        tasks=tuple(branches.values()),
        features=features,
        patch=patch,
        num_heads=HEADS,
        num_layers=counts(tensors, r"body\.encoder\.layers\.(\d{1,3})\."),
        mlp_ratio=shape_of(tensors, "body.mlp_head.0.weight", rank=2)[0] // dim,
        size=patch * math.isqrt(shape_of(tensors, POSITIONS, rank=2)[0]),
    )


def from_official(tensors: Mapping[str, Tensor], *, tasks: tuple[str, ...] | None = None) -> dict[str, Tensor]:
    """A released file's names to ours, without what follows from the configuration; ``tasks`` as in ``config_of``.

    Raises:
        PixmendError: a mean shift or position index is not what it must be; an attention has a bias; other tasks.
    """
    branches = _branches(tensors, tasks)
    kept = without(_without_biases(tensors), _constants(shape_of(tensors, POSITIONS, rank=2)[0]))

    def new_name(name: str) -> str:
        branch = BRANCH.match(name)
        task = branches.get(int(branch[2])) if branch else None
        return BRANCH.sub(rf"\1s.{task}.", name, count=1) if task else name

    ours = renamed(kept, new_name)
    ours[QUERIES] = _rows(ours[QUERIES], _query_rows(tensors, tuple(branches)))
    return ours


def to_official(ipt: IPT, layout: str = LAYOUTS[0]) -> dict[str, Tensor]:
    """Our names to a released file's, heads and tails numbered in the order of the tasks."""
    del layout  # there is one
    official = {}
    for name, tensor in ipt.state_dict().items():
        branch = OUR_BRANCH.match(name)
        number = ipt.tasks.index(branch[2]) if branch else None
        official[OUR_BRANCH.sub(rf"\1.{number}.", name, count=1)] = tensor
    return official | _constants(ipt.config.tokens)


def select_tasks(
    config: IPTConfig, tensors: Mapping[str, Tensor], tasks: tuple[str, ...]
) -> tuple[IPTConfig, dict[str, Tensor]]:
    """The configuration and tensors (in our names) of some of the tasks, with their rows of the queries.

    Raises:
        PixmendError: not one of the configuration's tasks.
    """
    for task in tasks:
        if task not in config.tasks:
            raise PixmendError(f"no task {task!r}: this network has {', '.join(config.tasks)}")
    kept = ("body.", *(f"{part}.{task}." for part in ("heads", "tails") for task in tasks))
    selected = {name: tensor for name, tensor in tensors.items() if name.startswith(kept)}
    selected[QUERIES] = _rows(selected[QUERIES], [config.tasks.index(task) for task in tasks])
    return replace(config, tasks=tasks), selected


def _branches(tensors: Mapping[str, Tensor], tasks: tuple[str, ...] | None) -> dict[int, str]:
    """The task of each number that heads and tails have, in rising order."""
    found = {(branch[1], int(branch[2])) for name in tensors if (branch := BRANCH.match(name))}
    heads, tails = (sorted(number for part, number in found if part == wanted) for wanted in ("head", "tail"))
    if not heads or heads != tails:
        raise PixmendError(f"an IPT file needs a tail for each head: it has heads {heads} and tails {tails}")
    scales = {number: _tail_scale(tensors, number) for number in heads}
    if tasks is None:
        return _usual_tasks(scales, queries=_queries(tensors))
    if [scale_of(task) for task in tasks] != list(scales.values()):
        raise PixmendError(f"its heads have scales {list(scales.values())}, which are not those of {', '.join(tasks)}")
    return dict(zip(heads, tasks, strict=True))


def _usual_tasks(scales: Mapping[int, int], *, queries: int) -> dict[int, str]:
    """What the heads of these scales are for, as far as scales and the number of query rows tell."""
    if queries == len(TASKS) and all(
        number < queries and scale == scale_of(TASKS[number]) for number, scale in scales.items()
    ):
        return {number: TASKS[number] for number in scales}
    same_size = [number for number, scale in scales.items() if scale == 1]
    named = {number: f"sr_x{scale}" for number, scale in scales.items()}
    for index, number in enumerate(same_size):
        named[number] = f"x1_{index}" if len(same_size) > 1 else "x1"
    return named


def _tail_scale(tensors: Mapping[str, Tensor], number: int) -> int:
    """Scale of a tail: the product of the steps of its upsampling convolutions."""
    convolution = re.compile(rf"tail\.{number}\.0\.\d+\.weight")
    shapes = [shape_of(tensors, name, rank=4) for name in sorted(tensors) if convolution.fullmatch(name)]
    steps = tuple(math.isqrt(channels // max(features, 1)) for channels, features, *_ in shapes)
    for scale, usual in STEPS.items():
        if steps == usual:
            return scale
    raise PixmendError(f"tail.{number}: enlarges in steps of {steps}, which no IPT does")


def _queries(tensors: Mapping[str, Tensor]) -> int:
    if QUERIES not in tensors:
        raise PixmendError(f"an IPT without {QUERIES} (made with --no_mlp): such a file was never released")
    return shape_of(tensors, QUERIES, rank=2)[0]


def _query_rows(tensors: Mapping[str, Tensor], numbers: tuple[int, ...]) -> list[int]:
    """The query row of each numbered head: that of its number, or they go in order where there are no others."""
    queries = _queries(tensors)
    if max(numbers) < queries:
        return list(numbers)
    if len(numbers) == queries:
        return list(range(queries))
    raise PixmendError(f"{QUERIES}: {queries} rows are not for heads {', '.join(map(str, numbers))}")


def _rows(queries: Tensor, rows: list[int]) -> Tensor:
    """Those rows; the tensor itself where that is all of it."""
    return queries if rows == list(range(queries.shape[0])) else queries[rows]


def _without_biases(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the biases of zero that an attention saved by torch 1.5 to 1.8 can have though it was made with none."""
    biases = [name for name in tensors if ATTENTION_BIAS.fullmatch(name)]
    for name in biases:
        weight = tensors.get(name.removesuffix("bias") + "weight")
        if weight is None or tensors[name].shape != weight.shape[:1]:
            raise PixmendError(f"{name}: is not the bias of that attention")
        if not tensors[name].is_meta and tensors[name].any():
            raise PixmendError(f"{name}: is not zero, and no attention of a released IPT has a bias")
    return {name: tensor for name, tensor in tensors.items() if name not in biases}


def _constants(tokens: int) -> dict[str, Tensor]:
    """What a released file holds beside the parameters."""
    return mean_shift(DIV2K) | {POSITION_IDS: torch.arange(tokens)[None]}
