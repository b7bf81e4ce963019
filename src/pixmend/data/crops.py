"""Square crops of pictures, turned and mirrored.

C channels, H and W height and width in pixels.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from pixmend.seeding import Key, generator

Small = Literal["skip", "stretch", "reflect"]
"""What becomes of a picture with a side shorter than the crop: left out; each short side stretched to the crop's,
linearly and without the other, as IPT and HAT do; or mirrored downwards and to the right, as Restormer does."""


class CropSource(Protocol):
    """Pictures to cut squares from; where they lie, and whether decoded, is its own affair.

    Every source over the same files has the same pictures at the same places, and gives the same crops of them.
    """

    skipped: list[tuple[Path, str]]
    """Files that are no use, found when the source was opened, and why."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """What a person calls a picture: its file."""
        ...

    def crop(self, index: int, side: int, *, key: Key) -> Tensor:
        """(3, side, side), where and how turned the key decides; uint8, or of a file of 16 bits uint16.

        Raises:
            PixmendError: the picture turns out to be damaged.
        """
        ...


class Place(NamedTuple):
    """Where a crop lies, and how it is turned afterwards."""

    top: int
    left: int
    turns: int
    mirror: int


def place(height: int, width: int, size: int, *, key: Key) -> Place:
    """A place and one of eight orientations, that the key decides; (H, W) hold a crop of this size."""
    counts = (height - size + 1, width - size + 1, 4, 2)
    draws = torch.rand(4, generator=generator(key), dtype=torch.float64).tolist()
    return Place(*(int(draw * count) for draw, count in zip(draws, counts, strict=True)))


def turned(square: Tensor, where: Place) -> Tensor:
    """The square (C, size, size) in the orientation of its place."""
    if square.dtype == torch.uint16:  # which torch does not flip
        return turned(square.int(), where).to(torch.uint16)
    square = torch.rot90(square, where.turns, (1, 2))
    return square.flip(2) if where.mirror else square


def alike(squares: Sequence[Tensor]) -> list[Tensor]:
    """All of 16 bits if any is: the same values, since v / 255 is 257 v / 65535."""
    if len({square.dtype for square in squares}) == 1:
        return list(squares)
    return [square if square.dtype == torch.uint16 else (square.int() * 257).to(torch.uint16) for square in squares]


def unit(squares: Tensor) -> Tensor:
    """Of 8 or 16 bits to float32 in [0, 1]."""
    return squares.float() / (65535 if squares.dtype == torch.uint16 else 255)


def crop(picture: Tensor, size: int, *, key: Key) -> Tensor:
    """A (C, size, size) crop at a place, and in one of eight orientations, that the key decides."""
    where = place(picture.shape[1], picture.shape[2], size, key=key)
    return turned(picture[:, where.top : where.top + size, where.left : where.left + size], where)


def enlarged(picture: Tensor, size: int, *, small: Small) -> Tensor:
    """(C, H, W) with both sides of ``size`` or more; a picture that has them already is returned as it is.

    Source: HAT's ImageNet data (``cv2.resize`` to the larger of side and crop, its result here rounded),
    IPT's in MindSpore, Restormer's ``padding`` (BORDER_REFLECT, which repeats the border pixel).
    """
    height, width = picture.shape[1:]
    shape = (max(height, size), max(width, size))
    if shape == (height, width):
        return picture
    if small == "stretch":
        wide = functional.interpolate(picture[None].float(), size=shape, mode="bilinear")[0]
        return wide.round_().to(picture.dtype)
    rows, columns = (_mirrored(side, length) for side, length in zip((height, width), shape, strict=True))
    return picture[:, rows][:, :, columns]


def detail(square: Tensor) -> float:
    """How much there is to see in a crop (C, H, W): the mean difference of the green of neighbouring rows, of 255."""
    green = square[1].int()
    levels = 257 if square.dtype == torch.uint16 else 1
    return float((green[1:] - green[:-1]).abs().float().mean()) / levels


def _mirrored(side: int, length: int) -> Tensor:
    """Indices 0 .. side - 1, then backwards, then forwards again, ``length`` of them."""
    folded = torch.arange(length) % (2 * side)
    return torch.where(folded < side, folded, 2 * side - 1 - folded)
