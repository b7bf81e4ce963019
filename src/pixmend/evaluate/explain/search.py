"""Finding what is wrong with the restored pictures by undoing known mistakes, and what each costs.

C channels, H and W height and width in pixels.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from pixmend.evaluate.explain.choices import Choice, decibels, errors, values_of
from pixmend.evaluate.explain.levels import Blocks, blocks_of, fitted
from pixmend.evaluate.explain.pairs import Reader
from pixmend.evaluate.explain.remedies import FLIPS, ORDERS, TURNS, Moved, Remedy, displacement, settled, shifts
from pixmend.evaluate.explain.tones import CURVES

_REACH = 3
"""Whole pixels tried in each direction."""
_MARGIN = 4
_STEPS = 12
"""Mistakes at most; a folder with more of them is no folder of results."""
_TRIED = 3
_HIGHEST = 100.0
"""PSNR in dB that stands for infinity."""
_LEAST = 0.05
"""Gain in dB below which nothing is said."""
_ALONE = 0.3
"""The same where most of the pictures of a folder gain nothing."""

Watch = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A mistake that was found, and the mean PSNR in dB before and after undoing it, those before it being undone."""

    remedy: Remedy
    before: float
    after: float
    holds: tuple[bool, ...]
    """In which of the pictures."""
    won: float
    """In dB, on average over those."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    """What can be won on one picture, with the mistakes found so far undone."""

    gains: dict[Remedy, float]
    """In dB, of flips, turns and shifts."""
    blocks: Blocks
    toned: bool
    """Whether its levels were changed already."""

    def gain_of_levels(self, remedy: Remedy) -> float:
        """In dB."""
        return 0.0 if self.toned and remedy.levels else self.blocks.gain(remedy)


def undone(restored: Tensor, remedies: Sequence[Remedy]) -> Tensor:
    """(C, H, W) without these mistakes."""
    for remedy in remedies:
        restored = remedy.undo(restored)
    return restored


def chain(steps: Sequence[Step], index: int) -> list[Remedy]:
    """What undoes the mistakes of one of the pictures."""
    return [step.remedy for step in steps if step.holds[index]]


def inside(choice: Choice, remedies: Sequence[Remedy]) -> Choice:
    """Without the edges of which nothing is known once the picture is moved back."""
    reach = sum(remedy.undo.reach for remedy in remedies if isinstance(remedy.undo, Moved))
    return replace(choice, border=max(choice.border, reach))


def search(pictures: Sequence[Reader], choice: Choice, watch: Watch) -> list[Step]:
    """The mistakes whose undoing clearly helps, the greatest first; each is sought with those before it undone.

    One that is not in most of the pictures must win more on those it is in.
    """
    steps: list[Step] = []
    looks: dict[int, _Look] = {}
    stale: Sequence[int] = range(len(pictures))
    while stale and len(steps) < _STEPS:
        for index in stale:
            watch(f"looking for mistakes in {index + 1} of {len(pictures)} pictures")
            looks[index] = _look(pictures[index], choice, chain(steps, index))
        step = _greatest(pictures, choice, steps, list(looks.values()))
        stale = [index for index, holds in enumerate(step.holds) if holds] if step else []
        steps += [step] if step else []
    watch("looking for parts of a pixel")
    still = [index for index in range(len(pictures)) if not _is_moved(chain(steps, index))]
    return steps + (_parts_of_pixels(pictures, choice, steps, still) if still else [])


def _greatest(pictures: Sequence[Reader], choice: Choice, steps: list[Step], looks: Sequence[_Look]) -> Step | None:
    """The remedy that helps most, if any helps enough."""
    candidates: list[tuple[float, Remedy, tuple[bool, ...]]] = []
    for remedy, gains in _candidates(looks):
        holds = tuple(gain > 0 for gain in gains)
        if not _believed(gains, remedy.least):
            holds = tuple(gain >= max(2 * remedy.least, _ALONE) for gain in gains)
        won = sum(gain - remedy.handicap for gain, held in zip(gains, holds, strict=True) if held)
        candidates += [(won, remedy, holds)] if any(holds) else []
    for _, remedy, holds in sorted(candidates, key=lambda candidate: -candidate[0])[:_TRIED]:
        step = _step(pictures, choice, steps, remedy, holds)
        if step is not None and isinstance(remedy.undo, Moved):
            step = _refined(pictures, choice, steps, step)
        if step is not None:
            return step
    return None


def _believed(gains: Sequence[float], least: float) -> bool:
    """Enough on average, in at least three pictures of four, and more than their scatter explains."""
    mean = sum(gains) / len(gains)
    scatter = math.sqrt(sum((gain - mean) ** 2 for gain in gains)) / len(gains)
    return mean >= max(least, 2 * scatter) and sum(gain > 0 for gain in gains) >= 0.75 * len(gains)


def _candidates(looks: Sequence[_Look]) -> Iterator[tuple[Remedy, list[float]]]:
    """Every remedy and what it wins on each picture, in dB."""
    for remedy in dict.fromkeys(remedy for look in looks for remedy in look.gains):
        yield remedy, [look.gains.get(remedy, -_HIGHEST) for look in looks]
    tones = [*ORDERS, *CURVES, *fitted([look.blocks for look in looks])]
    for look in looks if len(looks) > 1 else ():
        tones += [one for one in fitted([look.blocks]) if look.gain_of_levels(one) >= 2 * one.least]
    for remedy in tones:
        yield remedy, [look.gain_of_levels(remedy) for look in looks]


_SHIFTS = tuple((move, move.remedy()) for move in shifts(_REACH))


def _look(read: Reader, choice: Choice, done: list[Remedy]) -> _Look:
    trio = read()
    restored = undone(trio.restored, done)
    inner = replace(choice, border=max(choice.border, _MARGIN))
    gains = dict(_gains(restored, trio.true, inner, moves=not _is_moved(done)))
    return _Look(gains=gains, blocks=blocks_of(restored, trio.true), toned=any(remedy.levels for remedy in done))


def _gains(restored: Tensor, true: Tensor, choice: Choice, *, moves: bool) -> Iterator[tuple[Remedy, float]]:
    """What each remedy of the geometry wins, in dB."""
    border = choice.border
    target = _inner(values_of(true, choice.values, rounding=choice.rounding), border)
    plane = values_of(restored, choice.values, rounding=choice.rounding)
    error = _inner(plane, border) - target
    for remedy in (*FLIPS, *(TURNS if true.shape[1] == true.shape[2] else ())):
        yield remedy, _gain(error, _inner(remedy.undo(plane), border) - target)
    height, width = target.shape[1:]
    for move, remedy in _SHIFTS if moves else ():
        top, left = border + int(move.down), border + int(move.right)
        yield remedy, _gain(error, plane[:, top : top + height, left : left + width] - target)


def _gain(before: Tensor, after: Tensor) -> float:
    """In dB, and no more than a hundred."""
    values = [min(decibels(error.square().mean().item()), _HIGHEST) for error in (before, after)]
    return values[1] - values[0]


def _is_moved(remedies: Sequence[Remedy]) -> bool:
    return any(isinstance(remedy.undo, Moved) for remedy in remedies)


def _refined(pictures: Sequence[Reader], choice: Choice, steps: list[Step], whole: Step) -> Step:
    """The displacement by parts of a pixel, if it explains clearly more than the whole pixels found."""
    start = whole.remedy.undo
    assert isinstance(start, Moved)
    held = [index for index, holds in enumerate(whole.holds) if holds]
    found = [_displacement(pictures[index], chain(steps, index), start) for index in held]
    return _better(pictures, choice, steps, settled(found), whole.holds, whole) or whole


def _parts_of_pixels(pictures: Sequence[Reader], choice: Choice, steps: list[Step], still: Sequence[int]) -> list[Step]:
    """The displacement by less than a pixel of all pictures that are not moved by whole ones, or of single ones."""
    found = {index: _displacement(pictures[index], chain(steps, index), Moved()) for index in still}
    holds = tuple(index in found for index in range(len(pictures)))
    together = _better(pictures, choice, steps, settled(list(found.values())), holds, None)
    if together is not None:
        return [together]
    alone: list[Step] = []
    for index, move in found.items() if len(pictures) > 1 else ():
        holds = tuple(other == index for other in range(len(pictures)))
        step = _better(pictures, choice, [*steps, *alone], settled([move]), holds, None)
        alone += [step] if step and len(alone) < _STEPS else []
    return alone


def _better(
    pictures: Sequence[Reader],
    choice: Choice,
    steps: list[Step],
    moves: Sequence[Moved],
    holds: tuple[bool, ...],
    best: Step | None,
) -> Step | None:
    """The first of the moves that wins clearly more than the best so far on three pictures of four."""
    for move in moves:
        if move == Moved() or (best and move == best.remedy.undo):
            continue
        step = _step(pictures, choice, steps, move.remedy(), holds)
        if step is None or sum(step.holds) < 0.75 * sum(holds):
            continue
        if step.won - (best.won if best else 0.0) >= _LEAST:
            best = step
    return best


def _displacement(read: Reader, done: list[Remedy], start: Moved) -> Moved:
    trio = read()
    planes = (values_of(image, "full_range", rounding="none") for image in (undone(trio.restored, done), trio.true))
    return displacement(*planes, start=start)


def _step(
    pictures: Sequence[Reader], choice: Choice, steps: list[Step], remedy: Remedy, holds: tuple[bool, ...]
) -> Step | None:
    """What undoing it is worth where it may hold; None if that is too little."""
    before, after = [], []
    for index, (read, held) in enumerate(zip(pictures, holds, strict=True)):
        trio, done = read(), chain(steps, index)
        restored = undone(trio.restored, done)
        within = inside(choice, [*done, remedy] if held else done)
        before.append(errors(restored, trio.true, [within])[within].psnr)
        after.append(errors(remedy.undo(restored), trio.true, [within])[within].psnr if held else before[-1])
    won = [min(b, _HIGHEST) - min(a, _HIGHEST) for a, b in zip(before, after, strict=True)]
    better = tuple(held and gain > 0 for held, gain in zip(holds, won, strict=True))
    mean = sum(gain for gain, held in zip(won, better, strict=True) if held) / max(sum(better), 1)
    if mean < (_LEAST if sum(better) >= 0.75 * len(better) else _ALONE):
        return None
    after = [b if held else a for a, b, held in zip(before, after, better, strict=True)]
    return Step(remedy=remedy, before=sum(before) / len(before), after=sum(after) / len(after), holds=better, won=mean)


def _inner(image: Tensor, border: int) -> Tensor:
    return image[:, border : image.shape[1] - border, border : image.shape[2] - border]
