"""Where attention looks from one place of a picture: the weights of every head, laid back on the picture.

h heads, m and n rows and columns of the tokens that may be looked at, c channels of a head.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.analyze.attention.geometry import GEOMETRIES, Places
from pixmend.analyze.attention.record import Call, find_attentions, read_attention
from pixmend.analyze.network import check_askable
from pixmend.analyze.place import busiest
from pixmend.errors import PixmendError
from pixmend.models.base import Restorer, check_batch

_DETAIL = 12
"""Side in pixels of the place that is taken for the most textured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A part of the picture along token borders, in input pixels. Pixel 0 reaches from -0.5 to 0.5, as it is drawn."""

    top: float
    left: float
    bottom: float
    right: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Looking:
    """From where to where an attention looks."""

    query: tuple[float, float]
    """The middle of the token that looks, row and column in input pixels."""
    window: Box
    """The queries that look at the same keys."""
    keys: Box
    """What may be looked at, also beyond the border of the picture. Of a shifted window at the border it is the part
    that lies together in the picture: the masks keep the others from it."""
    distance: tuple[float, ...]
    """Mean distance of what each head looks at, in input pixels; as in ``attention_distance``."""
    beyond: tuple[float, ...]
    """Of each head, the share of weight on the zeros beyond the border."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttentionMap:
    """The weights of all heads of one attention."""

    name: str
    """The attention, as ``named_modules`` of the network calls it."""
    kind: str
    weights: Tensor
    """(h, m, n), in sum 1 of each head, of the tokens in ``looking.keys``. Where channels or layers are weighed
    (h, c, c): each row is a query, in sum 1."""
    looking: Looking | None = None
    """None where channels or layers are weighed."""


def textured(image: Tensor) -> tuple[int, int]:
    """Row and column of the middle of the most textured place of (C, H, W)."""
    size = (min(_DETAIL, image.shape[-2]), min(_DETAIL, image.shape[-1]))
    top, left = busiest(image, size=size)
    return top + size[0] // 2, left + size[1] // 2


def attention_maps(
    network: Restorer, image: Tensor, *, layers: Sequence[str], at: tuple[int, int] | None = None
) -> list[AttentionMap]:
    """Where the token over pixel ``at`` (row, column) of (C, H, W) in [0, 1] looks, in these attentions.

    A name means an attention, or all that are inside a module: ``layers.0``. Without ``at`` it is the most textured
    place. In a network of fixed size the window is asked in which the pixel is nearest to the middle.

    Raises:
        PixmendError: no such attention, no such pixel, or no picture; as ``check_askable``.
    """
    check_askable(network)
    check_batch(image[None], network.in_channels)
    names = find_attentions(network, layers)
    at = textured(image) if at is None else at
    size = (image.shape[1], image.shape[2])
    if not (0 <= at[0] < size[0] and 0 <= at[1] < size[1]):
        raise PixmendError(
            f"attention map: row {at[0]}, column {at[1]} is outside the picture of {size[1]} x {size[0]}"
        )
    found: dict[str, tuple[float, AttentionMap]] = {}

    def take(call: Call) -> None:
        geometry = GEOMETRIES[type(call.module)]
        kind = geometry.kind(call.module)
        if geometry.place is None:
            weights = call.weights_of(slice(0, 1))[0].cpu()
            found[call.name] = 0.0, AttentionMap(name=call.name, kind=kind, weights=weights)
            return
        places = geometry.place(network, call, size)
        for off, window, token in _over(places, at):
            if call.name not in found or off < found[call.name][0]:
                weights, looking = _look(call, places, window, token)
                found[call.name] = off, AttentionMap(name=call.name, kind=kind, weights=weights, looking=looking)

    read_attention(network, image[None], take, names=names)
    return [found[name][1] for name in names]


def _over(places: Places, at: tuple[int, int]) -> list[tuple[float, int, int]]:
    """The windows with a token over this pixel: how far that is from the middle of the window, window and token."""
    pixel = torch.tensor(at, dtype=torch.float32)
    over = ((places.queries - pixel).abs() < places.step / 2).all(-1).nonzero().tolist()
    return [(float((places.queries[window].mean(0) - pixel).norm()), window, token) for window, token in over]


def _look(call: Call, places: Places, window: int, token: int) -> tuple[Tensor, Looking]:
    one = slice(window, window + 1)
    weights = call.weights_of(one)[0, :, token].cpu()
    meet, inside = places.meet(one)[0, token], places.inside(one)[0, token]
    keys, step = places.keys[window, meet], places.step
    # The keys that a query may look at fill a rectangle, in reading order.
    box = _box(keys, step)
    shape = (round((box.bottom - box.top) / step), round((box.right - box.left) / step))
    alike = places.query_regions[window] == places.query_regions[window, token]
    shares = (weights * inside).sum(-1)
    distance = (weights * inside * places.distances(one)[0, token]).sum(-1) / shares
    looking = Looking(
        query=(float(places.queries[window, token, 0]), float(places.queries[window, token, 1])),
        window=_box(places.queries[window, alike], step),
        keys=box,
        distance=tuple(distance.tolist()),
        beyond=tuple((weights * (meet & ~inside)).sum(-1).tolist()),
    )
    return weights[:, meet].unflatten(1, shape), looking


def _box(places: Tensor, step: float) -> Box:
    """Around the middles (N, 2) of tokens."""
    (top, left), (bottom, right) = (places.amin(0) - step / 2).tolist(), (places.amax(0) + step / 2).tolist()
    return Box(top=top, left=left, bottom=bottom, right=right)
