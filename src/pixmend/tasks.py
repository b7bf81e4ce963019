"""What a task's name says: ``sr_x2`` enlarges twice, ``dn_g25`` removes noise of sigma 25, ``dr_L`` light rain."""

import re
from dataclasses import dataclass
from typing import Literal

from pixmend.errors import PixmendError, nearest

Kind = Literal["sr", "dn", "dr"]

_EXAMPLES = ("sr_x2", "sr_x3", "sr_x4", "sr_x8", "dn_g15", "dn_g25", "dn_g50", "dr_L", "dr_H")
_PATTERN = re.compile(r"sr_x(?P<scale>[2348])|dn_g(?P<sigma>[1-9]\d{0,2})|dr_[LH]|dr", re.ASCII)

_ENLARGES = re.compile(r"_x([2-8])$", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What to restore."""

    name: str
    kind: Kind
    """Super-resolution, denoising or deraining."""
    scale: int
    """Output pixels per input pixel along each side."""
    sigma: int | None
    """Standard deviation of the noise in 8-bit units; None where no noise is added."""


def parse_task(name: str) -> Task:
    """The task of a name; ``dr`` is any rain, ``dr_L`` light and ``dr_H`` heavy rain.

    Raises:
        PixmendError: no such task; the message names the nearest one.
    """
    match = _PATTERN.fullmatch(name)
    if match is None:
        raise PixmendError(f"no task is called {name!r}: {nearest(name, _EXAMPLES)}")
    kind: Kind = "sr" if match["scale"] else "dn" if match["sigma"] else "dr"
    sigma = int(match["sigma"]) if match["sigma"] else None
    return Task(name=name, kind=kind, scale=int(match["scale"] or 1), sigma=sigma)


def scale_of(name: str) -> int:
    """Output pixels per input pixel of a task, also of one that only released weights have (``sr_real_x4``)."""
    match = _ENLARGES.search(name)
    return int(match[1]) if match else 1
