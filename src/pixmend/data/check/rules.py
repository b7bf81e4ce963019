"""The kinds of findings: how bad each is, what it is called, and what to do."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pixmend.data.check.report import Case, Finding, Severity

Found = tuple[str, Case]
"""The kind and one case of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What all cases of a kind share."""

    severity: Severity
    title: str
    advice: str


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "unreadable": Rule(
            severity="error",
            title="cannot be read",
            advice="Fetch the file again, or convert it to an 8-bit RGB PNG as it says; training leaves it out.",
        ),
        "leak": Rule(
            severity="error",
            title="picture of a benchmark",
            advice="Take it out of the training folder: scores on that benchmark mean nothing once it was trained on.",
        ),
        "unpaired": Rule(
            severity="error",
            title="no partner in the other folder",
            advice="Add the missing picture, or remove this one. Partners have the same name, up to an ending like x4.",
        ),
        "ambiguous": Rule(
            severity="error",
            title="several files of one name",
            advice="Keep one of them: which belongs to the partner cannot be told.",
        ),
        "scale": Rule(
            severity="error",
            title="sizes do not fit the scale",
            advice="Make the low picture again from the high one, cropped to a multiple of the scale.",
        ),
        "mismatch": Rule(
            severity="error",
            title="pair shows two different pictures",
            advice="Look at both: files were mixed up, or one was turned or mirrored.",
        ),
        "misaligned": Rule(
            severity="error",
            title="pair is out of place",
            advice="Make the low pictures again with a resize that keeps centres, as MATLAB's imresize does. Taking "
            "every s-th pixel shifts by (s - 1) / 2 pixels of the high picture: a network learns that and scores less.",
        ),
        "swapped": Rule(
            severity="error",
            title="pair has its colour channels swapped",
            advice="One side was written in BGR order: convert it.",
        ),
        "drift": Rule(
            severity="warning",
            title="pair is slightly out of place",
            advice="Under a fifth of a low pixel: check how the low pictures were made. Motion blur may look so too.",
        ),
        "modcrop": Rule(
            severity="warning",
            title="size is no multiple of the scale",
            advice="Crop the high picture at the right and bottom before the low one is made; else edges do not match.",
        ),
        "tone": Rule(
            severity="warning",
            title="pair differs in brightness or contrast",
            advice="Unless that is the task: look for a colour profile, gamma or range (16 .. 235) lost on one side.",
        ),
        "copy": Rule(
            severity="warning",
            title="same picture several times",
            advice="Keep one: copies count more than once, and may lie on both sides of a split.",
        ),
        "near_copy": Rule(
            severity="warning",
            title="nearly the same picture",
            advice="Keep the best of them, mostly the largest.",
        ),
        "too_small": Rule(
            severity="warning",
            title="smaller than the patch",
            advice="Training leaves it out: use a smaller patch or remove it.",
        ),
        "enlarged": Rule(
            severity="warning",
            title="no fine detail: enlarged, or blurred",
            advice="Shrink it by the factor named, or leave it out: it teaches a network to blur.",
        ),
        "jpeg": Rule(
            severity="warning",
            title="damaged by JPEG",
            advice="Find a better source, or shrink it at least twice: a network learns the artefacts as truth.",
        ),
        "blank": Rule(severity="warning", title="of one colour", advice="Remove it: there is nothing to learn."),
        "exposure": Rule(
            severity="warning", title="nearly all black or white", advice="Look at it; mostly better removed."
        ),
        "border": Rule(
            severity="warning",
            title="border of one colour",
            advice="Crop it. At the bottom of a JPEG it may be the part that was never downloaded.",
        ),
        "misnamed": Rule(
            severity="warning",
            title="content is of another format than its name",
            advice="Rename it: other tools go by the name.",
        ),
        "narrow": Rule(
            severity="note", title="very long or tall", advice="Crops of it overlap much: it counts too often."
        ),
        "noisy": Rule(
            severity="note",
            title="noisy, or finely textured all over",
            advice="Look at it. Noise in the truth cannot be learnt away: shrink the picture or leave it out.",
        ),
        "grey": Rule(
            severity="note", title="grey, stored as colour", advice="Fine if meant: it teaches nothing about colour."
        ),
        "transparent": Rule(
            severity="note", title="has transparency", advice="It is left out: hidden colours may be odd. Flatten it."
        ),
        "ignored": Rule(
            severity="note",
            title="not a picture by its name",
            advice="Ignored. HEIC, AVIF and RAW need to be converted.",
        ),
    }
)


def to_findings(found: Iterable[Found]) -> tuple[Finding, ...]:
    """By kind, in the order of ``RULES``."""
    cases: dict[str, list[Case]] = defaultdict(list)
    for kind, case in found:
        cases[kind].append(case)
    return tuple(
        Finding(kind=kind, severity=rule.severity, title=rule.title, advice=rule.advice, cases=tuple(cases[kind]))
        for kind, rule in RULES.items()
        if kind in cases
    )
