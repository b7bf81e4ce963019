"""Whether two pictures of a pair show the same scene at the same place in the same colours.

C channels, H and W height and width in pixels of the low picture, s scale.
"""

import math
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import torch
from numpy.typing import NDArray

from pixmend.data.check.facts import Pixels, to_luma
from pixmend.degrade.resize import imresize

Plane = NDArray[np.float64]
_Tone = tuple[float, float, float | None]

_SIDE = 512
_SMALLEST = 16
_STEPS = 12
_SETTLED = 1e-4
_MARGIN = 4
_LEVELS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """How the low picture lies on the high one shrunk to its size."""

    shift: tuple[float, float]
    """Down and right, in pixels of the low picture: where its content lies farther than it should."""
    likeness: float
    """Correlation of the lumas after the shift is undone, 1 for one scene."""
    order: tuple[int, ...]
    """Which channel of the high picture each channel of the low one shows; (0, 1, 2) unless swapped."""
    gain: float
    """By how much the contrast of the low picture is higher."""
    offset: float
    """By how much it is brighter at middle grey, of 255."""
    gamma: float | None
    """The power that makes the high picture's values the low one's, where it explains them far better than a gain."""


def match(high: Pixels, low: Pixels) -> Match | None:
    """Compare (C, sH, sW) with (C, H, W), measured on the middle 512 x 512 of the low one; None if that is too small.

    The high picture is shrunk by MATLAB's bicubic ``imresize``.
    """
    scale = round(high.shape[1] / low.shape[1])
    top, left, height, width = _middle(low.shape[1], low.shape[2])
    if min(height, width) < _SMALLEST:
        return None
    low = low[:, top : top + height, left : left + width]
    high = high[:, top * scale : (top + height) * scale, left * scale : (left + width) * scale]
    height, width = high.shape[1] // scale, high.shape[2] // scale
    if (height, width) != low.shape[1:]:
        low, high = low[:, :height, :width], high[:, : height * scale, : width * scale]
    shrunk = torch.from_numpy(high.astype(np.float64))
    should = (imresize(shrunk, size=(height, width)) if scale > 1 else shrunk).numpy()
    is_ = low.astype(np.float64)
    shift, likeness = find_shift(_grey(should), _grey(is_))
    order, (gain, offset, gamma) = _colours(should, is_, shift)
    if order != (0, 1, 2) or gamma is not None:  # other colours pass for a small shift: measured again without them
        should = should[list(order)] if should.shape[0] == 3 else should
        should = should if gamma is None else 255 * (should.clip(0, 255) / 255) ** gamma
        shift, likeness = find_shift(_grey(should), _grey(is_))
    return Match(shift=shift, likeness=likeness, order=order, gain=gain, offset=offset, gamma=gamma)


def _colours(should: Plane, is_: Plane, shift: tuple[float, float]) -> tuple[tuple[int, ...], _Tone]:
    should = np.stack([_moved(plane, shift) for plane in should])
    margin = _MARGIN + math.ceil(max(abs(part) for part in shift))
    if min(should.shape[1:]) > 2 * margin + 8:
        should, is_ = (planes[:, margin:-margin, margin:-margin] for planes in (should, is_))
    order = _order(should, is_)
    return order, _tone(should[list(order)] if order != (0, 1, 2) else should, is_)


def find_shift(first: Plane, second: Plane) -> tuple[tuple[float, float], float]:
    """By how many pixels, down and right, the content of the second (H, W) lies farther, and how alike they then are.

    Whole pixels by phase correlation (Kuglin and Hines 1975), parts of them by least squares on the gradient (Lucas
    and Kanade 1981) with contrast and brightness free, repeated until the step is below 1/10,000 pixel.
    """
    window = np.hanning(first.shape[0] + 2)[1:-1, None] * np.hanning(first.shape[1] + 2)[None, 1:-1]
    candidates = {(0, 0), _whole_shift(first, second, window)}
    found = []
    for down, right in candidates:
        shift = _refined(first, second, (float(down), float(right)), window)
        found.append((_likeness(_moved(first, shift), second, window), shift))
    likeness, shift = max(found)
    return shift, likeness


def _middle(height: int, width: int) -> tuple[int, int, int, int]:
    tall, wide = min(height, _SIDE), min(width, _SIDE)
    return (height - tall) // 2, (width - wide) // 2, tall, wide


def _grey(planes: Plane) -> Plane:
    return to_luma(planes).astype(np.float64) if planes.shape[0] == 3 else planes[0]  # pyright: ignore[reportArgumentType]


def _whole_shift(first: Plane, second: Plane, window: Plane) -> tuple[int, int]:
    spectra = [np.fft.rfft2((plane - plane.mean()) * window) for plane in (first, second)]
    product = spectra[1] * spectra[0].conj()
    peak = np.fft.irfft2(product / np.maximum(np.abs(product), 1e-9), s=first.shape)
    at = np.unravel_index(int(peak.argmax()), peak.shape)
    down, right = (
        (int(place) + length // 2) % length - length // 2 for place, length in zip(at, peak.shape, strict=True)
    )
    return down, right


def _refined(first: Plane, second: Plane, shift: tuple[float, float], window: Plane) -> tuple[float, float]:
    start = shift
    for _ in range(_STEPS):
        moved = _moved(first, shift)
        slopes = np.gradient(moved)
        parts = (*slopes, moved - moved.mean(), np.ones_like(moved))
        columns = np.stack([(part * window).ravel() for part in parts])
        normal = np.einsum("ai,bi->ab", columns, columns)
        target = np.einsum("ai,i->a", columns, ((second - moved) * window).ravel())
        solved = np.linalg.lstsq(normal, target, rcond=1e-10)[0]
        contrast = max(0.1, 1 + float(solved[2]))
        step = tuple(float(np.clip(-part / contrast, -1, 1)) for part in solved[:2])
        shift = (shift[0] + step[0], shift[1] + step[1])
        if max(abs(shift[0] - start[0]), abs(shift[1] - start[1])) > 3:
            return start  # nothing to hold on to
        if max(map(abs, step)) < _SETTLED:
            break
    return shift


def _moved(plane: Plane, shift: tuple[float, float]) -> Plane:
    """The content moved down and right, whole pixels by repeating the border, parts by Fourier's theorem."""
    whole = tuple(round(part) for part in shift)
    pad = max(abs(part) for part in whole) + 8
    wide = np.pad(plane, pad, mode="reflect" if pad < min(plane.shape) else "edge")
    wide = np.roll(wide, whole, axis=(0, 1))
    rest = [part - step for part, step in zip(shift, whole, strict=True)]
    if any(rest):
        down = np.fft.fftfreq(wide.shape[0])[:, None] * rest[0]
        right = np.fft.rfftfreq(wide.shape[1])[None] * rest[1]
        wide = np.fft.irfft2(np.fft.rfft2(wide) * np.exp(-2j * np.pi * (down + right)), s=wide.shape)
    return wide[pad:-pad, pad:-pad]


def _likeness(first: Plane, second: Plane, window: Plane) -> float:
    a, b = ((plane - float((plane * window).sum() / window.sum())) for plane in (first, second))
    both = float((a * b * window).sum())
    return both / max(1e-9, math.sqrt(float((a * a * window).sum()) * float((b * b * window).sum())))


def _order(should: Plane, is_: Plane) -> tuple[int, ...]:
    """The order of channels that explains the low picture; another than usual only if it does so twice as well."""
    if should.shape[0] != 3 or is_.shape[0] != 3:
        return (0, 1, 2)
    errors = {order: float(np.square(should[list(order)] - is_).mean()) for order in permutations(range(3))}
    best = min(errors, key=errors.__getitem__)
    return best if errors[best] * 2 < errors[0, 1, 2] else (0, 1, 2)


def _tone(should: Plane, is_: Plane) -> _Tone:
    """Contrast, brightness at middle grey and, if it explains the values far better, a power."""
    if should.shape[0] != is_.shape[0]:
        should, is_ = (planes.mean(axis=0, keepdims=True) for planes in (should, is_))
    x, y = should.ravel().clip(0, 255), is_.ravel()
    edges = np.linspace(0, 256, _LEVELS + 1)
    place = np.digitize(x, edges) - 1
    number = np.bincount(place, minlength=_LEVELS)[:_LEVELS]
    used = number > max(50, x.size // 1000)
    if used.sum() < 3:
        return 1.0, float(y.mean() - x.mean()), None
    mean_x, mean_y = (
        np.bincount(place, weights=values, minlength=_LEVELS)[:_LEVELS][used] / number[used] for values in (x, y)
    )
    weight = np.sqrt(number[used])
    gain, constant = np.polyfit(mean_x, mean_y, 1, w=weight)
    linear = float((weight * (gain * mean_x + constant - mean_y) ** 2).sum())
    offset = float(gain * 128 + constant - 128)
    inside = (mean_x > 4) & (mean_y > 1)
    if inside.sum() < 3:
        return float(gain), offset, None
    logs = np.log(mean_x[inside] / 255), np.log(mean_y[inside] / 255)
    power = float((logs[0] * logs[1]).sum() / np.square(logs[0]).sum())
    curved = float((weight * (255 * (mean_x / 255) ** power - mean_y) ** 2).sum())
    plain = float((weight * (mean_x - mean_y) ** 2).sum())
    is_power = abs(power - 1) > 0.05 and curved * 4 < linear and curved * 4 < plain
    return float(gain), offset, power if is_power else None
