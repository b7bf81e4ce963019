"""The suspects of a check on one sheet, so that a person can judge them."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from pixmend.data.check.report import Case, CheckReport, Finding
from pixmend.degrade.resize import imresize
from pixmend.errors import PixmendError
from pixmend.image import read_image
from pixmend.image.ink import FAINT, INK, PAPER, fitted, font

_SIDE, _GAP, _MARGIN, _HEAD, _FOOT = 220, 6, 24, 44, 44
_PANELS, _CELLS, _CASES = 3, 2, 6
_CELL = _PANELS * (_SIDE + _GAP) + 3 * _GAP
_WIDTH = 2 * _MARGIN + _CELLS * _CELL
_WHOLE = ("leak", "mismatch", "copy", "near_copy", "blank", "exposure", "border", "narrow")
_PAIRS = ("misaligned", "drift", "swapped", "tone")
_DETAILS = ("enlarged", "jpeg", "noisy")

_Cell = tuple[Case, list[Image.Image]]


def draw(report: CheckReport) -> Image.Image | None:
    """Up to six cases of every finding that can be seen; None if there is none.

    Copies and leaks are shown whole, side by side; pairs as the middle of the high picture shrunk, of the low one, and
    their difference about grey, doubled; damage as the middle at its own size.
    """
    shown = [finding for finding in report.findings if finding.kind in _WHOLE + _PAIRS + _DETAILS]
    if not shown:
        return None
    drawn = [(finding, _cells(finding)) for finding in shown]
    heights = [_HEAD + sum(map(_row_height, _rows(cells))) for _, cells in drawn]
    sheet = Image.new("RGB", (_WIDTH, 2 * _MARGIN + sum(heights)), PAPER)
    top = _MARGIN
    for (finding, cells), height in zip(drawn, heights, strict=True):
        _draw_finding(sheet, top, finding, cells)
        top += height
    return sheet


def _cells(finding: Finding) -> list[_Cell]:
    return [(case, _panels(case, finding.kind)) for case in finding.cases[:_CASES]]


def _rows(cells: list[_Cell]) -> list[list[_Cell]]:
    return [cells[start : start + _CELLS] for start in range(0, len(cells), _CELLS)]


def _row_height(row: list[_Cell]) -> int:
    return max((panel.height for _, panels in row for panel in panels), default=0) + _FOOT


def _draw_finding(sheet: Image.Image, top: int, finding: Finding, cells: list[_Cell]) -> None:
    pen = ImageDraw.Draw(sheet)
    more = f", {_CASES} of {len(finding.cases)}" if len(finding.cases) > _CASES else ""
    pen.text((_MARGIN, top + 10), f"{finding.title} ({finding.severity}{more})", INK, font(20))
    top += _HEAD
    for row in _rows(cells):
        foot = top + _row_height(row) - _FOOT + 3
        for place, (case, panels) in enumerate(row):
            left = _MARGIN + place * _CELL
            for panel in panels:
                sheet.paste(panel, (left, top))
                left += panel.width + _GAP
            names = ", ".join(map(_short, case.files[:_PANELS]))
            for line, (text, colour) in enumerate(((names, INK), (case.evidence, FAINT))):
                pen.text((_MARGIN + place * _CELL, foot + 16 * line), fitted(text, 13, _CELL - 12), colour, font(13))
        top += _row_height(row)


def _panels(case: Case, kind: str) -> list[Image.Image]:
    pictures = []
    for name in case.files[:_PANELS]:
        try:
            pictures.append(read_image(name))
        except PixmendError:  # a bundled name, which is no file, or one that went away
            continue
    if kind in _PAIRS and len(pictures) == 2:
        return _difference(*pictures)
    if kind in _DETAILS:
        return [_to_pillow(_middle(pictures[0], _SIDE * 2 + _GAP, _SIDE))] if pictures else []
    return [_whole(picture) for picture in pictures]


def _difference(high: torch.Tensor, low: torch.Tensor) -> list[Image.Image]:
    scale = max(1, round(high.shape[2] / low.shape[2]))
    height, width = (min(a // scale, b) for a, b in zip(high.shape[1:], low.shape[1:], strict=True))
    high, low = (
        _middle(picture[:, : height * times, : width * times], _SIDE * times, _SIDE * times)
        for picture, times in ((high, scale), (low, 1))
    )
    shrunk = imresize(high, size=(low.shape[1], low.shape[2])) if scale > 1 else high
    times = max(1, _SIDE // max(low.shape[1:]))  # small ones are shown in large pixels
    panels = [_to_pillow(picture) for picture in (shrunk, low, (low - shrunk) * 2 + 0.5)]
    return [panel.resize((panel.width * times, panel.height * times), Image.Resampling.NEAREST) for panel in panels]


def _middle(picture: torch.Tensor, width: int, height: int) -> torch.Tensor:
    top, left = (max(0, (have - want) // 2) for have, want in zip(picture.shape[1:], (height, width), strict=True))
    return picture[:, top : top + height, left : left + width]


def _whole(picture: torch.Tensor) -> Image.Image:
    image = _to_pillow(picture)
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    return image


def _to_pillow(picture: torch.Tensor) -> Image.Image:
    values = picture.expand(3, -1, -1).clamp(0, 1).mul(255).round().to(torch.uint8)
    return Image.fromarray(np.ascontiguousarray(values.permute(1, 2, 0).numpy()))


def _short(name: str) -> str:
    path = Path(name)
    return f"{path.parent.name}/{path.name}"
