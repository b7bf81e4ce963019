"""How close two pictures are. What changes a number (luma, border, rounding, whose SSIM) has no default."""

from pixmend.metrics.blocking import psnr_b
from pixmend.metrics.luma import Luma, bt601, bt601_rounded
from pixmend.metrics.psnr import mae, psnr
from pixmend.metrics.ssim import SSIMKind, ssim

__all__ = ["Luma", "SSIMKind", "bt601", "bt601_rounded", "mae", "psnr", "psnr_b", "ssim"]
