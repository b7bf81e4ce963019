"""Released RDN files, in the names of EDSR-PyTorch."""

from collections.abc import Collection, Mapping

from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.models.rdn import RDN, RDNConfig
from pixmend.weights.families.tensors import counts, shape_of

LAYOUTS = ("rdn",)
NEEDED = ("SFENet1.weight", "SFENet2.weight", "RDBs.0.convs.0.conv.0.weight", "GFF.0.weight", "UPNet.0.weight")
SCALES = {4: 2, 9: 3}
"""Scales of an upsampler of one step, by how often it repeats the growth."""


def layout_of(names: Collection[str]) -> str | None:
    """The layout of a released RDN file, if these are its names."""
    return LAYOUTS[0] if all(name in names for name in NEEDED) else None


def config_of(tensors: Mapping[str, Tensor]) -> RDNConfig:
    """Read the configuration off the names and shapes of a released file.

    Raises:
        PixmendError: not all of a network is there, or not in a shape it can have.
    """
    growth, features = shape_of(tensors, "RDBs.0.convs.0.conv.0.weight", rank=4)[:2]
    grown = shape_of(tensors, "UPNet.0.weight", rank=4)[0]
    times = grown // growth if growth and grown % growth == 0 else 0
    if times not in SCALES:
        raise PixmendError(f"UPNet.0.weight: {grown} channels for a growth of {growth} give no scale of 2, 3 or 4")
    return RDNConfig(
        features=features,
        growth=growth,
        blocks=counts(tensors, r"RDBs\.(\d{1,3})\."),
        layers=counts(tensors, r"RDBs\.0\.convs\.(\d{1,3})\."),
        scale=4 if "UPNet.4.weight" in tensors else SCALES[times],
    )


def from_official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released file's names to ours, which are the same."""
    return dict(tensors)


def to_official(rdn: RDN, layout: str = LAYOUTS[0]) -> dict[str, Tensor]:
    """Our names to a released file's, which are the same."""
    del layout  # there is one
    return dict(rdn.state_dict())
