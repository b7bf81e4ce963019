"""The examples: squares cut from a folder's pictures, and what each network is given of them.

N squares, S their side in pixels, n a batch of them.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from pixmend.analyze.channels import with_channels
from pixmend.analyze.cka.estimator import FEWEST
from pixmend.data.crops import CropSource, alike, unit
from pixmend.data.folders import TOO_SMALL
from pixmend.data.opening import open_pictures
from pixmend.data.tasks import degradation
from pixmend.degrade import Degradation, multiple
from pixmend.errors import PixmendError
from pixmend.models.base import Restorer
from pixmend.seeding import child

Progress = Callable[[int, int], None]

_PLACE, _CHAIN = range(2)
"""What a patch draws its randomness for."""
_DECODED = 1 << 29
"""Bytes of pictures that are decoded as wholes; of larger folders only the patches are."""


def task_degradation(network: Restorer) -> Degradation | None:
    """What makes the network's input of clean pictures; None where nobody said what it is for.

    Raises:
        PixmendError: its input cannot be made of clean pictures, or its task does not say how.
    """
    return degradation(network.tasks[0]) if network.tasks else None


def clean_side(size: int, chains: Sequence[Degradation | None]) -> int:
    """The side of clean squares of which every chain leaves ``size`` or more, and one of them about as much.

    All networks then see the same places: one that denoises sees as many pixels as one that enlarges makes.
    """
    divisors = [_divisor(chain) for chain in chains]
    return math.ceil(size * max(divisors) / math.lcm(*divisors)) * math.lcm(*divisors)


def clean_patches(
    folder: str | Path, *, count: int, side: int, seed: int = 0, progress: Progress = lambda done, total: None
) -> Tensor:
    """(N, 3, S, S), uint8 or uint16: squares from the pictures in turn, where and how turned the seed decides.

    Every picture gives as many as the next, large or small, detailed or flat; one that is damaged gives its turn to
    the next, one smaller than S is left out.

    Raises:
        PixmendError: no such folder, or no picture of that size in it; fewer than 4 patches are asked for.
    """
    if count < FEWEST or side < 1:
        raise PixmendError(
            f"patches: expected {FEWEST} or more, of 1 x 1 pixel or more, got {count} of {side} x {side}"
        )
    if not Path(folder).is_dir():
        raise PixmendError(f"{folder}: expected a folder of clean pictures")
    try:
        pictures = open_pictures([folder], smallest=side, budget=_DECODED)
    except PixmendError as error:
        if TOO_SMALL not in str(error):
            raise
        raise PixmendError(
            f"{folder}: no picture has {side} x {side} pixels, which a patch needs: take larger pictures or a smaller "
            "size"
        ) from error
    squares = []
    for index in range(count):
        squares.append(_square(pictures, index, side, key=child(seed, _PLACE, index)))
        progress(index + 1, count)
    return torch.stack(alike(squares))


def _square(pictures: CropSource, index: int, side: int, *, key: tuple[int, ...]) -> Tensor:
    damage: PixmendError | None = None
    for turn in range(len(pictures)):
        try:
            return pictures.crop((index + turn) % len(pictures), side, key=key)
        except PixmendError as error:
            damage = damage or error
    raise damage or PixmendError("patches: no pictures")


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """What a network is given of clean squares, batch by batch, (n, C, h, w) in [0, 1], each made when it is needed.

    Noise and rain depend on the seed and the place in ``clean`` alone: two networks for sigma 15 and 50 are given the
    same noise of two strengths. A network of fixed size is given the middle where it would else see several windows;
    one for grey pictures is given BT.601 luma (full range).

    Raises:
        PixmendError: the network takes two views of a picture; the chain does not fit the squares.
    """

    clean: Tensor
    """(N, 3, S, S) of ``clean_patches``."""
    network: Restorer
    chain: Degradation | None
    batch: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.network.in_channels not in (1, 3):
            raise PixmendError(
                f"patches: a network of {self.network.in_channels} channels, which sees two views, needs pairs"
            )
        if self.batch < FEWEST:
            raise PixmendError(f"patches: expected a batch of {FEWEST} or more, got {self.batch}")

    def __len__(self) -> int:
        return max(1, self.clean.shape[0] // self.batch)

    def __iter__(self) -> Iterator[Tensor]:
        total = self.clean.shape[0]
        bounds = [total * at // len(self) for at in range(len(self) + 1)]
        for first, last in pairwise(bounds):
            yield torch.stack([self._given(index) for index in range(first, last)])

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) of what is given."""
        height, width = self._given(0).shape[1:]
        return height, width

    def _given(self, index: int) -> Tensor:
        image = unit(self.clean[index])
        fixed = self.network.fixed_size
        if fixed is not None and image.shape[1] > (side := fixed * _divisor(self.chain)):
            first = (image.shape[1] - side) // 2
            image = image[:, first : first + side, first : first + side]
        image = with_channels(image, self.network.in_channels)
        return image if self.chain is None else self.chain(image, child(self.seed, _CHAIN, index)).float()


def _divisor(chain: Degradation | None) -> int:
    return 1 if chain is None else multiple(chain)
