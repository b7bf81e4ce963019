"""Why a PSNR is not the paper's: every way to score, every known mistake, and which of them gives a number."""

from pixmend.evaluate.explain.answers import Answer, Match
from pixmend.evaluate.explain.choices import Choice
from pixmend.evaluate.explain.explanation import Explanation, Finding, Number, PictureScore, ProtocolScore, Similar
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
    "PictureScore",
    "ProtocolScore",
    "Similar",
    "explain",
    "explain_files",
]
