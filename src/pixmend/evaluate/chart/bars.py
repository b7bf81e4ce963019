"""A comparison as a picture: bars per picture and model, the worst cases enlarged, and the conditions under them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from pixmend.evaluate.chart.cases import Case, draw_cases
from pixmend.evaluate.comparison import Comparison
from pixmend.image.ink import FAINT, GRID, INK, MARGIN, PAPER, WIDTH, fitted, font, wrapped

_COLOURS = ("#b6bdc9", "#2f6fde", "#e2852e", "#2a9d70", "#a54bc0", "#c8444f")
_NAMES, _GAINS, _TOP = 190, 90, 100
_BAR, _GAP = 11, 12
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
_MOST = 40
"""Pictures shown; of more, those with the lowest and the highest scores of the last model."""


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    values: tuple[float, ...]
    """PSNR of each model."""


def draw(comparison: Comparison, *, worst: Sequence[Case] = ()) -> Image.Image:
    """The PSNR of every picture and their mean as bars, 1000 pixels wide; below them the ``worst`` cases.

    The axis does not start at 0 dB, which is no natural zero: compare differences of length, not ratios.
    """
    rows, left_out = _rows(comparison)
    notes = [text for text in (left_out, *comparison.sentences(), *comparison.first.describe().splitlines()) if text]
    lines = [line for text in notes for line in wrapped(text, WIDTH - 2 * MARGIN)]
    height = _GAP + _BAR * len(comparison.reports)
    bottom = _TOP + height * len(rows)
    cases = draw_cases(worst, models=[report.model for report in comparison.reports], width=WIDTH - 2 * MARGIN)
    image = Image.new("RGB", (WIDTH, bottom + 60 + cases.height + 20 * len(lines)), PAPER)
    pen = ImageDraw.Draw(image)
    first = comparison.first
    pen.text((MARGIN, 24), fitted(f"{first.benchmark}, {first.task}", 22, WIDTH - 2 * MARGIN), INK, font(22))
    _legend(pen, comparison)
    low, high, step = axis_of([value for row in rows for value in row.values])
    _grid(pen, low=low, high=high, step=step, bottom=bottom)
    for index, row in enumerate(rows):
        _row(pen, _TOP + index * height, row=row, axis=(low, high))
    pen.line((MARGIN, bottom - height, WIDTH - MARGIN, bottom - height), FAINT)
    image.paste(cases, (MARGIN, bottom + 36))
    for index, line in enumerate(lines):
        pen.text((MARGIN, bottom + 46 + cases.height + 20 * index), line, FAINT, font(13))
    return image


def _rows(comparison: Comparison) -> tuple[list[_Row], str]:
    """Rows to show, the mean last, and a note on those left out."""
    reports = comparison.reports
    rows = [
        _Row(record.name, tuple(report.records[index].score.psnr for report in reports))
        for index, record in enumerate(comparison.first.records)
    ]
    left_out = ""
    if len(rows) > _MOST:
        order = sorted(range(len(rows)), key=lambda index: rows[index].values[-1])
        shown = sorted({*order[: _MOST // 2], *order[-_MOST // 2 :]})
        left_out = (
            f"of {len(rows)} pictures the {_MOST // 2} lowest and highest scores of {reports[-1].model} are shown"
        )
        rows = [rows[index] for index in shown]
    return [*rows, _Row("mean", tuple(report.mean.psnr for report in reports))], left_out


def _legend(pen: ImageDraw.ImageDraw, comparison: Comparison) -> None:
    left = float(MARGIN)
    room = (WIDTH - 2 * MARGIN - 100) / len(comparison.reports) - 44
    for index, report in enumerate(comparison.reports):
        text = fitted(report.model, 13, room)
        pen.rectangle((left, 66, left + 14, 77), _colour(index))
        pen.text((left + 20, 64), text, FAINT, font(13))
        left += 44 + font(13).getlength(text)
    pen.text((WIDTH - MARGIN, 64), "PSNR in dB", FAINT, font(13), anchor="ra")


def _grid(pen: ImageDraw.ImageDraw, *, low: float, high: float, step: float, bottom: int) -> None:
    for index in range(round((high - low) / step) + 1):
        x = _x(low + index * step, (low, high))
        pen.line((x, _TOP - 6, x, bottom), GRID)
        pen.text((x, bottom + 6), f"{low + index * step:g}", FAINT, font(13), anchor="ma")


def _row(pen: ImageDraw.ImageDraw, top: int, *, row: _Row, axis: tuple[float, float]) -> None:
    left, middle = _x(axis[0], axis), top + (_GAP + _BAR * len(row.values)) / 2
    pen.text((left - 10, middle), fitted(row.name, 14, _NAMES - 20), INK, font(14), anchor="rm")
    for index, value in enumerate(row.values):
        y, right = top + _GAP // 2 + _BAR * index, _x(value, axis)
        pen.rectangle((left, y, right, y + _BAR - 2), _colour(index))
        pen.text((right + 6, y + _BAR / 2 - 1), f"{value:.2f}", FAINT, font(11), anchor="lm")
    if len(row.values) == 2 and math.isfinite(gain := row.values[1] - row.values[0]):
        pen.text((WIDTH - MARGIN, middle), f"{gain:+.2f} dB", INK, font(14), anchor="rm")


def axis_of(values: list[float]) -> tuple[float, float, float]:
    """Start, end and step of the axis: about eight whole steps, the first a little below the lowest value."""
    finite = [value for value in values if math.isfinite(value)] or [40.0]
    span = max(max(finite) - min(finite), 0.5)
    step = next((step for step in _STEPS if span * 1.25 / step <= 8), _STEPS[-1])
    low = math.floor((min(finite) - span / 4) / step) * step
    return low, math.ceil(max(finite) / step) * step, step


def _x(value: float, axis: tuple[float, float]) -> float:
    """Where a value stands; an infinite one at the end of the axis."""
    low, high = axis
    left, right = MARGIN + _NAMES, WIDTH - MARGIN - _GAINS - 50
    return left + (right - left) * (min(value, high) - low) / (high - low)


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]
