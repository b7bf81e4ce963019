"""Blur by kernels that are no round Gaussian: drawn out, with a flat top, or ringing like a sharpened picture.

C channels, H and W height and width in pixels, K the side of a kernel.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pixmend.degrade.blur import mirrored
from pixmend.degrade.picture import check_picture
from pixmend.errors import PixmendError
from pixmend.seeding import Key


@dataclass(frozen=True, kw_only=True, slots=True)
class EllipticBlur:
    """Blur with a kernel whose contours are ellipses: ``sigma`` are the two half axes in pixels.

    The first axis points ``angle`` degrees up from the right. With q the squared distance from the middle in sigmas,
    ``gaussian`` is exp(-q^beta / 2), for a beta of 1 the Gaussian, below it more peaked and above it flatter, and
    ``plateau`` is 1 / (1 + q^beta). The kernel is cut off at a square of ``size`` pixels and made to sum to one; beyond
    the border the picture is mirrored, the border pixel not repeated. Source: Real-ESRGAN (2107.10833), section 3.1.

    Raises:
        PixmendError: a sigma or ``beta`` not positive, an angle not finite, no such shape, or an even ``size``.
    """

    sigma: tuple[float, float]
    angle: float = 0.0
    shape: Literal["gaussian", "plateau"] = "gaussian"
    beta: float = 1.0
    size: int = 21

    def __post_init__(self) -> None:
        if not all(0 < value < math.inf for value in (*self.sigma, self.beta)) or not math.isfinite(self.angle):
            raise PixmendError(
                f"EllipticBlur: expected two sigmas and a beta above 0 and a finite angle, got sigma={self.sigma}, "
                f"beta={self.beta}, angle={self.angle}"
            )
        if self.shape not in ("gaussian", "plateau"):
            raise PixmendError(f"EllipticBlur: expected the shape gaussian or plateau, got {self.shape!r}")
        _check_size("EllipticBlur", self.size)

    def __call__(self, image: Tensor, seed: Key = 0) -> Tensor:
        """(..., H, W) to the same shape and dtype; nothing is drawn from ``seed``."""
        return filtered(image, self.kernel(), where="EllipticBlur")

    def kernel(self) -> Tensor:
        """(K, K), float64, rows downwards."""
        y, x = _grid(self.size)
        cosine, sine = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        along, across = x * cosine - y * sine, x * sine + y * cosine
        # a very narrow kernel is the middle pixel alone, and its squares must not overflow
        along, across = (along / self.sigma[0]).clamp(-1e9, 1e9), (across / self.sigma[1]).clamp(-1e9, 1e9)
        distance = (along.square() + across.square()).pow(self.beta)
        weights = torch.exp(-0.5 * distance) if self.shape == "gaussian" else 1 / (1 + distance)
        return weights / weights.sum()


@dataclass(frozen=True, kw_only=True, slots=True)
class Sinc:
    """Take away what changes faster than ``cutoff`` radians a pixel, alike in all directions, which rings at edges.

    The kernel, cutoff J1(cutoff r) / (2 pi r) at the distance r, is cut off at a square of ``size`` pixels and made to
    sum to one. Pictures that were sharpened or enlarged badly ring like that. Source: Real-ESRGAN (2107.10833),
    section 3.3, equation 6.

    Raises:
        PixmendError: ``cutoff`` not above 0 and up to pi, or an even ``size``.
    """

    cutoff: float
    size: int = 21

    def __post_init__(self) -> None:
        if not 0 < self.cutoff <= math.pi:
            raise PixmendError(f"Sinc: expected a cutoff above 0 and up to pi, got {self.cutoff}")
        _check_size("Sinc", self.size)

    def __call__(self, image: Tensor, seed: Key = 0) -> Tensor:
        """(..., H, W) to the same shape and dtype, not clipped; nothing is drawn from ``seed``."""
        return filtered(image, self.kernel(), where="Sinc")

    def kernel(self) -> Tensor:
        """(K, K), float64."""
        y, x = _grid(self.size)
        distance = torch.hypot(y, x)
        weights = self.cutoff * torch.special.bessel_j1(self.cutoff * distance) / (2 * math.pi * distance)
        weights[self.size // 2, self.size // 2] = self.cutoff**2 / (4 * math.pi)
        return weights / weights.sum()


@dataclass(frozen=True, kw_only=True, slots=True)
class Decimate:
    """Keep one value of every ``scale`` x ``scale`` pixels, blurred by a Gaussian of ``sigma`` around their middle.

    So small pictures come out that are nowhere shifted against the large one, however little was blurred; with a
    small sigma they alias. Source: BSRGAN (2103.14006), section 3.2, "nearest" with a shifted kernel, which the code
    moves by linear interpolation, and this evaluates where it belongs.

    Raises:
        PixmendError: ``scale`` below 1, ``sigma`` not positive, or a picture whose sides are not multiples.
    """

    scale: int
    sigma: float

    def __post_init__(self) -> None:
        if not isinstance(self.scale, int) or self.scale < 1 or not 0 < self.sigma < math.inf:
            raise PixmendError(
                f"Decimate: expected a whole scale of 1 or more and a positive sigma, got {self.scale} and {self.sigma}"
            )

    def __call__(self, image: Tensor, seed: Key = 0) -> Tensor:
        """(..., H, W) to (..., H / scale, W / scale) in its dtype; nothing is drawn from ``seed``."""
        check_picture(image, "Decimate")
        if any(side % self.scale for side in image.shape[-2:]):
            got = " x ".join(map(str, image.shape[-2:]))
            raise PixmendError(f"Decimate: expected sides that are multiples of {self.scale}, got {got}: crop it first")
        wide = image.to(torch.promote_types(image.dtype, torch.float32))
        for dim in (-2, -1):
            wide = self._line(wide, dim)
        return wide.to(image.dtype)

    def _line(self, image: Tensor, dim: int) -> Tensor:
        """One side of the picture, smaller."""
        reach, length = _REACH + self.scale, image.shape[dim] // self.scale
        place = torch.arange(-_REACH, _REACH + self.scale)
        distance = (place - (self.scale - 1) / 2).double().square()
        # the nearest pixels weigh something however narrow the Gaussian is
        weights = torch.exp(-0.5 * (distance - distance.min()) / self.sigma / self.sigma)
        weights /= weights.sum()
        padded = image.index_select(dim, mirrored(image.shape[dim], reach).to(image.device))
        kept = torch.zeros_like(image.narrow(dim, 0, length))
        for first, weight in zip((place + reach).tolist(), weights.tolist(), strict=True):
            index = torch.arange(first, first + self.scale * length, self.scale, device=image.device)
            kept.add_(padded.index_select(dim, index), alpha=weight)
        return kept


_REACH = 12
"""Pixels on both sides of a block that count: a square of 25 pixels in BSRGAN."""


def filtered(image: Tensor, kernel: Tensor, *, where: str) -> Tensor:
    """The picture (..., H, W) correlated with a kernel (K, K), mirrored beyond the border, in its own dtype.

    By Fourier transforms, channel for channel: for 21 pixels that takes a twentieth of the time of a convolution.
    """
    check_picture(image, where)
    wide = image.to(torch.promote_types(image.dtype, torch.float32))
    height, width = image.shape[-2:]
    reach = kernel.shape[0] // 2
    rows, columns = mirrored(height, reach).to(image.device), mirrored(width, reach).to(image.device)
    size = (_fast(height + 2 * reach), _fast(width + 2 * reach))
    spectrum = torch.fft.rfft2(kernel.flip(0, 1).to(wide), s=size)
    planes = []
    for plane in wide.reshape(-1, height, width):
        padded = plane.index_select(0, rows).index_select(1, columns)
        found = torch.fft.irfft2(torch.fft.rfft2(padded, s=size) * spectrum, s=size)
        planes.append(found[2 * reach : 2 * reach + height, 2 * reach : 2 * reach + width])
    return torch.stack(planes).reshape(image.shape).to(image.dtype)


def _fast(length: int) -> int:
    """The next length of no prime factors but 2, 3 and 5, which is transformed fast."""
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


def _grid(size: int) -> tuple[Tensor, Tensor]:
    """Places of the rows (K, 1) and columns (1, K) of a kernel, from its middle."""
    place = torch.arange(size, dtype=torch.float64) - size // 2
    return place[:, None], place[None]


def _check_size(name: str, size: int) -> None:
    if not isinstance(size, int) or size < 1 or size % 2 == 0:
        raise PixmendError(f"{name}: expected an odd size of 1 or more, got {size}")
