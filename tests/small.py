"""Small networks: any variant with few blocks, one of each family narrow as well, and released files of those."""

from dataclasses import fields, replace
from pathlib import Path

import torch
from torch import Tensor

from pixmend.models import VARIANTS, Config, Network, build, family_of
from pixmend.weights.families import FORMATS

FEW = {
    "depths": (2, 2),
    "num_layers": 1,
    "num_blocks": (1, 1, 1, 1),
    "num_refinement_blocks": 1,
    "groups": 2,
    "blocks": 2,
    "stages": 3,
}
"""Of what repeats."""


def few(name: str, **sizes: object) -> Config:
    """The variant with few blocks; its widths stay, so that nothing else about it changes, but for these sizes."""
    config = VARIANTS[name]
    return replace(config, **{field.name: FEW[field.name] for field in fields(config) if field.name in FEW} | sizes)


SMALL: dict[str, Config] = {
    "edt_t": few("edt_t", features=4),
    # Squeezed into another number of channels, the gate's last bit depends on where in memory its weights lie.
    "hat": few("hat", dim=24, num_heads=2, squeeze=12, window=8, overlapping_window=12, scale=4),
    "restormer": few("restormer", dim=16),
    "swinir": few("swinir", dim=24, num_heads=2),
    "edsr_baseline": VARIANTS["edsr_baseline"],
    "rcan": few("rcan", features=16),
    "han": few("han", features=16),
    "rdn": few("rdn", features=16, growth=16),
    "rrdbnet": few("rrdbnet", features=8, growth=4),
    "rcdnet": few("rcdnet"),
}
"""By the name of the size that each is a small one of. EDSR is read in released sizes alone, and no IPT is small."""


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


def there_and_back(config: Config, *, layout: str | None = None) -> dict[str, Tensor]:
    """A network's tensors under official names, once all of them have come back under ours, and not as copies."""
    format_ = FORMATS[family_of(config)]
    network = build(config)
    tensors = format_.to_official(network, layout or format_.LAYOUTS[0])
    assert format_.layout_of(tensors) == (layout or format_.LAYOUTS[0])
    back, ours = format_.from_official(tensors), network.state_dict()
    assert back.keys() == ours.keys()
    assert all(back[name].data_ptr() == tensor.data_ptr() for name, tensor in ours.items())
    return tensors
