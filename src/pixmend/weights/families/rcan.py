"""Released RCAN files: those of the authors, whose names are ours, and of BasicSR, which do not hold the mean."""

import re
from collections.abc import Collection, Mapping

from torch import Tensor

from pixmend.models.rcan import RCAN, RCANConfig
from pixmend.weights.families.edsr_pytorch import check_div2k, mean_of, mean_shift, renamed_modules, without_mean_shift
from pixmend.weights.families.tensors import counts, has_body, scale_of, shape_of

LAYOUTS = ("rcan", "basicsr")
SQUEEZE = {
    "rcan": "body.0.body.0.body.3.conv_du.0.weight",
    "basicsr": "body.0.residual_group.0.rcab.3.attention.1.weight",
}
"""The first convolution of the attention of the first block."""
REQUIRED = {
    "rcan": {"head.0.weight", SQUEEZE["rcan"], "tail.0.0.weight", "tail.1.weight"},
    "basicsr": {"conv_first.weight", SQUEEZE["basicsr"], "conv_after_body.weight", "upsample.0.weight"},
}
BODY = {
    "rcan": re.compile(r"body\.\d+\.(body\.\d+\.(body\.([02]|3\.conv_du\.[02])\.)?)?(weight|bias)"),
    "basicsr": re.compile(r"body\.\d+\.(residual_group\.\d+\.rcab\.([02]|3\.attention\.[13])|conv)\.(weight|bias)"),
}
"""All that a body holds."""
HAN = {"la.gamma", "csa.gamma"}
"""What HAN has beside RCAN's trunk."""


def layout_of(names: Collection[str]) -> str | None:
    """The layout of a released RCAN file, if these are its names."""
    fits = (layout for layout in LAYOUTS if has_body(names, required=REQUIRED[layout], pattern=BODY[layout]))
    return None if HAN & set(names) else next(fits, None)


def config_of(tensors: Mapping[str, Tensor]) -> RCANConfig:
    """Read the configuration off the names and shapes of a released file, and its mean where it holds one.

    Raises:
        PixmendError: not all of a released network is there, or not in a shape it can have.
    """
    layout = "basicsr" if "conv_first.weight" in tensors else "rcan"
    squeezed, features = shape_of(tensors, SQUEEZE[layout], rank=4)[:2]
    return RCANConfig(
        groups=counts(tensors, r"body\.(\d+)\.(?:body|residual_group)\."),
        blocks=counts(tensors, r"body\.0\.(?:body|residual_group)\.(\d+)\.(?:body|rcab)\."),
        features=features,
        reduction=features // max(squeezed, 1),
        scale=scale_of(tensors, "upsample" if layout == "basicsr" else "tail.0"),
        mean=mean_of(tensors),
    )


def from_official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released file's names to ours, without the mean shift.

    Raises:
        PixmendError: what it holds is no mean shift, or it is of no size a network can have.
    """
    if layout_of(tensors) == "basicsr":
        return renamed_modules(tensors, _ours(config_of(tensors)))
    return without_mean_shift(tensors, head="head.0", tail="tail.1")


def to_official(rcan: RCAN, layout: str = LAYOUTS[0]) -> dict[str, Tensor]:
    """Our names to a released file's, with the mean shift put back where the layout has it.

    Raises:
        PixmendError: BasicSR's layout for a network whose mean is not DIV2K's, which it does not hold.
    """
    if layout == "basicsr":
        check_div2k(rcan.config.mean)
        return renamed_modules(rcan.state_dict(), {ours: theirs for theirs, ours in _ours(rcan.config).items()})
    return {**mean_shift(rcan.config.mean), **rcan.state_dict()}


def _ours(config: RCANConfig) -> dict[str, str]:
    """BasicSR's names of the modules to ours."""
    names = {"conv_first": "head.0", "conv_after_body": f"body.{config.groups}", "conv_last": "tail.1"}
    names |= {f"upsample.{index}": f"tail.0.{index}" for index in (0, 2, 4)}
    inside = {"0": "0", "2": "2", "3.attention.1": "3.conv_du.0", "3.attention.3": "3.conv_du.2"}
    for group in range(config.groups):
        names[f"body.{group}.conv"] = f"body.{group}.body.{config.blocks}"
        for block in range(config.blocks):
            theirs, ours = f"body.{group}.residual_group.{block}.rcab", f"body.{group}.body.{block}.body"
            names |= {f"{theirs}.{key}": f"{ours}.{value}" for key, value in inside.items()}
    return names
