"""Detectors: how much of something there is in a window of a result. Attribution explains that number.

B batch, C channels, H and W height and width in pixels of the result.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from pixmend.analyze.lam.window import Window
from pixmend.degrade.blur import mirrored
from pixmend.errors import PixmendError


@dataclass(frozen=True, kw_only=True, slots=True)
class Gradient:
    """Edges and textures of any direction: the lengths of the gradients, summed over the window and the channels.

    A pixel's gradient is its difference from the next row and from the next column; the last row and column of the
    result have none. The length of no gradient at all has no derivative (0 / 0): a pixel that equals both neighbours
    exactly, as in flat places, makes the gradient of every input it depends on not a number, and in a transformer that
    is all of them. It need not lie in the window, as lengths are taken over the whole result. ``Edges`` is without
    that.

    Source: the official demo's gradient detector.
    """

    def __call__(self, result: Tensor, window: Window) -> Tensor:
        """(B, C, H, W) to (B,)."""
        down, right = window.top + window.size, window.left + window.size
        return _squares(result).sqrt()[..., window.top : down, window.left : right].sum((1, 2, 3))


@dataclass(frozen=True, kw_only=True, slots=True)
class Edges:
    """As ``Gradient``, but a pixel that equals its neighbours is no edge and has no say: its derivative is 0.

    Where nothing of the result is flat, the two are the same.
    """

    def __call__(self, result: Tensor, window: Window) -> Tensor:
        """(B, C, H, W) to (B,)."""
        down, right = window.top + window.size + 1, window.left + window.size + 1
        squares = _squares(result[..., window.top : down, window.left : right])
        return torch.where(squares > 0, torch.where(squares > 0, squares, 1).sqrt(), 0).sum((1, 2, 3))


def _squares(x: Tensor) -> Tensor:
    """Of the lengths of all gradients."""
    return (x[..., :-1, :-1] - x[..., 1:, :-1]) ** 2 + (x[..., :-1, :-1] - x[..., :-1, 1:]) ** 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Gabor:
    """Stripes of one direction and width: sizes of a Gabor filter's answers, summed over the window and the channels.

    exp(-(u^2 + (aspect v)^2) / (2 sigma^2)) cos(2 pi u / wavelength), its mean taken off so that flat places answer
    with nothing; u is along the direction, v across. Beyond the border the result is mirrored.

    Raises:
        PixmendError: a length or the aspect that is not positive, or an angle that is no number.

    Source: Daugman, J. Opt. Soc. Am. A 2 (1985). The official demo has a Gabor detector, too, whose settings are not
    those here: numbers of the two are not to be compared.
    """

    angle: float = 0.0
    """Degrees in which the stripes follow one another: 0 for upright stripes, 90 for level ones."""
    wavelength: float = 4.0
    """Pixels of the result from one stripe to the next."""
    sigma: float = 2.0
    """Pixels of the result."""
    aspect: float = 0.5

    def __post_init__(self) -> None:
        for name in ("wavelength", "sigma", "aspect"):
            if not 0 < getattr(self, name) < math.inf:
                raise PixmendError(f"Gabor: expected a positive {name}, got {getattr(self, name)}")
        if not math.isfinite(self.angle):
            raise PixmendError(f"Gabor: expected an angle in degrees, got {self.angle}")

    def __call__(self, result: Tensor, window: Window) -> Tensor:
        """(B, C, H, W) to (B,)."""
        weights = self.kernel().to(result)
        reach = weights.shape[-1] // 2
        cut = result
        for dim, start in ((-2, window.top), (-1, window.left)):
            # Of the places of the mirrored line, those of the window and what the filter reaches beside it.
            places = mirrored(cut.shape[dim], reach)[start : start + window.size + 2 * reach]
            cut = cut.index_select(dim, places.to(cut.device))
        answers = F.conv2d(cut.flatten(0, 1)[:, None], weights[None, None])
        return answers.abs().unflatten(0, result.shape[:2]).sum((1, 2, 3, 4))

    def kernel(self) -> Tensor:
        """The filter (K, K) in float64, as far as three sigmas along the direction."""
        reach = math.ceil(3 * self.sigma / min(1.0, self.aspect))
        rows, columns = torch.meshgrid(*[torch.arange(-reach, reach + 1, dtype=torch.float64)] * 2, indexing="ij")
        angle = math.radians(self.angle)
        u = columns * math.cos(angle) + rows * math.sin(angle)
        v = rows * math.cos(angle) - columns * math.sin(angle)
        hill = torch.exp(-(u**2 + (self.aspect * v) ** 2) / (2 * self.sigma**2))
        wave = hill * torch.cos(2 * math.pi * u / self.wavelength)
        return wave - hill * (wave.sum() / hill.sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class Intensity:
    """Brightness: the values of the window and all channels, summed. It is linear, so its answer can be checked."""

    def __call__(self, result: Tensor, window: Window) -> Tensor:
        """(B, C, H, W) to (B,)."""
        down, right = window.top + window.size, window.left + window.size
        return result[..., window.top : down, window.left : right].sum((1, 2, 3))


Detector = Gradient | Edges | Gabor | Intensity

DETECTORS: Mapping[str, type[Detector]] = MappingProxyType(
    {"gradient": Gradient, "edges": Edges, "gabor": Gabor, "intensity": Intensity}
)
"""By the names that commands and pages call them."""
