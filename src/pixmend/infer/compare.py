"""Before and after on one sheet: both pictures whole, and the most detailed place of both enlarged.

C channels, H and W height and width in pixels.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from pixmend.degrade.resize import imresize
from pixmend.image import Picture

_PANEL = 720  # longest side of a picture on the sheet
_ZOOM = 3  # least enlargement of the place below
_REACH = 4  # pixels around a place that its bicubic enlargement depends on
_MARGIN, _GAP, _LABEL, _FONT = 28, 20, 34, 18
_PAPER, _INK, _MARK = (24, 26, 29), (238, 238, 234), (255, 176, 0)
_BACKDROP = 0.5  # grey behind transparent places


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """A window of the picture before, in its pixels."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, image: Tensor, *, scale: int) -> Tensor:
        """The same window of a picture ``scale`` times as large."""
        rows = slice(self.top * scale, (self.top + self.height) * scale)
        return image[:, rows, self.left * scale : (self.left + self.width) * scale]

    def cut_enlarged(self, image: Tensor, *, scale: int) -> Tensor:
        """The window of the bicubic enlargement, without enlarging the whole picture."""
        top, left = max(self.top - _REACH, 0), max(self.left - _REACH, 0)
        around = image[:, top : self.top + self.height + _REACH, left : self.left + self.width + _REACH]
        inside = _Place(top=self.top - top, left=self.left - left, height=self.height, width=self.width)
        return inside.cut(imresize(around, scale=scale), scale=scale)


def compare(before: Picture, after: Picture, *, title: str) -> Tensor:
    """A sheet (3, H, W) with a picture before and after its restoration; ``title`` says what was done.

    Where the restoration enlarges, the picture before is enlarged bicubically to the same size, which is what
    any viewer would show. The most detailed place is shown below, pixel by pixel.
    """
    low, high = _flatten(before), _flatten(after)
    scale, size = high.shape[1] // low.shape[1], (high.shape[1], high.shape[2])
    fit = _PANEL / max(size)
    fit = fit if fit < 1 else int(fit)
    shown = (max(1, round(size[0] * fit)), max(1, round(size[1] * fit)))
    place = _busiest(low, shown=shown, scale=scale)
    zoom = max(_ZOOM, min(shown[0] // (place.height * scale), shown[1] // (place.width * scale)))
    bicubic = imresize(low, size=(min(shown[0], size[0]), min(shown[1], size[1])))
    how = f", enlarged {scale} x bicubically" if scale > 1 else ""
    labels = (
        f"before: {low.shape[2]} x {low.shape[1]}{how}",
        f"after {title}: {size[1]} x {size[0]}",
        f"before, {zoom} x",
        f"after, {zoom} x",
    )
    details = (place.cut_enlarged(low, scale=scale), place.cut(high, scale=scale))
    images = [_resized(image, shown) for image in (bicubic, high)]
    images += [_resized(image, (image.shape[1] * zoom, image.shape[2] * zoom)) for image in details]
    top, left = round(place.top * scale * fit), round(place.left * scale * fit)
    bottom, right = top + round(place.height * scale * fit), left + round(place.width * scale * fit)
    return _sheet(images, labels=labels, mark=(left, top, right, bottom))


def _flatten(picture: Picture) -> Tensor:
    """Three channels, with transparent places over grey."""
    pixels = picture.pixels.expand(3, -1, -1)
    return pixels if picture.alpha is None else torch.lerp(torch.tensor(_BACKDROP), pixels, picture.alpha)


def _busiest(image: Tensor, *, shown: tuple[int, int], scale: int) -> _Place:
    """The window with the strongest gradients: it fills ``shown`` when enlarged, at most half a side."""
    height, width = (
        max(1, min(room // (_ZOOM * scale), side // 2)) for room, side in zip(shown, image.shape[1:], strict=True)
    )
    grey = image.mean(dim=0)
    detail = torch.zeros_like(grey)
    detail[1:] += grey.diff(dim=0).abs()
    detail[:, 1:] += grey.diff(dim=1).abs()
    step = max(1, min(height, width) // 4)
    sums = F.avg_pool2d(detail[None], kernel_size=(height, width), stride=step)[0]
    row, column = divmod(int(sums.argmax()), sums.shape[1])
    return _Place(top=row * step, left=column * step, height=height, width=width)


def _resized(image: Tensor, size: tuple[int, int]) -> Image.Image:
    """Averaged where the size is smaller, whole pixels where it is larger."""
    smaller = size[0] < image.shape[1] or size[1] < image.shape[2]
    values = F.interpolate(image[None], size=size, mode="area" if smaller else "nearest-exact")[0]
    bytes_ = values.clamp(0, 1).mul(255).add_(0.5).to(torch.uint8)
    return Image.fromarray(bytes_.permute(1, 2, 0).contiguous().numpy())


def _sheet(images: list[Image.Image], *, labels: tuple[str, ...], mark: tuple[int, int, int, int]) -> Tensor:
    """Two rows of two, each picture under its label, on dark paper; ``mark`` frames the place above."""
    font = ImageFont.load_default(_FONT)
    column = max(max(image.width for image in images), *(int(font.getlength(label)) + 1 for label in labels))
    rows = [_LABEL + max(image.height for image in images[start : start + 2]) for start in (0, 2)]
    sheet = Image.new("RGB", (2 * (_MARGIN + column) + _GAP, 2 * _MARGIN + sum(rows) + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        left, top = _MARGIN + index % 2 * (column + _GAP), _MARGIN + index // 2 * (rows[0] + _GAP)
        draw.text((left, top), label, font=font, fill=_INK)
        sheet.paste(image, (left, top + _LABEL))
        if index < 2:
            corner = (left + mark[0] - 2, top + _LABEL + mark[1] - 2)
            draw.rectangle((*corner, left + mark[2] + 1, top + _LABEL + mark[3] + 1), outline=_MARK, width=2)
    return torch.from_numpy(np.array(sheet)).permute(2, 0, 1).float().div_(255)
