"""What the page does, without a browser: a picture is opened and restored, and asked about where somebody clicks.

C channels, H and W height and width in pixels of the input, s scale.
"""

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pixmend.analyze.channels import with_channels
from pixmend.analyze.lam import (
    Window,
    arrays_of,
    attributions,
    common_channels,
    common_multiple,
    common_scale,
    draw_attributions,
    part_around,
)
from pixmend.analyze.lam.attribution import PATH
from pixmend.analyze.network import check_askable
from pixmend.analyze.record import keep
from pixmend.degrade.resize import round8
from pixmend.errors import PixmendError
from pixmend.image import read_image
from pixmend.infer.pipeline import Pipeline
from pixmend.models.base import Restorer

MOST_PIXELS = 2**20
"""Of a picture: it is restored before anybody can click on the result, which larger ones would make a long wait."""
MARGIN, STEPS = 20, 10
"""Input pixels around the window that networks are given, and steps of the path, unless more are asked for: few, since
somebody waits."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A picture, and what the first network makes of it."""

    name: str
    x: Tensor
    """(C, H, W) in [0, 1]."""
    result: np.ndarray
    """(s H, s W, 3) of 8 bits: what is clicked on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What the networks say of a window."""

    rows: list[list[str]]
    """Of each network: its name, diffusion index, and the input pixels that hold 90 % of the attribution."""
    figure: Path
    arrays: Path
    told: str
    """Which window of which picture it is, and what was asked."""


class Page:
    """Networks that are asked one question at a time, whoever asks, and a folder for figures.

    Raises:
        PixmendError: no network, networks of different scales or channels, or one that cannot be asked.
    """

    def __init__(self, networks: Mapping[str, Restorer], *, folder: Path) -> None:
        self.networks, self.folder = networks, folder
        self.scale = common_scale(networks)
        self.takes = common_channels(networks)
        for network in networks.values():
            check_askable(network)
        if self.takes not in (1, 3):
            raise PixmendError(f"networks of {self.takes} channels, which see two views, cannot be asked here")
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def open(self, path: Path, *, progress: Progress | None = None) -> Shown:
        """The picture of a file, restored by the first network in tiles.

        Raises:
            PixmendError: as ``read_image``, or it has more than ``MOST_PIXELS`` pixels.
        """
        try:
            image = read_image(path)
        except PixmendError as error:  # of an upload only its name is known to who sent it
            raise PixmendError(str(error).replace(str(path), path.name)) from error
        height, width = image.shape[-2:]
        if height * width > MOST_PIXELS:
            limit = f"{MOST_PIXELS / 1e6:.1f} megapixels"
            raise PixmendError(f"{path.name}: {width} x {height} is more than {limit}: cut a part out of it first")
        x = with_channels(image, self.takes)
        with self._lock:
            result = Pipeline(next(iter(self.networks.values())), device="cpu")(x, progress=progress)
        return Shown(name=path.name, x=x, result=for_screen(result))

    def ask(
        self,
        shown: Shown,
        window: Window,
        *,
        margin: int = MARGIN,
        steps: int = STEPS,
        progress: Progress = lambda done, total: None,
    ) -> Answered:
        """Draw every network's attribution of a window of the result, into a new file of the folder.

        ``margin`` is as in ``part_around``. Detector and path are those of the official demo.

        Raises:
            PixmendError: as ``local_attribution``, naming the network; or the figure cannot be written.
        """
        multiple = common_multiple(self.networks.values())
        part = part_around(shown.x, window, scale=self.scale, margin=margin, multiple=multiple)
        with self._lock:
            found = attributions(self.networks, part.of(shown.x), part.window, steps=steps, progress=progress)
        facts = {
            "models": list(found),
            "picture": shown.name,
            "window of the result": f"{window.size} x {window.size} at top {window.top}, left {window.left}",
            "given": f"{part.width} x {part.height} at top {part.top}, left {part.left}",
            "detector": "gradient",
            "path": f"blur, sigma {PATH.sigma:g}",
            "steps": steps,
        }
        figure = self.folder / f"lam-{next(self._numbers)}.png"
        beside = keep(figure, draw_attributions(found, shown.x, part=part), arrays_of(found, shown.x), facts=facts)
        rows = [[name, f"{each.diffusion_index:.2f}", f"{each.area:,}"] for name, each in found.items()]
        told = (
            f"{shown.name}: {window.size} x {window.size} pixels of the result at x {window.left}, y {window.top}; "
            f"the networks were given {part.width} x {part.height} of the input, in {steps} steps. "
            "A diffusion index is comparable within one such part only."
        )
        return Answered(rows=rows, figure=figure, arrays=beside, told=told)


def window_at(x: int, y: int, *, size: int, shown: Shown) -> Window:
    """The window around a click at column ``x`` and row ``y`` of the result, moved inside where it would leave it.

    Raises:
        PixmendError: the click is not on the result, or the result is smaller than the window.
    """
    height, width = shown.result.shape[:2]
    if not (0 <= x < width and 0 <= y < height):
        raise PixmendError(f"clicked at x {x}, y {y}, beyond the result of {width} x {height}: click on it")
    Window(top=0, left=0, size=size).check(height, width)
    top, left = (min(max(0, at - size // 2), side - size) for at, side in ((y, height), (x, width)))
    return Window(top=top, left=left, size=size)


def for_screen(image: Tensor) -> np.ndarray:
    """(H, W, 3) of 8 bits of a picture (1 or 3, H, W), as a file would hold it."""
    return (round8(image).expand(3, -1, -1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
