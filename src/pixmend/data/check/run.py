"""``check_folder``: every picture decoded once, a few at a time, then all of them compared."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from pixmend.data.check.facts import Facts, Unreadable, find_facts, to_luma
from pixmend.data.check.judge import about_copies, about_leaks, about_pair, about_picture, about_shares, common_scale
from pixmend.data.check.known import known_pictures
from pixmend.data.check.pairing import Listing, Pairing, list_pictures, pair
from pixmend.data.check.pairs import Match, match
from pixmend.data.check.parts import Share, Small, find_shares, shrink
from pixmend.data.check.report import Case, CheckReport
from pixmend.data.check.rules import Found, to_findings
from pixmend.data.check.signature import Signature
from pixmend.errors import PixmendError

_AHEAD = 2  # pictures waiting for each worker, so that memory stays bounded
_IGNORED_NAMED = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    """One picture and its partner after they were decoded."""

    high: Facts | Unreadable
    low: Facts | Unreadable | None
    match: Match | None
    shares: tuple[Share, ...]


def check_folder(
    folder: str | Path,
    *,
    low: str | Path | None = None,
    scale: int | None = None,
    against: Iterable[str | Path] = (),
    patch: int | None = None,
    watch: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Look for everything that spoils training on a folder of pictures, or on a pair of folders.

    ``folder`` holds the truth, ``low`` the degraded pictures of the same names, ``scale`` times smaller (by itself
    the scale of most pairs). Pictures are compared with each other, with those of the folders ``against`` and with
    the benchmark pictures whose signatures come with the package. ``watch`` is told how many of how many files are
    done. Nothing is changed in any folder; a broken picture is a finding. Interrupted by the user (KeyboardInterrupt),
    the check reports what it found so far, and the report says so.

    Raises:
        PixmendError: a folder that is not there or holds no pictures, or a scale or patch that is not positive.
    """
    started = time.perf_counter()
    for name, value in (("scale", scale), ("patch", patch)):
        if value is not None and value < 1:
            raise PixmendError(f"check_folder: expected a {name} of 1 or more, got {value}")
    if low is not None and Path(low).resolve() == Path(folder).resolve():
        raise PixmendError(
            f"check_folder: {low} is the folder of the truth itself: name the one of its degraded pictures"
        )
    if scale is not None and low is None:
        raise PixmendError("check_folder: a scale needs the folder of low pictures")
    high = list_pictures(Path(folder))
    pairing = None if low is None else pair(high, list_pictures(Path(low)))
    benches = [list_pictures(Path(bench)) for bench in against]
    total = len(high.pictures) + sum(len(bench.pictures) for bench in benches)
    looks: list[_Look] = []
    benchmark = known_pictures()
    smalls: dict[str, Small] = {}
    found: list[Found] = []
    watch = watch or (lambda done, total: None)
    try:
        done = 0
        for seen in _each(_shrunk, [(path,) for bench in benches for path in bench.pictures]):
            if isinstance(seen, Unreadable):
                found.append(_unreadable(seen))
            else:
                name = str(seen[0].path)
                benchmark[name], smalls[name] = seen[0].signature, seen[1]
            done += 1
            watch(done, total)
        for look in _look_at(high.pictures, pairing, smalls):
            looks.append(look)
            done += 1
            watch(done, total)
    except KeyboardInterrupt:
        pass  # the report counts what was checked
    pairs = [(look.high, look.low) for look in looks if isinstance(look.high, Facts) and isinstance(look.low, Facts)]
    scale = scale or common_scale(pairs)
    found += _about_files(high, pairing)
    found += _about_looks(looks, benchmark, scale=scale, patch=patch)
    facts = [look.high for look in looks if isinstance(look.high, Facts)]
    return CheckReport(
        folder=str(folder),
        low=None if low is None else str(low),
        against=tuple(str(bench.root) for bench in benches),
        scale=scale,
        patch=patch,
        pictures=len(high.pictures),
        checked=len(looks),
        megapixels=sum(one.size[0] * one.size[1] for one in facts) / 1e6,
        seconds=time.perf_counter() - started,
        findings=to_findings(found),
    )


def _shrunk(path: Path) -> tuple[Facts, Small] | Unreadable:
    seen = find_facts(path)
    return seen if isinstance(seen, Unreadable) else (seen[0], shrink(to_luma(seen[1])))


def _look_at(pictures: tuple[Path, ...], pairing: Pairing | None, smalls: Mapping[str, Small]) -> Iterator[_Look]:
    low_of = {} if pairing is None else pairing.low_of
    return _each(_look, [(path, low_of.get(path), smalls) for path in pictures])


def _look(high: Path, low: Path | None, smalls: Mapping[str, Small]) -> _Look:
    seen = find_facts(high)
    shares = () if isinstance(seen, Unreadable) or not smalls else tuple(find_shares(to_luma(seen[1]), smalls))
    if low is None:
        return _Look(high=seen if isinstance(seen, Unreadable) else seen[0], low=None, match=None, shares=shares)
    other = find_facts(low)
    if isinstance(seen, Unreadable) or isinstance(other, Unreadable):
        first, second = (one if isinstance(one, Unreadable) else one[0] for one in (seen, other))
        return _Look(high=first, low=second, match=None, shares=shares)
    (facts, pixels), (low_facts, low_pixels) = seen, other
    ratio = max(1, round(facts.size[0] / low_facts.size[0]))
    fits = all(abs(a - ratio * b) < max(ratio, 2) for a, b in zip(facts.size, low_facts.size, strict=True))
    return _Look(high=facts, low=low_facts, match=match(pixels, low_pixels) if fits else None, shares=shares)


def _each(function: Callable, arguments: list[tuple]) -> Iterator:
    """The results in order, by as many threads as there are cores.

    Each thread works alone: threads of torch's own beside them made all of it several times slower. For the same
    reason nothing here multiplies large matrices by NumPy, whose threads cannot be switched off.
    """
    workers = os.cpu_count() or 1
    waiting: deque[Future] = deque()
    before = torch.get_num_threads()
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            for one in arguments:
                waiting.append(pool.submit(function, *one))
                if len(waiting) >= _AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            torch.set_num_threads(before)


def _about_files(high: Listing, pairing: Pairing | None) -> Iterator[Found]:
    if high.ignored:
        some = ", ".join(path.name for path in high.ignored[:_IGNORED_NAMED])
        more = f" and {len(high.ignored) - _IGNORED_NAMED} more" if len(high.ignored) > _IGNORED_NAMED else ""
        yield "ignored", Case(files=(str(high.root),), evidence=f"{some}{more}")
    if pairing is None:
        return
    for path in pairing.alone:
        yield "unpaired", Case(files=(str(path),), evidence="nothing of this name on the other side")
    for paths in pairing.doubled:
        yield "ambiguous", Case(files=tuple(map(str, paths)), evidence=f"{len(paths)} files for one picture")


def _about_looks(
    looks: list[_Look], benchmark: dict[str, Signature], *, scale: int | None, patch: int | None
) -> Iterator[Found]:
    for look in looks:
        yield from (_unreadable(one) for one in (look.high, look.low) if isinstance(one, Unreadable))
        if isinstance(look.high, Facts):
            yield from about_picture(look.high, patch=patch)
            if isinstance(look.low, Facts) and scale is not None:
                yield from about_pair(look.high, look.low, look.match, scale=scale)
    pictures = [look.high for look in looks if isinstance(look.high, Facts)]
    leaks = list(about_leaks(pictures, benchmark))
    known = {case.files[0] for _, case in leaks}
    yield from leaks
    for look in looks:
        if str(look.high.path) not in known:
            yield from about_shares(look.high.path, look.shares)
    yield from about_copies(pictures)


def _unreadable(one: Unreadable) -> Found:
    return "unreadable", Case(files=(str(one.path),), evidence=one.reason)
