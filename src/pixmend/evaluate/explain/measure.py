"""Reading all pictures once, and every number of them as they are.

C channels, H and W height and width in pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.evaluate.explain.choices import Choice, Error, averaged, choices_around, errors
from pixmend.evaluate.explain.explanation import Number, ProtocolScore, Similar
from pixmend.evaluate.explain.low import Low, Resized
from pixmend.evaluate.explain.named import named_choices, named_likenesses
from pixmend.evaluate.explain.pairs import Reader, Trio
from pixmend.evaluate.explain.remedies import Remedy
from pixmend.evaluate.explain.search import Step, chain, undone
from pixmend.evaluate.explain.similarity import Likeness, likenesses_around
from pixmend.evaluate.explain.traces import Bias, Coding, Quantised, coding
from pixmend.evaluate.protocol import Protocol
from pixmend.evaluate.protocols import PROTOCOLS

_WINDOW = 11
_SAME = 1e-9
"""dB; two choices this close on every picture are one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What a first look at the pictures tells."""

    names: tuple[str, ...]
    notes: tuple[str, ...]
    choices: tuple[Choice, ...]
    """The protocol's own first."""
    named: Mapping[Choice, tuple[str, ...]]
    """The protocols that score by a choice."""
    named_similar: Mapping[Likeness, tuple[str, ...]]
    """The same of the SSIM."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Means over the pictures, and the traces found in them."""

    each: tuple[tuple[float, float], ...]
    """PSNR in dB and SSIM of every picture under the protocol."""
    numbers: tuple[Number, ...]
    similar: tuple[Similar, ...]
    protocols: tuple[ProtocolScore, ...]
    bias: tuple[Remedy, str] | None
    coding: Coding | None
    low: Low | None


def survey(pictures: Sequence[Reader], main: Choice, *, scale: int | None) -> Survey:
    """Read every picture once, so that what is wrong with any of them is said at once.

    Raises:
        PixmendError: a picture is unreadable, too small, or does not fit its partner.
    """
    names, notes, whole = [], {}, True
    widest = max(main.border, (scale or 1) + 6)
    for read in pictures:
        trio = read()
        height, width = trio.true.shape[1:]
        least = 2 * widest + _WINDOW
        if min(height, width) < least:
            raise PixmendError(f"{trio.name}: {width} x {height} pixels: expected at least {least} x {least}")
        names.append(trio.name)
        notes |= dict.fromkeys(trio.notes)
        whole = whole and all(_whole_levels(image) for image in (trio.restored, trio.true))
    choices = choices_around(main, scale=scale, several=len(names) > 1, whole_levels=whole)
    named = named_choices(main, scale=scale, whole_levels=whole)
    every = tuple(dict.fromkeys((*choices, *named)))
    return Survey(
        names=tuple(names),
        notes=tuple(notes),
        choices=every,
        named=named,
        named_similar=named_likenesses(main, scale=scale, whole_levels=whole),
    )


def measure(
    pictures: Sequence[Reader], surveyed: Survey, *, protocol: Protocol, scale: int | None, steps: Sequence[Step]
) -> Measured:
    """Score and search for traces, for which the mistakes already found are undone first."""
    choices = surveyed.choices
    main = choices[0]
    likenesses = likenesses_around(main, protocol.ssim or "wang", protocol.luma)
    likenesses = tuple(dict.fromkeys((*likenesses, *surveyed.named_similar)))
    parts: list[dict[Choice, Error]] = []
    similar: list[dict[Likeness, float]] = []
    scores: list[dict[tuple[str, ...], tuple[float, float | None]]] = []
    bias, ours, theirs = Bias(), [], []
    resized = Resized(scale=scale or 1, choice=main)
    for index, read in enumerate(pictures):
        trio = read()
        parts.append(errors(trio.restored, trio.true, choices))
        similar.append({one: one.measure(trio.restored, trio.true) for one in likenesses})
        scores.append(_by_protocol(trio, scale or 1))
        mended = undone(trio.restored, chain(steps, index))
        bias.add(mended, trio.true)
        ours.append(_quantised(trio.restored, mended))
        theirs.append(_quantised(trio.true))
        if trio.low is not None:
            resized.add(trio.low, trio.true)
    return Measured(
        each=tuple((part[main].psnr, alike[likenesses[0]]) for part, alike in zip(parts, similar, strict=True)),
        numbers=numbers_of(parts, surveyed),
        similar=_similar(similar, surveyed),
        protocols=_rows(scores),
        bias=bias.remedy(),
        coding=coding(ours, theirs),
        low=resized.low() if resized.squares else None,
    )


def numbers_of(parts: Sequence[dict[Choice, Error]], surveyed: Survey) -> tuple[Number, ...]:
    """Means by every choice, the protocol's own first; of choices that come to the same, the likeliest only."""
    found: list[Number] = []
    seen: set[float] = set()
    for choice in sorted(surveyed.choices, key=lambda choice: _oddness(choice, surveyed)):
        psnr = averaged([part[choice] for part in parts], choice)
        same = round(psnr / _SAME) if abs(psnr) < float("inf") else psnr
        if same not in seen:
            number = Number(
                choice=choice,
                psnr=psnr,
                differences=choice.differences(surveyed.choices[0]),
                names=surveyed.named.get(choice, ()),
                oddness=_oddness(choice, surveyed),
            )
            found.append(number)
        seen.add(same)
    return tuple(found)


def _oddness(choice: Choice, surveyed: Survey) -> float:
    oddness = choice.oddness(surveyed.choices[0])
    return min(oddness, 1.0) if choice in surveyed.named else oddness


def _quantised(image: Tensor, mended: Tensor | None = None) -> Quantised:
    """Of the picture, or once it is mended where only that shows that it was coded, as one that was moved after it."""
    found = Quantised()
    found.add(image)
    if mended is None or mended is image or found.quality() is not None:
        return found
    again = Quantised()
    again.add(mended)
    return again if again.quality() is not None else found


def _by_protocol(trio: Trio, scale: int) -> dict[tuple[str, ...], tuple[float, float | None]]:
    """PSNR and SSIM under every protocol, those that score alike under one key.

    Left out are protocols that move RESTORED first: what they would find is sought here on its own.
    """
    alike: dict[tuple[object, ...], list[Protocol]] = {}
    for protocol in PROTOCOLS.values():
        if not protocol.aligned:
            facts = (protocol.luma, protocol.border_at(scale), protocol.round8, protocol.ssim, protocol.given)
            alike.setdefault(facts, []).append(protocol)
    found = {}
    for protocols in alike.values():
        first = protocols[0]
        score = first.score(first.give(trio.restored), first.give(trio.true), scale=scale)
        found[tuple(protocol.name for protocol in protocols)] = (score.psnr, score.ssim)
    return found


def _rows(scores: Sequence[dict[tuple[str, ...], tuple[float, float | None]]]) -> tuple[ProtocolScore, ...]:
    rows = []
    for names in scores[0]:
        psnrs, ssims = zip(*(score[names] for score in scores), strict=True)
        rows.append(
            ProtocolScore(
                names=names,
                psnr=sum(psnrs) / len(psnrs),
                ssim=None if None in ssims else sum(ssims) / len(ssims),
                description=PROTOCOLS[names[0]].describe(),
            )
        )
    return tuple(rows)


def _similar(parts: Sequence[dict[Likeness, float]], surveyed: Survey) -> tuple[Similar, ...]:
    """Means by every likeness, the protocol's own first."""
    main, *_ = parts[0]
    found = []
    for one in parts[0]:
        names = surveyed.named_similar.get(one, ())
        oddness = one.oddness(main)
        found.append(
            Similar(
                likeness=one,
                ssim=sum(part[one] for part in parts) / len(parts),
                differences=one.differences(main),
                names=names,
                oddness=min(oddness, 1) if names else oddness,
            )
        )
    return tuple(found)


def _whole_levels(image: Tensor) -> bool:
    """Whether the picture is 8 bit."""
    levels = image.double() * 255
    return bool((levels - levels.round()).abs().max() < 1e-3)
