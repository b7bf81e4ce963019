"""A part of a picture, restored as it would be within the whole.

H and W height and width in pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.image import Picture
from pixmend.infer.picture import restore_picture
from pixmend.infer.pipeline import Pipeline, Progress
from pixmend.infer.plan import neighbourhood
from pixmend.infer.resample import Resample


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A part of a picture, in its pixels."""

    left: int
    top: int
    width: int
    height: int

    def check(self, size: tuple[int, int]) -> None:
        """Refuse a part that has no pixels, or goes beyond a picture of this (H, W).

        Raises:
            PixmendError: as said.
        """
        inside = 0 <= self.left <= size[1] - self.width and 0 <= self.top <= size[0] - self.height
        if not inside or self.width < 1 or self.height < 1:
            box = f"{self.width} x {self.height} at {self.left}, {self.top}"
            raise PixmendError(f"a part of {box}: goes beyond the picture of {size[1]} x {size[0]}")

    def around(self, size: tuple[int, int], *, pipelines: Sequence[Pipeline]) -> "Box":
        """With the neighbourhood that tiles overlap by, begun on the grid of the networks' windows, within (H, W)."""
        grid = math.lcm(*(network.multiple for pipeline in pipelines for network in pipeline.networks))
        more = neighbourhood(grid)
        left, top = (max(0, (start - more) // grid * grid) for start in (self.left, self.top))
        right, bottom = min(size[1], self.left + self.width + more), min(size[0], self.top + self.height + more)
        return Box(left=left, top=top, width=right - left, height=bottom - top)

    def within(self, outer: "Box") -> "Box":
        """The same part of what was cut out as ``outer``."""
        return replace(self, left=self.left - outer.left, top=self.top - outer.top)

    def scaled(self, scale: int) -> "Box":
        """The same part of a picture so many times as large."""
        sides = (side * scale for side in (self.left, self.top, self.width, self.height))
        left, top, width, height = sides
        return Box(left=left, top=top, width=width, height=height)

    def result_size(self, whole: tuple[int, int], *, scale: int, size: tuple[int, int] | None) -> tuple[int, int]:
        """(height, width) of the part's result where the picture (H, W) is enlarged, and then brought to ``size``."""
        if size is None:
            return self.height * scale, self.width * scale
        return max(1, round(self.height * size[0] / whole[0])), max(1, round(self.width * size[1] / whole[1]))

    def cut(self, picture: Picture) -> Picture:
        """The part of a picture."""
        alpha = None if picture.alpha is None else self._cut(picture.alpha)
        size = (picture.pixels.shape[1], picture.pixels.shape[2])
        place = picture.place and picture.place.fitted(size).cut(
            left=self.left, top=self.top, size=(self.height, self.width)
        )
        return replace(picture, pixels=self._cut(picture.pixels), alpha=alpha, place=place)

    def _cut(self, values: Tensor) -> Tensor:
        return values[:, self.top : self.top + self.height, self.left : self.left + self.width]


def restore_part(
    pipeline: Pipeline,
    around: Picture,
    *,
    part: Box,
    size: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> Picture:
    """A part of a picture that has been cut out with its neighbourhood, restored and, at last, brought to a size.

    It is what restoring the whole gives, up to what the network sees farther away than tiles overlap by, and but for
    networks that cut the picture into windows of their own. Brought to a size, it is resampled by itself: it begins up
    to half a pixel off, and its outermost two pixels know nothing of their neighbours.

    Raises:
        PixmendError: as ``restore_picture``.
    """
    restored = restore_picture(pipeline, around, progress=progress)
    restored = part.scaled(pipeline.scale).cut(restored)
    made = (restored.pixels.shape[1], restored.pixels.shape[2])
    if size is None or size == made:
        return restored
    resample = Resample(made, size)
    alpha = None if restored.alpha is None else resample.whole(restored.alpha).clamp_(0, 1)
    return replace(restored, pixels=resample.whole(restored.pixels.clamp(0, 1)), alpha=alpha)
