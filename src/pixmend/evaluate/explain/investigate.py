"""The questions of ``explain``, put to the pictures one after the other.

C channels, H and W height and width in pixels, s scale.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.evaluate.explain.answers import Answer, Match, answer
from pixmend.evaluate.explain.choices import Choice, choice_of
from pixmend.evaluate.explain.explanation import Explanation, Number, PictureScore
from pixmend.evaluate.explain.findings import findings_of, fixed_numbers
from pixmend.evaluate.explain.measure import Measured, measure, survey
from pixmend.evaluate.explain.pairs import Reader, readers, trio
from pixmend.evaluate.explain.search import Watch, search
from pixmend.evaluate.explain.spoiled import spoiled
from pixmend.evaluate.protocol import Protocol
from pixmend.evaluate.protocols import protocol_of
from pixmend.image import read_image


def explain(
    restored: Tensor,
    true: Tensor,
    *,
    scale: int | None = None,
    low: Tensor | None = None,
    expected: float | None = None,
    expected_ssim: float | None = None,
    tolerance: float = 0.005,
    tolerance_ssim: float = 0.00005,
    protocol: Protocol | None = None,
) -> Explanation:
    """Why the PSNR of a restored picture is what it is: (C, H, W) twice in [0, 1], C 3 or 1.

    ``low`` (C, H / s, W / s) is what was restored. ``expected`` and ``expected_ssim`` are numbers to look for. Without
    ``scale`` it is that of ``low``, or the pictures were not enlarged; without ``protocol`` it is that of
    super-resolution for a scale above 1, of colour denoising otherwise.

    Raises:
        PixmendError: no pictures, sizes that do not belong together, grey against colour, scale below 1.
    """
    scale = scale or (None if low is None else restored.shape[-2] // max(low.shape[-2], 1))
    one = trio(restored, true, low, scale=scale, name="the picture")
    question = _Question(
        names=("RESTORED", "TRUE"),
        pictures=[lambda: one],
        scale=scale,
        protocol=_checked(protocol, scale),
        expected={"PSNR": (expected, tolerance), "SSIM": (expected_ssim, tolerance_ssim)},
    )
    return _explanation(question, lambda text: None)


def explain_files(
    restored: str | Path,
    true: str | Path,
    *,
    scale: int | None = None,
    low: str | Path | None = None,
    expected: float | None = None,
    expected_ssim: float | None = None,
    tolerance: float = 0.005,
    tolerance_ssim: float = 0.00005,
    protocol: Protocol | None = None,
    watch: Watch = lambda text: None,
) -> Explanation:
    """``explain`` for two files, or for two folders whose pictures are paired by name; numbers are means.

    ``watch`` is told now and then what is being done. The pictures are read several times and never all in memory.

    Raises:
        PixmendError: as ``explain``, and a path is missing, unreadable, or without its one partner.
    """
    small = None if low is None else Path(low)
    pictures = readers(Path(restored), Path(true), low=small, scale=scale)
    if scale is None and small is not None:
        scale = _scale_of(Path(restored), small)
        pictures = readers(Path(restored), Path(true), low=small, scale=scale)
    question = _Question(
        names=(str(restored), str(true)),
        pictures=pictures,
        scale=scale,
        protocol=_checked(protocol, scale),
        expected={"PSNR": (expected, tolerance), "SSIM": (expected_ssim, tolerance_ssim)},
    )
    return _explanation(question, watch)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Question:
    names: tuple[str, str]
    pictures: Sequence[Reader]
    scale: int | None
    protocol: Protocol
    expected: Mapping[str, tuple[float | None, float]]
    """Of PSNR and SSIM, the value and its tolerance."""

    @property
    def main(self) -> Choice:
        return choice_of(self.protocol, scale=self.scale or 1)


def _explanation(question: _Question, watch: Watch) -> Explanation:
    surveyed = survey(question.pictures, question.main, scale=question.scale)
    steps = search(question.pictures, question.main, watch)
    watch("scoring")
    measured = measure(question.pictures, surveyed, protocol=question.protocol, scale=question.scale, steps=steps)
    watch("weighing")
    findings = findings_of(question.pictures, surveyed, steps, measured)
    fixed = tuple(fixed_numbers(question.pictures, surveyed, steps))
    answers, made = _answers(question, measured, fixed)
    return Explanation(
        restored=question.names[0],
        true=question.names[1],
        pictures=surveyed.names,
        scale=question.scale,
        protocol=question.protocol.name,
        description=question.protocol.describe(),
        psnr=measured.numbers[0].psnr,
        ssim=measured.similar[0].ssim,
        each=tuple(
            PictureScore(
                name=name, psnr=psnr, ssim=ssim, found=tuple(one.mistake for one in findings if name in one.pictures)
            )
            for name, (psnr, ssim) in zip(surveyed.names, measured.each, strict=True)
        ),
        protocols=measured.protocols,
        numbers=measured.numbers,
        similar=measured.similar,
        findings=findings,
        undone=fixed,
        spoiled=made,
        low=measured.low,
        answers=answers,
        notes=surveyed.notes,
    )


def _answers(
    question: _Question, measured: Measured, fixed: Sequence[Number]
) -> tuple[tuple[Answer, ...], tuple[Number, ...]]:
    """To the numbers expected, and what mistakes would make of RESTORED where nothing else gives the PSNR."""
    found: list[Answer] = []
    made: list[Number] = []
    value, tolerance = question.expected["PSNR"]
    if value is not None:
        numbers = [*measured.numbers, *fixed]
        first = answer("PSNR", value, tolerance=tolerance, tried=_matches(numbers))
        if not first.matches:
            made = spoiled(question.pictures, question.main)
            first = answer("PSNR", value, tolerance=tolerance, tried=_matches([*numbers, *made]))
        found.append(first)
    value, tolerance = question.expected["SSIM"]
    if value is not None:
        tried = [
            Match(value=one.ssim, differences=one.differences, names=one.names, oddness=one.oddness)
            for one in measured.similar
        ]
        found.append(answer("SSIM", value, tolerance=tolerance, tried=tried))
    return tuple(found), tuple(made)


def _matches(numbers: Sequence[Number]) -> list[Match]:
    return [Match(value=one.psnr, differences=one.differences, names=one.names, oddness=one.oddness) for one in numbers]


def _checked(protocol: Protocol | None, scale: int | None) -> Protocol:
    """The protocol asked for, or that of the scale.

    Raises:
        PixmendError: it scores other pictures than these, or the scale is none.
    """
    if scale is not None and scale < 1:
        raise PixmendError(f"explain: expected a whole scale of 1 or more, got {scale}")
    if protocol is None:
        return protocol_of("sr" if scale and scale > 1 else "dn")
    if protocol.aligned or protocol.given != "rgb":
        what = "aligns pictures first" if protocol.aligned else "is for grey pictures"
        raise PixmendError(f"explain: protocol {protocol.name} {what}: name one that scores the pictures as they are")
    return protocol


def _scale_of(restored: Path, low: Path) -> int:
    """From the first picture of each."""
    first, small = (min(path.iterdir()) if path.is_dir() else path for path in (restored, low))
    return max(read_image(first).shape[1] // read_image(small).shape[1], 1)
