"""How close two pictures are. What changes a number (luma, border, rounding) has no default."""

from pixmend.metrics.luma import Luma, bt601, bt601_rounded
from pixmend.metrics.psnr import psnr
from pixmend.metrics.ssim import ssim

__all__ = ["Luma", "bt601", "bt601_rounded", "psnr", "ssim"]
