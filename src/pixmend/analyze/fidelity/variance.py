"""How sure is the network? The picture is flipped and turned, and each result turned back.

C channels, H and W height and width of the result.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from pixmend.analyze.fidelity.maps import DoubtMap
from pixmend.infer.ensemble import TURNS


def ensemble(restore: Callable[[Tensor], Tensor], image: Tensor) -> tuple[Tensor, DoubtMap]:
    """The result (C, H, W), clamped to [0, 1], and the standard deviation of it over the eight flips and turns.

    A network that treats all directions alike, as bicubic enlargement does, has 0 but for rounding. The deviation is
    that of the eight alone (divided by 8), the root of its mean square over the channels. What all eight get wrong
    alike it does not see. Two pictures are kept beside the result, whatever the number of turns.
    """
    first: Tensor | None = None
    sums = squares = torch.zeros(())
    for turn in TURNS:
        result = turn.back(restore(turn.there(image).contiguous()).clamp(0, 1))
        if first is None:
            first = result
        away = (result - first) * 255  # from a value nearby, so that squares lose nothing
        sums, squares = sums + away, squares + away.square()
    assert first is not None
    count = len(TURNS)
    variance = (squares / count - (sums / count).square()).clamp_(min=0)
    return first, DoubtMap(name="ensemble", values=variance.mean(0).sqrt())
