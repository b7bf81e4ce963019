"""An explanation as a picture: each way to score a dot on one axis, the protocol's and the expected one lines."""

import math
from dataclasses import dataclass

from PIL import Image, ImageDraw

from pixmend.evaluate.chart.bars import axis_of
from pixmend.evaluate.explain.explanation import Explanation
from pixmend.image.ink import FAINT, GRID, INK, MARGIN, PAPER, WIDTH, fitted, font, wrapped

_NAMES, _VALUES = 470, 70
_LINE, _GAP, _TOP = 18, 6, 118
_OWN, _OTHER, _MENDED, _EXPECTED = "#2f6fde", "#98a2b3", "#12873d", "#c4320a"
_ROWS = 16
"""At most; matches and mistakes undone are never left out for single choices."""
_EACH = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    lines: list[str]
    psnr: float
    colour: str

    @property
    def height(self) -> int:
        return _LINE * len(self.lines) + _GAP


def draw(explanation: Explanation) -> Image.Image:
    """PSNR under the protocols, by single other choices, and with the mistakes undone; 1000 pixels wide.

    The axis shows only the range the values are in; lengths from its left end mean nothing.
    """
    answer = next((one for one in explanation.answers if one.measure == "PSNR"), None)
    expected = answer.expected if answer else None
    rows = _rows(explanation)
    notes = wrapped(explanation.verdict, WIDTH - 2 * MARGIN)
    bottom = _TOP + sum(row.height for row in rows)
    image = Image.new("RGB", (WIDTH, bottom + 64 + 20 * len(notes)), PAPER)
    pen = ImageDraw.Draw(image)
    title = f"{explanation.restored} against {explanation.true}"
    pen.text((MARGIN, 22), fitted(title, 20, WIDTH - 2 * MARGIN), INK, font(20))
    _legend(pen, explanation, expected)
    low, high, step = axis_of([row.psnr for row in rows] + ([] if expected is None else [expected]))
    for index in range(round((high - low) / step) + 1):
        x = _x(low + index * step, (low, high))
        pen.line((x, _TOP - 6, x, bottom), GRID)
        pen.text((x, bottom + 6), f"{low + index * step:g}", FAINT, font(13), anchor="ma")
    for value, colour in ((explanation.psnr, _OWN), (expected, _EXPECTED)):
        if value is not None and math.isfinite(value):
            x = _x(value, (low, high))
            pen.line((x, _TOP - 6, x, bottom), colour, 2 if colour == _EXPECTED else 1)
    top = _TOP
    for row in rows:
        _draw_row(pen, row, top, (low, high))
        top += row.height
    for index, line in enumerate(notes):
        pen.text((MARGIN, bottom + 44 + 20 * index), line, FAINT, font(13))
    return image


def _rows(explanation: Explanation) -> list[_Row]:
    """From the highest down; of ways that come to the same number, the one that says most."""
    own = explanation.numbers[0]
    mended = [one for one in explanation.undone if one.choice == own.choice]
    matches = [match for answer in explanation.answers if answer.measure == "PSNR" for match in answer.matches]
    ways = [(explanation.protocol, own.psnr, _OWN)]
    ways += [(", ".join(one.differences), one.psnr, _MENDED) for one in mended[:_EACH]]
    ways += [(one.describe(explanation.protocol), one.value, _OTHER) for one in matches[:_EACH]]
    ways += [(", ".join(row.names), row.psnr, _OTHER) for row in explanation.protocols]
    ways += [(", ".join(one.differences), one.psnr, _OTHER) for one in explanation.telling]
    kept: dict[float, _Row] = {}
    for name, psnr, colour in ways:
        if round(psnr, 3) not in kept and len(kept) < _ROWS:
            kept[round(psnr, 3)] = _Row(lines=wrapped(name, _NAMES - 20), psnr=psnr, colour=colour)
    return sorted(kept.values(), key=lambda row: -row.psnr)


def _legend(pen: ImageDraw.ImageDraw, explanation: Explanation, expected: float | None) -> None:
    left = float(MARGIN)
    entries = [(_OWN, f"{explanation.protocol}: {explanation.psnr:.2f} dB"), (_OTHER, "scored otherwise")]
    if explanation.undone:
        entries.append((_MENDED, "a mistake undone"))
    if expected is not None:
        entries.append((_EXPECTED, f"expected: {expected:g} dB"))
    for colour, text in entries:
        pen.ellipse((left, 70, left + 10, 80), colour)
        pen.text((left + 17, 67), text, FAINT, font(13))
        left += 45 + font(13).getlength(text)
    pen.text((WIDTH - MARGIN, 67), "PSNR in dB", FAINT, font(13), anchor="ra")


def _draw_row(pen: ImageDraw.ImageDraw, row: _Row, top: int, axis: tuple[float, float]) -> None:
    x, middle = _x(row.psnr, axis), top + row.height // 2
    ink = INK if row.colour == _OTHER else row.colour
    for index, line in enumerate(row.lines):
        y = top + _GAP // 2 + _LINE * index + _LINE // 2
        pen.text((MARGIN + _NAMES - 14, y), line, ink, font(13), anchor="rm")
    pen.ellipse((x - 4, middle - 4, x + 4, middle + 4), row.colour)
    pen.text((WIDTH - MARGIN, middle), f"{row.psnr:.3f}", ink, font(13), anchor="rm")


def _x(value: float, axis: tuple[float, float]) -> float:
    """Where a value stands; an infinite one at the end of the axis."""
    low, high = axis
    left, right = MARGIN + _NAMES, WIDTH - MARGIN - _VALUES
    return left + (right - left) * (min(max(value, low), high) - low) / (high - low)
