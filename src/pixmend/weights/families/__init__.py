"""The formats of released files, one module per family: from a file's names and shapes to ours, and back."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from pixmend import models
from pixmend.errors import PixmendError
from pixmend.weights.families import (
    edsr,
    edt,
    foreign,
    han,
    hat,
    ipt,
    rcan,
    rcdnet,
    rdn,
    restormer,
    rrdbnet,
    swinir,
)


class Format(Protocol):
    """What a family's module offers."""

    @property
    def LAYOUTS(self) -> tuple[str, ...]:
        """The ways its released files name their tensors; ``to_official`` writes the first unless told."""
        ...

    def layout_of(self, names: Collection[str]) -> str | None:
        """The layout of a file with these names; None if it is of another family."""
        ...

    def config_of(self, tensors: Mapping[str, Tensor]) -> Any:
        """The configuration, from names and shapes alone."""
        ...

    def from_official(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A released file's names to ours, without what follows from the configuration."""
        ...

    def to_official(self, network: Any, /, layout: str = ...) -> dict[str, Tensor]:
        """The inverse, with what follows from the configuration put back."""
        ...


FORMATS: dict[str, Format] = {
    "edt": edt,
    "ipt": ipt,
    "hat": hat,
    "restormer": restormer,
    "swinir": swinir,
    "edsr": edsr,
    "rcan": rcan,
    "han": han,
    "rdn": rdn,
    "rrdbnet": rrdbnet,
    "rcdnet": rcdnet,
}


def recognise(names: Collection[str]) -> tuple[str, str]:
    """The family and layout of a released file with these names.

    Raises:
        PixmendError: a family that pixmend does not have, which is named where it is known; or nearly one that it has.
    """
    for family, format_ in FORMATS.items():
        layout = format_.layout_of(names)
        if layout is not None:
            return family, layout
    other = foreign.looks_like(names)
    if other is not None:
        raise PixmendError(f"this looks like {other}, which pixmend does not have; it has {', '.join(FORMATS)}")
    alike = foreign.nearest(names, _known_names())
    if alike is not None:
        family, differences = alike
        raise PixmendError(f"nearly a file of {family}, but not all of one: {', '.join(differences) or 'incomplete'}")
    first = ", ".join(list(names)[:3])
    raise PixmendError(f"not a file of a family pixmend knows ({', '.join(FORMATS)}); its tensors begin {first}")


def _known_names() -> dict[str, list[str]]:
    """The names in a released file of each family and layout. They take seconds: only for what is not recognised."""
    known = {}
    for family, format_ in FORMATS.items():
        config = next(config for config in models.VARIANTS.values() if models.family_of(config) == family)
        with torch.device("meta"):
            network = models.build(config)
            for layout in format_.LAYOUTS:
                called = family if layout == family else f"{family} in the names of {layout}"
                known[called] = list(format_.to_official(network, layout))
    return known
