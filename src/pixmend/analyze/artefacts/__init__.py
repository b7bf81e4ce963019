"""Artefacts and frequency: features as pictures, what windows leave in them, and spectra of features and of errors."""

from pixmend.analyze.artefacts.blocking import Grid, Trace, blocking, grid_of, plain_grid
from pixmend.analyze.artefacts.drawing import draw_errors, draw_features, draw_spectra
from pixmend.analyze.artefacts.errors import ErrorSpectrum, error_spectrum, mean_spectrum, rings_for
from pixmend.analyze.artefacts.features import Features, Shown, features_of
from pixmend.analyze.artefacts.maps import Map, Windows, milestones, visit, windows_of
from pixmend.analyze.artefacts.spectrum import Amplitudes, amplitudes_by_depth, relative_log_amplitude

__all__ = [
    "Amplitudes",
    "ErrorSpectrum",
    "Features",
    "Grid",
    "Map",
    "Shown",
    "Trace",
    "Windows",
    "amplitudes_by_depth",
    "blocking",
    "draw_errors",
    "draw_features",
    "draw_spectra",
    "error_spectrum",
    "features_of",
    "grid_of",
    "mean_spectrum",
    "milestones",
    "plain_grid",
    "relative_log_amplitude",
    "rings_for",
    "visit",
    "windows_of",
]
