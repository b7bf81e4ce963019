"""Protocols: everything that changes a score beside the model and the pictures, under one name.

C channels, H and W height and width in pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pixmend.errors import PixmendError, nearest
from pixmend.metrics import Luma, psnr, ssim
from pixmend.tasks import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """PSNR in dB (``inf`` for identical pictures) and SSIM."""

    psnr: float
    ssim: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ReseededNoise:
    """White Gaussian noise from NumPy, seeded anew for every picture and drawn in (H, W, RGB) order.

    Neither clipped nor rounded. Because of the seed, pictures of one size get the same noise, and the order
    of the pictures does not matter; because of the draw, another channel order is another noisy picture.
    """

    seed: int

    def __call__(self, clean: Tensor, *, sigma: float) -> Tensor:
        """(C, H, W) in [0, 1] to the noisy (C, H, W) float32; sigma in 8-bit units."""
        channels, height, width = clean.shape
        # The published numbers rest on this very stream, which NumPy keeps for ever and calls legacy.
        state = np.random.RandomState(self.seed)
        noise = torch.from_numpy(state.normal(0, sigma / 255, (height, width, channels)))
        return (clean.double() + noise.permute(2, 0, 1)).float()

    def describe(self) -> str:
        """One clause for people."""
        return f"noise of NumPy RandomState({self.seed}) anew for every picture, drawn in RGB, not clipped"


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """How restored pictures are scored. Derive variants with ``dataclasses.replace``, under a new name."""

    name: str
    source: str
    """Whose behaviour it reproduces, and who differs."""
    luma: Luma
    border: int | Literal["scale"]
    """Pixels left out on each side; ``scale`` is the task's scale, and nothing where that is 1."""
    round8: bool
    """Whether both pictures are clamped and rounded to 8 bit first."""
    noise: ReseededNoise | None = None
    """How a denoising task makes its input."""

    def border_at(self, scale: int) -> int:
        """Pixels left out on each side of a picture enlarged ``scale`` times."""
        if self.border == "scale":
            return scale if scale > 1 else 0
        return self.border

    def score(self, image: Tensor, high: Tensor, *, scale: int) -> Score:
        """Compare (C, H, W) with the true picture of the same shape; errors as ``metrics.ssim``."""
        border = self.border_at(scale)
        return Score(
            psnr=psnr(image, high, border=border, luma=self.luma, round8=self.round8),
            ssim=ssim(image, high, border=border, luma=self.luma, round8=self.round8),
        )

    def describe(self) -> str:
        """What is fixed, in one line for people."""
        border = "border of scale pixels left out" if self.border == "scale" else f"border {self.border}"
        rounding = "8-bit pictures" if self.round8 else "unrounded pictures"
        parts = [_LUMAS[self.luma], border, rounding, *([self.noise.describe()] if self.noise else [])]
        return "; ".join(parts)


_LUMAS: Mapping[Luma, str] = MappingProxyType(
    {
        "rgb": "PSNR and SSIM on RGB",
        "bt601": "PSNR and SSIM on BT.601 luma, not rounded",
        "bt601_rounded": "PSNR and SSIM on BT.601 luma, rounded to 8 bit",
    }
)

CLASSIC_SR = Protocol(
    name="classic_sr",
    source="RCAN Evaluate_PSNR_SSIM.m; BasicSR test_y_channel (HAT), SwinIR and EDT test scripts agree",
    luma="bt601",
    border="scale",
    round8=True,
)
"""Super-resolution as in the tables of RCAN, SwinIR, EDT and HAT. IPT's luma differs a little."""

COLOUR_DENOISING = Protocol(
    name="colour_denoising",
    source="Restormer Denoising/test_gaussian_color_denoising.py; SwinIR draws the noise in BGR order, "
    "EDT seeds once per run, IPT clips the noisy picture and scores luma",
    luma="rgb",
    border=0,
    round8=True,
    noise=ReseededNoise(seed=0),
)
"""Gaussian colour denoising as in Restormer's tables, one noise level per task."""

DERAINING = Protocol(
    name="deraining",
    source="Restormer Deraining/evaluate_PSNR_SSIM.m (MATLAB rgb2ycbcr on uint8); EDT and IPT do not round the luma",
    luma="bt601_rounded",
    border=0,
    round8=True,
)
"""Deraining as in Restormer's and its predecessors' tables."""

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {protocol.name: protocol for protocol in (CLASSIC_SR, COLOUR_DENOISING, DERAINING)}
)

_BY_KIND: Mapping[Kind, Protocol] = MappingProxyType({"sr": CLASSIC_SR, "dn": COLOUR_DENOISING, "dr": DERAINING})


def protocol_named(name: str) -> Protocol:
    """One of ``PROTOCOLS``.

    Raises:
        PixmendError: no such protocol; the message names the nearest, or all of them.
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    raise PixmendError(f"no protocol is called {name!r}: {nearest(name, PROTOCOLS)}")


def protocol_of(kind: Kind) -> Protocol:
    """The protocol of the field's tables for super-resolution, denoising or deraining."""
    return _BY_KIND[kind]
