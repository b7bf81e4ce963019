"""What every degradation asks of a picture."""

from torch import Tensor

from pixmend.errors import PixmendError


def check_picture(image: Tensor, where: str) -> None:
    """Raise PixmendError, beginning with ``where``, unless the image is floats (..., H, W) with H, W >= 1."""
    if image.dim() < 2 or 0 in image.shape[-2:]:
        raise PixmendError(f"{where}: expected a picture (..., H, W) with H, W >= 1, got shape {tuple(image.shape)}")
    if not image.is_floating_point():
        raise PixmendError(f"{where}: expected floats in [0, 1], got {image.dtype}: divide 8-bit values by 255 first")


def check_shrinks(where: str, scale: int, image: Tensor | None = None) -> None:
    """Raise PixmendError, beginning with ``where``, unless the scale is one, and the image (1 or 3, H, W) fits it."""
    if not isinstance(scale, int) or scale < 1:
        raise PixmendError(f"{where}: expected a whole scale of 1 or more, got {scale}")
    if image is None:
        return
    check_picture(image, where)
    got = "x".join(map(str, image.shape))
    if image.dim() != 3 or image.shape[0] not in (1, 3):
        raise PixmendError(f"{where}: expected a picture (1 or 3, H, W), got {got}")
    if any(side % scale for side in image.shape[1:]):
        raise PixmendError(f"{where}: expected sides that are multiples of {scale}, got {got}: crop it first")
