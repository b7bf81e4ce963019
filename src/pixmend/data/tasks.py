"""What each task's training input is made by."""

from pixmend.degrade import JPEG, RAIN_HEAVY, RAIN_LIGHT, Bicubic, Chain, Degradation, GaussianNoise, Round8
from pixmend.errors import PixmendError
from pixmend.tasks import parse_task

_RAIN = {"dr_L": RAIN_LIGHT, "dr_H": RAIN_HEAVY}


def scale(task: str) -> int:
    """Output pixels per input pixel along each side: the number in ``sr_x<number>``, else 1.

    Raises:
        PixmendError: no such task.
    """
    return parse_task(task).scale


def degradation(task: str) -> Degradation:
    """From a clean picture in [0, 1] to the task's input.

    Super-resolution learns from MATLAB bicubic reductions rounded to 8 bit, denoising from noise that is neither
    clipped nor rounded, deraining from light (``dr_L``) or heavy (``dr_H``) streaks rounded to 8 bit, ``jpeg_q40`` from
    what the encoder leaves at that quality.

    Raises:
        PixmendError: no such task, one whose input only a camera makes, or ``dr``, which does not say how much it
            rains.
    """
    parsed = parse_task(task)
    if parsed.kind == "sr":
        return Chain(Bicubic(scale=parsed.scale), Round8())
    if parsed.sigma is not None:
        return GaussianNoise(sigma=float(parsed.sigma))
    if parsed.quality is not None:
        return JPEG(quality=parsed.quality)
    if parsed.kind != "dr":
        raise PixmendError(
            f"task {task}: its input cannot be made of clean pictures: use sr_x*, dn_g*, dr_* or jpeg_q*"
        )
    if task not in _RAIN:
        raise PixmendError(f"task {task}: does not say how much rain to train on: use {' or '.join(_RAIN)}")
    return Chain(_RAIN[task], Round8())
