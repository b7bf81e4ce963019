"""Where to look: the most detailed place of a picture.

C channels, H and W height and width in pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from pixmend.errors import PixmendError


def busiest(image: Tensor, *, size: tuple[int, int]) -> tuple[int, int]:
    """Top and left of the window of ``size`` (height, width) in (C, H, W) with the strongest gradients in sum.

    Of equal ones the uppermost, then the leftmost.

    Raises:
        PixmendError: the window is larger than the picture.
    """
    height, width = image.shape[-2:]
    if size[0] > height or size[1] > width or min(size) < 1:
        raise PixmendError(f"a window of {size[1]} x {size[0]} does not fit into a picture of {width} x {height}")
    grey = image.detach().double().mean(0)
    detail = torch.zeros_like(grey)
    detail[1:] += grey.diff(dim=0).abs()
    detail[:, 1:] += grey.diff(dim=1).abs()
    sums = F.avg_pool2d(detail[None], size, stride=1)[0]
    # Sums that differ by rounding alone are equal.
    top, left = divmod(int((sums >= sums.max() * (1 - 1e-9)).flatten().byte().argmax()), sums.shape[1])
    return top, left
