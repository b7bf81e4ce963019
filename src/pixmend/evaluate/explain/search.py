"""Finding what is wrong with the restored pictures by undoing known mistakes, and what each costs.

C channels, H and W height and width in pixels.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from torch import Tensor
from torch.nn.functional import avg_pool2d

from pixmend.evaluate.explain.choices import Choice, decibels, errors, values_of
from pixmend.evaluate.explain.pairs import Reader
from pixmend.evaluate.explain.remedies import FLIPS, SWAP, TONES, TURNS, Moved, Remedy, displacement, shifts

_REACH = 3
"""Whole pixels tried in each direction."""
_MARGIN = 4
_STILL = 0.1
"""Pixels; a displacement this small is that of a network and its rounding."""
_ROUNDS = 3
_HIGHEST = 100.0
"""PSNR in dB that stands for infinity."""
_LEAST = 0.05
"""Gain in dB below which nothing is said."""
_BLOCK = 8

Watch = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A mistake that was found, and the mean PSNR in dB before and after undoing it, those before it being undone."""

    remedy: Remedy
    before: float
    after: float
    helped: int
    pictures: int


def undone(restored: Tensor, remedies: Sequence[Remedy]) -> Tensor:
    """(C, H, W) without these mistakes."""
    for remedy in remedies:
        restored = remedy.undo(restored)
    return restored


def search(pictures: Sequence[Reader], choice: Choice, watch: Watch) -> list[Step]:
    """The mistakes whose undoing clearly helps, the greatest first; each is sought with those before it undone."""
    steps: list[Step] = []
    for _ in range(_ROUNDS):
        watch("looking for mistakes")
        step = _greatest(pictures, choice, [step.remedy for step in steps])
        if step is None:
            break
        if isinstance(step.remedy.undo, Moved):
            step = _refined(pictures, choice, [step.remedy for step in steps], step)
            assert step is not None, "the step it starts from is the least it returns"
        steps.append(step)
    if not any(isinstance(step.remedy.undo, Moved) for step in steps):
        watch("looking for parts of a pixel")
        step = _refined(pictures, choice, [step.remedy for step in steps], None)
        steps += [step] if step else []
    return steps


def _greatest(pictures: Sequence[Reader], choice: Choice, done: list[Remedy]) -> Step | None:
    """The remedy that helps most, if any helps enough."""
    inner = replace(choice, border=max(choice.border, _MARGIN))
    moved = any(isinstance(remedy.undo, Moved) for remedy in done)
    gains: list[dict[Remedy, float]] = []
    for read in pictures:
        trio = read()
        gains.append(dict(_gains(undone(trio.restored, done), trio.true, inner, moves=not moved)))
    believed = [
        (sum(won), remedy)
        for remedy in gains[0]
        if all(remedy in gain for gain in gains) and _believed(won := [gain[remedy] for gain in gains], remedy.least)
    ]
    if not believed:
        return None
    step = _step(pictures, choice, done, max(believed, key=lambda item: item[0])[1])
    return step if step.after - step.before >= _LEAST else None


def _believed(gains: list[float], least: float) -> bool:
    """Enough on average, in at least three pictures of four, and more than their scatter explains."""
    mean = sum(gains) / len(gains)
    scatter = math.sqrt(sum((gain - mean) ** 2 for gain in gains)) / len(gains)
    return mean >= max(least, 2 * scatter) and sum(gain > 0 for gain in gains) >= 0.75 * len(gains)


_SHIFTS = tuple((move, move.remedy()) for move in shifts(_REACH))


def _gains(restored: Tensor, true: Tensor, choice: Choice, *, moves: bool) -> Iterator[tuple[Remedy, float]]:
    """What each remedy wins, in dB."""
    border = choice.border
    target = _inner(values_of(true, choice.values, rounding=choice.rounding), border)
    plane = values_of(restored, choice.values, rounding=choice.rounding)
    error = _inner(plane, border) - target
    for remedy in (*FLIPS, *(TURNS if true.shape[1] == true.shape[2] else ())):
        yield remedy, _gain(error, _inner(remedy.undo(plane), border) - target)
    swapped = values_of(SWAP.undo(restored), choice.values, rounding=choice.rounding)
    yield SWAP, _gain(error, _inner(swapped, border) - target)
    means, means_target = _block_means(restored), _block_means(true)
    for remedy in TONES:
        yield remedy, _gain(means - means_target, remedy.undo(means) - means_target)
    height, width = target.shape[1:]
    for move, remedy in _SHIFTS if moves else ():
        top, left = border + int(move.down), border + int(move.right)
        yield remedy, _gain(error, plane[:, top : top + height, left : left + width] - target)


def _gain(before: Tensor, after: Tensor) -> float:
    """In dB, and no more than a hundred."""
    values = [min(decibels(error.square().mean().item()), _HIGHEST) for error in (before, after)]
    return values[1] - values[0]


def _block_means(image: Tensor) -> Tensor:
    return avg_pool2d(image.double(), _BLOCK)


def _refined(pictures: Sequence[Reader], choice: Choice, done: list[Remedy], whole: Step | None) -> Step | None:
    """A displacement by parts of a pixel, if it explains clearly more than the whole pixels found."""
    start = whole.remedy.undo if whole else Moved()
    assert isinstance(start, Moved)
    found: list[Moved] = []
    for read in pictures:
        trio = read()
        restored = undone(trio.restored, done)
        planes = (values_of(image, "full_range", rounding="none") for image in (restored, trio.true))
        found.append(displacement(*planes, start=start))
    best = whole
    for move in _simplest_first(found):
        step = _step(pictures, choice, done, move.remedy()) if move not in (start, Moved()) else None
        if step is None or step.helped < 0.75 * step.pictures:
            continue
        if step.after - (best.after if best else step.before) >= _LEAST:
            best = step
    return best


def _simplest_first(moves: list[Moved]) -> tuple[Moved, Moved]:
    """The median of each part, whole where it is nearly whole; without and with the stretch."""
    right, down, across, along = (
        median(getattr(move, name) for move in moves) for name in ("right", "down", "stretch_x", "stretch_y")
    )
    plain = Moved(right=_settled(right), down=_settled(down))
    return plain, replace(plain, stretch_x=_settled(across), stretch_y=_settled(along))


def _settled(value: float) -> float:
    """To whole and half pixels where it is near them, as that is what mistakes are made of."""
    half = round(value * 2) / 2
    return half if abs(value - half) < _STILL else round(value, 2)


def _step(pictures: Sequence[Reader], choice: Choice, done: list[Remedy], remedy: Remedy) -> Step:
    """What undoing it is worth; of moved pictures, where both have pixels."""
    if isinstance(remedy.undo, Moved):
        move = remedy.undo
        reach = max(abs(move.right) + abs(move.stretch_x), abs(move.down) + abs(move.stretch_y))
        choice = replace(choice, border=max(choice.border, math.ceil(reach)))
    before, after = [], []
    for read in pictures:
        trio = read()
        restored = undone(trio.restored, done)
        before.append(errors(restored, trio.true, [choice])[choice].psnr)
        after.append(errors(remedy.undo(restored), trio.true, [choice])[choice].psnr)
    return Step(
        remedy=remedy,
        before=sum(before) / len(before),
        after=sum(after) / len(after),
        helped=sum(b > a for a, b in zip(before, after, strict=True)),
        pictures=len(pictures),
    )


def _inner(image: Tensor, border: int) -> Tensor:
    return image[:, border : image.shape[1] - border, border : image.shape[2] - border]
