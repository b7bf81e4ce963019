"""How far attention looks: the mean distance from queries to what they weigh, head by head, and how evenly they weigh.

h heads, N and N' tokens of a window's queries and keys, m windows.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pixmend.analyze.attention.geometry import BEYOND, GEOMETRIES, Places, stage_of
from pixmend.analyze.attention.record import Call, attentions_of, find_attentions, read_attention
from pixmend.analyze.network import check_askable
from pixmend.errors import PixmendError
from pixmend.models.base import Restorer, check_batch


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """How far the heads of one attention look, as means over all queries of all pictures."""

    name: str
    """The attention, as ``named_modules`` of the network calls it."""
    stage: str
    kind: str
    """What it looks at: ``16 x 16 windows``."""
    step: float
    """Input pixels per token; nan where channels or layers are weighed."""
    distance: tuple[float, ...]
    """Of each head, in input pixels; nan where channels or layers are weighed."""
    uniform: float
    """What the distance would be if every query weighed all that it may look at alike."""
    entropy: tuple[float, ...]
    """Of each head, in nats."""
    most: float
    """The entropy of even weights."""
    beyond: tuple[float, ...]
    """Of each head, the share of weight on the zeros beyond the border: only HAT's overlapping windows have any."""
    shifted: bool = False
    """Whether its windows are shifted by half: those at the border are smaller, and so is ``uniform``."""

    @property
    def evenness(self) -> tuple[float, ...]:
        """Entropy as a share of that of even weights: 0 looks at one token, 1 at all alike."""
        return tuple(each / self.most if self.most else 0.0 for each in self.entropy)

    @property
    def spatial(self) -> bool:
        """Whether tokens of the picture are weighed."""
        return not math.isnan(self.uniform)


def attention_distance(
    network: Restorer, x: Tensor, *, names: Sequence[str] | None = None, seen: Callable[[Call], None] | None = None
) -> list[Reach]:
    """How far every attention of a network, or those of ``names``, look in pictures (B, C, H, W) in [0, 1].

    The mean over queries of sum_j w_ij |p_i - p_j|, where w_ij is the weight of key j and p are the places of tokens in
    input pixels. Weight on keys beyond the border has no place: the rest of a query's weight is taken for the whole,
    and ``beyond`` says how much it was. Weights are never all held: memory is that of the network and up to 200 MB.

    ``seen`` is called after each call of attention.

    Raises:
        PixmendError: as ``find_attentions`` and ``check_askable``; no batch of pictures.

    Source: Dosovitskiy et al. (2010.11929), figure 7, and Raghu et al. (2108.08810); EDT (2112.10175) argues with it
    about windows.
    """
    check_askable(network)
    check_batch(x, network.in_channels)
    if not x.shape[0]:
        raise PixmendError("attention distance: expected pictures, got an empty batch")
    modules = attentions_of(network)
    sums = {name: _Sums() for name in (modules if names is None else find_attentions(network, names))}
    size = (x.shape[2], x.shape[3])

    def take(call: Call) -> None:
        geometry = GEOMETRIES[type(call.module)]
        places = geometry.place(network, call, size) if geometry.place else None
        for some, weights in call.weights():
            sums[call.name].add(weights, places, some)
        if seen is not None:
            seen(call)

    for picture in x.split(1):
        read_attention(network, picture, take, names=list(sums))
    return [
        each.reach(
            name=name,
            kind=GEOMETRIES[type(modules[name])].kind(modules[name]),
            shifted=getattr(modules[name], "shifted", False),
        )
        for name, each in sums.items()
    ]


@dataclass(kw_only=True, slots=True)
class _Sums:
    """Sums over queries, in float64."""

    queries: int = 0
    step: float = math.nan
    uniform: float = 0.0
    most: float = 0.0
    distance: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    beyond: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    entropy: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))

    def add(self, weights: Tensor, places: Places | None, some: slice) -> None:
        """Weights (m, h, N, N')."""
        weights = weights.cpu()
        windows, _, queries, keys = weights.shape
        self.queries += windows * queries
        self.entropy = self.entropy + torch.special.entr(weights).sum((0, 2, 3), dtype=torch.float64)
        if places is None:
            self.most += windows * queries * math.log(keys)
            return
        self.step = places.step
        inside, distances = places.inside(some), places.distances(some)
        # Every query meets itself: no row is empty.
        self.most += float(places.meet(some).sum(-1).double().log().sum())
        self.uniform += float(((distances * inside).sum(-1) / inside.sum(-1)).double().sum())
        far = torch.einsum("mhqk,mqk->mhq", weights, distances * inside)
        if bool((places.key_regions[some] == BEYOND).any()):
            near = torch.einsum("mhqk,mqk->mhq", weights, inside.float())
            far = far / near.clamp_min(torch.finfo(near.dtype).tiny)
            self.beyond = self.beyond + (1 - near).sum((0, 2), dtype=torch.float64)
        self.distance = self.distance + far.sum((0, 2), dtype=torch.float64)

    def reach(self, *, name: str, kind: str, shifted: bool) -> Reach:
        heads = self.entropy.shape[0]
        spatial = not math.isnan(self.step)
        distance = (self.distance / self.queries).tolist() if spatial else [math.nan] * heads
        beyond = (self.beyond / self.queries).expand(heads).tolist()
        return Reach(
            name=name,
            stage=stage_of(name),
            kind=kind,
            step=self.step,
            distance=tuple(distance),
            uniform=self.uniform / self.queries if spatial else math.nan,
            entropy=tuple((self.entropy / self.queries).tolist()),
            most=self.most / self.queries,
            beyond=tuple(beyond),
            shifted=shifted,
        )
