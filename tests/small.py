"""Networks small enough to be made in a moment, one of each family, and released files of them."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from pixmend.models import VARIANTS, Config, Network, build, family_of
from pixmend.weights.families import FORMATS

SMALL: dict[str, Config] = {
    "edt_t": replace(VARIANTS["edt_t"], features=4, depths=(2,)),
    "hat": replace(
        VARIANTS["hat"], dim=24, depths=(2,), num_heads=2, squeeze=4, window=8, overlapping_window=12, scale=4
    ),
    "restormer": replace(VARIANTS["restormer"], dim=16, num_blocks=(1, 1, 1, 1), num_refinement_blocks=1),
    "swinir": replace(VARIANTS["swinir"], dim=24, depths=(2,), num_heads=2),
    "edsr_baseline": VARIANTS["edsr_baseline"],
    "rcan": replace(VARIANTS["rcan"], features=16, groups=2, blocks=1),
    "rrdbnet": replace(VARIANTS["rrdbnet"], features=8, growth=4, blocks=1),
    "rcdnet": replace(VARIANTS["rcdnet"], stages=3, blocks=1),
}
"""By the name of the size that each is a small one of; of EDSR only released sizes can be read."""


def official(config: Config, *, layout: str | None = None) -> dict[str, Tensor]:
    """The tensors of a released file with random weights."""
    format_ = FORMATS[family_of(config)]
    return format_.to_official(build(config).eval(), layout or format_.LAYOUTS[0])


def released(path: Path, config: Config) -> Path:
    """Such a file."""
    torch.save({name: tensor.detach() for name, tensor in official(config).items()}, path)
    return path


def picture(network: Network, *, side: int = 16) -> Tensor:
    return torch.linspace(0, 1, network.select(network.tasks[0] if network.tasks else None).in_channels * side**2).view(
        1, -1, side, side
    )
