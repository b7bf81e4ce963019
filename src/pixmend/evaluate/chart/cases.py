"""The pictures a model does worst on, at the place it does worst: degraded, each model's result, the truth.

C channels, H and W height and width in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from pixmend.image.ink import FAINT, INK, PAPER, fitted, font

_SIDE = 72
"""Of the place shown, in pixels of the true picture."""
_LABEL, _GAP = 22, 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One place of one picture, (C, side, side) each."""

    title: str
    low: Tensor
    """Enlarged to the true picture's size by repeating pixels."""
    restored: tuple[Tensor, ...]
    """Of each model."""
    true: Tensor
    psnr: tuple[float, ...]
    """Of the whole picture, for each model."""


def worst_place(restored: Tensor, true: Tensor) -> tuple[slice, slice]:
    """Rows and columns of the square with the largest squared error; smaller where the picture is."""
    height, width = (min(_SIDE, side) for side in true.shape[1:])
    error = (restored.clamp(0, 1) - true).square().mean(dim=0)
    means = F.avg_pool2d(error[None, None].double(), (height, width), stride=4)[0, 0]
    row, column = divmod(int(means.argmax()), means.shape[1])
    return slice(4 * row, 4 * row + height), slice(4 * column, 4 * column + width)


def case(title: str, low: Tensor, restored: Sequence[Tensor], true: Tensor, *, psnr: Sequence[float]) -> Case:
    """The place where the last model is farthest from the truth."""
    place = (slice(None), *worst_place(restored[-1], true))
    scale = true.shape[1] // low.shape[1]
    seen = low if low.shape[0] != 6 else low[:3]
    enlarged = seen.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
    results = tuple(result[place].clamp(0, 1) for result in restored)
    return Case(title=title, low=enlarged[place].clamp(0, 1), restored=results, true=true[place], psnr=tuple(psnr))


def draw_cases(cases: Sequence[Case], *, models: Sequence[str], width: int) -> Image.Image:
    """A row per case, ``width`` pixels wide; nothing, 0 pixels high, without cases."""
    low_again = models[0] == "input"
    columns = len(models) + (1 if low_again else 2)
    side = min(240, (width - _GAP * (columns - 1)) // columns)
    row = side + 2 * _LABEL + _GAP
    sheet = Image.new("RGB", (width, row * len(cases) + (_LABEL if cases else 0)), PAPER)
    pen = ImageDraw.Draw(sheet)
    for index, shown in enumerate(cases):
        top = index * row
        pen.text((0, top + 2), fitted(shown.title, 14, width), INK, font(14))
        labels = ["degraded", *(f"{model} {psnr:.2f}" for model, psnr in zip(models, shown.psnr, strict=True)), "true"]
        tiles = list(zip((shown.low, *shown.restored, shown.true), labels, strict=True))
        for column, (tile, label) in enumerate(tiles[1:] if low_again else tiles):
            left = column * (side + _GAP)
            sheet.paste(_tile(tile).resize((side, side), Image.Resampling.NEAREST), (left, top + _LABEL))
            pen.text((left, top + _LABEL + side + 2), fitted(label, 12, side), FAINT, font(12))
    return sheet


def _tile(image: Tensor) -> Image.Image:
    pixels = image.expand(3, -1, -1).mul(255).add(0.5).byte().permute(1, 2, 0)
    return Image.fromarray(pixels.contiguous().numpy(), mode="RGB")
