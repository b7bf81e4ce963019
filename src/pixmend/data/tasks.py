"""What each task's training input is made by."""

from dataclasses import replace

from pixmend.degrade import (
    JPEG,
    RAIN_HEAVY,
    RAIN_LIGHT,
    Bicubic,
    Chain,
    Degradation,
    GaussianNoise,
    RainStreaks,
    RealESRGAN,
    Round8,
)
from pixmend.errors import PixmendError
from pixmend.tasks import parse_task

_RAIN = {"dr_L": RAIN_LIGHT, "dr_H": RAIN_HEAVY}
_BLIND = {"dn_blind": GaussianNoise(sigma=(0.0, 50.0))}
_REAL = {"sr_real_x2": RealESRGAN(scale=2), "sr_real_x4": RealESRGAN(scale=4)}
"""Tasks that are trained and not scored: what they do no benchmark says. Restormer's denoiser of any sigma; networks
for real photographs."""


def scale(task: str) -> int:
    """Output pixels per input pixel along each side: the number in ``sr_x<number>``, else 1.

    Raises:
        PixmendError: no such task.
    """
    if task in _REAL:
        return _REAL[task].scale
    return 1 if task in _BLIND else parse_task(task).scale


def degradation(task: str, *, round8: bool = True, clip: bool = False) -> Degradation:
    """From a clean picture in [0, 1] to the task's input.

    Super-resolution learns from MATLAB bicubic reductions, denoising from Gaussian noise, of any sigma up to 50 for
    ``dn_blind``, deraining from light (``dr_L``) or heavy (``dr_H``) streaks, ``jpeg_q40`` from what the encoder
    leaves at that quality, ``sr_real_x4`` from Real-ESRGAN's blur, resizing, noise and JPEG, twice over. Small and
    rainy pictures are rounded to 8 bits, as files hold them, unless ``round8`` is False, as for HAT on ImageNet; noise
    is never rounded, and clipped to [0, 1] only with ``clip``, as for IPT.

    Raises:
        PixmendError: no such task, one whose input only a camera makes, or ``dr``, which does not say how much it
            rains.
    """
    if task in _BLIND:
        return replace(_BLIND[task], clip=clip)
    if task in _REAL:
        return _REAL[task]
    parsed = parse_task(task)
    if parsed.kind == "sr":
        return _rounded(Bicubic(scale=parsed.scale), round8)
    if parsed.sigma is not None:
        return GaussianNoise(sigma=float(parsed.sigma), clip=clip)
    if parsed.quality is not None:
        return JPEG(quality=parsed.quality)
    if parsed.kind != "dr":
        raise PixmendError(
            f"task {task}: its input cannot be made of clean pictures: training it takes pairs of degraded and clean "
            f"ones; what can be made is sr_x*, sr_real_x*, dn_g*, dn_blind, dr_* and jpeg_q*"
        )
    if task not in _RAIN:
        raise PixmendError(
            f"task {task}: does not say how much rain to train on: use {' or '.join(_RAIN)}, or pairs of rainy and "
            f"clean pictures"
        )
    return _rounded(_RAIN[task], round8)


def _rounded(made: Bicubic | RainStreaks, round8: bool) -> Chain:
    return Chain(made, Round8()) if round8 else Chain(made)  # alone it would draw other rain
