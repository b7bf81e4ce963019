"""Several networks asked about the same window of the same picture.

C channels, H and W height and width in input pixels.
"""

import math
from collections.abc import Callable, Iterable, Mapping

from torch import Tensor

from pixmend.analyze.lam.attribution import DETECTOR, PATH, Attribution, local_attribution
from pixmend.analyze.lam.detectors import Detector
from pixmend.analyze.lam.path import Path
from pixmend.analyze.lam.window import Window
from pixmend.errors import PixmendError
from pixmend.models.base import Restorer


def attributions(
    networks: Mapping[str, Restorer],
    x: Tensor,
    window: Window,
    *,
    detector: Detector = DETECTOR,
    path: Path = PATH,
    steps: int = 50,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Attribution]:
    """``local_attribution`` of every network, by name, for (C, H, W); ``progress`` counts the steps of all.

    Raises:
        PixmendError: as ``local_attribution``, naming the network.
    """
    found: dict[str, Attribution] = {}
    for name, network in networks.items():

        def watch(done: int, total: int, before: int = len(found)) -> None:
            if progress is not None:
                progress(before * total + done, len(networks) * total)

        try:
            found[name] = local_attribution(
                network,
                x,
                top=window.top,
                left=window.left,
                size=window.size,
                detector=detector,
                path=path,
                steps=steps,
                progress=watch,
            )
        except PixmendError as error:
            raise PixmendError(f"{name}: {error}") from error
    return found


def arrays_of(found: Mapping[str, Attribution], x: Tensor) -> dict[str, Tensor]:
    """What a figure of them was drawn from: by number, in their order, as networks' names may be paths."""
    arrays = {"input": x}
    for place, each in enumerate(found.values()):
        arrays |= {f"attribution_{place}": each.values, f"map_{place}": each.map, f"result_{place}": each.result}
    return arrays


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


def common_channels(networks: Mapping[str, Restorer]) -> int:
    """The channels that all of them take.

    Raises:
        PixmendError: one takes grey, another colours.
    """
    takes = {name: network.in_channels for name, network in networks.items()}
    if len(set(takes.values())) != 1:
        listed = ", ".join(f"{name} {channels}" for name, channels in takes.items()) or "none"
        raise PixmendError(f"expected networks of equally many channels, got {listed}: ask them one by one")
    return next(iter(takes.values()))


def common_multiple(networks: Iterable[Restorer]) -> int:
    """Pixels after which the windows of all networks begin anew; 1 if that is too far to be of use."""
    multiple = math.lcm(*(network.multiple for network in networks))
    return multiple if multiple <= 64 else 1
