"""Before and after on one sheet: the pictures whole, and the most detailed place of each enlarged.

C channels, H and W height and width in pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from pixmend.degrade.resize import imresize
from pixmend.image import Picture

_PANEL = 720  # longest side of a picture on the sheet, of two; more have less room
_LEAST = 360  # and never less than this
_ZOOM = 3  # least enlargement of the place below
_REACH = 4  # pixels around a place that its bicubic enlargement depends on
_MARGIN, _GAP, _LABEL, _FONT = 28, 20, 34, 18
_PAPER, _INK, _MARK = (24, 26, 29), (238, 238, 234), (255, 176, 0)
_BACKDROP = 0.5  # grey behind transparent places

Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """A window of the picture before, in its pixels; and what a result makes of it."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, image: Tensor) -> Tensor:
        return image[:, self.top : self.top + self.height, self.left : self.left + self.width]

    def scaled(self, by: tuple[float, float]) -> "_Place":
        """The same window, to the next pixel, of a picture so many times as large down and across."""
        down, across = by
        height, width = max(1, round(self.height * down)), max(1, round(self.width * across))
        return _Place(top=round(self.top * down), left=round(self.left * across), height=height, width=width)

    def cut_enlarged(self, image: Tensor, by: tuple[float, float]) -> Tensor:
        """The window of the bicubic enlargement, without enlarging the whole picture."""
        top, left = max(self.top - _REACH, 0), max(self.left - _REACH, 0)
        around = image[:, top : self.top + self.height + _REACH, left : self.left + self.width + _REACH]
        size = (max(1, round(around.shape[1] * by[0])), max(1, round(around.shape[2] * by[1])))
        inside = _Place(top=self.top - top, left=self.left - left, height=self.height, width=self.width)
        return inside.scaled(by).cut(imresize(around, size=size))


def compare(before: Picture, results: Mapping[str, Picture]) -> Tensor:
    """A sheet (3, H, W) with a picture before and after, by each of the names that say what was done.

    The picture before is enlarged bicubically to the size of the largest result, which is what any viewer would show,
    and so are results that are smaller. The most detailed place is shown below, pixel by pixel.
    """
    low, highs = _flatten(before), {name: _flatten(result) for name, result in results.items()}
    size = max(((high.shape[1], high.shape[2]) for high in highs.values()), key=lambda size: size[0] * size[1])
    by = (size[0] / low.shape[1], size[1] / low.shape[2])
    panel = max(_LEAST, _PANEL * 2 // (1 + len(highs)))
    fit = panel / max(size)
    fit = fit if fit < 1 else int(fit)
    shown = (max(1, round(size[0] * fit)), max(1, round(size[1] * fit)))
    place = _busiest(low, shown=shown, by=by)
    there = place.scaled(by)
    zoom = max(_ZOOM, min(shown[0] // there.height, shown[1] // there.width))
    small = (min(shown[0], size[0]), min(shown[1], size[1]))
    wholes = [imresize(low, size=small), *highs.values()]
    details = [place.cut_enlarged(low, by), *(there.cut(_as_large(high, size)) for high in highs.values())]
    names = list(highs)
    labels = [_before_label(low, by), *(_label(name, high) for name, high in highs.items())]
    labels += [f"{name}, {zoom} x" for name in ("before", *(names if len(names) > 1 else ["after"]))]
    images = [_resized(image, shown) for image in wholes]
    images += [_resized(image, (image.shape[1] * zoom, image.shape[2] * zoom)) for image in details]
    corner = (round(there.left * fit), round(there.top * fit))
    mark = (*corner, corner[0] + round(there.width * fit), corner[1] + round(there.height * fit))
    return _sheet(images, labels=labels, mark=mark)


def _before_label(low: Tensor, by: tuple[float, float]) -> str:
    how = f", enlarged {by[1]:.3g} x bicubically" if by[1] > 1 else ""
    return f"before: {low.shape[2]} x {low.shape[1]}{how}"


def _label(name: str, high: Tensor) -> str:
    return f"{name}: {high.shape[2]} x {high.shape[1]}"


def _as_large(image: Tensor, size: Size) -> Tensor:
    return image if image.shape[1:] == size else imresize(image, size=size)


def _flatten(picture: Picture) -> Tensor:
    """Three channels, with transparent places over grey."""
    pixels = picture.pixels.expand(3, -1, -1)
    return pixels if picture.alpha is None else torch.lerp(torch.tensor(_BACKDROP), pixels, picture.alpha)


def _busiest(image: Tensor, *, shown: Size, by: tuple[float, float]) -> _Place:
    """The window with the strongest gradients: it fills ``shown`` when enlarged, at most half a side."""
    rooms = (int(room / (_ZOOM * factor)) for room, factor in zip(shown, by, strict=True))
    height, width = (max(1, min(room, side // 2)) for room, side in zip(rooms, image.shape[1:], strict=True))
    grey = image.mean(dim=0)
    detail = torch.zeros_like(grey)
    detail[1:] += grey.diff(dim=0).abs()
    detail[:, 1:] += grey.diff(dim=1).abs()
    step = max(1, min(height, width) // 4)
    sums = F.avg_pool2d(detail[None], kernel_size=(height, width), stride=step)[0]
    row, column = divmod(int(sums.argmax()), sums.shape[1])
    return _Place(top=row * step, left=column * step, height=height, width=width)


def _resized(image: Tensor, size: Size) -> Image.Image:
    """Averaged where the size is smaller, whole pixels where it is larger."""
    smaller = size[0] < image.shape[1] or size[1] < image.shape[2]
    values = F.interpolate(image[None], size=size, mode="area" if smaller else "nearest-exact")[0]
    bytes_ = values.clamp(0, 1).mul(255).add_(0.5).to(torch.uint8)
    return Image.fromarray(bytes_.permute(1, 2, 0).contiguous().numpy())


def _sheet(images: list[Image.Image], *, labels: list[str], mark: tuple[int, int, int, int]) -> Tensor:
    """Two rows, each picture under its label, on dark paper; ``mark`` frames the place above."""
    font = ImageFont.load_default(_FONT)
    columns = len(images) // 2
    column = max(max(image.width for image in images), *(int(font.getlength(label)) + 1 for label in labels))
    rows = [_LABEL + max(image.height for image in part) for part in (images[:columns], images[columns:])]
    width = 2 * _MARGIN + columns * column + (columns - 1) * _GAP
    sheet = Image.new("RGB", (width, 2 * _MARGIN + sum(rows) + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        row, number = divmod(index, columns)
        left, top = _MARGIN + number * (column + _GAP), _MARGIN + row * (rows[0] + _GAP)
        draw.text((left, top), label, font=font, fill=_INK)
        sheet.paste(image, (left, top + _LABEL))
        if row == 0:
            corner = (left + mark[0] - 2, top + _LABEL + mark[1] - 2)
            draw.rectangle((*corner, left + mark[2] + 1, top + _LABEL + mark[3] + 1), outline=_MARK, width=2)
    return torch.from_numpy(np.array(sheet)).permute(2, 0, 1).float().div_(255)
