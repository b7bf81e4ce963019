"""Mistakes too small to tell by the score, known by the trace they leave: rounding and JPEG.

N blocks, C channels, H and W height and width in pixels.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pixmend.evaluate.explain.remedies import Remedy
from pixmend.evaluate.explain.tones import SMALL_TONES
from pixmend.metrics.pair import levels

_BLOCK = 16
_DARK, _BRIGHT = 8, 247
"""Blocks beyond these levels are left out: at the ends of the range, rounding and truncation do the same."""
_LEVEL, _SLOPE = 0.05, 0.0005
"""The honest bias of a network, as standard deviations: of the level at black, and per level."""


@dataclass(slots=True, kw_only=True)
class Bias:
    """The error of the means of blocks as a straight line over the level, summed over pictures."""

    normal: Tensor = field(default_factory=lambda: torch.zeros(2, 2, dtype=torch.float64))
    moments: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))
    squares: float = 0.0

    def add(self, restored: Tensor, true: Tensor) -> None:
        """Take in one picture, (C, H, W) in [0, 1] twice."""
        a, b = (_block_means(image) for image in (restored, true))
        kept = (b > _DARK) & (b < _BRIGHT)
        level, error = b[kept], (a - b)[kept]
        rows = torch.stack([torch.ones_like(level), level])
        self.normal += rows @ rows.T
        self.moments += rows @ error
        self.squares += error.square().sum().item()

    def remedy(self) -> tuple[Remedy, str] | None:
        """The mistake whose line fits while the line of no mistake does not, and the evidence; None without one."""
        count = self.normal[0, 0].item()
        if count < 24 or torch.linalg.matrix_rank(self.normal) < 2:
            return None
        line = torch.linalg.solve(self.normal, self.moments)
        variance = max(self.squares - (line @ self.moments).item(), 0.0) / (count - 2)
        systematic = torch.tensor([_LEVEL**2, _SLOPE**2], dtype=torch.float64).diag()
        weight = torch.linalg.inv(variance * torch.linalg.inv(self.normal) + systematic)

        def distance(mistake: tuple[float, float]) -> float:
            off = line - torch.tensor(mistake, dtype=torch.float64)
            return (off @ weight @ off).item()

        best = min(SMALL_TONES, key=distance)
        if distance(best) > 9 or distance((0.0, 0.0)) < 25:
            return None
        evidence = (
            f"the mean of {_BLOCK} x {_BLOCK} blocks is off by {line[0]:+.2f} levels at black "
            f"and {line[0] + 255 * line[1]:+.2f} at white"
        )
        return SMALL_TONES[best], evidence


def _block_means(image: Tensor) -> Tensor:
    """(C, H, W) to the mean levels of its whole blocks, flat."""
    values = levels(image, luma="rgb", round8=False)
    rows, columns = (size // _BLOCK * _BLOCK for size in values.shape[1:])
    values = values[:, :rows, :columns].unflatten(1, (-1, _BLOCK)).unflatten(3, (-1, _BLOCK))
    return values.mean((2, 4)).flatten()


_LUMA_TABLE = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
"""Quantiser of quality 50, row by row: ITU-T T.81, table K.1."""
_QUALITIES = range(5, 97)
_BLOCKS = 1024
_SMALLEST_STEP = 3
_FEWEST = 100
_CLEAR = 0.35


@dataclass(slots=True, kw_only=True)
class Quantised:
    """How well the coefficients of 8 x 8 blocks sit on the multiples of each quality's steps, summed over pictures."""

    agreement: Tensor = field(default_factory=lambda: torch.zeros(len(_QUALITIES), dtype=torch.float64))
    count: Tensor = field(default_factory=lambda: torch.zeros(len(_QUALITIES), dtype=torch.float64))

    def add(self, image: Tensor) -> None:
        """Take in one picture, (C, H, W) in [0, 1]."""
        coefficients = _coefficients(image)
        for index, quality in enumerate(_QUALITIES):
            steps = quantiser(quality)
            # of coefficients that are rounded to 0 every step is a divisor; they say nothing
            telling = (coefficients.abs() > steps / 2) & (steps >= _SMALLEST_STEP)
            waves = torch.cos(2 * math.pi * coefficients / steps)
            self.agreement[index] += (waves * telling).sum()
            self.count[index] += telling.sum()

    def quality(self) -> tuple[int, float] | None:
        """The quality of the JPEG encoder and the agreement, at best 1, by chance below 0; None if there was none."""
        mean = torch.where(self.count >= _FEWEST, self.agreement / self.count.clamp(min=1), torch.zeros(()))
        best = int(mean.argmax())
        return (_QUALITIES[best], mean[best].item()) if mean[best] > _CLEAR else None

    def agrees(self, quality: int) -> bool:
        """Whether the coefficients there are sit on this quality's steps."""
        index = _QUALITIES.index(quality)
        return bool(self.count[index] >= _FEWEST / 10 and self.agreement[index] > _CLEAR * self.count[index])


@dataclass(frozen=True, kw_only=True, slots=True)
class Coding:
    """JPEG on the way to RESTORED."""

    quality: int
    agreement: float
    """As of ``Quantised.quality``."""
    holds: tuple[bool, ...]
    """In which of the pictures."""


def coding(ours: Sequence[Quantised], theirs: Sequence[Quantised]) -> Coding | None:
    """Which pictures were coded while TRUE was not; all of them where only all together tell."""
    holds = tuple(a.quality() is not None and b.quality() is None for a, b in zip(ours, theirs, strict=True))
    if not any(holds):
        if _together(theirs).quality() is not None:
            return None
        holds = (True,) * len(ours)
    coded = [one for one, held in zip(ours, holds, strict=True) if held]
    found = _together(coded).quality() or coded[0].quality()  # of several qualities, together they show none
    if found is None:
        return None
    # alone it tells nothing with few coefficients, or where TRUE was coded too, but it fits the others
    holds = tuple(held or one.agrees(found[0]) for held, one in zip(holds, ours, strict=True))
    return Coding(quality=found[0], agreement=found[1], holds=holds)


def _together(parts: Sequence[Quantised]) -> Quantised:
    agreement, count = (torch.stack([getattr(one, name) for one in parts]).sum(0) for name in ("agreement", "count"))
    return Quantised(agreement=agreement, count=count)


def quantiser(quality: int) -> Tensor:
    """(64,) steps of the luma for a quality of 1 to 100, scaled as libjpeg does."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((torch.tensor(_LUMA_TABLE) * scale + 50) // 100).clamp(1, 255).double()


def _coefficients(image: Tensor) -> Tensor:
    """(C, H, W) to the cosine coefficients (N, 64) of at most so many blocks, the mean set to 0."""
    values = levels(image, luma="full_range", round8=False)[0] - 128
    rows, columns = (size // 8 * 8 for size in values.shape)
    blocks = values[:rows, :columns].unflatten(0, (-1, 8)).unflatten(2, (-1, 8)).transpose(1, 2).flatten(0, 1)
    blocks = blocks[:: max(1, len(blocks) // _BLOCKS)]
    place = torch.arange(8, dtype=torch.float64)
    cosines = torch.cos((2 * place + 1) * place[:, None] * math.pi / 16) / 2
    cosines[0] /= math.sqrt(2)
    coefficients = (cosines @ blocks @ cosines.T).flatten(1)
    coefficients[:, 0] = 0
    return coefficients


def coded_off_grid(image: Tensor, quality: int) -> Tensor:
    """(3, H, W) in [0, 1] coded once more, with a grid of blocks that lies half a block beside the first."""
    return jpeg(image.roll((4, 4), (1, 2)), quality).roll((-4, -4), (1, 2))


def jpeg(image: Tensor, quality: int) -> Tensor:
    """(3, H, W) in [0, 1] as Pillow's encoder leaves it."""
    from PIL import Image

    pixels = (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
    file = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(file, "JPEG", quality=quality)
    with Image.open(file) as coded:
        data = torch.frombuffer(bytearray(coded.convert("RGB").tobytes()), dtype=torch.uint8)
    return data.view(pixels.shape).permute(2, 0, 1).float() / 255
