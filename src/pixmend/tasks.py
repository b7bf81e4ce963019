"""What a task's name says: ``sr_x2`` enlarges twice, ``dn_g25`` removes noise of sigma 25, ``jpeg_q40`` JPEG."""

import re
from dataclasses import dataclass
from typing import Literal

from pixmend.errors import PixmendError, nearest

Kind = Literal["sr", "dn", "real", "dr", "jpeg", "deblur", "defocus"]

_EXAMPLES = ("sr_x2", "sr_x3", "sr_x4", "sr_x8", "dn_g15", "dn_g25", "dn_g50", "dr_L", "dr_H")
_EXAMPLES += ("dn_real", "jpeg_q10", "jpeg_q40", "deblur", "defocus", "defocus_dual")
_PATTERN = re.compile(
    r"sr_x(?P<scale>[2348])|dn_g(?P<sigma>[1-9]\d{0,2})|jpeg_q(?P<quality>[1-9]\d?|100)|dn_real|dr(_[LH])?|deblur|defocus(_dual)?",
    re.ASCII,
)
_KINDS: dict[str, Kind] = {"dn_real": "real", "deblur": "deblur", "defocus": "defocus", "defocus_dual": "defocus"}

_UNSCORED = ("dn_blind", "sr_real_x2", "sr_real_x4")
"""What networks are trained for and restore, and no benchmark is of."""

_ENLARGES = re.compile(r"_x([2-8])$", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What to restore."""

    name: str
    kind: Kind
    """Super-resolution, removing Gaussian noise, a camera's own noise, rain, JPEG's traces, motion or defocus blur."""
    scale: int
    """Output pixels per input pixel along each side."""
    sigma: int | None
    """Standard deviation of the noise in 8-bit units; None where no noise is added."""
    quality: int | None = None
    """Of the JPEG encoder, 1 to 100; None where nothing is coded."""


def parse_task(name: str) -> Task:
    """The task of a name; ``dr`` is any rain, ``dr_L`` light and ``dr_H`` heavy rain.

    Raises:
        PixmendError: no such task; the message names the nearest one. Also one that no benchmark is of.
    """
    if name in _UNSCORED:
        raise PixmendError(f"task {name}: there is no benchmark of it: networks are trained for it, and not scored")
    match = _PATTERN.fullmatch(name)
    if match is None:
        raise PixmendError(f"no task is called {name!r}: {nearest(name, _EXAMPLES)}")
    found: Kind = "sr" if match["scale"] else "dn" if match["sigma"] else "jpeg" if match["quality"] else "dr"
    sigma, quality = (int(match[part]) if match[part] else None for part in ("sigma", "quality"))
    kind = _KINDS.get(name, found)
    return Task(name=name, kind=kind, scale=int(match["scale"] or 1), sigma=sigma, quality=quality)


def scale_of(name: str) -> int:
    """Output pixels per input pixel of a task, also of one that only released weights have (``sr_real_x4``)."""
    match = _ENLARGES.search(name)
    return int(match[1]) if match else 1
