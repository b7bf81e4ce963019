"""A protocol: everything that changes a score beside the model and the pictures, under one name and version.

C channels, H and W height and width in pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor

from pixmend.degrade import round8
from pixmend.errors import PixmendError
from pixmend.evaluate.alignment import align
from pixmend.evaluate.noise import Noise
from pixmend.metrics import Luma, SSIMKind, bt601_rounded, mae, psnr, psnr_b, ssim
from pixmend.tasks import Kind, Task

Given = Literal["rgb", "grey", "luma"]
"""What a network is given: three channels (grey is repeated), the grey OpenCV reads colours as, or BT.601 luma."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """PSNR in dB (``inf`` for identical pictures) and what else the protocol measures, None where it does not."""

    psnr: float
    ssim: float | None = None
    psnr_b: float | None = None
    """PSNR less the trace of 8 x 8 blocks, in dB."""
    mae: float | None = None
    """Mean absolute error in [0, 1]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """How restored pictures are scored. Derive variants with ``dataclasses.replace``, under a new name."""

    name: str
    version: int
    """Counts up whenever a change of the protocol changes a number."""
    source: str
    """Whose behaviour it reproduces, and who differs."""
    kinds: tuple[Kind, ...]
    """The tasks it scores."""
    luma: Luma
    """The values compared, of what the network was given."""
    border: int | Literal["scale"]
    """Pixels left out on each side; ``scale`` is the task's scale, and nothing where that is 1."""
    round8: bool
    """Whether both pictures are clamped and rounded to 8 bit first; otherwise the restored one is only clamped."""
    ssim: SSIMKind | None
    """Which structural similarity; None where the paper prints none."""
    given: Given = "rgb"
    noise: Noise | None = None
    """How a denoising task makes its input."""
    psnr_b: bool = False
    mae: bool = False
    aligned: bool = False
    """Whether the restored picture, rounded, is moved onto the true one first; nothing is rounded after that."""
    order: Literal["natural", "name"] = "natural"
    """The order of the files, which counts where noise is seeded once a run."""

    def border_at(self, scale: int) -> int:
        """Pixels left out on each side of a picture enlarged ``scale`` times."""
        if self.border == "scale":
            return scale if scale > 1 else 0
        return self.border

    def channels(self, task: Task) -> int:
        """How many a network is given for a task: six of the two views of a dual-pixel camera."""
        return 6 if task.name == "defocus_dual" else 3 if self.given == "rgb" else 1

    def give(self, image: Tensor) -> Tensor:
        """A picture as stored, grey (1, H, W) or colour (3, H, W), to what the network is given and scored on.

        Six channels, the two views of a dual-pixel camera, are given as they are.
        """
        if self.given == "rgb":
            return image.expand(3, -1, -1) if image.shape[0] == 1 else image
        if image.shape[0] == 1:
            return image
        return opencv_grey(image) if self.given == "grey" else bt601_rounded(image).float()

    def score(self, image: Tensor, high: Tensor, *, scale: int) -> Score:
        """Compare (C, H, W) with the true picture of the same shape; errors as ``metrics.ssim``."""
        image, mask, rounded = image.clamp(0, 1), None, self.round8
        if self.aligned:
            found = align(round8(image) if rounded else image, high)
            image, high, mask, rounded = found.restored, found.true, found.mask, False
        border, luma = self.border_at(scale), self.luma
        return Score(
            psnr=psnr(image, high, border=border, luma=luma, round8=rounded, mask=mask),
            ssim=ssim(image, high, border=border, luma=luma, round8=rounded, kind=self.ssim, mask=mask)
            if self.ssim
            else None,
            psnr_b=psnr_b(image, high, border=border, luma=luma, round8=rounded) if self.psnr_b else None,
            mae=mae(image, high, border=border, luma=luma, round8=rounded) if self.mae else None,
        )

    def check(self, kind: Kind) -> None:
        """Refuse a task that it does not score.

        Raises:
            PixmendError: another kind of task.
        """
        if kind not in self.kinds:
            kinds = ", ".join(self.kinds)
            raise PixmendError(
                f"protocol {self.name}: scores {kinds}, not {kind}: name another, or none for the task's own"
            )

    def describe(self) -> str:
        """What is fixed, in one line for people."""
        measures = ["PSNR", *(["SSIM"] if self.ssim else []), *(["PSNR-B"] if self.psnr_b else [])]
        measures += ["MAE"] if self.mae else []
        values = f"{' and '.join(measures)} on {_GIVEN[self.given] or _LUMAS[self.luma]}"
        border = "border of scale pixels left out" if self.border == "scale" else f"border {self.border}"
        parts = [values, border, "8-bit pictures" if self.round8 else "unrounded pictures"]
        parts += [_SSIMS[self.ssim]] if self.ssim else []
        parts += ["restored picture aligned first"] if self.aligned else []
        return "; ".join([*parts, *([self.noise.describe()] if self.noise else [])])


_GIVEN: Mapping[Given, str] = MappingProxyType(
    {"rgb": "", "grey": "grey pictures (as OpenCV reads colours)", "luma": "grey pictures (BT.601 luma, rounded)"}
)
_LUMAS: Mapping[Luma, str] = MappingProxyType(
    {
        "rgb": "RGB",
        "bt601": "BT.601 luma, not rounded",
        "bt601_rounded": "BT.601 luma, rounded to 8 bit",
        "ipt": "IPT's luma (weights over 256)",
        "full_range": "full-range luma",
    }
)
_SSIMS: Mapping[SSIMKind, str] = MappingProxyType(
    {
        "wang": "SSIM of Wang et al., 11 x 11 Gaussian window inside the picture",
        "matlab": "SSIM of MATLAB's ssim, colours as a volume",
        "uniform": "SSIM of scikit-image, 7 x 7 window",
    }
)


def opencv_grey(image: Tensor) -> Tensor:
    """(3, H, W) in [0, 1] to (1, H, W): the 8-bit grey as which OpenCV reads a PNG file in colour.

    That is libpng's, 0.299 R + 0.587 G + 0.114 B in whole 32768ths and cut off, not rounded as OpenCV's own
    conversion of a picture in memory; half of all pixels differ by a level. Other formats have yet other rules.
    """
    red, green, blue = image.mul(255).round().to(torch.int32)
    grey = (red * 9797 + green * 19234 + blue * 3737) >> 15
    return torch.where((red == green) & (green == blue), red, grey)[None].float() / 255
