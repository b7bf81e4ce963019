"""From the mistakes and traces found to what is said about them.

C channels, H and W height and width in pixels.
"""

from collections.abc import Iterator, Sequence

from torch import Tensor

from pixmend.evaluate.explain.choices import Choice, errors
from pixmend.evaluate.explain.explanation import Finding, Number
from pixmend.evaluate.explain.measure import Measured, numbers_of
from pixmend.evaluate.explain.pairs import Reader
from pixmend.evaluate.explain.remedies import Remedy
from pixmend.evaluate.explain.search import Step, undone
from pixmend.evaluate.explain.traces import coded_off_grid


def findings_of(
    pictures: Sequence[Reader], main: Choice, steps: list[Step], measured: Measured
) -> tuple[tuple[Finding, ...], list[Remedy]]:
    """All mistakes, and what undoes those that leave 8-bit pictures, in the order of undoing."""
    found = [
        Finding(
            mistake=step.remedy.mistake,
            evidence=f"undoing it wins {step.after - step.before:.2f} dB, on {step.helped} of {step.pictures} pictures",
            before=step.before,
            after=step.after,
            estimated=False,
            advice=step.remedy.advice,
        )
        for step in steps
    ]
    remedies = [step.remedy for step in steps]
    if measured.bias:
        remedy, evidence = measured.bias
        found.append(_small(pictures, main, remedies, remedy, evidence))
    if measured.quality:
        found.append(_coded(pictures, main, *measured.quality))
    return tuple(found), remedies


def _small(pictures: Sequence[Reader], main: Choice, done: list[Remedy], remedy: Remedy, evidence: str) -> Finding:
    """A bias of half a level; undone it is no longer 8 bit, so it is scored unrounded."""
    values = [_psnr(one.restored, one.true, main, done) for one in (read() for read in pictures)]
    exact = Choice(values=main.values, border=main.border, rounding="none")
    after = [_psnr(one.restored, one.true, exact, [*done, remedy]) for one in (read() for read in pictures)]
    return Finding(
        mistake=remedy.mistake,
        evidence=evidence,
        before=sum(values) / len(values),
        after=sum(after) / len(after),
        estimated=True,
        advice=remedy.advice,
    )


def _coded(pictures: Sequence[Reader], main: Choice, quality: int, agreement: float) -> Finding:
    """JPEG cannot be undone; what it cost is taken to be what coding once more, off the grid of blocks, would cost."""
    before, again = [], []
    for one in (read() for read in pictures):
        before.append(_psnr(one.restored, one.true, main, []))
        again.append(_psnr(coded_off_grid(one.restored, quality), one.true, main, []))
    mean = sum(before) / len(before)
    return Finding(
        mistake=f"was saved as JPEG of about quality {quality} on the way",
        evidence="the coefficients of its 8 x 8 blocks are multiples of that quality's steps "
        f"(agreement {agreement:.2f} of 1), TRUE's are not",
        before=mean,
        after=2 * mean - sum(again) / len(again),
        estimated=True,
        advice="write PNG and restore again: what JPEG took cannot be brought back",
    )


def fixed_numbers(pictures: Sequence[Reader], choices: Sequence[Choice], remedies: list[Remedy]) -> Iterator[Number]:
    """By every choice, after the first remedy, after the first two, and so on."""
    for count in range(1, len(remedies) + 1):
        parts = [
            errors(undone(one.restored, remedies[:count]), one.true, choices) for one in (read() for read in pictures)
        ]
        mistakes = tuple(f'"RESTORED {remedy.mistake}" undone' for remedy in remedies[:count])
        for number in numbers_of(parts, choices):
            yield Number(choice=number.choice, psnr=number.psnr, differences=(*mistakes, *number.differences))


def _psnr(restored: Tensor, true: Tensor, choice: Choice, done: list[Remedy]) -> float:
    return errors(undone(restored, done), true, [choice])[choice].psnr
