"""The choices that change the structural similarity of the same two pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from torch import Tensor

from pixmend.evaluate.explain.choices import VALUES, Choice, values_of
from pixmend.metrics import Luma, SSIMKind, ssim

Window = SSIMKind | Literal["whole"]
"""``whole``: one window as large as the picture, as the short form of the formula is often coded."""

_WINDOWS: Mapping[Window, str] = MappingProxyType(
    {
        "wang": "SSIM of Wang et al. (ssim_index.m, BasicSR)",
        "matlab": "SSIM of MATLAB's built-in ssim",
        "uniform": "SSIM of scikit-image's default",
        "whole": "SSIM of one window over the whole picture",
    }
)
_LUMAS: tuple[Luma, ...] = ("rgb", "bt601", "bt601_rounded", "full_range")
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Likeness:
    """One way to take the SSIM of two pictures."""

    values: Luma
    border: int
    window: Window
    round8: bool

    def describe(self) -> str:
        """In words."""
        choice = Choice(values=self.values, border=self.border, rounding="8 bit" if self.round8 else "none")
        return f"{_WINDOWS[self.window]}; {choice.describe()}"

    def oddness(self, other: "Likeness") -> int:
        """How unlikely it is to be taken instead of the other: 1 for each difference, 2 for the window over all."""
        window = self.window != other.window and (2 if self.window == "whole" else 1)
        return window + (self.values != other.values) + (self.border != other.border)

    def differences(self, other: "Likeness") -> tuple[str, ...]:
        """In words, each thing in which it differs from the other."""
        parts = [
            (self.window != other.window, _WINDOWS[self.window]),
            (self.values != other.values, VALUES[self.values]),
            (self.border != other.border, f"border {self.border}"),
        ]
        return tuple(text for differs, text in parts if differs)

    def measure(self, restored: Tensor, true: Tensor) -> float:
        """(C, H, W) in [0, 1] twice; errors as ``metrics.ssim``."""
        if self.window != "whole":
            return ssim(restored, true, kind=self.window, border=self.border, luma=self.values, round8=self.round8)
        rounding = "8 bit" if self.round8 else "none"
        rows, columns = (slice(self.border, size - self.border) for size in true.shape[1:])
        x, y = (values_of(image, self.values, rounding=rounding)[:, rows, columns] for image in (restored, true))
        mean_x, mean_y = x.mean((1, 2), keepdim=True), y.mean((1, 2), keepdim=True)
        variance = (x - mean_x).square().mean((1, 2)) + (y - mean_y).square().mean((1, 2))
        covariance = ((x - mean_x) * (y - mean_y)).mean((1, 2))
        mean_x, mean_y = mean_x[:, 0, 0], mean_y[:, 0, 0]
        luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
        return (luminance * (2 * covariance + _C2) / (variance + _C2)).mean().item()


def likenesses_around(main: Choice, window: SSIMKind, luma: Luma) -> tuple[Likeness, ...]:
    """The protocol's own first; every window on every luma, and the paper's without the border left out."""
    round8 = main.rounding == "8 bit"
    own = Likeness(values=luma, border=main.border, window=window, round8=round8)
    lumas = dict.fromkeys((luma, *_LUMAS))
    every = [
        Likeness(values=values, border=main.border, window=kind, round8=round8)
        for kind in dict.fromkeys((window, *_WINDOWS))
        for values in lumas
    ]
    bare = [Likeness(values=values, border=0, window=window, round8=round8) for values in lumas]
    return tuple(dict.fromkeys((own, *every, *bare)))
