"""Where the tokens of an attention lie in the picture: windows, shifted, crosswise and overlapping ones, and patches.

M windows, N and N' tokens of a window's queries and keys, H and W height and width in tokens, (u, v) the window.

Places are rows and columns of the picture that the network was given, in pixels; a token's place is its middle. Beyond
the right and bottom of the picture lies what the network extends it by.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from einops import rearrange
from torch import Tensor, nn

from pixmend.layers.tiles import place_tiles
from pixmend.layers.window import Window, WindowAttention, partition
from pixmend.models import edt_body, ipt_layers
from pixmend.models.base import Restorer, window_overlap
from pixmend.models.han import LayerAttention
from pixmend.models.hat_attention import OCAB
from pixmend.models.restormer import MDTA

if TYPE_CHECKING:
    from pixmend.analyze.attention.record import Call

BEYOND = -1
"""The region of keys that lie beyond the border, are zero, and take their share of the weight."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where the tokens of all windows of a call lie."""

    step: float
    """Input pixels per token along each side."""
    queries: Tensor
    """(M, N, 2), row and column."""
    keys: Tensor
    """(M, N', 2)."""
    query_regions: Tensor
    """(M, N): what a shift has brought together keeps apart, so that only tokens of one region meet."""
    key_regions: Tensor
    """(M, N'), or ``BEYOND``."""

    def inside(self, some: slice) -> Tensor:
        """(m, N, N'): whether the two meet, and the key is a token."""
        return self.query_regions[some, :, None] == self.key_regions[some, None, :]

    def meet(self, some: slice) -> Tensor:
        """(m, N, N'): whether the query may give weight to the key, be it beyond the border."""
        return self.inside(some) | (self.key_regions[some, None, :] == BEYOND)

    def distances(self, some: slice) -> Tensor:
        """(m, N, N'), Euclidean, in input pixels."""
        return torch.cdist(self.queries[some], self.keys[some], compute_mode="donot_use_mm_for_euclid_dist")


@dataclass(frozen=True, kw_only=True, slots=True)
class Geometry:
    """What the attentions of a class look at."""

    kind: Callable[[nn.Module], str]
    """In words, the same for all that see alike, shifted or not."""
    place: "Callable[[Restorer, Call, Window], Places] | None" = None
    """None where no tokens of the picture are weighed but channels or layers."""


def _tokens(height: int, width: int, shift: Window) -> Tensor:
    """(1, H, W, 3) of a map rolled up and left by ``shift``: row and column before that, and the region."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    region = (rows >= height - shift[0]) + 2 * (columns >= width - shift[1])
    return torch.stack([(rows + shift[0]) % height, (columns + shift[1]) % width, region], -1)[None]


def _in_pixels(tokens: Tensor, step: float) -> Tensor:
    """(..., 2 or more) rows and columns of tokens to the pixels of their middles."""
    return (tokens[..., :2].float() + 0.5) * step - 0.5


def _step(network: Restorer, call: "Call", size: Window) -> float:
    """Input pixels per token, from the map that the module is given: heads of some tasks halve it."""
    return -(-size[0] // network.multiple) * network.multiple / call.given[1]


def _same(tokens: Tensor, step: float) -> Places:
    """Windows (M, N, 3) that look at themselves."""
    places, regions = _in_pixels(tokens, step), tokens[..., 2]
    return Places(step=step, queries=places, keys=places, query_regions=regions, key_regions=regions)


def _windows(network: Restorer, call: "Call", size: Window) -> Places:
    """Swin's. If shifted, the four calls are of the windows inside, at the right, at the bottom, and in the corner."""
    module, (height, width) = call.module, call.given[1:3]
    assert isinstance(module, WindowAttention)
    shift = edt_body.half(module.window) if module.shifted else (0, 0)
    tokens = _tokens(height, width, shift)
    if module.shifted:
        rows, columns = height - module.window[0], width - module.window[1]
        band = tokens[:, :rows] if call.order < 2 else tokens[:, rows:]
        tokens = band[:, :, :columns] if call.order % 2 == 0 else band[:, :, columns:]
    return _same(partition(tokens, module.window).flatten(2, 3).squeeze(1), _step(network, call, size))


def _crosswise(network: Restorer, call: "Call", size: Window) -> Places:
    module, (height, width) = call.module, call.given[1:3]
    assert isinstance(module, edt_body.WindowAttention)
    tokens = _tokens(height, width, edt_body.half(module.window) if module.shifted else (0, 0))
    return _same(partition(tokens, module.window).flatten(2, 3).squeeze(1), _step(network, call, size))


def _overlapping(network: Restorer, call: "Call", size: Window) -> Places:
    module, (height, width) = call.module, call.given[1:3]
    assert isinstance(module, OCAB)
    step, border = _step(network, call, size), (module.overlapping - module.window) // 2
    queries = partition(_tokens(height, width, (0, 0)), (module.window, module.window)).flatten(2, 3).squeeze(1)
    reach = torch.arange(module.overlapping) - border
    rows, columns = (torch.arange(0, side, module.window)[:, None] + reach for side in (height, width))
    shape = (rows.shape[0], columns.shape[0], module.overlapping, module.overlapping)
    around = torch.stack([rows[:, None, :, None].expand(shape), columns[None, :, None, :].expand(shape)], -1)
    keys = rearrange(around, "m n u v p -> (m n) (u v) p")
    within = ((keys >= 0) & (keys < torch.tensor([height, width]))).all(-1)
    return Places(
        step=step,
        queries=_in_pixels(queries, step),
        keys=_in_pixels(keys, step),
        query_regions=queries[..., 2],
        key_regions=torch.where(within, 0, BEYOND),
    )


def _patches(network: Restorer, call: "Call", size: Window) -> Places:
    """Of every window of a row of them, as ``Restorer.forward`` cuts them, all tokens."""
    side = network.fixed_size
    assert side is not None
    across = math.isqrt(call.given[1])
    least = (max(size[0], side), max(size[1], side))
    tiles = place_tiles(least, tile=side, overlap=window_overlap(side), multiple=1)
    tokens = _tokens(across, across, (0, 0)).flatten(1, 2)
    starts = torch.tensor([(tiles.rows[call.passes].start, column.start) for column in tiles.columns])
    seen = _same(tokens.expand(len(starts), -1, -1), side / across)
    places = seen.queries + starts[:, None]
    return Places(
        step=seen.step, queries=places, keys=places, query_regions=seen.query_regions, key_regions=seen.key_regions
    )


def _window_kind(module: nn.Module) -> str:
    assert isinstance(module, WindowAttention | edt_body.WindowAttention)
    return f"{module.window[0]} x {module.window[1]} windows"


def _overlapping_kind(module: nn.Module) -> str:
    assert isinstance(module, OCAB)
    return f"{module.overlapping} x {module.overlapping} around {module.window} x {module.window}"


GEOMETRIES: dict[type[nn.Module], Geometry] = {
    WindowAttention: Geometry(kind=_window_kind, place=_windows),
    edt_body.WindowAttention: Geometry(kind=_window_kind, place=_crosswise),
    OCAB: Geometry(kind=_overlapping_kind, place=_overlapping),
    ipt_layers.Attention: Geometry(kind=lambda module: "all tokens", place=_patches),
    MDTA: Geometry(kind=lambda module: "channels"),
    LayerAttention: Geometry(kind=lambda module: "layers"),
}
"""By the class of the module that makes the call."""


def block_of(name: str) -> int | None:
    """Its number within the stage: 1 of ``layers.0.residual_group.blocks.1.attn``; None where there is none."""
    found = re.search(r"\.(\d+)(?=\.|$)", name.partition(stage_of(name))[2])
    return int(found[1]) if found else None


def stage_of(name: str) -> str:
    """The part of the network that an attention belongs to: ``layers.0`` of ``layers.0.residual_group.blocks.1.attn``.

    It ends before the list of blocks, and begins after what the network of one task is wrapped in.
    """
    parts = name.removeprefix("edt.body.").removeprefix("ipt.body.").split(".")
    return ".".join(parts[:2] if parts[0] == "layers" else parts[:1])
