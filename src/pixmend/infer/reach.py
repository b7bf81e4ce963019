"""How far a cut is felt: what a tile's result differs by from the whole picture's, by distance to the tile's edge.

B batch, C channels, H and W height and width in pixels, s the scale; n distances, one for each output pixel.
A level is one of the 255 steps of an 8-bit picture.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixmend.errors import PixmendError
from pixmend.infer.device import is_out_of_memory
from pixmend.layers.tiles import blend_weights
from pixmend.models.base import Restorer

LEVELS = 0.5
"""Half a level: what differs by less rounds to the same 8-bit value, or to its neighbour where it lay between both."""

ROUNDING = 0.001
"""In levels: what float32 leaves of no difference at all, with room to spare."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Of pixels by their distance to a cut: how far the result is from that of the uncut picture, in levels."""

    largest: Tensor
    """(n,): the largest difference, of all sides, places and channels; entry k lies k to k + 1 output pixels inside."""
    rms: Tensor
    """(n,): the root mean square of the same pixels."""
    scale: int
    multiple: int
    places: tuple[tuple[int, int], ...]
    """Top and left of what was cut, in input pixels."""
    size: tuple[int, int]
    """Height and width of what was cut, in input pixels."""

    @property
    def span(self) -> int:
        """Input pixels from the cut to where measuring ended."""
        return len(self.largest) // self.scale

    @property
    def plateau(self) -> float:
        """The largest difference at the distance where it is smallest, in levels: less is nowhere to be had."""
        return float(self.largest.min())

    @property
    def independent(self) -> bool:
        """Whether somewhere nothing but rounding is left.

        A network that averages over the whole picture never comes there; one whose field is larger than what was
        measured would, with more of the picture.
        """
        return self.plateau < ROUNDING

    def distance(self, levels: float = LEVELS) -> float | None:
        """Input pixels from the cut beyond which no pixel differs by so much; None where some do to the end."""
        beyond = (self.largest >= levels).nonzero()
        if len(beyond) == 0:
            return 0.0
        last = int(beyond[-1])
        return None if last + 1 == len(self.largest) else (last + 1) / self.scale

    def blended(self, overlap: int) -> float:
        """The largest difference, in levels, that is left where tiles overlap by so many input pixels and are blended.

        Both tiles are taken to err the same way, as much as they did anywhere at that distance, each with its share;
        inside a tile its error is whole. Foretold of the places measured: elsewhere up to 1.3 times as much was seen,
        and twice as much of a network that averages over the whole picture.

        Raises:
            PixmendError: negative, or more than was measured.
        """
        if not 0 <= overlap <= self.span:
            raise PixmendError(f"overlap {overlap}: measured were 0 to {self.span} pixels")
        tiles = (range(self.span), range(self.span - overlap, 2 * self.span - overlap))
        before, after = blend_weights(tiles, scale=self.scale)
        shared = overlap * self.scale
        inside, errs = self.largest[shared:], self.largest[:shared]
        ramp = after[:shared] * errs + before[len(before) - shared :] * errs.flip(0)
        return max((float(part.max()) for part in (inside, ramp) if len(part)), default=0.0)

    def overlap(self, levels: float = LEVELS) -> int:
        """The smallest on the network's grid with which no more than ``levels`` is left, up to half a tile.

        Where none does, the smallest that is within a tenth of the best: more would cost and not help.
        """
        left = {overlap: self.blended(overlap) for overlap in range(0, self.span + 1, self.multiple)}
        enough = max(levels, 1.1 * min(left.values()))
        return next(overlap for overlap, each in left.items() if each <= enough)


def measure_reach(network: Restorer, x: Tensor, *, side: int = 128, places: int = 1) -> Reach:
    """Run the network on the most textured places of (B, C, H, W) or (C, H, W), whole and cut through the middle.

    A place is a square of ``side`` pixels, or less where the picture ends, on the grid that tiles start on; each is
    cut there from all four sides. Costs three times the network on ``places`` squares.

    The picture may lie elsewhere than the network, which is given the places alone.

    Raises:
        PixmendError: a network of fixed size, which cuts its own windows; a picture too small to be cut; or results
            that are not finite.
    """
    if network.fixed_size is not None:
        raise PixmendError(f"this network sees windows of {network.fixed_size} pixels and blends them itself")
    x = x if x.dim() == 4 else x[None]
    grid = network.multiple
    height, width = (min(max(side // grid, 2), length // grid) * grid for length in x.shape[-2:])
    if max(height, width) < 2 * grid or min(height, width) < 1:
        raise PixmendError(
            f"{x.shape[-1]} x {x.shape[-2]} pixels are too few to be cut on a grid of {grid}: give a larger picture"
        )
    corners = _busiest(x, size=(height, width), grid=grid, most=places)
    device = next(network.parameters(), x).device
    squares, largest = [], []
    with torch.inference_mode(), _evaluating(network):
        for top, left in corners:
            for each in _differences(network, x[..., top : top + height, left : left + width].to(device)):
                largest.append(each.amax(dim=(0, 1, 2)))
                squares.append(each.square().mean(dim=(0, 1, 2)))
    if not all(bool(each.isfinite().all()) for each in largest):
        raise PixmendError("the network gave values that are not finite: its weights are damaged")
    shortest = min(map(len, largest))
    return Reach(
        largest=torch.stack([each[:shortest] for each in largest]).amax(0).cpu().clone(),
        rms=torch.stack([each[:shortest] for each in squares]).mean(0).sqrt().cpu().clone(),
        scale=network.scale,
        multiple=grid,
        places=tuple(corners),
        size=(height, width),
    )


def choose_overlap(network: Restorer, x: Tensor, *, side: int, otherwise: int) -> int:
    """The overlap of tiles that is measured on (B, C, H, W), and ``otherwise`` where the memory does not suffice.

    A warning says what is lost where no overlap within half of ``side`` is enough.
    """
    try:
        reach = measure_reach(network, x, side=side)
    except PixmendError:
        return otherwise  # damaged weights, which the tiles will say
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        logger.warning("out of memory while the overlap was measured: tiles overlap by %d pixels", otherwise)
        return otherwise
    overlap = reach.overlap(LEVELS)
    if (left := reach.blended(overlap)) > LEVELS:
        logger.warning(
            "no overlap up to %d pixels hides the tiles: with %d, single values are up to %.2f levels of 255 off the "
            "picture done whole; larger tiles have fewer such places",
            reach.span,
            overlap,
            left,
        )
    return overlap


def _differences(network: Restorer, x: Tensor) -> Iterator[Tensor]:
    """Of each cut (B, C', m, n) in levels, the cut before the first of n."""
    whole = network(x)
    for turned in (False, True):
        length = x.shape[-2 if turned else -1]
        at = length // network.multiple // 2 * network.multiple
        if not at:
            continue
        for start, stop in ((at, length), (0, at)):
            part = network(x.narrow(-2 if turned else -1, start, stop - start))
            same = whole.narrow(-2 if turned else -1, start * network.scale, (stop - start) * network.scale)
            difference = (part.float() - same.float()).abs() * 255
            difference = difference.transpose(-2, -1) if turned else difference
            yield difference if start else difference.flip(-1)


def _busiest(x: Tensor, *, size: tuple[int, int], grid: int, most: int) -> list[tuple[int, int]]:
    """Top and left of up to so many windows on the grid that do not overlap, the strongest gradients in sum first."""
    grey = x.detach().float().mean((0, 1))
    detail = torch.zeros_like(grey)
    detail[1:] += grey.diff(dim=0).abs()
    detail[:, 1:] += grey.diff(dim=1).abs()
    sums = F.avg_pool2d(detail[None], size, stride=grid)[0]
    found: list[tuple[int, int]] = []
    while len(found) < most and float(sums.max()) >= 0:
        row, column = divmod(int(sums.argmax()), sums.shape[1])
        found.append((row * grid, column * grid))
        down, across = ((length - 1) // grid for length in size)
        sums[max(row - down, 0) : row + down + 1, max(column - across, 0) : column + across + 1] = -1
    return found


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """In evaluation mode, and back; where it is so already, as in a pipeline that threads share, nothing is touched."""
    learning = [module for module in network.modules() if module.training]
    try:
        for module in learning:
            module.training = False
        yield
    finally:
        for module in learning:
            module.training = True
