"""What compression, enlarging and noise left behind in a picture, measured on its luma (H, W) in 0 .. 255."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.float32]

_LUMA_TABLE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
"""The steps of JPEG quality 50 (ITU-T T.81, annex K), which nearly every encoder scales."""

_PLACES = tuple((wave - v, v) for wave in range(1, 5) for v in range(wave + 1))
"""The slow waves of a block whose steps are looked for: in nearly every picture some of them are not rounded to 0."""

_STEPS = np.arange(2, 41)
_FINE = 4  # histogram bins per level
_REACH = 400
_FEWEST = 40  # waves that tell a step by chance have fewer
_PERIODIC = 0.5
_TILE, _TILES = 256, 16
_FLOOR = 1 / 12  # what rounding to 8 bit adds to every frequency
_EMPTY = 0.06


@dataclass(frozen=True, kw_only=True, slots=True)
class Damage:
    """What was found; every figure is None where the picture is too small or too flat to tell."""

    blocks: float | None
    """How much stronger jumps are along one lattice of 8 x 8 than along the next: 1.00 to 1.02 if never compressed."""
    quality: float | None
    """Of the JPEG the picture once was, whatever its file is now; None where no trace is left."""
    detail: float | None
    """The highest frequency that holds any, in cycles per pixel: 0.5 in an ordinary picture."""
    noise: float | None
    """Standard deviation in the smoothest fiftieth of the picture, of 255: the least that it can be."""


def find_damage(luma: Luma) -> Damage:
    """Measured on the middle 1024 x 1024 pixels, and its detail where there is most."""
    middle = _middle(luma, 1024)
    if min(middle.shape) < 32:
        return Damage(blocks=None, quality=None, detail=None, noise=None)
    down, across = _lattice(middle.T), _lattice(middle)
    blocks = min(down[0], across[0])
    return Damage(
        blocks=blocks,
        quality=_past_quality(_middle(luma[down[1] :, across[1] :], 768)),
        detail=_detail(luma),
        noise=_noise(middle),
    )


def table_quality(table: list[int]) -> int:
    """The quality, 1 to 100, whose table is nearest to this one of 64 steps of a JPEG file, in whatever order."""
    return int(np.abs(_tables() - np.sort(np.array(table, float))).sum(axis=1).argmin()) + 1


@lru_cache(maxsize=1)
def _tables() -> NDArray[np.float64]:
    """(100, 64): libjpeg's steps of each quality from 1, sorted."""
    percents = np.array([5000 // quality if quality < 50 else 200 - 2 * quality for quality in range(1, 101)])
    steps = (_LUMA_TABLE.ravel() * percents[:, None] + 50) // 100
    return np.sort(steps.clip(1, 255).astype(float), axis=1)


def _middle(luma: Luma, side: int) -> Luma:
    """At most ``side`` pixels each way, starting at whole blocks."""
    top, left = (max(0, (length - side) // 2) // 8 * 8 for length in luma.shape)
    return luma[top : top + side, left : left + side]


def _lattice(luma: Luma) -> tuple[float, int]:
    """How much larger jumps across every eighth column are than in the next phase, and where the first block begins."""
    jumps = np.abs(luma[:, :-3] - 3 * luma[:, 1:-2] + 3 * luma[:, 2:-1] - luma[:, 3:])
    columns = np.minimum(jumps, 40).mean(axis=0)  # edges of the scene count no more than this
    means = np.array([columns[phase::8].mean() for phase in range(8)])
    second, first = np.sort(means)[-2:]  # enlarging twice strengthens every other column: the second shows it
    return (float(first / second) if second > 0 else 1.0), (int(means.argmax()) + 2) % 8


def _past_quality(luma: Luma) -> float | None:
    """A quality from the steps that the blocks' waves are multiples of; the idea is Fan and de Queiroz' (2003)."""
    height, width = (length // 8 * 8 for length in luma.shape)
    blocks = (luma[:height, :width] - 128).reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    waves = _cosines() @ blocks @ _cosines().T
    ratios = []
    for u, v in _PLACES:
        bins = np.minimum(np.abs(waves[:, u, v]) * _FINE + 0.5, _REACH * _FINE).astype(np.int64)
        counts = np.bincount(bins, minlength=_REACH * _FINE + 1)
        agreement, used = _periods()
        number = np.einsum("sb,b->s", used, counts)
        periodic = np.einsum("sb,b->s", agreement, counts) / np.maximum(number, 1)
        found = np.flatnonzero((periodic > _PERIODIC) & (number >= _FEWEST))
        if found.size:
            ratios.append(_STEPS[found[-1]] / _LUMA_TABLE[u, v])
    if len(ratios) < 5:
        return None
    percent = float(np.median(ratios)) * 100
    return 5000 / percent if percent > 100 else (200 - percent) / 2


def _detail(luma: Luma) -> float | None:
    """The last frequency along rows or columns with 6 % of the power that the slow ones promise.

    Spectra of photographs fall as the square of the frequency, so that power times its square is level; of an
    enlarged picture it drops to nothing beyond the half, third or quarter of its range.
    """
    side = min(_TILE, *luma.shape)
    if side < 64:
        return None
    window = np.hanning(side).astype(np.float32)
    power = np.zeros((2, side // 2 + 1))
    tiles = _liveliest(luma, side)
    for tile in tiles:
        centred = tile - tile.mean()
        for axis, lines in enumerate((centred, centred.T)):
            power[axis] += (np.abs(np.fft.rfft(lines * window, axis=1)) ** 2).mean(axis=0)
    power /= len(tiles) * float((window**2).sum())
    frequency = np.arange(power.shape[1]) / side
    level = np.maximum(power - _FLOOR, 0) * frequency**2
    slow = (frequency >= 0.03) & (frequency <= 0.10)
    reach = []
    for line in level:
        promised = float(np.median(line[slow]))
        if promised < 1e-3:
            continue
        smooth = np.convolve(line, np.full(5, 0.2), "same")
        held = frequency[(smooth > _EMPTY * promised) & (frequency >= 0.02)]
        reach.append(float(held.max(initial=0.02)))
    return max(reach) if reach else None


def _liveliest(luma: Luma, side: int) -> list[Luma]:
    """The tiles with most in them: elsewhere a sharp picture may be out of focus."""
    tiles = [
        luma[top : top + side, left : left + side]
        for top in range(0, luma.shape[0] - side + 1, side)
        for left in range(0, luma.shape[1] - side + 1, side)
    ]
    return sorted(tiles, key=lambda tile: -float(np.abs(np.diff(tile[::4], axis=1)).mean()))[:_TILES]


def _noise(luma: Luma) -> float | None:
    """From the differences of diagonal neighbours, which see little of the scene, where they are smallest."""
    height, width = (length // 32 * 32 for length in luma.shape)
    part = luma[:height, :width]
    fine = (part[::2, ::2] - part[1::2, ::2] - part[::2, 1::2] + part[1::2, 1::2]) / 2
    blocks = fine.reshape(height // 32, 16, width // 32, 16).swapaxes(1, 2).reshape(-1, 256)
    spread = blocks.std(axis=1)
    spread = spread[spread > 0]
    return float(np.percentile(spread, 2)) if spread.size >= 16 else None


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float32]:
    samples = np.arange(8)
    matrix = np.cos(np.pi * (2 * samples[None] + 1) * samples[:, None] / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix.astype(np.float32)


@lru_cache(maxsize=1)
def _periods() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each step, what a histogram bin says for it, 1 at its multiples, and which bins have a say."""
    level = np.arange(_REACH * _FINE + 1) / _FINE
    used = ((level > _STEPS[:, None] / 2) & (level < _REACH)).astype(float)
    return np.cos(2 * np.pi * level / _STEPS[:, None]) * used, used
