"""A comparison as a picture: bars, and the worst cases enlarged."""

from pixmend.evaluate.chart.bars import draw
from pixmend.evaluate.chart.worst import worst_cases

__all__ = ["draw", "worst_cases"]
