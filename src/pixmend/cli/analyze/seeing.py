"""What the commands on features share: the part of a picture that networks see."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmend.cli import console

if TYPE_CHECKING:
    from torch import Tensor

    from pixmend.cli.analyze.opening import Asked

MOST_PIXELS = 512 * 512
"""Of a picture that is asked about whole: features of all of it are in memory at once, some kilobytes a pixel."""


def see(
    picture: Path, networks: "Sequence[Asked]", *, chain: str | None, crop: str | None
) -> "tuple[list[Tensor], dict[str, Any]]":
    """The picture as each network takes it, (C, H, W), and the facts to keep. Where one sees windows of a fixed size
    alone, all see the busiest such window of it, so that they are asked about the same.

    Raises:
        PixmendError: as ``open_picture``, or a picture that is too large to be asked about whole.
    """
    from pixmend.analyze.place import busiest
    from pixmend.cli.analyze.opening import open_picture
    from pixmend.errors import PixmendError

    images = [open_picture(picture, takes=each.network.in_channels, chain=chain, crop=crop) for each in networks]
    height, width = images[0].shape[1:]
    sides = [each.network.fixed_size for each in networks if each.network.fixed_size is not None]
    place = ""
    if sides and max(height, width) > min(sides):
        size = (min(height, *sides), min(width, *sides))
        top, left = busiest(images[0], size=size)
        images = [image[:, top : top + size[0], left : left + size[1]] for image in images]
        place = f"{top},{left},{size[0]},{size[1]}"
        console.notes().print(f"only the part {place} is seen: one of the networks takes {min(sides)} x {min(sides)}")
    height, width = images[0].shape[1:]
    if height * width > MOST_PIXELS:
        side = math.isqrt(MOST_PIXELS)
        raise PixmendError(
            f"{picture}: expected {side} x {side} pixels, or as many, at most, got {width} x {height}: give --crop"
        )
    facts = {"models": [each.name for each in networks], "picture": picture.name, "chain": chain, "crop": crop}
    facts |= {"seen": place or None, "size": f"{width} x {height}"}
    return images, {name: value for name, value in facts.items() if value is not None}
