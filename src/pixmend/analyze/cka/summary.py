"""A matrix of similarities in a line: how alike on the whole, and where least."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.analyze.cka.collect import Similarity
from pixmend.analyze.cka.layers import Layer


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Of one panel. NaN where all that was to be compared is constant."""

    name: str
    shape: tuple[int, int]
    mean: float
    """Of all pairs of different layers; between two networks of all pairs."""
    least: float
    """Of ``among``."""
    among: str
    where: str


def summaries(found: Similarity, *, names: Sequence[str]) -> list[Summary]:
    """A line for one network; for two a line for each, and one for both."""
    lines = [_own(names[0], found.own, found.layers)]
    if len(names) > 1:
        lines.append(_own(names[1], found.other, found.other_layers))
        lines.append(_between(f"{names[0]} and {names[1]}", found))
    return lines


def _own(name: str, values: Tensor, layers: Sequence[Layer]) -> Summary:
    apart = values[~torch.eye(len(layers), dtype=torch.bool)]
    least, at = _least(values.diagonal(1))
    where = "" if at is None else f"{layers[at].name}, {layers[at + 1].name}"
    return _summary(name, values, apart, least=least, among="neighbours", where=where)


def _between(name: str, found: Similarity) -> Summary:
    """Of one architecture's layers each with its own, else each with the one that it is most like."""
    same = list(map(_place, found.layers)) == list(map(_place, found.other_layers))
    partners = found.matrix.diagonal() if same else found.matrix.nan_to_num(-torch.inf).max(1).values
    partners = partners.masked_fill(found.own.diagonal().isnan(), torch.nan)
    least, at = _least(partners)
    return _summary(
        name,
        found.matrix,
        found.matrix.flatten(),
        least=least,
        among="the same layer" if same else "the best partner",
        where="" if at is None else found.layers[at].name,
    )


def _place(layer: Layer) -> str:
    """What layers of one architecture share: heads and tails of tasks have names of their own."""
    return layer.point.kind if layer.point.kind in ("head", "tail") else layer.name


def _summary(name: str, values: Tensor, pairs: Tensor, *, least: float, among: str, where: str) -> Summary:
    rows, columns = values.shape
    return Summary(name=name, shape=(rows, columns), mean=float(pairs.nanmean()), least=least, among=among, where=where)


def _least(values: Tensor) -> tuple[float, int | None]:
    """The least that is a number, and its place."""
    known = values.isfinite().nonzero().flatten()
    if not len(known):
        return float("nan"), None
    at = int(known[values[known].argmin()])
    return float(values[at]), at
