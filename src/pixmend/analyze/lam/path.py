"""Paths from a picture without detail to the picture itself, along which gradients are added up.

C channels, H and W height and width in pixels; N pictures of the path.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from pixmend.degrade.blur import mirrored
from pixmend.errors import PixmendError

_NEVER_ZERO = 1e-5
"""Added to a sigma in pixels, so that the kernel of 0 is one pixel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blur:
    """Less and less of a Gaussian blur, from ``sigma`` pixels to none: a picture's fine detail fades in.

    The kernel is cut off at a square of ``size`` pixels and made to sum to one; beyond the border the picture is
    mirrored, the border pixel not repeated.

    Raises:
        PixmendError: ``sigma`` not positive, or ``size`` no odd whole number.

    Source: Gu and Dong, "Interpreting Super-Resolution Networks with Local Attribution Maps" (CVPR 2021), the
    progressive blurring path; settings of the official demo.
    """

    sigma: float = 1.2
    size: int = 9

    def __post_init__(self) -> None:
        _check_kernel(type(self).__name__, self.sigma, self.size)

    def start(self, x: Tensor) -> Tensor:
        """The picture (C, H, W) without detail."""
        return _filtered(x, kernels(torch.tensor([self.sigma], dtype=torch.float64), self.size))[0]

    def along(self, x: Tensor, *, steps: int, indices: Tensor) -> tuple[Tensor, Tensor]:
        """The pictures (N, C, H, W) at the ends of these of the steps, and by how much the path moves there.

        Step i goes from i / steps of the way to (i + 1) / steps; the move is per whole way, a difference of blurs.
        """
        sigmas = torch.linspace(self.sigma, 0, steps + 1, dtype=torch.float64)
        before, after = kernels(sigmas[indices], self.size), kernels(sigmas[indices + 1], self.size)
        return _filtered(x, after), _filtered(x, (after - before) * steps)


@dataclass(frozen=True, kw_only=True, slots=True)
class Blurred:
    """The straight line from the picture as ``Blur`` begins with to the picture: all detail fades in alike.

    Raises:
        PixmendError: as ``Blur``.
    """

    sigma: float = 1.2
    size: int = 9

    def __post_init__(self) -> None:
        _check_kernel(type(self).__name__, self.sigma, self.size)

    def start(self, x: Tensor) -> Tensor:
        """As of ``Blur``."""
        return Blur(sigma=self.sigma, size=self.size).start(x)

    def along(self, x: Tensor, *, steps: int, indices: Tensor) -> tuple[Tensor, Tensor]:
        """As of ``Blur``."""
        return _straight(self.start(x), x, steps=steps, indices=indices)


@dataclass(frozen=True, kw_only=True, slots=True)
class Black:
    """The straight line from black to the picture, as integrated gradients take it for photographs.

    What it attributes is brightness, not detail: a black pixel gets nothing whatever the network does with it.

    Source: Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks" (ICML 2017).
    """

    def start(self, x: Tensor) -> Tensor:
        """As of ``Blur``."""
        return torch.zeros_like(x)

    def along(self, x: Tensor, *, steps: int, indices: Tensor) -> tuple[Tensor, Tensor]:
        """As of ``Blur``."""
        return _straight(self.start(x), x, steps=steps, indices=indices)


Path = Blur | Blurred | Black

PATHS: Mapping[str, type[Path]] = MappingProxyType({"blur": Blur, "blurred": Blurred, "black": Black})
"""By the names that commands and pages call them."""


def kernels(sigmas: Tensor, size: int) -> Tensor:
    """Gaussians (N, size, size) in float64, each summing to one; that of sigma 0 is its middle pixel alone."""
    places = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    squares = places[:, None] ** 2 + places[None] ** 2
    weights = torch.exp(-squares / (2 * (sigmas.double()[:, None, None] + _NEVER_ZERO) ** 2))
    return weights / weights.sum((1, 2), keepdim=True)


def _filtered(x: Tensor, weights: Tensor) -> Tensor:
    """(C, H, W) by each of (N, K, K) to (N, C, H, W)."""
    reach = weights.shape[-1] // 2
    for dim in (-2, -1):
        x = x.index_select(dim, mirrored(x.shape[dim], reach).to(x.device))
    return F.conv2d(x[:, None], weights[:, None].to(x)).transpose(0, 1)


def _straight(start: Tensor, end: Tensor, *, steps: int, indices: Tensor) -> tuple[Tensor, Tensor]:
    shares = ((indices + 1).double() / steps).to(end).view(-1, 1, 1, 1)
    move = end - start
    return start + shares * move, move.expand(len(indices), -1, -1, -1)


def _check_kernel(where: str, sigma: float, size: int) -> None:
    if not 0 < sigma < math.inf:
        raise PixmendError(f"{where}: expected a positive sigma in pixels, got {sigma}")
    if not isinstance(size, int) or size < 1 or size % 2 == 0:
        raise PixmendError(f"{where}: expected an odd size of 1 or more, got {size}")
