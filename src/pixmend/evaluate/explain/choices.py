"""The choices that change a score of the same two pictures: values, border, rounding, peak and how a mean is taken.

C channels, H and W height and width in pixels.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, get_args

import torch
from torch import Tensor

from pixmend.evaluate.protocol import Protocol
from pixmend.metrics import Luma
from pixmend.metrics.pair import levels

Values = Literal[
    "rgb", "bt601", "bt601_rounded", "ipt", "full_range", "full_range_rounded", "bgr_luma", "green", "each_channel"
]
"""What is compared: the lumas of ``metrics``, and what is taken for them by mistake."""
Rounding = Literal["8 bit", "none", "truncated"]
Peak = Literal["255", "235", "219", "span"]
"""The signal of the ratio; ``span``, some libraries' default, is the true picture's highest value less its lowest."""
Average = Literal["dB", "error"]
"""Over a folder: the mean of the decibels, or the decibels of the mean squared error."""

VALUES: Mapping[Values, str] = MappingProxyType(
    {
        "rgb": "RGB",
        "bt601": "BT.601 luma",
        "bt601_rounded": "BT.601 luma rounded to whole levels",
        "ipt": "IPT's luma (weights over 256)",
        "full_range": "full-range luma (JPEG, YIQ)",
        "full_range_rounded": "full-range luma rounded (Pillow's L, OpenCV's grey)",
        "bgr_luma": "BT.601 luma with red and blue mistaken for each other",
        "green": "the green channel",
        "each_channel": "each channel on its own, decibels averaged",
    }
)
"""In words."""
_ROUNDINGS: Mapping[Rounding, str] = MappingProxyType(
    {"8 bit": "8-bit pictures", "none": "unrounded pictures", "truncated": "pictures truncated to 8 bit"}
)
_PEAKS: Mapping[Peak, str] = MappingProxyType(
    {
        "255": "peak 255",
        "235": "peak 235",
        "219": "peak 219",
        "span": "peak = the true picture's own span",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One way to take the PSNR of two pictures."""

    values: Values
    border: int
    """Pixels left out on each side."""
    rounding: Rounding
    peak: Peak = "255"
    average: Average = "dB"

    def describe(self) -> str:
        """In words, the usual peak and average left unsaid."""
        parts = [VALUES[self.values], f"border {self.border}", _ROUNDINGS[self.rounding]]
        parts += [_PEAKS[self.peak]] if self.peak != "255" else []
        return "; ".join(parts + (["decibels of the mean error"] if self.average == "error" else []))

    def oddness(self, other: "Choice") -> float:
        """How unlikely it is to be taken instead of the other: 1 for each usual difference, 2 for each seldom one."""
        values = self.values != other.values and (2 if self.values in ("green", "each_channel") else 1)
        seldom = 2 * ((self.peak != other.peak) + (self.average != other.average))
        return values + (self.border != other.border) + (self.rounding != other.rounding) + seldom

    def differences(self, other: "Choice") -> tuple[str, ...]:
        """In words, each thing in which it differs from the other."""
        parts = [
            (self.values != other.values, VALUES[self.values]),
            (self.border != other.border, f"border {self.border}"),
            (self.rounding != other.rounding, _ROUNDINGS[self.rounding]),
            (self.peak != other.peak, _PEAKS[self.peak]),
            (self.average != other.average, "decibels of the mean error over all pictures"),
        ]
        return tuple(text for differs, text in parts if differs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Error:
    """What one choice measures on one picture."""

    mean_square: float
    """In levels squared."""
    peak: float
    psnr: float
    """In dB; ``inf`` for identical pictures."""


def choice_of(protocol: Protocol, *, scale: int) -> Choice:
    """The protocol's own choice."""
    rounding: Rounding = "8 bit" if protocol.round8 else "none"
    return Choice(values=protocol.luma, border=protocol.border_at(scale), rounding=rounding)


def choices_around(main: Choice, *, scale: int | None, several: bool, whole_levels: bool) -> tuple[Choice, ...]:
    """``main`` first, then the others: every value with every border, and the rest one at a time.

    ``several`` pictures can be averaged in two ways. Pictures of ``whole_levels``, read from 8-bit files, are the
    same rounded or not. Without a scale the borders of scales 2 to 4 are all in question.
    """
    usual = (0, 2, 3, 4) if scale is None else (0, 4) if scale == 1 else (0, scale, 4, scale + 6)
    borders = dict.fromkeys((main.border, *usual))
    roundings = [] if whole_levels else [rounding for rounding in get_args(Rounding) if rounding != main.rounding]
    grid = [replace(main, values=values, border=border) for values in VALUES for border in borders]
    bordered = [choice for choice in grid if choice.border == main.border]
    few = [replace(main, values=values) for values in dict.fromkeys((main.values, "rgb", "bt601"))]
    found = [
        main,
        *grid,
        *(replace(choice, rounding=rounding) for rounding in roundings for choice in bordered),
        *(replace(choice, peak=peak) for peak in get_args(Peak) for choice in few),
    ]
    if several:
        found += [replace(choice, average="error") for choice in grid if choice.border in (main.border, 0)]
    return tuple(choice for choice in dict.fromkeys(found) if choice.values != "each_channel" or choice.average == "dB")


def errors(restored: Tensor, true: Tensor, choices: Iterable[Choice]) -> dict[Choice, Error]:
    """What each choice measures on (C, H, W) in [0, 1] twice; planes are made once and borders only cut them."""
    measured: dict[Choice, Error] = {}
    made = sorted(choices, key=lambda choice: (choice.values, choice.rounding))
    for (values, rounding), alike in itertools.groupby(made, key=lambda choice: (choice.values, choice.rounding)):
        plane = values_of(true, values, rounding=rounding)
        squares = (values_of(restored, values, rounding=rounding) - plane).square_()
        for choice in alike:
            measured[choice] = _error(_inside(squares, choice.border), _inside(plane, choice.border), choice)
    return measured


def averaged(parts: Sequence[Error], choice: Choice) -> float:
    """One PSNR in dB of several pictures."""
    if choice.average == "dB":
        return sum(part.psnr for part in parts) / len(parts)
    return decibels(sum(part.mean_square for part in parts) / len(parts), parts[0].peak)


def values_of(image: Tensor, values: Values, *, rounding: Rounding) -> Tensor:
    """(C, H, W) in [0, 1] to the values compared, (C or 1, H, W) float64 in 0 .. 255."""
    if rounding == "truncated":
        # 1e-3 of a level: k / 255 in float32, times 255, may fall just short of k
        image = (image.double().clamp(0, 1) * 255 + 1e-3).floor() / 255
    round8 = rounding == "8 bit"
    if values in ("rgb", "each_channel"):
        return levels(image, luma="rgb", round8=round8)
    if values == "green":
        return levels(image[image.shape[0] // 2, None], luma="rgb", round8=round8)
    if values == "bgr_luma":
        return levels(image.flip(0), luma="bt601", round8=round8)
    if values == "full_range_rounded":
        return levels(image, luma="full_range", round8=round8).add_(0.5).floor_()
    luma: Luma = values
    return levels(image, luma=luma, round8=round8)


def decibels(mean_square: float, peak: float = 255.0) -> float:
    """PSNR in dB of a mean squared error in levels; ``inf`` without error, ``-inf`` without signal."""
    if mean_square == 0:
        return math.inf
    return 20 * math.log10(peak) - 10 * math.log10(mean_square) if peak else -math.inf


def _error(squares: Tensor, plane: Tensor, choice: Choice) -> Error:
    peak = (plane.max() - plane.min()).item() if choice.peak == "span" else float(choice.peak)
    per_channel = squares.mean((1, 2))
    mean_square = per_channel.mean().item()
    if choice.values != "each_channel":
        return Error(mean_square=mean_square, peak=peak, psnr=decibels(mean_square, peak))
    each = torch.tensor([decibels(error, peak) for error in per_channel.tolist()], dtype=torch.float64)
    return Error(mean_square=mean_square, peak=peak, psnr=each.mean().item())


def _inside(image: Tensor, border: int) -> Tensor:
    return image[:, border : image.shape[1] - border, border : image.shape[2] - border]
