"""Resizing as PyTorch, OpenCV and Pillow do it: close to MATLAB's, and not equal to it."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from pixmend.degrade.picture import check_picture
from pixmend.errors import PixmendError
from pixmend.seeding import Key

_LARGEST = 64  # beyond it somebody mistyped, and torch has no words for a result too large to count
_MODES = ("nearest", "bilinear", "bicubic", "area")
Mode = Literal["nearest", "bilinear", "bicubic", "area"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TorchResize:
    """Multiply both sides by ``factor``, fractions of a pixel dropped, with ``torch.nn.functional.interpolate``.

    Not what published low-resolution pictures are made by; that is ``Bicubic``, whose ``scale`` divides. Without
    ``antialias``, ``bilinear`` and ``bicubic`` (a = -0.75) equal OpenCV's and alias when they shrink, the usual reason
    for scores a few tenths of a dB off; with it they equal Pillow's before its rounding (a = -0.5), on sides that
    divide, and ``bicubic`` differs from MATLAB's at the border only. Real-ESRGAN resizes by ``area``, ``bilinear``
    and ``bicubic``. The result is neither clipped nor rounded.

    Raises:
        PixmendError: ``factor`` not above 0 and up to 64, no such mode, ``antialias`` with a mode that has none,
            or a picture of which nothing would be left.
    """

    factor: float
    mode: Mode
    antialias: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.factor <= _LARGEST:
            raise PixmendError(f"TorchResize: expected a factor above 0 and up to {_LARGEST}, got {self.factor}")
        if self.mode not in _MODES:
            raise PixmendError(f"TorchResize: expected a mode of {', '.join(_MODES)}, got {self.mode!r}")
        if self.antialias and self.mode not in ("bilinear", "bicubic"):
            raise PixmendError(f"TorchResize: antialias goes with bilinear and bicubic, got {self.mode}: leave it out")

    def __call__(self, image: Tensor, seed: Key = 0) -> Tensor:
        """(..., H, W) to (..., factor * H, factor * W); nothing is drawn from ``seed``."""
        check_picture(image, "TorchResize")
        height, width = image.shape[-2:]
        if min(height, width) * self.factor < 1:
            raise PixmendError(f"TorchResize: {height} x {width} times {self.factor:g} leaves no pixel")
        resized = functional.interpolate(
            image.to(torch.promote_types(image.dtype, torch.float32)).reshape(1, -1, height, width),
            scale_factor=float(self.factor),
            mode=self.mode,
            antialias=self.antialias,
        )
        return resized.reshape(*image.shape[:-2], *resized.shape[-2:]).to(image.dtype)


@dataclass(frozen=True, kw_only=True, slots=True)
class ResizeTo:
    """Resize to ``height`` by ``width`` pixels, each side by a factor of its own, as ``TorchResize`` without antialias.

    ``area`` averages whole pixels, a few more or fewer of them where the sides do not divide, other than OpenCV's
    INTER_AREA, which takes parts of pixels. The result is neither clipped nor rounded.

    Raises:
        PixmendError: ``height`` or ``width`` not 1 or more, or no such mode.
    """

    height: int
    width: int
    mode: Mode

    def __post_init__(self) -> None:
        if not all(isinstance(side, int) and side >= 1 for side in (self.height, self.width)):
            raise PixmendError(f"ResizeTo: expected sides of 1 or more, got {self.height} x {self.width}")
        if self.mode not in _MODES:
            raise PixmendError(f"ResizeTo: expected a mode of {', '.join(_MODES)}, got {self.mode!r}")

    def __call__(self, image: Tensor, seed: Key = 0) -> Tensor:
        """(..., H, W) to (..., height, width); nothing is drawn from ``seed``."""
        check_picture(image, "ResizeTo")
        wide = image.to(torch.promote_types(image.dtype, torch.float32)).reshape(1, -1, *image.shape[-2:])
        resized = functional.interpolate(wide, size=(self.height, self.width), mode=self.mode)
        return resized.reshape(*image.shape[:-2], self.height, self.width).to(image.dtype)
