"""What ``pixmend analyze lam`` and ``di`` have in common: their settings."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pixmend.analyze.lam import Part, Window
    from pixmend.models.base import Restorer


class DetectorName(StrEnum):
    """What is looked for in the window."""

    gradient = "gradient"
    edges = "edges"
    gabor = "gabor"
    intensity = "intensity"


class PathName(StrEnum):
    """From what to the picture."""

    blur = "blur"
    blurred = "blurred"
    black = "black"


DetectorOption = Annotated[
    DetectorName,
    typer.Option(
        help="What is explained: "
        "gradients as in the paper, edges (the same, untroubled by flat places), upright stripes, or brightness."
    ),
]
PathOption = Annotated[
    PathName, typer.Option(help="From the blurred picture by less and less blur, from it straight, or from black.")
]
StepsOption = Annotated[int, typer.Option(min=1, max=10_000, help="Steps of the path; each costs a gradient.")]
SigmaOption = Annotated[
    float | None,
    typer.Option(min=0.01, max=100, help="Blur at the start of the path, in input pixels; 1.2 by itself."),
]
AroundOption = Annotated[
    str,
    typer.Option(metavar="PIXELS", help="Networks are given the input this far around the window; `all` of it."),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]


def how_of(detector: DetectorName, path: PathName, *, steps: int, sigma: float | None) -> dict[str, Any]:
    """The settings as ``local_attribution`` takes them."""
    from pixmend.analyze.lam import DETECTORS, PATHS, Blur, Blurred

    if sigma is not None and path is PathName.black:
        raise typer.BadParameter("a path from black has no blur: leave it out", param_hint="--sigma")
    way = PATHS[path]() if sigma is None else {PathName.blur: Blur, PathName.blurred: Blurred}[path](sigma=sigma)
    return {"detector": DETECTORS[detector](), "path": way, "steps": steps}


def said(detector: DetectorName, path: PathName, how: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as figures and JSON name them."""
    sigma = getattr(how["path"], "sigma", None)
    return {
        "detector": str(detector),
        "path": str(path) + (f", sigma {sigma:g}" if sigma else ""),
        "steps": how["steps"],
    }


def margin_of(text: str) -> int | None:
    """``--around`` as ``part_around`` takes it."""
    if text == "all":
        return None
    if not text.isdecimal() or len(text) > 6:
        raise typer.BadParameter(f"expected pixels such as 64, or all, got {text!r}", param_hint="--around")
    return int(text)


def say_grid(
    part: "Part", networks: "Mapping[str, Restorer]", window: "Window", *, scale: int, margin: int | None
) -> None:
    """In one line, where the windows of networks make the part larger than was asked for."""
    from pixmend.cli import console

    if margin is None:
        return
    top, left, bottom, right = window.footprint(scale)
    if part.height <= bottom - top + 2 * margin and part.width <= right - left + 2 * margin:
        return
    grids = {name: network.multiple for name, network in networks.items() if network.multiple > 1}
    whose = ", ".join(f"{name}'s grid of {multiple}" for name, multiple in grids.items())
    note = f"part {part.width} x {part.height}: {whose}; a diffusion index is comparable within one part only"
    console.notes().print(console.printable(f"note: {note}"))
