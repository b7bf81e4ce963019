"""Which frequencies of a picture a network restores: the spectrum of its error beside that of the picture.

C channels, H and W height and width in pixels, R rings.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pixmend.analyze.artefacts.spectrum import by_ring, hann
from pixmend.errors import PixmendError

RINGS = 64
LEAST_SIDE = 16
"""Pixels along a side that give a spectrum to speak of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorSpectrum:
    """Of a picture, or the mean over several. Powers are mean squares per channel, of pictures in [0, 1]."""

    error: Tensor
    """(R + 1,) float64: power of the difference, per unit of frequency squared, from 0 to 1/2 cycles per pixel."""
    picture: Tensor
    """(R + 1,) float64: of the true picture without its mean."""
    below: float
    """Mean squared error at frequencies that the low picture holds: at most 1 / (2 s) cycles per pixel each way."""
    above: float
    """The rest of it; 0 at scale 1. The sum of the two is the mean squared error."""

    @property
    def frequencies(self) -> Tensor:
        """(R + 1,): of the rings, in cycles per pixel."""
        return torch.linspace(0, 0.5, len(self.error), dtype=torch.float64)


def error_spectrum(restored: Tensor, true: Tensor, *, scale: int, rings: int = RINGS) -> ErrorSpectrum:
    """Of two pictures (C, H, W); ``scale`` says where the low picture ended, at 1 / (2 scale) cycles per pixel.

    ``error`` and ``picture`` are means over rings and channels of |F|^2 / (H W) under a Hann window, so that what is
    cut off at the edges of the picture does not count as detail. ``below`` and ``above`` are told without the window,
    so that they add up.

    Raises:
        PixmendError: pictures of different shapes, below 16 x 16 or with fewer pixels along a side than two rings take.
    """
    if restored.shape != true.shape or restored.dim() != 3:
        raise PixmendError(f"expected two pictures of one shape, got {tuple(restored.shape)} and {tuple(true.shape)}")
    height, width = true.shape[1:]
    if min(height, width) < max(LEAST_SIDE, 2 * rings):
        least = max(LEAST_SIDE, 2 * rings)
        raise PixmendError(f"expected pictures of {least} x {least} or more for {rings} rings, got {width} x {height}")
    difference = restored.double() - true.double()
    window = hann(height, width)
    centred = true.double() - true.double().mean(dim=(1, 2), keepdim=True)
    error, picture = (
        by_ring(torch.fft.rfft2(values * window, norm="ortho").abs().square().mean(0), width=width, number=rings)
        for values in (difference, centred)
    )
    below, above = parts(difference, scale=scale)
    return ErrorSpectrum(error=error, picture=picture, below=below, above=above)


def parts(difference: Tensor, *, scale: int) -> tuple[float, float]:
    """Mean square of (C, H, W) at frequencies up to 1 / (2 scale) cycles per pixel along both sides, and beyond."""
    height, width = difference.shape[1:]
    power = torch.fft.fft2(difference.double(), norm="forward").abs().square().mean(0)
    kept_down, kept_right = (torch.fft.fftfreq(side).abs() <= 0.5 / scale for side in (height, width))
    kept = kept_down[:, None] & kept_right
    return power[kept].sum().item(), power[~kept].sum().item()


def rings_for(shapes: Sequence[tuple[int, int]]) -> int:
    """As many rings as the smallest of the pictures, (height, width) each, can fill, at most 64."""
    return min(RINGS, *(min(shape) // 2 for shape in shapes))


def mean_spectrum(spectra: Sequence[ErrorSpectrum]) -> ErrorSpectrum:
    """Of pictures that have the same rings; every picture counts alike, as in a mean squared error over a set."""
    return ErrorSpectrum(
        error=torch.stack([each.error for each in spectra]).mean(0),
        picture=torch.stack([each.picture for each in spectra]).mean(0),
        below=sum(each.below for each in spectra) / len(spectra),
        above=sum(each.above for each in spectra) / len(spectra),
    )
