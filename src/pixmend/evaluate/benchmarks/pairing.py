"""Which files of one folder, or of two, belong together: by name, and nothing is guessed or left out."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pixmend.errors import PixmendError
from pixmend.image import SUFFIXES

_PREFIXES = ("norain", "rain", "clean", "rainy", "noisy", "blur", "sharp", "gt", "lq", "input", "target")
_SUFFIXES = ("HR", "LR", "gt", "GT", "lq", "LQ", "clean", "rain", "norain", "noisy", "blur", "sharp", "input", "target")


def pictures(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by name without ending, in natural order (2 before 10).

    Raises:
        PixmendError: there are none, or two share a name.
    """
    found: dict[str, Path] = {}
    for path in sorted(_files(folder), key=natural):
        if path.stem in found:
            raise PixmendError(f"{folder}: {found[path.stem].name} and {path.name} share a name: keep one of them")
        found[path.stem] = path
    if not found:
        raise PixmendError(f"{folder}: no pictures ({', '.join(SUFFIXES)}){inside(folder)}")
    return found


def has_pictures(folder: Path) -> bool:
    return folder.is_dir() and any(True for _ in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    """Hidden files and those that are no pictures are passed over.

    Raises:
        PixmendError: a picture is a link to nowhere, as of a data set whose files were not fetched.
    """
    for path in folder.iterdir():
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        elif path.is_symlink() and not path.exists():
            raise PixmendError(f"{path}: is a link to a file that is not there: fetch it or remove the link")


def folders(folder: Path) -> list[Path]:
    """The visible folders inside, in natural order."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    return sorted((folder / name for name in names), key=natural)


def within(root: Path, *names: str) -> list[Path]:
    """The folders of these names (``HR/x2``) that hold pictures; capitals do not count."""
    found: list[Path] = []
    for name in names:
        level = [root]
        for part in name.lower().split("/"):
            level = [folder for above in level for folder in folders(above) if folder.name.lower() == part]
        found += [folder for folder in level if folder not in found and has_pictures(folder)]
    return found


def natural(path: Path) -> tuple[list[str | int], str]:
    """A key that sorts 2 before 10, whatever stands around the digits."""
    name = path.as_posix()
    return [int(part) if part.isdecimal() else part.lower() for part in re.split(r"(\d+)", name)], name


def inside(folder: Path) -> str:
    """A hint for a message: the folders inside."""
    names = [path.name for path in folders(folder)]
    return f"; it holds the folders {', '.join(names[:6])}" if names else ""


def some(names: list[str]) -> str:
    """The first three names, and how many more there are."""
    rest = len(names) - 3
    return ", ".join(names[:3]) + (f" and {rest} more" if rest > 0 else "")


def matched(high: Path, low: Path, *, scale: int = 1) -> list[tuple[str, Path, Path]]:
    """The common name and both files of each pair of two folders; see ``match``."""
    return match(pictures(high), pictures(low), where=(high, low), scale=scale)


def match(
    highs: Mapping[str, Path], lows: Mapping[str, Path], *, where: tuple[Path, Path], scale: int = 1
) -> list[tuple[str, Path, Path]]:
    """The common name and both files of each pair, in the order of ``highs``.

    Names are equal, or become so when a known ending or beginning (``x2``, ``_LR``, ``rain-``) is taken from all
    names of one side.

    Raises:
        PixmendError: a picture of either side has no partner.
    """
    if highs.keys() == lows.keys():
        return [(name, path, lows[name]) for name, path in highs.items()]
    for high in _stripped(highs, scale):
        for low in _stripped(lows, scale):
            # Two such ways that pair differently do not exist: taking one affix off every name of a finite set and
            # putting another on can only permute it if nothing moves.
            if high.keys() == low.keys():
                return [(name, path, low[name]) for name, path in high.items()]
    raise _unmatched(highs, lows, where=where, scale=scale)


def _stripped(named: Mapping[str, Path], scale: int, share: float = 1.0) -> Iterator[Mapping[str, Path]]:
    """The names without each beginning and ending that this share of them has, as they are first."""
    suffixes = (
        [f"{mark}{letter}{scale}" for mark in ("_HR_", "_LRBI_", "_", "") for letter in "xX"] if scale > 1 else []
    )
    suffixes += [f"_SRF_{scale}_HR", f"_SRF_{scale}_LR", "x2", "X2", *_joined(_SUFFIXES, "{1}{0}")]
    for prefix in ("", *_joined(_PREFIXES, "{0}{1}")):
        if sum(name.startswith(prefix) for name in named) < share * len(named):
            continue
        for suffix in ("", *dict.fromkeys(suffixes)):
            if sum(name.endswith(suffix) for name in named) < share * len(named):
                continue
            shorter = {name.removeprefix(prefix).removesuffix(suffix): path for name, path in named.items()}
            if len(shorter) == len(named) and "" not in shorter:
                yield shorter


def _joined(words: Iterable[str], form: str) -> list[str]:
    return [form.format(word, mark) for word in words for mark in "-_"]


def _unmatched(
    highs: Mapping[str, Path], lows: Mapping[str, Path], *, where: tuple[Path, Path], scale: int
) -> PixmendError:
    """Names who is alone when as many as possible are paired."""
    sides = [(high, low) for high in _stripped(highs, scale, share=0.5) for low in _stripped(lows, scale, share=0.5)]
    high, low = max(sides, key=lambda side: len(side[0].keys() & side[1].keys()))
    alone = [path.name for name, path in high.items() if name not in low]
    if alone:
        return PixmendError(f"{where[0]}: nothing in {where[1]} belongs to {some(alone)}")
    alone = [path.name for name, path in low.items() if name not in high]
    return PixmendError(f"{where[1]}: nothing in {where[0]} belongs to {some(alone)}")
