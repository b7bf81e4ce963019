"""Released RRDBNet files, in the names of three generations of code.

``basicsr`` is BasicSR's and Real-ESRGAN's; ``rrdb_trunk`` that of ESRGAN's second code and of BSRGAN; ``esrgan_old``
that of its first, a numbered sequence whose enlarging steps and last two convolutions move with the scale. A file of
the last may have lost the ``model.`` before every name.
"""

import re
from collections.abc import Collection, Mapping

from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.models.rrdbnet import UNSHUFFLED, RRDBNet, RRDBNetConfig
from pixmend.weights.families.tensors import counts, renamed, shape_of

LAYOUTS = ("basicsr", "rrdb_trunk", "esrgan_old")
NEEDED = {
    "basicsr": ("conv_first.weight", "body.0.rdb1.conv1.weight", "conv_body.weight", "conv_last.weight"),
    "rrdb_trunk": ("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight", "trunk_conv.weight", "conv_last.weight"),
    "esrgan_old": ("0.weight", "1.sub.0.RDB1.conv1.0.weight"),
}
OTHER = ("am_list.", "de_net.")
"""Parts of MM-RealSR, which has a network around this one."""
BLOCK = re.compile(r"^(?:1\.sub|RRDB_trunk)\.(\d{1,3})\.RDB([123])\.conv([1-5])(?:\.0)?$")
OUR_BLOCK = re.compile(r"^body\.(\d+)\.rdb([123])\.conv([1-5])$")
TRUNK = {
    "conv_body": "trunk_conv",
    "conv_up1": "upconv1",
    "conv_up2": "upconv2",
    "conv_up3": "upconv3",
    "conv_hr": "HRconv",
}
"""Our modules outside the blocks that ``rrdb_trunk`` calls differently."""
FUSION = re.compile(r"1\.sub\.\d{1,3}")
"""In ``esrgan_old`` the last of the trunk, after the blocks."""
NUMBERED = re.compile(r"(\d{1,2})\.weight")
PREFIX = "model."


def layout_of(names: Collection[str]) -> str | None:
    """The layout of a released RRDBNet file, if these are its names."""
    if any(name.startswith(OTHER) for name in names):
        return None
    bare = {name.removeprefix(PREFIX) for name in names}
    return next((layout for layout, needed in NEEDED.items() if bare.issuperset(needed)), None)


def config_of(tensors: Mapping[str, Tensor]) -> RRDBNetConfig:
    """Read the configuration off the names and shapes of a released file.

    Raises:
        PixmendError: not all of a network is there, or not in a shape it can have.
    """
    if any(".conv1x1." in name for name in tensors):
        raise PixmendError("a file of ESRGAN+, whose blocks have more convolutions; pixmend has ESRGAN's own network")
    ours = from_official(tensors)
    features, seen = shape_of(ours, "conv_first.weight", rank=4)[:2]
    channels = shape_of(ours, "conv_last.weight", rank=4)[0]
    steps = counts(ours, r"conv_up(\d)\.")
    unshuffle = next((factor for factor in UNSHUFFLED if seen == channels * factor**2), None)
    if unshuffle is None or unshuffle > 2**steps:
        raise PixmendError(f"conv_first.weight: {seen} channels in, {channels} out and {steps} steps give no scale")
    return RRDBNetConfig(
        features=features,
        growth=shape_of(ours, "body.0.rdb1.conv1.weight", rank=4)[0],
        blocks=counts(ours, r"body\.(\d{1,3})\."),
        scale=2**steps // unshuffle,
        steps=steps,
        channels=channels,
    )


def from_official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released file's names to ours.

    Raises:
        PixmendError: two tensors would have one name.
    """
    old = layout_of(tensors) == "esrgan_old"
    bare = {name: name.removeprefix(PREFIX) for name in tensors}
    steps = sum(bool(NUMBERED.fullmatch(name)) for name in bare.values()) - len(("conv_first", "conv_hr", "conv_last"))
    names = {theirs: our for our, theirs in (_numbered(steps) if old else TRUNK).items()}

    def new_name(name: str) -> str:
        module, _, leaf = bare[name].rpartition(".")
        module = BLOCK.sub(r"body.\1.rdb\2.conv\3", module)
        module = "conv_body" if old and FUSION.fullmatch(module) else names.get(module, module)
        return f"{module}.{leaf}"

    return renamed(tensors, new_name)


def to_official(network: RRDBNet, layout: str = LAYOUTS[0]) -> dict[str, Tensor]:
    """Our names to a released file's."""
    state = dict(network.state_dict())
    if layout == "basicsr":
        return state
    if layout == "rrdb_trunk":
        blocks, names = r"RRDB_trunk.\1.RDB\2.conv\3", TRUNK
    else:
        blocks = rf"{PREFIX}1.sub.\1.RDB\2.conv\3.0"
        names = {our: PREFIX + theirs for our, theirs in _numbered(network.config.steps).items()}
        names["conv_body"] = f"{PREFIX}1.sub.{network.config.blocks}"
    official: dict[str, Tensor] = {}
    for name, tensor in state.items():
        module, _, leaf = name.rpartition(".")
        official[f"{OUR_BLOCK.sub(blocks, names.get(module, module))}.{leaf}"] = tensor
    return official


def _numbered(steps: int) -> dict[str, str]:
    """Our names of the modules that are numbers in ``esrgan_old``: a step is an enlargement, a convolution, a ReLU."""
    ups = {f"conv_up{step}": str(3 * step) for step in range(1, steps + 1)}
    return {"conv_first": "0"} | ups | {"conv_hr": str(3 * steps + 2), "conv_last": str(3 * steps + 4)}
