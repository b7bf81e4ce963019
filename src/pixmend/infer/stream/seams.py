"""A certificate that the tiles cannot be seen: beside their borders, the result against the network on a larger part.

H and W are height and width, h and w those of a place, in pixels; s the scale. A level is one of 255.
"""

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.image import bled
from pixmend.infer.pipeline import Pipeline
from pixmend.infer.stream.plan import StreamPlan
from pixmend.infer.stream.rolling import Rolling
from pixmend.layers.tiles import blend_weights

PLACES = 4
QUALITY = 35
"""The PSNR, in dB, of which the loss is told."""
_AROUND = 3
"""Overlaps between the edge of a place and the edge of what the network sees of it."""
_LEAST = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Seam:
    """One place where tiles meet."""

    top: int
    left: int
    height: int
    width: int
    """In pixels of the result, before it is resampled to a size of its own."""
    largest: float
    """Difference, in levels."""
    rms: float
    """Root mean square of the differences, in levels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """What the tiles have changed, at the most textured places where they meet."""

    seams: tuple[Seam, ...]
    around: int
    """Pixels of the picture around each place that the network saw besides."""

    @property
    def largest(self) -> float:
        """Difference, in levels, of all places."""
        return max((seam.largest for seam in self.seams), default=0.0)

    @property
    def rms(self) -> float:
        """In levels, over all places."""
        areas = [seam.height * seam.width for seam in self.seams]
        squares = sum(seam.rms**2 * area for seam, area in zip(self.seams, areas, strict=True))
        return math.sqrt(squares / sum(areas)) if areas else 0.0

    @property
    def decibels(self) -> float:
        """The most that these differences can take from a PSNR of ``QUALITY`` at these places, whatever their signs."""
        error = 255 * 10 ** (-QUALITY / 20)
        return 20 * math.log10(1 + self.rms / error)

    def __str__(self) -> str:
        if not self.seams:
            return "no seams: the picture is one tile"
        return (
            f"{len(self.seams)} seams: differences to the network on {self.around} pixels more around are at most "
            f"{self.largest:.3f} of 255 levels, {self.rms:.4f} in root mean square, which takes at most "
            f"{self.decibels:.4f} dB from {QUALITY} dB"
        )


def certify(pipeline: Pipeline, plan: StreamPlan, *, places: int = PLACES) -> Certificate:
    """Read the picture once for the most textured places where four tiles meet, and compute these both ways.

    Tiles are computed and blended as in the result. The same place is computed at once, with three overlaps around it
    on every side, on the grid that tiles start on.

    Raises:
        PixmendError: more than one network, whose differences add up; or a network of fixed size, which has no
            larger part.
    """
    network, *others = pipeline.networks
    if others or network.fixed_size:
        raise PixmendError("seams are verified of one network that takes pictures of any size: leave it out")
    step = plan.steps.steps[0]
    around = _AROUND * max(step.overlap, _LEAST)
    if len(step.tiles) == 1:
        return Certificate(seams=(), around=around)
    found = _busiest(plan, most=places, around=around, multiple=network.multiple)
    return Certificate(seams=tuple(_compared(pipeline, plan, place) for place in found), around=around)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    rows: range
    columns: range
    """Of the picture, to be compared."""
    seen: tuple[range, range]
    """What the network sees of it."""
    cut: Tensor
    """(C, h, w) of all that the tiles over the place, and the network, see."""
    top: int
    left: int


def _busiest(plan: StreamPlan, *, most: int, around: int, multiple: int) -> list[_Place]:
    """Where tiles meet in the strongest gradients, these first."""
    step, banded = plan.steps.steps[0], plan.source
    height, width = step.size
    rolling, half = Rolling(banded.rows()), max(step.overlap, _LEAST)
    found: list[tuple[float, int, _Place]] = []
    for rows in _meeting(step.tiles.rows, half, height):
        tall = _touched(step.tiles.rows, rows, around, multiple, height)
        rolling.hold(tall.start, tall.stop)
        for columns in _meeting(step.tiles.columns, half, width):
            colours = rolling.crop(rows, columns)[: banded.channels]
            detail = float(colours.diff(dim=1).abs().sum() + colours.diff(dim=2).abs().sum())
            if len(found) == most and detail <= found[0][0]:
                continue
            wide = _touched(step.tiles.columns, columns, around, multiple, width)
            cut = rolling.crop(tall, wide)
            place = _Place(
                rows=rows,
                columns=columns,
                seen=(_seen(rows, around, multiple, height), _seen(columns, around, multiple, width)),
                cut=cut if len(cut) == banded.channels else bled(cut[:-1], cut[-1:]),
                top=tall.start,
                left=wide.start,
            )
            heapq.heappush(found, (detail, rows.start * width + columns.start, place))
            if len(found) > most:
                heapq.heappop(found)
    return [place for *_, place in sorted(found, key=lambda each: -each[0])]


def _meeting(spans: tuple[range, ...], half: int, length: int) -> Iterator[range]:
    """Around the middle of each overlap; the middle of all where there is none."""
    middles = [(spans[i].stop + spans[i + 1].start) // 2 for i in range(len(spans) - 1)] or [length // 2]
    return (range(max(middle - half, 0), min(middle + half, length)) for middle in middles)


def _seen(place: range, around: int, multiple: int, length: int) -> range:
    return range(max(place.start - around, 0) // multiple * multiple, min(place.stop + around, length))


def _touched(spans: tuple[range, ...], place: range, around: int, multiple: int, length: int) -> range:
    """All that the tiles over a place, or the network on it, see."""
    over = [span for span in spans if span.start < place.stop and place.start < span.stop]
    seen = _seen(place, around, multiple, length)
    return range(min(over[0].start, seen.start), max(over[-1].stop, seen.stop))


def _compared(pipeline: Pipeline, plan: StreamPlan, place: _Place) -> Seam:
    step, network = plan.steps.steps[0], pipeline.networks[0]
    scale = step.scale

    def run(rows: range, columns: range) -> Tensor:
        """The result of this part, of which only the place is kept, with nothing where it does not reach."""
        part = place.cut[:, rows.start - place.top : rows.stop - place.top]
        part = part[:, :, columns.start - place.left : columns.stop - place.left]
        result = pipeline._run(network, part[None])[0]
        for axis, (span, wanted) in enumerate(((rows, place.rows), (columns, place.columns)), start=1):
            first, last = max(span.start, wanted.start), min(span.stop, wanted.stop)
            result = result.narrow(axis, (first - span.start) * scale, (last - first) * scale)
        return result

    whole = run(*place.seen)
    tiled = torch.zeros_like(whole)
    spans = step.tiles.rows, step.tiles.columns
    shares = [_shares(each, wanted, scale) for each, wanted in zip(spans, (place.rows, place.columns), strict=True)]
    for rows, top, down in shares[0]:
        for columns, left, across in shares[1]:
            part = run(rows, columns) * (down[:, None] * across)
            tiled[:, top : top + part.shape[1], left : left + part.shape[2]] += part
    difference = (tiled - whole).double().abs() * 255
    return Seam(
        top=place.rows.start * scale,
        left=place.columns.start * scale,
        height=len(place.rows) * scale,
        width=len(place.columns) * scale,
        largest=float(difference.max()),
        rms=math.sqrt(float(difference.square().mean())),
    )


def _shares(spans: tuple[range, ...], place: range, scale: int) -> list[tuple[range, int, Tensor]]:
    """The tiles over a place: each, where in the place it begins, and its share of each pixel from there on."""
    found = []
    for span, weights in zip(spans, blend_weights(spans, scale=scale), strict=True):
        first, last = max(span.start, place.start), min(span.stop, place.stop)
        if first < last:
            share = weights[(first - span.start) * scale : (last - span.start) * scale]
            found.append((span, (first - place.start) * scale, share))
    return found
