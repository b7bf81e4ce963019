"""Where a picture may be invented: what the result contradicts, what is unsure, what models do not agree on."""

from pixmend.analyze.fidelity.disagreement import Disagreement, disagreement
from pixmend.analyze.fidelity.maps import DoubtMap, Window
from pixmend.analyze.fidelity.report import Answer, Fidelity, fidelity_of
from pixmend.analyze.fidelity.residual import NoiseTest, Residual, back_projected, difference_removed
from pixmend.analyze.fidelity.truth import Agreement, agreement, edges_of
from pixmend.analyze.fidelity.variance import ensemble

__all__ = [
    "Agreement",
    "Answer",
    "Disagreement",
    "DoubtMap",
    "Fidelity",
    "NoiseTest",
    "Residual",
    "Window",
    "agreement",
    "back_projected",
    "difference_removed",
    "disagreement",
    "edges_of",
    "ensemble",
    "fidelity_of",
]
