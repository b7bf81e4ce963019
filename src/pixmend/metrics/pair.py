"""What psnr and ssim share: checking a pair of pictures and turning rows of it into the values to compare.

C channels, H and W height and width in pixels, R rows of a band. A band fits the processor's cache, which
makes both metrics several times faster than whole pictures would be, and lets pictures be of any size.
"""

from typing import get_args

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.metrics.luma import Luma, bt601, bt601_rounded

BAND = 32
"""Rows scored at a time."""


def cropped(a: Tensor, b: Tensor, *, border: int, luma: Luma, smallest: int) -> tuple[Tensor, Tensor]:
    """Both pictures without ``border`` pixels on each side, at least ``smallest`` pixels high and wide.

    Raises:
        PixmendError: shapes differ, are not (1, H, W) or (3, H, W) or too small; not floats; unknown luma.
    """
    shapes = f"got {tuple(a.shape)} and {tuple(b.shape)}"
    if a.shape != b.shape:
        raise PixmendError(f"metrics: expected two pictures of one shape, {shapes}")
    if a.dim() != 3 or a.shape[0] not in (1, 3):
        raise PixmendError(f"metrics: expected pictures (3, H, W) or (1, H, W), {shapes}: score a batch one by one")
    if not (a.is_floating_point() and b.is_floating_point()):
        raise PixmendError(f"metrics: expected floats in [0, 1], got {a.dtype} and {b.dtype}: divide 8-bit by 255")
    if luma not in get_args(Luma):
        raise PixmendError(f"metrics: unknown luma {luma!r}: expected one of {', '.join(get_args(Luma))}")
    if border < 0 or min(a.shape[1:]) - 2 * border < smallest:
        raise PixmendError(
            f"metrics: expected a border of 0 or more that leaves {smallest} x {smallest} pixels, "
            f"got {border} on pictures of shape {tuple(a.shape)}"
        )
    rows, columns = (slice(border, size - border) for size in a.shape[1:])
    return a[:, rows, columns], b[:, rows, columns]


def levels(image: Tensor, *, luma: Luma, round8: bool) -> Tensor:
    """(C, R, W) in [0, 1] to the values compared, (C or 1, R, W) float64 in 0 .. 255.

    ``round8`` clamps and rounds to 8 bit with the arithmetic of ``pixmend.write_image``, so that a picture
    and the file made of it score the same.
    """
    if round8:
        image = image.float().clamp(0, 1).mul_(255).add_(0.5).floor_().double().div_(255)
    if luma == "bt601":
        image = bt601(image)
    elif luma == "bt601_rounded":
        image = bt601_rounded(image)
    return image.to(torch.float64) * 255
