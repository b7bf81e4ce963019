"""What every degradation asks of a picture."""

from torch import Tensor

from pixmend.errors import PixmendError


def check_picture(image: Tensor, where: str) -> None:
    """Raise PixmendError, beginning with ``where``, unless the image is floats (..., H, W) with H, W >= 1."""
    if image.dim() < 2 or 0 in image.shape[-2:]:
        raise PixmendError(f"{where}: expected a picture (..., H, W) with H, W >= 1, got shape {tuple(image.shape)}")
    if not image.is_floating_point():
        raise PixmendError(f"{where}: expected floats in [0, 1], got {image.dtype}: divide 8-bit values by 255 first")
