"""What the other side's number would be, had it made a mistake that is not in RESTORED."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from torch import Tensor

from pixmend.evaluate.explain.choices import Choice, Error, averaged, errors
from pixmend.evaluate.explain.explanation import Number
from pixmend.evaluate.explain.pairs import Reader
from pixmend.evaluate.explain.remedies import SWAP, Moved
from pixmend.evaluate.explain.tones import CURVE_TWICE, LINEAR_LIGHT, STRETCHED, STUDIO_RANGE
from pixmend.evaluate.explain.traces import jpeg

_ODDNESS = 2.0
_MISTAKES: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "RESTORED one pixel further to the right": Moved(right=-1.0),
        "RESTORED one pixel further to the left": Moved(right=1.0),
        "RESTORED one pixel further down": Moved(down=-1.0),
        "RESTORED one pixel further up": Moved(down=1.0),
        "RESTORED one pixel further to the right and down": Moved(right=-1.0, down=-1.0),
        "RESTORED one pixel further to the left and up": Moved(right=1.0, down=1.0),
        "RESTORED half a pixel further to the right and down": Moved(right=-0.5, down=-0.5),
        "RESTORED half a pixel further to the left and up": Moved(right=0.5, down=0.5),
        "red and blue of RESTORED exchanged": SWAP.undo,
        "the sRGB curve of RESTORED applied twice": LINEAR_LIGHT.undo,
        "the sRGB curve of RESTORED removed": CURVE_TWICE.undo,
        "RESTORED in studio range": STRETCHED.undo,
        "RESTORED stretched from studio range": STUDIO_RANGE.undo,
        "RESTORED darker by 1/256": lambda image: image * (255 / 256),
        **{f"RESTORED saved as JPEG of quality {q}": lambda image, q=q: jpeg(image, q) for q in (75, 90, 95)},
    }
)


def spoiled(pictures: Sequence[Reader], choice: Choice) -> list[Number]:
    """The PSNR by this choice, had each known mistake been made: what the other side may have scored."""
    parts: dict[str, list[Error]] = {mistake: [] for mistake in _MISTAKES}
    for read in pictures:
        trio = read()
        for mistake, make in _MISTAKES.items():
            parts[mistake].append(errors(make(trio.restored), trio.true, [choice])[choice])
    return [
        Number(choice=choice, psnr=averaged(measured, choice), differences=(mistake,), oddness=_ODDNESS)
        for mistake, measured in parts.items()
    ]
