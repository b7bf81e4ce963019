"""The diffusion index of several networks over many pictures, the same window for all of them.

C channels, H and W height and width in input pixels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from pixmend.analyze.lam.attribution import DETECTOR, PATH
from pixmend.analyze.lam.detectors import Detector
from pixmend.analyze.lam.path import Path
from pixmend.analyze.lam.several import attributions, common_multiple, common_scale
from pixmend.analyze.lam.window import SIZE, Part, Window, busiest_window, part_around
from pixmend.errors import PixmendError
from pixmend.models.base import Restorer


@dataclass(frozen=True, kw_only=True, slots=True)
class Diffusion:
    """How widely every network looked for the most detailed window of one picture; or why it was not asked."""

    picture: str
    window: Window | None = None
    """In pixels of the whole result; None where ``error`` says why."""
    part: Part | None = None
    """What the networks were given."""
    indices: Mapping[str, float] | None = None
    """The diffusion index of every network by its name."""
    error: str | None = None


def diffusion_over(
    networks: Mapping[str, Restorer],
    pictures: Mapping[str, Callable[[], Tensor]],
    *,
    size: int = SIZE,
    margin: int | None = 64,
    detector: Detector = DETECTOR,
    path: Path = PATH,
    steps: int = 50,
    progress: Callable[[int, int], None] | None = None,
) -> list[Diffusion]:
    """Open each picture (C, H, W) by its function and ask every network about the same window of it.

    A picture that cannot be opened or asked about is a result with an ``error``, and the others go on. ``margin`` is
    as in ``part_around``; ``progress`` is given the steps done and all steps.

    Raises:
        PixmendError: no networks or networks of different scales.
    """
    scale = common_scale(networks)
    multiple = common_multiple(networks.values())
    found: list[Diffusion] = []
    for name, open_ in pictures.items():

        def watch(done: int, total: int, before: int = len(found)) -> None:
            if progress is not None:
                progress(before * total + done, len(pictures) * total)

        try:
            x = open_()
            window = busiest_window(x, scale=scale, size=size)
            part = part_around(x, window, scale=scale, margin=margin, multiple=multiple)
            asked = attributions(
                networks, part.of(x), part.window, detector=detector, path=path, steps=steps, progress=watch
            )
            indices = {model: each.diffusion_index for model, each in asked.items()}
            found.append(Diffusion(picture=name, window=window, part=part, indices=indices))
        except PixmendError as error:
            found.append(Diffusion(picture=name, error=str(error)))
    return found
