"""Doubt laid over results, and the most doubtful places enlarged.

C channels, H and W height and width of a result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from pixmend.analyze.fidelity.maps import DoubtMap, Window
from pixmend.analyze.fidelity.report import Answer, Fidelity
from pixmend.analyze.record import label, new_figure
from pixmend.degrade.resize import imresize
from pixmend.image.ink import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 12.0
"""Inches."""

EDGE = 8
"""Input pixels along the borders in which no place is looked for."""
FLOOR = 0.5
"""Levels."""
_PLACES, _DRAWN = 5, 900
_COLOURS = "inferno_r"
_TITLES = {
    "back-projection": "degraded again, less the input",
    "removed": "removed",
    "structure": "structure removed",
    "ensemble": "deviation over 8 turns",
    "disagreement": "disagreement",
    "error": "true error",
}


def window_of(result: Tensor) -> int:
    """Side of the places looked for in it, in its pixels: an eighth of its shorter side, from 16 to 64."""
    return min(64, max(16, min(result.shape[-2:]) // 8))


def places_of(each: DoubtMap, result: Tensor, *, scale: int) -> list[Window]:
    """Its five most doubtful places, without those of less than half a level, which no file shows.

    Nothing is looked for within 8 pixels of the input from the borders, beyond which networks see zeros or a mirror
    instead of a picture, unless it is small.
    """
    margin = scale * EDGE if min(result.shape[-2:]) >= 8 * scale * EDGE else 0
    return each.worst(window_of(result), margin=margin, least=FLOOR)


def draw(names: Sequence[str], found: Fidelity, *, given: Tensor, true: Tensor | None = None) -> "Figure":
    """For each network its result, its maps over it and the five places of the greatest deviation over the turns,
    beside the true picture or, without, the picture ``given``, enlarged bicubically; of several networks the places
    where they disagree.

    Every map has its own colours, up to what 99 of 100 of its values do not exceed.

    Raises:
        PixmendError: matplotlib is not installed.
    """
    scale = found.answers[0].result.shape[-1] // given.shape[-1]
    beside = ("input", imresize(given, scale=scale).clamp(0, 1)) if true is None else ("true", true)
    blocks = [_of_answer(name, answer, beside, scale) for name, answer in zip(names, found.answers, strict=True)]
    if found.disagreement is not None:
        blocks.append(_of_disagreement(names, found, beside, scale))
    figure = new_figure(WIDTH, sum(block.height for block in blocks) + 0.35)
    shares = [block.height for block in blocks]
    parts = figure.subfigures(len(blocks), 1, height_ratios=shares, squeeze=False)[:, 0]
    for part, block in zip(parts, blocks, strict=True):
        _draw_block(part, block)
    return figure


@dataclass(frozen=True, kw_only=True, slots=True)
class _Block:
    """A row of panels and under it a row of places."""

    name: str
    result: Tensor
    maps: Sequence[DoubtMap]
    places: Sequence[Window]
    marked: int
    """The panel on which the places are framed."""
    views: Sequence[tuple[str, Tensor]]
    """What is shown of each place."""
    told: str

    @property
    def above(self) -> float:
        """Inches of the panels."""
        height, width = self.result.shape[-2:]
        return min(max(0.85 * WIDTH / (1 + max(2, len(self.maps))) * height / width, 0.9), 4.5) + 0.35

    @property
    def below(self) -> float:
        return min(1.9, 0.95 * WIDTH / _PLACES / len(self.views)) + 0.55 if self.places else 0.3

    @property
    def height(self) -> float:
        return self.above + self.below


def _of_answer(name: str, answer: Answer, beside: tuple[str, Tensor], scale: int) -> _Block:
    return _Block(
        name=name,
        result=answer.result,
        maps=answer.maps,
        places=places_of(answer.ensemble, answer.result, scale=scale),
        marked=0,
        views=[("result", answer.result), beside],
        told="where the eight turns differ most, mean levels",
    )


def _of_disagreement(names: Sequence[str], found: Fidelity, beside: tuple[str, Tensor], scale: int) -> _Block:
    assert found.disagreement is not None
    views = [(name, answer.result) for name, answer in zip(names, found.answers, strict=True)]
    result = found.answers[0].result
    return _Block(
        name=f"mean of {len(names)} models",
        result=sum((answer.result for answer in found.answers[1:]), result) / len(names),
        maps=[found.disagreement.map],
        places=places_of(found.disagreement.map, result, scale=scale),
        marked=1,
        views=[*views, beside],
        told="where the models differ most, mean levels",
    )


def _draw_block(part: Any, block: _Block) -> None:
    above, below = part.subfigures(2, 1, height_ratios=(block.above, block.below))
    axes = above.subplots(1, 1 + len(block.maps), squeeze=False)[0]
    axes[0].imshow(_picture(block.result), extent=_extent(block.result))
    axes[0].set_title(label(block.name), fontsize=9, color=INK)
    for axis, each in zip(axes[1:], block.maps, strict=True):
        _overlay(axis, block.result, each)
        axis.set_title(f"{_TITLES[each.name]}: mean {each.mean:.2g}", fontsize=9, color=INK)
    for axis in axes:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    _mark(axes[block.marked], block.places)
    _draw_places(below, block)


def _overlay(axis: Any, result: Tensor, doubt: DoubtMap) -> None:
    """The result in light grey, and colours over it that are the less transparent the greater the doubt."""
    top = max(doubt.high, 1e-3)
    grey = _picture(result).mean(2)
    values = F.adaptive_max_pool2d(doubt.enlarged()[None], grey.shape)[0].numpy()
    axis.imshow(0.5 + 0.5 * grey, cmap="gray", vmin=0, vmax=1, extent=_extent(result))
    shown = axis.imshow(
        values,
        cmap=_COLOURS,
        vmin=0,
        vmax=top,
        alpha=np.clip(values / top, 0, 1) ** 0.7,
        extent=_extent(result),
        interpolation="nearest",
    )
    bar = axis.figure.colorbar(shown, ax=axis, shrink=0.85, pad=0.02, aspect=25, extend="max")
    bar.ax.tick_params(labelsize=7)
    bar.set_label("levels of 255", fontsize=7)
    bar.solids.set_alpha(1)


def _mark(axis: Any, places: Sequence[Window]) -> None:
    from matplotlib.patches import Rectangle

    for number, place in enumerate(places, 1):
        corner = (place.left, place.top)
        axis.add_patch(Rectangle(corner, place.width, place.height, fill=False, edgecolor="#2563eb", linewidth=1.2))
        axis.annotate(
            str(number),
            corner,
            xytext=(2, -2),
            textcoords="offset points",
            va="top",
            fontsize=7,
            color="white",
            bbox={"boxstyle": "square,pad=0.15", "facecolor": "#2563eb", "edgecolor": "none"},
        )


def _draw_places(part: Any, block: _Block) -> None:
    """Each place in all views, side by side."""
    if not block.places:
        part.supxlabel("no place differs by more than half a level", fontsize=8, color=FAINT)
        return
    axes = part.subplots(1, _PLACES, squeeze=False)[0]
    for axis in axes:
        axis.axis("off")
    for number, (axis, place) in enumerate(zip(axes, block.places, strict=False), 1):
        rows, columns = slice(place.top, place.top + place.height), slice(place.left, place.left + place.width)
        crops = [_picture(view[:, rows, columns]) for _, view in block.views]
        gap = np.ones((crops[0].shape[0], max(1, crops[0].shape[1] // 16), 3))
        strips = [piece for crop in crops for piece in (gap, crop)][1:]
        axis.imshow(np.concatenate(strips, axis=1), interpolation="nearest")
        axis.set_title(f"{number}: x {place.left}, y {place.top}: {place.value:.2g}", fontsize=8, color=INK)
    told = " | ".join(label(name) for name, _ in block.views)
    part.supxlabel(f"{block.told}; each place: {told}", fontsize=8, color=FAINT)


def _picture(image: Tensor) -> np.ndarray:
    """(h, w, 3) of (1 or 3, H, W), averaged down to what a figure shows."""
    height, width = image.shape[-2:]
    fit = min(1.0, _DRAWN / max(height, width))
    size = (max(1, round(height * fit)), max(1, round(width * fit)))
    small = F.interpolate(image[None].float().clamp(0, 1), size=size, mode="area")[0]
    return small.expand(3, -1, -1).permute(1, 2, 0).numpy()


def _extent(image: Tensor) -> tuple[float, float, float, float]:
    return (-0.5, image.shape[-1] - 0.5, image.shape[-2] - 0.5, -0.5)
