"""Released EDSR files: those of BasicSR, whose names are ours, and of EDSR-PyTorch, which hold the mean shift."""

import re
from collections.abc import Collection, Mapping

from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.models.edsr import EDSR, EDSRConfig
from pixmend.weights.families.edsr_pytorch import check_div2k, mean_of, mean_shift, renamed_modules, without_mean_shift
from pixmend.weights.families.tensors import counts, has_body, scale_of, shape_of

LAYOUTS = ("basicsr", "edsr")
REQUIRED = {
    "basicsr": {"conv_first.weight", "body.0.conv1.weight", "conv_after_body.weight", "upsample.0.weight"},
    "edsr": {"head.0.weight", "body.0.body.0.weight", "tail.0.0.weight", "tail.1.weight"},
}
BODY = {
    "basicsr": re.compile(r"body\.\d{1,3}\.conv[12]\.(weight|bias)"),
    "edsr": re.compile(r"body\.\d{1,3}\.(body\.[02]\.)?(weight|bias)"),
}
"""All that a body holds."""
RES_SCALES = {(64, 16): 1.0, (256, 32): 0.1}
"""What the released sizes, features and blocks, scale their residuals by."""


def layout_of(names: Collection[str]) -> str | None:
    """The layout of a released EDSR file, if these are its names."""
    fits = (layout for layout in LAYOUTS if has_body(names, required=REQUIRED[layout], pattern=BODY[layout]))
    return next(fits, None)


def config_of(tensors: Mapping[str, Tensor]) -> EDSRConfig:
    """Read the configuration off the names and shapes of a released file, and its mean where it holds one.

    Raises:
        PixmendError: not all of a released network is there, or it is of a size that was never released.
    """
    basicsr = "conv_first.weight" in tensors
    features = shape_of(tensors, "conv_first.weight" if basicsr else "head.0.weight", rank=4)[0]
    blocks = counts(tensors, r"body\.(\d+)\.(?:conv1|body)\.")
    if (features, blocks) not in RES_SCALES:
        known = " and ".join(f"{f} x {b}" for f, b in RES_SCALES)
        raise PixmendError(
            f"an EDSR of {features} features x {blocks} blocks: the scale of its residuals is not in the file, "
            f"and known only for {known}"
        )
    return EDSRConfig(
        features=features,
        blocks=blocks,
        res_scale=RES_SCALES[features, blocks],
        scale=scale_of(tensors, "upsample" if basicsr else "tail.0"),
        mean=mean_of(tensors),
    )


def from_official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A released file's names to ours, without the mean shift.

    Raises:
        PixmendError: what it holds is no mean shift.
    """
    if layout_of(tensors) != "edsr":
        return dict(tensors)
    blocks = counts(tensors, r"body\.(\d+)\.body\.")
    return renamed_modules(without_mean_shift(tensors, head="head.0", tail="tail.1"), _ours(blocks))


def to_official(edsr: EDSR, layout: str = LAYOUTS[0]) -> dict[str, Tensor]:
    """Our names to a released file's, with the mean shift put back where the layout has it.

    Raises:
        PixmendError: BasicSR's layout for a network whose mean is not DIV2K's, which it does not hold.
    """
    if layout == "basicsr":
        check_div2k(edsr.config.mean)
        return edsr.state_dict()
    names = {ours: theirs for theirs, ours in _ours(edsr.config.blocks).items()}
    return {**mean_shift(edsr.config.mean), **renamed_modules(edsr.state_dict(), names)}


def _ours(blocks: int) -> dict[str, str]:
    """EDSR-PyTorch's names of the modules to ours."""
    convolutions = {
        f"body.{block}.body.{2 * index}": f"body.{block}.conv{index + 1}" for block in range(blocks) for index in (0, 1)
    }
    steps = {f"tail.0.{index}": f"upsample.{index}" for index in (0, 2, 4)}
    ends = {"head.0": "conv_first", f"body.{blocks}": "conv_after_body", "tail.1": "conv_last"}
    return {**convolutions, **steps, **ends}
