"""Moving a restored picture onto the true one, as RealBlur is scored.

H and W height and width in pixels.
"""

from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixmend.errors import PixmendError

_ROUNDS = 100
_BLUR = 5
"""Pixels of the Gaussian that smooths both pictures before they are compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Aligned:
    """Two pictures that lie on each other, (3, H, W) float32, both 0 where the mask is."""

    restored: Tensor
    true: Tensor
    mask: Tensor
    """(1, H, W) float32: 1 where the moved picture has pixels, else 0."""


def align(restored: Tensor, true: Tensor) -> Aligned:
    """Match the brightness of (3, H, W) in [0, 1] to the true picture and warp it onto it by a homography.

    Score the result with ``mask=aligned.mask``, neither rounded nor with a border left out. RealBlur's sharp
    and blurred pictures were taken by two cameras, whose small misalignment costs several dB otherwise.

    Raises:
        PixmendError: no two colour pictures of one shape, OpenCV is missing, or no homography is found.

    Source: ``evaluate_RealBlur.py`` of RealBlur, MPRNet and Restormer: 100 rounds of ECC (Evangelidis and
    Psarakis 2008) on grey pictures, from the identity; cubic interpolation. Brightness is matched before the
    warp, so a picture far from its place stays a little too dark; the warped picture may leave [0, 1] by a
    little and is not clipped.
    """
    if restored.shape != true.shape or true.dim() != 3 or true.shape[0] != 3:
        shapes = f"{tuple(restored.shape)} and {tuple(true.shape)}"
        raise PixmendError(f"align: expected two pictures (3, H, W) of one shape, got {shapes}")
    if not (restored.is_floating_point() and true.is_floating_point()):
        dtypes = f"{restored.dtype} and {true.dtype}"
        raise PixmendError(f"align: expected floats in [0, 1], got {dtypes}: divide 8-bit by 255")
    cv2 = opencv()
    moving, fixed = (_rows_first(image) for image in (restored, true))
    energy = float((moving * moving).sum())
    if energy == 0:
        raise PixmendError("align: the restored picture is black, so it cannot be matched: score it without alignment")
    moving = moving * np.float32((fixed * moving).sum() / energy)
    homography = _homography(cv2, fixed, moving)
    size = (fixed.shape[1], fixed.shape[0])
    warped = cv2.warpPerspective(
        moving, homography, size, flags=cv2.INTER_CUBIC + cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
    )
    covered = cv2.warpPerspective(
        np.ones(fixed.shape[:2], np.float32),
        homography,
        size,
        flags=cv2.INTER_NEAREST + cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    mask = torch.from_numpy(covered)[None]
    first, second = (torch.from_numpy(image).permute(2, 0, 1) * mask for image in (warped, fixed))
    return Aligned(restored=first, true=second, mask=mask)


def _homography(cv2: ModuleType, fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> NDArray[np.float32]:
    """The 3 x 3 matrix from places in ``fixed`` to places in ``moving``, both (H, W, RGB)."""
    grey, other = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (fixed, moving))
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ROUNDS, 0)
    start = np.eye(3, dtype=np.float32)
    try:
        _, found = cv2.findTransformECC(grey, other, start, cv2.MOTION_HOMOGRAPHY, criteria, None, _BLUR)
    except cv2.error as error:
        raise PixmendError(
            "align: the two pictures could not be laid on each other (ECC found no overlap that correlates): "
            "check that they show the same scene, or score without alignment"
        ) from error
    return found


def _rows_first(image: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(image.detach().cpu().float().permute(1, 2, 0).numpy())


def opencv() -> ModuleType:
    """OpenCV, under whichever of its names it was installed.

    Raises:
        PixmendError: it is not.
    """
    try:
        import cv2
    except ImportError as error:
        raise PixmendError('align: OpenCV is not installed: pip install "pixmend[evaluate]"') from error
    return cv2
