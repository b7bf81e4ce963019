"""What each task's training input is made by."""

import re

from pixmend.degrade import RAIN_HEAVY, RAIN_LIGHT, Bicubic, Chain, Degradation, GaussianNoise, Round8
from pixmend.errors import PixmendError

TRAINABLE = "sr_x2, sr_x3, sr_x4, sr_x8, dn_g<sigma>, dr_L, dr_H"


def scale(task: str) -> int:
    """Output pixels per input pixel along each side: the number in ``sr_x<number>``, else 1."""
    found = re.fullmatch(r"sr_x([2348])", task)
    return int(found[1]) if found else 1


def degradation(task: str) -> Degradation:
    """From a clean picture in [0, 1] to the task's input.

    Super-resolution learns from MATLAB bicubic reductions rounded to 8 bit, denoising from noise that is neither
    clipped nor rounded, deraining from light (``dr_L``) or heavy (``dr_H``) streaks rounded to 8 bit.

    Raises:
        PixmendError: no such task.
    """
    if scale(task) > 1:
        return Chain(Bicubic(scale=scale(task)), Round8())
    if noise := re.fullmatch(r"dn_g(\d+)", task):
        return GaussianNoise(sigma=float(noise[1]))
    if task in ("dr_L", "dr_H"):
        return Chain(RAIN_LIGHT if task == "dr_L" else RAIN_HEAVY, Round8())
    raise PixmendError(f"no training input is known for task {task!r}; there is {TRAINABLE}")
