"""Square crops of pictures, turned and mirrored."""

import torch
from torch import Tensor

from pixmend.seeding import Key, generator


def crop(picture: Tensor, size: int, *, key: Key) -> Tensor:
    """A (C, size, size) crop at a place, and in one of eight orientations, that the key decides."""
    height, width = picture.shape[1:]
    top, left, turns, mirror = (
        int(draw * count)
        for draw, count in zip(
            torch.rand(4, generator=generator(key), dtype=torch.float64).tolist(),
            (height - size + 1, width - size + 1, 4, 2),
            strict=True,
        )
    )
    square = torch.rot90(picture[:, top : top + size, left : left + size], turns, (1, 2))
    return square.flip(2) if mirror else square


def detail(square: Tensor) -> float:
    """How much there is to see in an 8-bit crop (C, H, W): the mean difference of the green of neighbouring rows."""
    green = square[1].to(torch.int16)
    return float((green[1:] - green[:-1]).abs().float().mean())
