"""Released RCDNet files (hongwang01/RCDNet), whose names are ours.

They hold parameters that no computation uses (``RCDNet.UNUSED`` and all but one copy of the dictionary). The network
keeps them, so that a file comes back as it was.
"""

from collections.abc import Collection, Mapping

from torch import Tensor

from pixmend.models.rcdnet import RCDNet, RCDNetConfig
from pixmend.weights.families.tensors import counts, shape_of

LAYOUTS = ("rcdnet",)
REQUIRED = {
    *("eta11", "eta12", "tau", "weight0", "conv", "w_z_f"),
    *("x_stage.0.resx1.0.weight", "m_stage.0.resm1.0.weight", "m_stage.0.tau", "fxnet.resx1.0.weight"),
}


def layout_of(names: Collection[str]) -> str | None:
    """The layout of a released RCDNet file, if these are its names."""
    return LAYOUTS[0] if REQUIRED.issubset(names) else None


def config_of(tensors: Mapping[str, Tensor]) -> RCDNetConfig:
    """Read the configuration off the names and shapes of a released file.

    Raises:
        PixmendError: not all of a released network is there, or not in a shape it can have.
    """
    maps, kernel = shape_of(tensors, "weight0", rank=4)[1:3]
    return RCDNetConfig(
        stages=counts(tensors, r"x_stage\.(\d+)\."),
        maps=maps,
        dual=shape_of(tensors, "w_z_f", rank=4)[0],
        blocks=counts(tensors, r"x_stage\.0\.resx(\d+)\."),
        kernel=kernel,
    )


def from_official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released file's names to ours, which are the same."""
    return dict(tensors)


def to_official(rcdnet: RCDNet, layout: str = LAYOUTS[0]) -> dict[str, Tensor]:
    """Our names to a released file's, which are the same."""
    del layout  # there is one
    return rcdnet.state_dict()
