"""The diffusion index of several networks over many pictures, the same window for all of them.

C channels, H and W height and width in input pixels.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from pixmend.analyze.lam.attribution import DETECTOR, PATH, local_attribution
from pixmend.analyze.lam.detectors import Detector
from pixmend.analyze.lam.path import Path
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
    total = len(pictures) * len(networks) * steps
    multiple = common_multiple(networks.values())
    found: list[Diffusion] = []
    for place, (name, open_) in enumerate(pictures.items()):
        before = place * len(networks) * steps
        try:
            x = open_()
            window = busiest_window(x, scale=scale, size=size)
            part = part_around(x, window, scale=scale, margin=margin, multiple=multiple)
            indices = {}
            for index, (model, network) in enumerate(networks.items()):
                watch = progress and partial(_count, progress, before=before + index * steps, total=total)
                with named(model):
                    indices[model] = local_attribution(
                        network,
                        part.of(x),
                        top=part.window.top,
                        left=part.window.left,
                        size=size,
                        detector=detector,
                        path=path,
                        steps=steps,
                        progress=watch,
                    ).diffusion_index
            found.append(Diffusion(picture=name, window=window, part=part, indices=indices))
        except PixmendError as error:
            found.append(Diffusion(picture=name, error=str(error)))
    return found


@contextmanager
def named(model: str) -> Iterator[None]:
    """An error says whose it is."""
    try:
        yield
    except PixmendError as error:
        raise PixmendError(f"{model}: {error}") from error


def _count(progress: Callable[[int, int], None], done: int, _: int, *, before: int, total: int) -> None:
    progress(before + done, total)


def common_scale(networks: Mapping[str, Restorer]) -> int:
    """The scale of all of them.

    Raises:
        PixmendError: there is none, or one differs: a window of the result would be another part of the picture.
    """
    scales = {name: network.scale for name, network in networks.items()}
    if len(set(scales.values())) != 1:
        listed = ", ".join(f"{name} by {scale}" for name, scale in scales.items()) or "none"
        raise PixmendError(f"expected networks that enlarge alike, got {listed}: ask them one by one")
    return next(iter(scales.values()))


def common_multiple(networks: Iterable[Restorer]) -> int:
    """Pixels after which the windows of all networks begin anew; 1 if that is too far to be of use."""
    multiple = math.lcm(*(network.multiple for network in networks))
    return multiple if multiple <= 64 else 1
