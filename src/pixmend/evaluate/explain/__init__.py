"""Why a PSNR is not the paper's: every way to score, every known mistake, and which of them gives a number."""

from pixmend.evaluate.explain.choices import Choice
from pixmend.evaluate.explain.explanation import Answer, Explanation, Finding, Match, Number, ProtocolScore, Similar
from pixmend.evaluate.explain.investigate import explain, explain_files
from pixmend.evaluate.explain.low import Low
from pixmend.evaluate.explain.similarity import Likeness

__all__ = [
    "Answer",
    "Choice",
    "Explanation",
    "Finding",
    "Likeness",
    "Low",
    "Match",
    "Number",
    "ProtocolScore",
    "Similar",
    "explain",
    "explain_files",
]
