"""A report as a picture: two bars per picture, baseline and model, and the conditions under them."""

import math

from PIL import Image, ImageDraw, ImageFont

from pixmend.evaluate.protocol import Score
from pixmend.evaluate.report import Report, gain

_WIDTH, _MARGIN, _NAMES, _GAINS = 1000, 30, 190, 90
_ROW, _BAR, _TOP = 34, 11, 100
_INK, _FAINT, _GRID, _PAPER = "#1c2430", "#667085", "#e4e7ec", "#ffffff"
_BASELINE, _MODEL = "#b6bdc9", "#2f6fde"
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20)


def draw(report: Report) -> Image.Image:
    """The PSNR of every picture and their mean as bars, 1000 pixels wide and as high as there are pictures.

    The axis does not start at 0 dB, which is no natural zero: compare differences of length, not ratios.
    """
    rows = [(record.name, record.baseline, record.model) for record in report.records]
    rows.append(("mean", report.baseline_mean, report.mean))
    notes = [line for text in report.describe().splitlines() for line in _wrapped(text)]
    bottom = _TOP + _ROW * len(rows)
    image = Image.new("RGB", (_WIDTH, bottom + 50 + 20 * len(notes)), _PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((_MARGIN, 24), f"{report.model} on {report.benchmark}, {report.task}", _INK, _font(22))
    _legend(pen, report)
    low, high, step = _axis([score.psnr for _, *scores in rows for score in scores])
    _grid(pen, low=low, high=high, step=step, bottom=bottom)
    for index, (name, baseline, model) in enumerate(rows):
        _row(pen, _TOP + index * _ROW, name=name, baseline=baseline, model=model, axis=(low, high))
    pen.line((_MARGIN, bottom - _ROW, _WIDTH - _MARGIN, bottom - _ROW), _FAINT)
    for index, line in enumerate(notes):
        pen.text((_MARGIN, bottom + 36 + 20 * index), line, _FAINT, _font(13))
    return image


def _legend(pen: ImageDraw.ImageDraw, report: Report) -> None:
    left = float(_MARGIN)
    for colour, text in ((_BASELINE, report.baseline), (_MODEL, report.model)):
        pen.rectangle((left, 66, left + 14, 77), colour)
        pen.text((left + 20, 64), text, _FAINT, _font(13))
        left += 44 + _font(13).getlength(text)
    pen.text((_WIDTH - _MARGIN, 64), "PSNR in dB", _FAINT, _font(13), anchor="ra")


def _grid(pen: ImageDraw.ImageDraw, *, low: float, high: float, step: float, bottom: int) -> None:
    for index in range(round((high - low) / step) + 1):
        x = _x(low + index * step, (low, high))
        pen.line((x, _TOP - 6, x, bottom), _GRID)
        pen.text((x, bottom + 6), f"{low + index * step:g}", _FAINT, _font(13), anchor="ma")


def _row(
    pen: ImageDraw.ImageDraw, top: int, *, name: str, baseline: Score, model: Score, axis: tuple[float, float]
) -> None:
    left, middle = _x(axis[0], axis), top + _ROW / 2
    pen.text((left - 10, middle), _shortened(name), _INK, _font(14), anchor="rm")
    for y, score, colour in ((top + 5, baseline, _BASELINE), (top + 6 + _BAR, model, _MODEL)):
        right = _x(score.psnr, axis)
        pen.rectangle((left, y, right, y + _BAR - 1), colour)
        pen.text((right + 6, y + _BAR / 2), f"{score.psnr:.2f}", _FAINT, _font(11), anchor="lm")
    pen.text((_WIDTH - _MARGIN, middle), f"{gain(model, baseline):+.2f} dB", _INK, _font(14), anchor="rm")


def _axis(values: list[float]) -> tuple[float, float, float]:
    """Start, end and step of the axis: about eight whole steps, the first a little below the lowest value."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    span = max(max(finite) - min(finite), 0.5)
    step = next((step for step in _STEPS if span * 1.25 / step <= 8), _STEPS[-1])
    low = math.floor((min(finite) - span / 4) / step) * step
    return low, math.ceil(max(finite) / step) * step, step


def _x(value: float, axis: tuple[float, float]) -> float:
    """Where a value stands; an infinite one at the end of the axis."""
    low, high = axis
    left, right = _MARGIN + _NAMES, _WIDTH - _MARGIN - _GAINS - 50
    return left + (right - left) * (min(value, high) - low) / (high - low)


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow's wheels draw text with FreeType"
    return font


def _shortened(name: str) -> str:
    while _font(14).getlength(name) > _NAMES - 20:
        name = name.removesuffix("...")[:-1] + "..."
    return name


def _wrapped(text: str) -> list[str]:
    """Lines that fit between the margins."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if _font(13).getlength(longer) <= _WIDTH - 2 * _MARGIN:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
