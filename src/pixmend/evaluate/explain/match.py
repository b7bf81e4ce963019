"""Which of the numbers is the one somebody expects, and what else could have made it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from torch import Tensor

from pixmend.evaluate.explain.choices import Choice, Error, averaged, errors
from pixmend.evaluate.explain.explanation import Answer, Match, Number
from pixmend.evaluate.explain.pairs import Reader
from pixmend.evaluate.explain.remedies import SWAP, TONES, Moved
from pixmend.evaluate.explain.traces import jpeg

_ROUNDING = 1e-9
_SHOWN = 12


def answer(measure: str, expected: float, *, tolerance: float, tried: Iterable[Match]) -> Answer:
    """The matches among what was tried, the most plausible first."""
    every = sorted(tried, key=lambda match: (len(match.differences), abs(match.value - expected)))
    matches = [match for match in every if abs(match.value - expected) <= tolerance + _ROUNDING]
    return Answer(
        measure=measure,
        expected=expected,
        tolerance=tolerance,
        matches=tuple(matches[:_SHOWN]),
        nearest=min(every, key=lambda match: abs(match.value - expected)),
    )


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
        "the sRGB curve of RESTORED applied twice": TONES[0].undo,
        "the sRGB curve of RESTORED removed": TONES[1].undo,
        "RESTORED in studio range": TONES[5].undo,
        "RESTORED stretched from studio range": TONES[4].undo,
        "RESTORED darker by 1/256": lambda image: image * (255 / 256),
        **{f"RESTORED saved as JPEG of quality {q}": lambda image, q=q: jpeg(image, q) for q in (75, 90, 95)},
    }
)


def spoiled(pictures: Sequence[Reader], choices: Sequence[Choice]) -> list[Number]:
    """The PSNR by these choices, had each known mistake been made: what the other side may have scored."""
    parts: dict[str, list[dict[Choice, Error]]] = {mistake: [] for mistake in _MISTAKES}
    for read in pictures:
        trio = read()
        for mistake, make in _MISTAKES.items():
            parts[mistake].append(errors(make(trio.restored), trio.true, choices))
    return [
        Number(
            choice=choice,
            psnr=averaged([part[choice] for part in measured], choice),
            differences=(mistake, *choice.differences(choices[0])),
        )
        for mistake, measured in parts.items()
        for choice in choices
    ]
