"""A benchmark: pairs of files, the pictures in them, and what a report has to say of both.

C channels, H and W height and width in pixels, s scale.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from pixmend.degrade.resize import Bicubic, round8
from pixmend.errors import PixmendError
from pixmend.evaluate.benchmarks.blocks import read_block
from pixmend.evaluate.benchmarks.known import Known
from pixmend.evaluate.benchmarks.pairing import natural, some
from pixmend.image import read_deep, read_picture, read_upper, shape_of
from pixmend.tasks import Task

_CROPPED = 12
"""Copies of the super-resolution sets are cropped to multiples of up to this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """The files of one picture."""

    name: str
    high: Path
    low: Path | None
    """None where the degraded picture is made from the clean one."""
    right: Path | None = None
    """The second view of a dual-pixel camera; ``low`` is the left one."""
    group: str | None = None
    """``indoor`` or ``outdoor``, where the benchmark tells them apart."""
    block: tuple[int, int] | None = None
    """Scene and block, counted from 0, where the files hold many pictures."""

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(path for path in (self.high, self.low, self.right) if path is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """A set of pictures to score one task on."""

    name: str
    """That of the known set, else of the folder."""
    task: Task
    folder: Path
    layout: str
    """Which files were paired, in words: ``HR/x2 + LR/x2``."""
    pairs: tuple[Pair, ...]
    known: Known | None = None
    """What is published under this name."""

    @property
    def made_here(self) -> bool:
        """Whether the low-resolution pictures are made from the clean ones instead of read from files."""
        return self.task.kind == "sr" and all(pair.low is None for pair in self.pairs)

    def ordered(self, by: Literal["natural", "name"]) -> "Benchmark":
        """The same with 2 before 10, or in the plain order of file names, 10 before 2.

        The order counts where noise is seeded once a run: SwinIR and EDT sort by name, Restormer naturally.
        """
        if by == "natural":
            pairs = sorted(self.pairs, key=lambda pair: (natural(pair.high), pair.block or ()))
        else:
            pairs = sorted(self.pairs, key=lambda pair: (pair.high.as_posix(), pair.block or ()))
        return replace(self, pairs=tuple(pairs))

    def read(self, pair: Pair) -> tuple[Tensor | None, Tensor]:
        """The degraded picture (C, H, W) and the true one (C, sH, sW), float32 in [0, 1], as they are stored.

        Each has 3 channels, or 1 if its file is grey; of two views the degraded one has 6, left before right. It is
        None where the protocol has to make it, for denoising and JPEG. The true picture is cropped at the right and
        bottom to s times the degraded one. Where no file of low resolution is there, MATLAB's bicubic makes it,
        rounded to 8 bit. Files of 16 bits are read for defocus only: two views in full, one view by its upper 8 bits.

        Raises:
            PixmendError: a file cannot be read, or the sizes do not belong together.
        """
        high = self._open(pair, pair.high)
        if pair.low is None:
            return self._made(pair, high)
        low = self._open(pair, pair.low)
        if pair.right is not None:
            right = self._open(pair, pair.right)
            if right.shape != low.shape:
                raise PixmendError(f"{pair.right}: {_size(right)} is not {_size(low)}, the size of {pair.low}")
            low = torch.cat([low, right])
        scale = self.task.scale
        height, width = low.shape[1] * scale, low.shape[2] * scale
        if not (0 <= high.shape[1] - height < scale and 0 <= high.shape[2] - width < scale):
            expected = f"expected it {scale} times smaller" if scale > 1 else "expected the same size"
            raise PixmendError(f"{pair.low}: {_size(low)} does not belong to {pair.high} of {_size(high)}: {expected}")
        return low, high[:, :height, :width]

    def _open(self, pair: Pair, path: Path) -> Tensor:
        if pair.block is not None:
            return read_block(path, pair.block)
        if self.task.kind == "defocus":
            return read_upper(path) if pair.right is None else read_deep(path)
        picture = read_picture(path, deep=False)
        if picture.alpha is not None and picture.alpha.min() < 1:
            raise PixmendError(f"{path}: has transparent pixels, whose colours nobody sees: flatten it first")
        return picture.pixels

    def _made(self, pair: Pair, high: Tensor) -> tuple[Tensor | None, Tensor]:
        if self.task.kind != "sr":
            return None, high
        scale = self.task.scale
        height, width = (side // scale for side in high.shape[1:])
        if 0 in (height, width):
            raise PixmendError(f"{pair.high}: {_size(high)} is too small to be shrunk {scale} times")
        high = high[:, : height * scale, : width * scale]
        return round8(Bicubic(scale=scale)(high)), high

    def hashes(self) -> Mapping[str, str]:
        """The sha256 of every file by its name from the folder on; files are read in pieces."""
        paths = {path: None for pair in self.pairs for path in pair.files}
        return {path.relative_to(self.folder).as_posix(): _sha256(path) for path in paths}

    def digest(self) -> str:
        """Sixteen digits that change with any byte or name: the sha256 of what ``sha256sum`` prints, sorted by name."""
        lines = "".join(f"{value}  {name}\n" for name, value in sorted(self.hashes().items()))
        return hashlib.sha256(lines.encode()).hexdigest()[:16]

    def problems(self) -> tuple[str, ...]:
        """Why a score here need not be comparable with the published ones, in sentences; reads the files' headers.

        Raises:
            PixmendError: a file's header cannot be read.
        """
        return tuple(self._problems())

    def _problems(self) -> Iterator[str]:
        if self.known is not None:
            name, count = self.known.name, self.known.pictures
            if len(self.pairs) < count:
                yield f"{len(self.pairs)} of the {count} pictures of {name}"
            if len(self.pairs) > count:
                yield f"{len(self.pairs)} pictures, where {name} has {count}"
            yield from self._unlike(self.known)

    def _unlike(self, known: Known) -> Iterator[str]:
        """Sizes and colours that the published set does not have."""
        shapes = {pair.name: shape_of(pair.high) for pair in self.pairs if pair.block is None}
        odd = [name for name, (_, *sides) in shapes.items() if known.sizes and not self._fits(known, sides)]
        if odd:
            _, height, width = shapes[odd[0]]
            is_size = f"{known.name} has none of {width} x {height}"
            yield f"{some(odd)}: not of a published size, {is_size}"
        channels = Counter(channels for channels, *_ in shapes.values())
        if known.grey and channels[3]:
            yield f"{channels[3]} pictures in colour, where {known.name} is grey"

    def _fits(self, known: Known, sides: list[int]) -> bool:
        crop = _CROPPED if self.task.kind == "sr" else 1
        return any(
            0 <= long - max(sides) < crop and 0 <= short - min(sides) < crop
            for short, long in (sorted(size) for size in known.sizes)
        )


def _sha256(path: Path) -> str:
    found = path.stat()
    return _hashed(path, found.st_size, found.st_mtime_ns)


@cache
def _hashed(path: Path, size: int, changed: int) -> str:
    """Once for all models that are scored on a file, as long as it stays what it is."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(image: Tensor) -> str:
    return f"{image.shape[2]} x {image.shape[1]}"
