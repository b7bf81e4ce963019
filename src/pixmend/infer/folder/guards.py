"""What a result looks like when something went wrong in silence.

C channels, h and w height and width of a tile, H and W of a picture, n tiles, s the scale.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from pixmend.degrade.resize import imresize

LEAST_CHANGE = 0.1 / 255
"""A tenth of an 8-bit level: a picture that changes nowhere by so much was not restored."""
SANE = (-0.5, 1.5)
"""Sharp edges overshoot black and white a little; values beyond these are nonsense."""
_STRUCTURE = 1 / 255
"""A picture without so much difference between its pixels has nothing to restore."""
_SIDE = 64  # of the squares in which a result is compared, the middle one first: it is rarely more than that one
_REACH = 4  # pixels around a place that its bicubic enlargement depends on


def is_flattened(tiles: Tensor, results: Tensor) -> bool:
    """Whether any of (n, C', s h, s w) is one value everywhere, and its tile in (n, C, h, w) is not."""
    return bool(((_spread(results) == 0) & (_spread(tiles) > _STRUCTURE)).any())


def warnings_of(before: Tensor, after: Tensor, *, scale: int) -> tuple[str, ...]:
    """What to tell of a result (C', s H, s W) of the picture (C, H, W)."""
    found = []
    low, high = float(after.min()), float(after.max())
    if low < SANE[0] or high > SANE[1]:
        found.append(f"values from {low:.2f} to {high:.2f}, expected 0 to 1: is the network for such pictures?")
    if same := _unchanged(before, after, scale=scale):
        found.append(f"the result is {same}: are these the weights and the task for such pictures?")
    return tuple(found)


def _unchanged(before: Tensor, after: Tensor, *, scale: int) -> str | None:
    """What the result is where the network has done nothing."""
    if before.shape[0] != after.shape[0] or float(_spread(before[None])) <= _STRUCTURE:
        return None
    if scale == 1:
        return "the picture itself" if _alike(before, after) else None
    for name, enlarge in (("only a bicubic enlargement", _bicubic), ("only a repetition of pixels", _repeated)):
        if all(_alike(square, enlarge(before, top, left, scale)) for square, top, left in _squares(after, scale)):
            return name
    return None


def _squares(after: Tensor, scale: int) -> Iterator[tuple[Tensor, int, int]]:
    """Squares of the result, and where they lie in the picture, from its middle outwards."""
    height, width = (side // scale for side in after.shape[1:])
    corners = [(top, left) for top in range(0, height, _SIDE) for left in range(0, width, _SIDE)]
    for top, left in sorted(corners, key=lambda at: abs(at[0] - height // 2) + abs(at[1] - width // 2)):
        yield after[:, top * scale : (top + _SIDE) * scale, left * scale : (left + _SIDE) * scale], top, left


def _bicubic(image: Tensor, top: int, left: int, scale: int) -> Tensor:
    """A square of the enlargement, without the whole of it."""
    above, before = min(top, _REACH), min(left, _REACH)
    around = image[:, top - above : top + _SIDE + _REACH, left - before : left + _SIDE + _REACH]
    height, width = min(_SIDE, image.shape[1] - top), min(_SIDE, image.shape[2] - left)
    enlarged = imresize(around, scale=scale)
    return enlarged[:, above * scale : (above + height) * scale, before * scale : (before + width) * scale]


def _repeated(image: Tensor, top: int, left: int, scale: int) -> Tensor:
    square = image[:, top : top + _SIDE, left : left + _SIDE]
    return square.repeat_interleave(scale, -1).repeat_interleave(scale, -2)


def _alike(first: Tensor, second: Tensor) -> bool:
    return bool((first - second).abs().max() < LEAST_CHANGE)


def _spread(tiles: Tensor) -> Tensor:
    """Largest less smallest value of each of (n, ...)."""
    values = tiles.flatten(1)
    return torch.sub(values.amax(dim=1), values.amin(dim=1))
