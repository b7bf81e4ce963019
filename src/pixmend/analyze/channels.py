"""A picture with the channels that a network takes.

C channels, H and W height and width in pixels.
"""

from torch import Tensor

from pixmend.errors import PixmendError

BT601 = (0.299, 0.587, 0.114)
"""Luma of red, green and blue, full range."""


def with_channels(image: Tensor, takes: int) -> Tensor:
    """(1 or 3, H, W) to (``takes``, H, W): grey as three equal channels, colours as BT.601 luma.

    Raises:
        PixmendError: the network takes two views of a picture.
    """
    if takes not in (1, 3):
        raise PixmendError(f"networks of {takes} channels, which see two views, cannot be asked about one picture")
    if image.shape[0] == takes:
        return image
    if takes == 3:
        return image.expand(3, -1, -1).contiguous()
    return (image * image.new_tensor(BT601).view(3, 1, 1)).sum(0, keepdim=True)
