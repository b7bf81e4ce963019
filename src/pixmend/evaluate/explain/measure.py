"""Reading all pictures once, and every number of them as they are.

C channels, H and W height and width in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from pixmend.errors import PixmendError
from pixmend.evaluate.explain.choices import Choice, Error, averaged, choices_around, errors
from pixmend.evaluate.explain.explanation import Number, ProtocolScore, Similar
from pixmend.evaluate.explain.low import Low, Resized
from pixmend.evaluate.explain.pairs import Reader, Trio
from pixmend.evaluate.explain.remedies import Remedy
from pixmend.evaluate.explain.search import undone
from pixmend.evaluate.explain.similarity import Likeness, likenesses_around
from pixmend.evaluate.explain.traces import Bias, Quantised
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Means over the pictures, and the traces found in them."""

    numbers: tuple[Number, ...]
    similar: tuple[Similar, ...]
    protocols: tuple[ProtocolScore, ...]
    bias: tuple[Remedy, str] | None
    quality: tuple[int, float] | None
    """Of a JPEG encoder, and how sure; None where TRUE shows the same."""
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
    return Survey(names=tuple(names), notes=tuple(notes), choices=choices)


def measure(
    pictures: Sequence[Reader],
    choices: Sequence[Choice],
    *,
    protocol: Protocol,
    scale: int | None,
    done: Sequence[Remedy],
) -> Measured:
    """Score and search for traces; for the small bias the mistakes already found are undone first."""
    main = choices[0]
    likenesses = likenesses_around(main, protocol.ssim or "wang", protocol.luma)
    parts: list[dict[Choice, Error]] = []
    similar: list[dict[Likeness, float]] = []
    scores: list[dict[tuple[str, ...], tuple[float, float | None]]] = []
    bias, ours, theirs = Bias(), Quantised(), Quantised()
    resized = Resized(scale=scale or 1, choice=main)
    for read in pictures:
        trio = read()
        parts.append(errors(trio.restored, trio.true, choices))
        similar.append({one: one.measure(trio.restored, trio.true) for one in likenesses})
        scores.append(_by_protocol(trio, scale or 1))
        bias.add(undone(trio.restored, done), trio.true)
        ours.add(trio.restored)
        theirs.add(trio.true)
        if trio.low is not None:
            resized.add(trio.low, trio.true)
    return Measured(
        numbers=numbers_of(parts, choices),
        similar=tuple(
            Similar(likeness=one, ssim=_mean(similar, one), differences=one.differences(likenesses[0]))
            for one in likenesses
        ),
        protocols=_rows(scores),
        bias=bias.remedy(),
        quality=ours.quality() if theirs.quality() is None else None,
        low=resized.low() if resized.squares else None,
    )


def numbers_of(parts: Sequence[dict[Choice, Error]], choices: Sequence[Choice]) -> tuple[Number, ...]:
    """Means by every choice, the first being the protocol's; of choices that come to the same, the first only."""
    found: list[Number] = []
    seen: set[float] = set()
    for choice in sorted(choices, key=lambda choice: len(choice.differences(choices[0]))):
        psnr = averaged([part[choice] for part in parts], choice)
        same = round(psnr / _SAME) if abs(psnr) < float("inf") else psnr
        if same not in seen:
            found.append(Number(choice=choice, psnr=psnr, differences=choice.differences(choices[0])))
        seen.add(same)
    return tuple(found)


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


def _mean(parts: Sequence[dict[Likeness, float]], likeness: Likeness) -> float:
    return sum(part[likeness] for part in parts) / len(parts)


def _whole_levels(image: torch.Tensor) -> bool:
    """Whether the picture is 8 bit."""
    levels = image.double() * 255
    return bool((levels - levels.round()).abs().max() < 1e-3)
