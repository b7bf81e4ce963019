"""Released HAN files (wwlCape/HAN), whose names are ours; beside ours they hold the mean shift."""

import re
from collections.abc import Collection, Mapping

from torch import Tensor

from pixmend.models.han import HAN, HANConfig
from pixmend.weights.families.edsr_pytorch import mean_of, mean_shift, without_mean_shift
from pixmend.weights.families.tensors import counts, has_body, scale_of, shape_of

LAYOUTS = ("han",)
SQUEEZE = "body.0.body.0.body.3.conv_du.0.weight"
"""The first convolution of the attention of the first block."""
REQUIRED = {"head.0.weight", SQUEEZE, "la.gamma", "csa.gamma", "csa.conv.weight", "last_conv.weight", "last.weight"}
BODY = re.compile(r"body\.\d+\.(body\.\d+\.(body\.([02]|3\.conv_du\.[02])\.)?)?(weight|bias)")
"""All that a body holds."""


def layout_of(names: Collection[str]) -> str | None:
    """The layout of a released HAN file, if these are its names."""
    return LAYOUTS[0] if has_body(names, required=REQUIRED, pattern=BODY) else None


def config_of(tensors: Mapping[str, Tensor]) -> HANConfig:
    """Read the configuration off the names and shapes of a released file, and its mean where it holds one.

    Raises:
        PixmendError: not all of a released network is there, or not in a shape it can have.
    """
    squeezed, features = shape_of(tensors, SQUEEZE, rank=4)[:2]
    return HANConfig(
        groups=counts(tensors, r"body\.(\d+)\.body\."),
        blocks=counts(tensors, r"body\.0\.body\.(\d+)\.body\."),
        features=features,
        reduction=features // max(squeezed, 1),
        scale=scale_of(tensors, "tail.0"),
        mean=mean_of(tensors),
    )


def from_official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released file's tensors without the mean shift.

    Raises:
        PixmendError: what it holds is no mean shift.
    """
    return without_mean_shift(tensors, head="head.0", tail="tail.1")


def to_official(han: HAN, layout: str = LAYOUTS[0]) -> dict[str, Tensor]:
    """Our tensors with the mean shift put back."""
    del layout  # there is one
    return {**mean_shift(han.config.mean), **han.state_dict()}
