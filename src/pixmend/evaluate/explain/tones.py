"""Wrong levels that are known beforehand: curves, and errors of half a level."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from pixmend.evaluate.explain.remedies import Remedy

LEAST = 4.0
"""Decibels of the means of blocks, in which noise and lost detail do not count: there a wrong curve is all there is."""


def _encoded(linear: Tensor) -> Tensor:
    linear = linear.clamp(0, 1)
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=1e-8) ** (1 / 2.4) - 0.055)


def _decoded(image: Tensor) -> Tensor:
    image = image.clamp(0, 1)
    return torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)


LINEAR_LIGHT = Remedy(
    mistake="holds linear light, without the sRGB curve",
    advice="encode with the sRGB curve before writing an 8-bit file",
    undo=_encoded,
    least=LEAST,
    levels=True,
)
CURVE_TWICE = Remedy(
    mistake="has the sRGB curve twice",
    advice="the sRGB curve was applied to values that had it already: leave it out",
    undo=_decoded,
    least=LEAST,
    levels=True,
)
STUDIO_RANGE = Remedy(
    mistake="is in studio range (16 .. 235) but read as 0 .. 255",
    advice="stretch 16 .. 235 to 0 .. 255 when converting from YCbCr or video",
    undo=lambda image: ((image * 255 - 16) / 219).clamp(0, 1),
    least=LEAST,
    levels=True,
)
STRETCHED = Remedy(
    mistake="was stretched from studio range though it was full range",
    advice="leave out the stretch of 16 .. 235 to 0 .. 255",
    undo=lambda image: (image * 219 + 16) / 255,
    least=LEAST,
    levels=True,
)
CURVES = (LINEAR_LIGHT, CURVE_TWICE, STUDIO_RANGE, STRETCHED)

_BY_255 = "use 255 both when reading and when writing"
_ROUND = "round before converting to uint8: (x * 255).round(), or add 0.5"
SMALL_TONES: Mapping[tuple[float, float], Remedy] = MappingProxyType(
    {
        (-0.5, 0.0): Remedy(
            mistake="was truncated to 8 bit instead of rounded", advice=_ROUND, undo=lambda image: image + 0.5 / 255
        ),
        (0.0, -1 / 256): Remedy(
            mistake="is too dark by 1/256 (divided by 256 somewhere and multiplied by 255 elsewhere)",
            advice=_BY_255,
            undo=lambda image: image * (256 / 255),
        ),
        (-0.5, -1 / 256): Remedy(
            mistake="is too dark by 1/256 and truncated (divided by 256, multiplied by 255, not rounded)",
            advice=f"{_BY_255}, and {_ROUND}",
            undo=lambda image: (image + 0.5 / 255) * (256 / 255),
        ),
        (-1.0, 0.0): Remedy(
            mistake="is one level too dark (8-bit values divided by 256, multiplied by 255 and truncated)",
            advice=f"{_BY_255}, and {_ROUND}",
            undo=lambda image: image + 1 / 255,
        ),
        (0.0, 1 / 255): Remedy(
            mistake="is too bright by 1/255 (divided by 255 somewhere and multiplied by 256 elsewhere)",
            advice=_BY_255,
            undo=lambda image: image * (255 / 256),
        ),
    }
)
"""Mistakes of half a level, known by their trace: the error in levels at black, and how it grows with the level."""
