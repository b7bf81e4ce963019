"""Which protocols score by which choice: a number that is a protocol's own is likelier than one that nobody uses."""

from collections.abc import Iterator
from dataclasses import replace

from pixmend.evaluate.explain.choices import Choice, choice_of
from pixmend.evaluate.explain.similarity import Likeness
from pixmend.evaluate.protocol import Protocol
from pixmend.evaluate.protocols import PROTOCOLS

Names = tuple[str, ...]


def named_choices(main: Choice, *, scale: int | None, whole_levels: bool) -> dict[Choice, Names]:
    """The choice of every protocol for pictures as they are; of whole levels, rounded as the main one."""
    found: dict[Choice, Names] = {}
    for protocol, choice in _protocols(main, scale, whole_levels):
        found[choice] = (*found.get(choice, ()), protocol.name)
    return found


def named_likenesses(main: Choice, *, scale: int | None, whole_levels: bool) -> dict[Likeness, Names]:
    """The same of the SSIM, where a protocol has one."""
    found: dict[Likeness, Names] = {}
    for protocol, choice in _protocols(main, scale, whole_levels):
        if protocol.ssim is not None:
            one = Likeness(
                values=protocol.luma, border=choice.border, window=protocol.ssim, round8=choice.rounding == "8 bit"
            )
            found[one] = (*found.get(one, ()), protocol.name)
    return found


def _protocols(main: Choice, scale: int | None, whole_levels: bool) -> Iterator[tuple[Protocol, Choice]]:
    for protocol in PROTOCOLS.values():
        if not protocol.aligned and protocol.given == "rgb":
            choice = choice_of(protocol, scale=scale or 1)
            yield protocol, replace(choice, rounding=main.rounding) if whole_levels else choice
