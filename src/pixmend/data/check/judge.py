"""From what was measured to what is wrong.

The limits were set on pictures known to be good and to be bad; docs/guides/data.md says how often they are wrong.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from pixmend.data.check.facts import Facts
from pixmend.data.check.pairs import Match
from pixmend.data.check.parts import Share
from pixmend.data.check.report import Case
from pixmend.data.check.rules import Found
from pixmend.data.check.signature import HUNG, Signature, alike

_NARROW = 4  # sides
_BORDER = 0.02, 8  # of a side, and pixels
_BLANK = 2.0  # spread of 255
_CLIPPED = 0.6  # of the pixels
_MEANS = 12, 243
_QUALITY = 85
_PAST_QUALITY = 88
_BLOCKS = 1.1
_DETAIL = 0.42
_NOISE = 5.0
_SHIFT, _BAD_SHIFT = 0.1, 0.2  # pixels of the low picture
_UNLIKE = 0.5
_GAIN, _OFFSET = 0.05, 10.0  # rain alone adds up to 9 of 255


def about_picture(facts: Facts, *, patch: int | None) -> Iterator[Found]:
    """What a picture that is to be the truth says of itself."""

    def case(kind: str, evidence: str) -> Found:
        return kind, Case(files=(str(facts.path),), evidence=evidence)

    width, height = facts.size
    if facts.misnamed:
        yield case("misnamed", f"holds {facts.format}")
    if patch is not None and min(width, height) < patch:
        yield case("too_small", f"{width} x {height}: {_pixels(width * height)} lost")
    if max(width, height) > _NARROW * min(width, height):
        yield case("narrow", f"{width} x {height}")
    if facts.transparent:
        yield case("transparent", "some pixels are not opaque")
    if facts.spread < _BLANK:
        yield case("blank", f"mean {facts.mean:.0f}, spread {facts.spread:.1f} of 255")
        return
    if facts.stored == "grey as colour":
        yield case("grey", "three equal channels")
    black, white = facts.clipped
    if black + white > _CLIPPED or not _MEANS[0] <= facts.mean <= _MEANS[1]:
        yield case("exposure", f"{black:.0%} black, {white:.0%} white, mean {facts.mean:.0f} of 255")
    yield from (case("border", evidence) for evidence in _border(facts))
    yield from (case(*found) for found in _damage(facts))


def _border(facts: Facts) -> Iterator[str]:
    width, height = facts.size
    sides = zip(("top", "bottom", "left", "right"), facts.border, (height, height, width, width), strict=True)
    wide = [
        f"{_pixels(lines)} at the {side}"
        for side, lines, length in sides
        if lines >= max(_BORDER[1], _BORDER[0] * length)
    ]
    if wide:
        yield ", ".join(wide)


def _damage(facts: Facts) -> Iterator[tuple[str, str]]:
    damage = facts.damage
    past = damage.quality if damage.quality is not None and damage.quality < _PAST_QUALITY else None
    if facts.quality is not None and facts.quality < _QUALITY:
        yield "jpeg", f"JPEG of quality {facts.quality}"
    elif past is not None:
        yield "jpeg", f"{facts.format}, but was once a JPEG of quality {past:.0f}"
    elif damage.blocks is not None and damage.blocks > _BLOCKS and facts.quality is None:
        yield (
            "jpeg",
            f"{facts.format}, but in blocks of 8 x 8, their edges {damage.blocks:.2f} times as strong as other lines",
        )
    if damage.detail is not None and damage.detail < _DETAIL:
        yield "enlarged", f"as sharp as if enlarged about {0.76 / damage.detail:.1f} times"
    if damage.noise is not None and damage.noise > _NOISE:
        yield "noisy", f"luma noise of {damage.noise:.0f} of 255 or more, in the smoothest parts"


def about_pair(high: Facts, low: Facts, match: Match | None, *, scale: int) -> Iterator[Found]:
    """What a pair says, of the scale that it should have."""

    def case(kind: str, evidence: str) -> Found:
        return kind, Case(files=(str(high.path), str(low.path)), evidence=evidence)

    spare = [a - scale * b for a, b in zip(high.size, low.size, strict=True)]
    sizes = f"{high.size[0]} x {high.size[1]} and {low.size[0]} x {low.size[1]}"
    if any(abs(part) >= max(scale, 1) for part in spare):
        yield case("scale", f"{sizes}, expected a scale of {scale}")
        return
    if any(spare):
        yield case("modcrop", f"{sizes}: {_spare(spare, scale)}")
    if match is None:
        return
    if match.likeness < _UNLIKE:
        yield case("mismatch", f"correlation {match.likeness:.2f} where the best fit lies")
        return
    down, right = (part * scale for part in match.shift)
    size = max(abs(part) for part in match.shift)
    if size > _SHIFT:
        kind = "misaligned" if size > _BAD_SHIFT else "drift"
        unit = "pixels of the high picture" if scale > 1 else "pixels"
        yield case(kind, f"{right:+.2f} right, {down:+.2f} down, in {unit}")
    if match.order != (0, 1, 2):
        yield case("swapped", f"the low picture's channels are the high one's {''.join('RGB'[c] for c in match.order)}")
    elif match.gamma is not None:
        yield case("tone", f"low = high to the power of {match.gamma:.2f}")
    elif abs(match.gain - 1) > _GAIN or abs(match.offset) > _OFFSET:
        yield case("tone", f"contrast x {match.gain:.2f}, middle grey {match.offset:+.0f} of 255")


def _spare(spare: list[int], scale: int) -> str:
    said = []
    for part, word in zip(spare, ("wider", "taller"), strict=True):
        if part > 0:
            said.append(f"the high picture is {_pixels(part)} {word} than {scale} times the low one")
        elif part < 0:
            said.append(f"{scale} times the low picture is {_pixels(-part)} {word} than the high one")
    return ", ".join(said)


def about_copies(pictures: list[Facts]) -> Iterator[Found]:
    """Pictures that are there more than once; of each group of exact copies one is compared further."""
    groups: dict[bytes, list[Facts]] = defaultdict(list)
    for facts in pictures:
        groups[facts.pixel_hash].append(facts)
    for group in groups.values():
        if len(group) > 1:
            same = len({facts.file_hash for facts in group}) == 1
            evidence = "the same file" if same else "the same pixels in different files"
            yield "copy", Case(files=tuple(str(facts.path) for facts in group), evidence=evidence)
    kept = [group[0] for group in groups.values() if group[0].spread >= _BLANK]
    if len(kept) < 2:
        return
    for i, j, bits, way in alike(np.stack([facts.signature for facts in kept])):
        first, second = kept[i], kept[j]
        evidence = f"{bits} of 255 bits differ{_hung(way)}; {_sizes(first)} and {_sizes(second)}"
        yield "near_copy", Case(files=(str(first.path), str(second.path)), evidence=evidence)


def about_leaks(pictures: list[Facts], benchmark: Mapping[str, Signature]) -> Iterator[Found]:
    """Pictures of benchmarks, by name, among these."""
    pictures = [facts for facts in pictures if facts.spread >= _BLANK]
    if not pictures or not benchmark:
        return
    names = list(benchmark)
    hits: dict[Path, list[tuple[int, str, int]]] = defaultdict(list)
    for i, j, bits, way in alike(
        np.stack([facts.signature for facts in pictures]), np.stack([benchmark[name] for name in names])
    ):
        hits[pictures[i].path].append((bits, names[j], way))
    for path, found in hits.items():
        bits, _, way = min(found)
        files = (str(path), *dict.fromkeys(name for _, name, _ in sorted(found)))
        yield "leak", Case(files=files, evidence=f"{bits} of 255 bits differ{_hung(way)}")


def about_shares(path: Path, shares: Iterable[Share]) -> Iterator[Found]:
    """A picture that holds a benchmark's, or is cut from it."""
    best = sorted(shares, key=lambda share: -share.likeness)
    if best:
        how = "holds" if best[0].holds else "is a part of"
        evidence = f"{how} {best[0].name}, correlation {best[0].likeness:.2f}"
        yield "leak", Case(files=(str(path), *(share.name for share in best)), evidence=evidence)


def common_scale(pairs: Iterable[tuple[Facts, Facts]]) -> int | None:
    """The whole ratio that most pairs have."""
    ratios = Counter(max(1, round(high.size[0] / low.size[0])) for high, low in pairs)
    return ratios.most_common(1)[0][0] if ratios else None


def _hung(way: int) -> str:
    return f", {HUNG[way]}" if HUNG[way] else ""


def _pixels(number: int) -> str:
    return f"{number} pixel{'' if number == 1 else 's'}"


def _sizes(facts: Facts) -> str:
    return f"{facts.size[0]} x {facts.size[1]}"
