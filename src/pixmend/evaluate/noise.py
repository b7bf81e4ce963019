"""The noise of the denoising tables: whose generator, seeded when, drawn in which order, clipped or not.

C channels, H and W height and width in pixels. Four papers make four different noisy pictures of one clean picture.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise:
    """White Gaussian noise as one paper's script draws it; never rounded.

    Seeded anew for every picture, pictures of one size get the same noise and their order does not matter; seeded
    once a run, a score depends on the order of the files. The order of the channels makes another noisy picture too.
    """

    generator: Literal["numpy", "torch"]
    """``numpy``: ``RandomState.normal`` over (H, W, C); ``torch``: ``torch.randn`` over (C, H, W)."""
    seed: int
    seeded: Literal["picture", "run"]
    channels: Literal["rgb", "bgr"] = "rgb"
    """The order the values are drawn in; a grey picture has only one."""
    clip: bool = False
    """Whether the noisy picture is clipped to [0, 1]."""

    def start(self) -> "NoiseDraw":
        """The noise of one run over a benchmark."""
        return NoiseDraw(self)

    def describe(self) -> str:
        """One clause for people."""
        seeded = "anew for every picture" if self.seeded == "picture" else "once a run, so the order of files counts"
        clipped = "clipped" if self.clip else "not clipped"
        name = "NumPy RandomState" if self.generator == "numpy" else "torch.Generator"
        return f"noise of {name}({self.seed}) seeded {seeded}, drawn in {self.channels.upper()}, {clipped}"


class NoiseDraw:
    """Draws for picture after picture, in the benchmark's order."""

    def __init__(self, noise: Noise) -> None:
        self._noise = noise
        self._seed()

    @property
    def counts(self) -> bool:
        """Whether what was drawn before changes what is drawn next, so that no picture may be passed over."""
        return self._noise.seeded == "run"

    def _seed(self) -> None:
        # The published numbers rest on this very stream, which NumPy keeps for ever and calls legacy.
        self._numpy = np.random.RandomState(self._noise.seed)
        self._torch = torch.Generator().manual_seed(self._noise.seed)

    def __call__(self, clean: Tensor, *, sigma: float) -> Tensor:
        """(C, H, W) in [0, 1] to the noisy (C, H, W) float32; sigma in 8-bit units."""
        noisy = clean.double() + self._draw(*clean.shape) * (sigma / 255)
        return (noisy.clamp_(0, 1) if self._noise.clip else noisy).float()

    def _draw(self, channels: int, height: int, width: int) -> Tensor:
        """(C, H, W) float64 of standard deviation 1."""
        if self._noise.seeded == "picture":
            self._seed()
        if self._noise.generator == "torch":
            drawn = torch.randn(channels, height, width, generator=self._torch).double()
        else:
            drawn = torch.from_numpy(self._numpy.standard_normal((height, width, channels))).permute(2, 0, 1)
        return drawn.flip(0) if self._noise.channels == "bgr" else drawn
