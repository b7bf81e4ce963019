"""Which pictures a study trains on, and which it is scored on.

C channels, H and W height and width in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pixmend.data.crops import detail
from pixmend.data.folders import pictures_in
from pixmend.errors import PixmendError
from pixmend.evaluate import Benchmark, find
from pixmend.evaluate.benchmarks.pairing import natural
from pixmend.image import read_image, write_image

EVERY = 5
"""Of so many pictures one is held out."""
LEAST = 2
"""Pictures to score on: fewer say nothing of others."""
_SIDE, _GRID, _PLACES = 264, 12, 5
"""Of what is scored, in pixels; its sides are multiples for every scale and window; places tried along each side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pictures:
    """The pictures of some folders, by what becomes of them."""

    folders: tuple[str, ...]
    training: tuple[str, ...]
    """In natural order."""
    held_out: tuple[str, ...]

    def without(self, share: float) -> tuple[str, ...]:
        """What is not trained on where only a share of the training pictures is, spread evenly over them.

        Raises:
            PixmendError: the share is not even one picture.
        """
        count = int(len(self.training) * share)
        if count < 1:
            raise PixmendError(
                f"--data: expected {round(1 / share)} training pictures or more, got {len(self.training)}"
            )
        kept = {self.training[at * len(self.training) // count] for at in range(count)}
        return (*self.held_out, *(name for name in self.training if name not in kept))


def split(folders: Sequence[str | Path], *, hold_out: bool) -> Pictures:
    """The pictures under the folders, every fifth of them held out if asked.

    Raises:
        PixmendError: no such folder, no pictures, or too few of them.
    """
    found = [str(path) for path in sorted(pictures_in(folders), key=natural)]
    if not found:
        raise PixmendError(f"--data: no pictures in {', '.join(map(str, folders))}")
    held = found[EVERY // 2 :: EVERY] if hold_out else []
    if hold_out and len(held) < LEAST:
        least = EVERY // 2 + EVERY * (LEAST - 1) + 1
        raise PixmendError(
            f"--data: expected {least} pictures or more, of which every {EVERY}th is held out to be scored, "
            f"got {len(found)}: add pictures, or name a benchmark with --score"
        )
    taken = set(held)
    return Pictures(
        folders=tuple(map(str, folders)),
        training=tuple(name for name in found if name not in taken),
        held_out=tuple(held),
    )


def benchmarks(pictures: Pictures, score: Sequence[str | Path], *, task: str, out: Path) -> tuple[Benchmark, ...]:
    """The folders to score on, or the held-out pictures as a benchmark under ``out``.

    Of a held-out picture the square with the most detail is scored; the protocol degrades it as the task does.

    Raises:
        PixmendError: a folder suits not the task; a picture cannot be read; together too few pictures.
    """
    if not score:
        folder = out / "held_out"
        folder.mkdir(parents=True, exist_ok=True)
        for place, name in enumerate(pictures.held_out):
            file = folder / f"{place:04d}-{Path(name).stem}.png"
            if not file.exists():
                write_image(file, square(read_image(name)))
        score = [folder]
    found = tuple(find(folder, task=task) for folder in score)
    total = sum(len(benchmark.pairs) for benchmark in found)
    if total < LEAST:
        raise PixmendError(f"--score: expected {LEAST} pictures or more, got {total}")
    return found


def square(image: Tensor) -> Tensor:
    """Of (C, H, W) the part of at most 264 x 264 with the most detail, of those on a coarse grid."""
    image = image.expand(3, -1, -1)
    height, width = (max(_GRID, min(_SIDE, side) // _GRID * _GRID) for side in image.shape[1:])
    bytes8 = (image * 255).round().to(torch.uint8)
    tops, lefts = (
        torch.linspace(0, max(0, side - part), _PLACES).int().tolist()
        for side, part in zip(image.shape[1:], (height, width), strict=True)
    )
    places = sorted({(top, left) for top in tops for left in lefts})
    top, left = max(places, key=lambda at: detail(bytes8[:, at[0] : at[0] + height, at[1] : at[1] + width]))
    return image[:, top : top + height, left : left + width]
