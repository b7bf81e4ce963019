"""From the mistakes and traces found to what is said about them.

C channels, H and W height and width in pixels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pixmend.evaluate.explain.choices import Choice, decibels, errors
from pixmend.evaluate.explain.explanation import Finding, Number
from pixmend.evaluate.explain.levels import blocks_of
from pixmend.evaluate.explain.measure import Measured, Survey, numbers_of
from pixmend.evaluate.explain.pairs import Reader
from pixmend.evaluate.explain.remedies import Remedy
from pixmend.evaluate.explain.search import Step, chain, inside, undone
from pixmend.evaluate.explain.traces import Coding, coded_off_grid

_UNDONE = 0.25
"""The oddness of a mistake that was found: less than that of any other way to score."""
_FIRST_LOSS = 1.4
"""How much more coding costs than coding once more does, in squared error: 0.8 to 2.0 were measured on results for
Set5, McMaster and Rain100L with qualities of 50 to 92."""
_NAMED, _PREFIXES = 3, 3


def findings_of(
    pictures: Sequence[Reader], surveyed: Survey, steps: Sequence[Step], measured: Measured
) -> tuple[Finding, ...]:
    """All mistakes in the order of undoing, then the traces."""
    found = [_undoable(step, surveyed.names) for step in steps]
    if measured.bias:
        remedy, evidence = measured.bias
        found.append(_small(pictures, surveyed, steps, remedy, evidence))
    if measured.coding:
        found.append(_coded(pictures, surveyed, steps, measured.coding))
    grey = tuple(blocks_of(one.restored, one.true).grey for one in (read() for read in pictures))
    if any(grey):
        found.append(_grey(_names(surveyed.names, grey), surveyed.names))
    return tuple(found)


def subject(pictures: Sequence[str], every: Sequence[str]) -> str:
    """What a mistake is said of."""
    if len(pictures) == len(every):
        return "RESTORED"
    if len(pictures) == 1:
        return pictures[0]
    others = [name for name in every if name not in pictures]
    if len(others) <= min(_NAMED, len(pictures) - 1):
        return f"RESTORED of all but {', '.join(others)}"
    more = f" and {len(pictures) - _NAMED} more" if len(pictures) > _NAMED else ""
    return f"RESTORED of {', '.join(pictures[:_NAMED])}{more}"


def _names(every: Sequence[str], holds: Sequence[bool]) -> tuple[str, ...]:
    return tuple(name for name, held in zip(every, holds, strict=True) if held)


def _undoable(step: Step, every: Sequence[str]) -> Finding:
    names = _names(every, step.holds)
    return Finding(
        subject=subject(names, every),
        mistake=step.remedy.mistake,
        pictures=names,
        evidence=f"undoing it wins {step.won:.2f} dB, on {len(names)} of {len(every)} pictures",
        before=step.before,
        after=step.after,
        estimated=False,
        advice=step.remedy.advice,
    )


def _small(
    pictures: Sequence[Reader], surveyed: Survey, steps: Sequence[Step], remedy: Remedy, evidence: str
) -> Finding:
    """A bias of half a level; undone it is no longer 8 bit, so it is scored unrounded."""
    main = surveyed.choices[0]
    before, after = [], []
    for index, read in enumerate(pictures):
        trio, done = read(), chain(steps, index)
        within = inside(main, done)
        exact = Choice(values=main.values, border=within.border, rounding="none")
        mended = undone(trio.restored, done)
        before.append(errors(mended, trio.true, [within])[within].psnr)
        after.append(errors(remedy.undo(mended), trio.true, [exact])[exact].psnr)
    return Finding(
        subject="RESTORED",
        mistake=remedy.mistake,
        pictures=surveyed.names,
        evidence=evidence,
        before=sum(before) / len(before),
        after=sum(after) / len(after),
        estimated=True,
        advice=remedy.advice,
    )


def _coded(pictures: Sequence[Reader], surveyed: Survey, steps: Sequence[Step], found: Coding) -> Finding:
    """JPEG cannot be undone; what it cost is estimated from what coding once more, off the grid of blocks, costs."""
    before, after = [], []
    for index, read in enumerate(pictures):
        trio, done = read(), chain(steps, index)
        within = inside(surveyed.choices[0], done)
        error = errors(undone(trio.restored, done), trio.true, [within])[within]
        before.append(error.psnr)
        after.append(error.psnr)
        if found.holds[index]:
            coded = undone(coded_off_grid(trio.restored, found.quality), done)
            lost = _FIRST_LOSS * (errors(coded, trio.true, [within])[within].mean_square - error.mean_square)
            # never more than 3 dB: the factor is a rule of thumb
            after[-1] = decibels(max(error.mean_square - max(lost, 0.0), error.mean_square / 2), error.peak)
    names = _names(surveyed.names, found.holds)
    return Finding(
        subject=subject(names, surveyed.names),
        mistake=f"was saved as JPEG of about quality {found.quality} on the way",
        pictures=names,
        evidence="the coefficients of its 8 x 8 blocks are multiples of that quality's steps "
        f"(agreement {found.agreement:.2f} of 1), TRUE's are not",
        before=sum(before) / len(before),
        after=sum(after) / len(after),
        estimated=True,
        advice="write PNG and restore again: what JPEG took cannot be brought back",
    )


def _grey(names: tuple[str, ...], every: Sequence[str]) -> Finding:
    return Finding(
        subject=subject(names, every),
        mistake="is grey though TRUE is not: its colour is gone",
        pictures=names,
        evidence="its channels are equal",
        before=None,
        after=None,
        estimated=False,
        advice="restore in colour, or compare grey pictures with grey ones",
    )


def fixed_numbers(pictures: Sequence[Reader], surveyed: Survey, steps: Sequence[Step]) -> Iterator[Number]:
    """By every choice, after the first step, after the first two, and so on, and after all."""
    for count in sorted({*range(1, min(len(steps), _PREFIXES) + 1), len(steps)} - {0}):
        parts = [
            errors(undone(one.restored, chain(steps[:count], index)), one.true, surveyed.choices)
            for index, one in enumerate(read() for read in pictures)
        ]
        mistakes = tuple(
            f'"{subject(_names(surveyed.names, step.holds), surveyed.names)} {step.remedy.mistake}" undone'
            for step in steps[:count]
        )
        for number in numbers_of(parts, surveyed):
            oddness = number.oddness + _UNDONE * min(count, _PREFIXES)
            yield replace(number, differences=(*mistakes, *number.differences), oddness=oddness)
