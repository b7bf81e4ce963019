"""Which file of one folder belongs to which of another, by name."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixmend.errors import PixmendError
from pixmend.image import SUFFIXES

_Names = Callable[["Listing"], Sequence[str]]

_SCALE = re.compile(r"[_-]?x\d+$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """The files of a folder, in sorted order."""

    root: Path
    pictures: tuple[Path, ...]
    ignored: tuple[Path, ...]
    """Other files, hidden ones left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairing:
    """The pairs of two folders, and what is left over."""

    low_of: Mapping[Path, Path]
    """The low picture of each paired high one."""
    alone: tuple[Path, ...]
    """Pictures of either folder without a partner."""
    doubled: tuple[tuple[Path, ...], ...]
    """Pictures of one folder that share a name, so that no one knows which is meant."""


def list_pictures(root: Path) -> Listing:
    """The pictures below a folder, told by their endings.

    Raises:
        PixmendError: not a folder, or no picture in it.
    """
    if not root.is_dir():
        raise PixmendError(
            f"{root}: {'is not a folder' if root.exists() else 'no such folder'}: name a folder of pictures"
        )
    files = sorted(path for path in root.rglob("*") if not path.is_dir())
    files = [path for path in files if not any(part.startswith(".") for part in path.relative_to(root).parts)]
    pictures = tuple(path for path in files if path.suffix.lower() in SUFFIXES)
    if not pictures:
        raise PixmendError(f"{root}: no pictures ({', '.join(SUFFIXES)}) in it or below")
    known = set(pictures)
    return Listing(root=root, pictures=pictures, ignored=tuple(path for path in files if path not in known))


def pair(high: Listing, low: Listing) -> Pairing:
    """Pair by the part of the names that tells the pictures of a folder apart.

    ``0001.png`` belongs to ``0001x4.png``, ``norain-001.png`` to ``rain-001.png`` and ``img_1_HR.png`` to
    ``img_1_LR.png``: names as they are come first, then without an ending like ``x4``, then without what all names
    of a folder begin and end with; the first of these that pairs the most counts.
    """
    return max(
        (_pair_by(high, low, *keys) for keys in ((_whole, _whole), (_whole, _unscaled), (_core, _core))),
        key=lambda pairing: len(pairing.low_of),
    )


def _pair_by(high: Listing, low: Listing, high_names: _Names, low_names: _Names) -> Pairing:
    highs, lows = _by_key(high, high_names(high)), _by_key(low, low_names(low))
    doubled = tuple(tuple(paths) for found in (highs, lows) for paths in found.values() if len(paths) > 1)
    low_of = {paths[0]: lows[key][0] for key, paths in highs.items() if len(paths) == 1 and len(lows.get(key, ())) == 1}
    alone = [path for key, paths in highs.items() if key not in lows for path in paths]
    alone += [path for key, paths in lows.items() if key not in highs for path in paths]
    return Pairing(low_of=low_of, alone=tuple(alone), doubled=doubled)


def _by_key(listing: Listing, names: Sequence[str]) -> dict[tuple[str, str], list[Path]]:
    found: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path, name in zip(listing.pictures, names, strict=True):
        found[path.parent.relative_to(listing.root).as_posix(), name].append(path)
    return found


def _whole(listing: Listing) -> list[str]:
    return [path.stem for path in listing.pictures]


def _unscaled(listing: Listing) -> list[str]:
    return [_SCALE.sub("", path.stem) for path in listing.pictures]


def _core(listing: Listing) -> list[str]:
    """Names without what all of them begin and end with; numbers stay whole."""
    names = _whole(listing)
    start = _shared(names)
    end = _shared([name[::-1] for name in names])
    return [name[start : max(start, len(name) - end)] for name in names]


def _shared(names: Sequence[str]) -> int:
    """How many letters all names begin with, less a number that goes on in some."""
    first, last = min(names), max(names)  # of sorted names the outermost share the least
    length = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return len(first[:length].rstrip("0123456789"))
