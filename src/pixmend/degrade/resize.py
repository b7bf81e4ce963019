"""MATLAB's bicubic ``imresize`` and its 8-bit rounding: how every published super-resolution pair is made.

C channels, H and W height and width in pixels; O output samples along one side; P taps per output.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from pixmend.degrade.picture import check_picture
from pixmend.errors import PixmendError
from pixmend.seeding import Key

_BLOCK = 128
"""Outputs per dense matrix: enough for the matrix product to be fast, few enough to stay a narrow band."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bicubic:
    """Shrink both sides by a whole factor, as MATLAB's ``imresize(image, 1 / scale, "bicubic")`` does.

    The result is neither rounded nor clipped, so it may leave [0, 1] by a little; published low-resolution
    pictures are 8-bit, which is ``Chain(Bicubic(scale=4), Round8())``.

    Raises:
        PixmendError: ``scale`` below 1, or a picture whose sides are not multiples of it.
    """

    scale: int

    def __post_init__(self) -> None:
        if not isinstance(self.scale, int) or self.scale < 1:
            raise PixmendError(f"Bicubic: expected a whole scale of 1 or more, got {self.scale}")

    def __call__(self, image: Tensor, seed: Key = 0) -> Tensor:
        """(..., H, W) to (..., H / scale, W / scale); nothing is drawn from ``seed``."""
        check_picture(image, "Bicubic")
        height, width = image.shape[-2:]
        low = (height // self.scale, width // self.scale)
        if 0 in low or height % self.scale or width % self.scale:
            mend = f"crop to {low[0] * self.scale} x {low[1] * self.scale} first"
            raise PixmendError(
                f"Bicubic: expected sides that are multiples of {self.scale}, got {height} x {width}: "
                + (f"at least {self.scale} x {self.scale} is needed" if 0 in low else mend)
            )
        return imresize(image, size=low)


@dataclass(frozen=True, kw_only=True, slots=True)
class Round8:
    """Clip to [0, 1] and round to the 256 levels of an 8-bit file; nothing is drawn from ``seed``."""

    def __call__(self, image: Tensor, seed: Key = 0) -> Tensor:
        return round8(image)


def round8(image: Tensor) -> Tensor:
    """Clip to [0, 1] and round to whole 255ths, halves upwards as MATLAB does (``torch.round``: to even).

    Halving or quartering an 8-bit picture lands on exact halves all the time. The product is taken in the
    picture's own precision on purpose: it turns (k + 0.5) / 255 back into k + 0.5 for every k, where a wider
    type would show the error of the division and send about half of them down.
    """
    check_picture(image, "round8")
    wide = image if image.dtype in (torch.float32, torch.float64) else image.float()
    return wide.clamp(0, 1).mul_(255).add_(0.5).floor_().div_(255).to(image.dtype)


def imresize(image: Tensor, *, scale: float | None = None, size: tuple[int, int] | None = None) -> Tensor:
    """Resize (..., H, W) bicubically, exactly as MATLAB's ``imresize`` does on doubles.

    Kernel a = -0.5 (Keys 1981), widened by 1 / scale when shrinking (antialiasing), its weights made to sum
    to one; beyond the border the picture is mirrored, the border pixel repeated. Sides become ceil(scale *
    side), or ``size`` = (height, width), each side then having a scale of its own. Computed in float64,
    returned in the dtype given, neither rounded nor clipped. Rounded by ``round8``, a float32 picture gives
    MATLAB's own 8-bit one but for about one value in 100,000 at scale 4, which a float32 cannot tell from a
    half: use float64 where every last bit counts.

    Raises:
        PixmendError: not exactly one of ``scale`` and ``size``, either not positive, or no picture of floats.
    """
    check_picture(image, "imresize")
    height, width = image.shape[-2:]
    if scale is not None and size is None:
        if not 0 < scale < math.inf:
            raise PixmendError(f"imresize: expected a positive scale, got {scale}")
        scales = (scale, scale)
        size = (math.ceil(height * scale), math.ceil(width * scale))
    elif size is not None and scale is None:
        if min(size) < 1:
            raise PixmendError(f"imresize: expected a size (height, width) of 1 or more, got {size}")
        scales = (size[0] / height, size[1] / width)
    else:
        raise PixmendError(f"imresize: expected scale or size, one of the two, got scale={scale} and size={size}")
    dims = (-2, -1) if scales[0] <= scales[1] else (-1, -2)  # MATLAB takes the smallest scale first
    result = image
    for dim in dims:
        result = _resize_dim(result, dim, length=size[dim], scale=scales[dim])
    return result.to(image.dtype)


def _resize_dim(image: Tensor, dim: int, *, length: int, scale: float) -> Tensor:
    """One side of (..., H, W), to float64; converted by blocks, so a large picture is not copied whole."""
    if scale == 1 and length == image.shape[dim]:
        return image
    parts = []
    for start, stop, index, matrix in _blocks(image.shape[dim], length, scale):
        matrix = matrix.to(image.device)
        if index is None:
            part = image.narrow(dim, start, stop - start)
        else:
            part = image.index_select(dim, index.to(image.device))
        parts.append(matrix @ part.double() if dim == -2 else part.double() @ matrix.T)
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)


@lru_cache(maxsize=64)
def _blocks(size: int, length: int, scale: float) -> tuple[tuple[int, int, Tensor | None, Tensor], ...]:
    """Per block of outputs: the inputs it reads, as a range or else an index, and its matrix (O, inputs)."""
    blocks = []
    with torch.inference_mode(False):  # a cached inference tensor would be refused by a later backward pass
        weights, indices = _taps(size, length, scale)
        for first in range(0, length, _BLOCK):
            used, position = indices[first : first + _BLOCK].unique(return_inverse=True)
            matrix = weights.new_zeros(position.shape[0], used.numel())
            matrix.scatter_add_(1, position, weights[first : first + _BLOCK])
            start, stop = int(used[0]), int(used[-1]) + 1
            blocks.append((start, stop, None if stop - start == used.numel() else used, matrix))
    return tuple(blocks)


def _taps(size: int, length: int, scale: float) -> tuple[Tensor, Tensor]:
    """Weights and input indices, both (O, P), as MATLAB's ``contributions`` computes them."""
    stretch = min(scale, 1.0)
    support = 4 / stretch
    centre = (torch.arange(length, dtype=torch.float64) + 1) / scale + 0.5 * (1 - 1 / scale) - 1
    left = (centre - support / 2).floor()
    position = left[:, None] + torch.arange(math.ceil(support) + 2, dtype=torch.float64)
    weights = stretch * _cubic(stretch * (centre[:, None] - position))
    weights = weights / weights.sum(dim=1, keepdim=True)
    folded = position.long() % (2 * size)
    return weights, torch.where(folded < size, folded, 2 * size - 1 - folded)


def _cubic(x: Tensor) -> Tensor:
    """Keys' kernel (1981, equation 15) with a = -0.5."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))
