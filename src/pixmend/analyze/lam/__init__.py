"""Local attribution maps: which pixels of the input a network used for a small part of its result."""

from pixmend.analyze.lam.attribution import Attribution, local_attribution
from pixmend.analyze.lam.detectors import DETECTORS, Detector, Edges, Gabor, Gradient, Intensity
from pixmend.analyze.lam.figure import draw_attributions, draw_diffusion
from pixmend.analyze.lam.folder import Diffusion, diffusion_over
from pixmend.analyze.lam.index import density, diffusion_index, pixels_holding
from pixmend.analyze.lam.path import PATHS, Black, Blur, Blurred, Path
from pixmend.analyze.lam.several import arrays_of, attributions, common_channels, common_multiple, common_scale
from pixmend.analyze.lam.window import Part, Window, busiest_window, part_around

__all__ = [
    "DETECTORS",
    "PATHS",
    "Attribution",
    "Black",
    "Blur",
    "Blurred",
    "Detector",
    "Diffusion",
    "Edges",
    "Gabor",
    "Gradient",
    "Intensity",
    "Part",
    "Path",
    "Window",
    "arrays_of",
    "attributions",
    "busiest_window",
    "common_channels",
    "common_multiple",
    "common_scale",
    "density",
    "diffusion_index",
    "diffusion_over",
    "draw_attributions",
    "draw_diffusion",
    "local_attribution",
    "part_around",
    "pixels_holding",
]
