"""Folders of real pairs, what a camera took twice: crops of both at the same place.

s scale: the high picture has s pixels for each of the low one, along each side.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pixmend.data.check.pairing import list_pictures, pair
from pixmend.data.crops import Place, Small, alike, enlarged, place, turned
from pixmend.data.folders import Progress, check_size, content_of, header_size, tell
from pixmend.data.places import Folders, left_out_of
from pixmend.errors import PixmendError
from pixmend.image.window import Box, read_window
from pixmend.seeding import Key


class Both(NamedTuple):
    """Crops (3 n, side, side) and (3, s side, s side) of the n low pictures, one behind the other, and the high one;
    uint8, or uint16 where files have 16 bits."""

    low: Tensor
    high: Tensor


class AlignedPairs:
    """The pictures of a folder with those of one folder or more that belong to them by name, decoded for each crop.

    Names are paired as ``pixmend data check`` does it: ``norain-1.png`` with ``rain-1.png``, ``1.png`` with
    ``1x4.png``. Two low folders are the two views of a dual-pixel camera. Pictures without a partner, of sizes that do
    not fit the scale or, unless ``small`` is "reflect", of a side under ``smallest`` in the low picture, are skipped
    and listed.

    Raises:
        PixmendError: a folder that is not there or holds no pictures, one of ``without`` is not there, or no usable
            pair.
    """

    def __init__(
        self,
        high: str | Path,
        *,
        low: Sequence[str | Path],
        scale: int,
        smallest: int,
        small: Literal["skip", "reflect"] = "skip",
        without: Folders = (),
        progress: Progress = lambda done, total: None,
    ) -> None:
        self.scale = scale
        self.small: Small = small
        self.skipped: list[tuple[Path, str]] = []
        self.pairs: list[tuple[Path, ...]] = []
        """The high picture, then its low ones."""
        if not low:
            raise PixmendError("aligned pairs: expected a folder of low pictures, got none")
        if own := [folder for folder in low if Path(folder).resolve() == Path(high).resolve()]:
            raise PixmendError(f"{own[0]}: is given as the folder of low pictures and of high ones: name two folders")
        truth = list_pictures(Path(high))
        left_out = left_out_of(truth.pictures, without)
        pairings = [pair(truth, list_pictures(Path(folder))) for folder in low]
        for done, path in enumerate(truth.pictures, 1):
            if path in left_out:
                continue
            try:
                partners = [pairing.low_of.get(path) for pairing in pairings]
                if None in partners:
                    raise PixmendError(f"{path}: no picture of its name in {low[partners.index(None)]}")
                found = tuple(partner for partner in partners if partner is not None)
                self._check(path, found, smallest)
                self.pairs.append((path, *found))
            except PixmendError as error:
                self.skipped.append((path, str(error)))
            progress(done, len(truth.pictures))
        if not self.pairs:
            why = self.skipped[0][1] if self.skipped else "all of them are left out"
            raise PixmendError(f"{high}: no usable pair among {len(truth.pictures)} pictures: {why}")
        tell(self.skipped)

    def __len__(self) -> int:
        return len(self.pairs)

    def name(self, index: int) -> str:
        return str(self.pairs[index][0])

    def crop(self, index: int, side: int, *, key: Key) -> Both:
        """Crops at the place of the low pictures, and in the orientation, that the key decides.

        Raises:
            PixmendError: a picture turns out to be damaged, or of another size than its header says.
        """
        high, *lows = self.pairs[index]
        where: list[Place] = []
        parts = [self._cut(low, side, 1, key=key, where=where) for low in lows]
        return Both(torch.cat(alike(parts)), self._cut(high, side, self.scale, key=key, where=where))

    def _cut(self, path: Path, side: int, scale: int, *, key: Key, where: list[Place]) -> Tensor:
        """One picture of a pair, whose first decides the place."""
        whole: list[bool] = []

        def choose(height: int, width: int) -> Box:
            if not where:
                where.append(place(max(height // scale, side), max(width // scale, side), side, key=key))
            top, left, size = scale * where[0].top, scale * where[0].left, scale * side
            whole.append(min(height, width) < size)
            if whole[0]:
                check_size(path, height, width, smallest=size, small=self.small)
                return 0, 0, height, width
            if top + size > height or left + size > width:
                raise PixmendError(f"{path}: not of the size that its partner asks for")
            return top, left, size, size

        square = read_window(content_of(path), str(path), choose)
        if whole[0]:
            top, left = scale * where[0].top, scale * where[0].left
            padded = enlarged(square, scale * side, small=self.small)
            square = padded[:, top : top + scale * side, left : left + scale * side]
        return turned(square, where[0])

    def _check(self, high: Path, lows: Sequence[Path], smallest: int) -> None:
        """Raise PixmendError for pictures that do not fit each other, by their headers."""
        height, width = header_size(high)
        for low in lows:
            size = header_size(low)
            check_size(low, *size, smallest=smallest, small=self.small)
            if size != (height // self.scale, width // self.scale):
                raise PixmendError(
                    f"{low}: {size[1]} x {size[0]} pixels, expected {width // self.scale} x {height // self.scale} "
                    f"for the scale {self.scale} of the task"
                )
