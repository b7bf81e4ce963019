"""What lies beside tar shards: which pictures they hold, and where in them."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pixmend.config import from_plain
from pixmend.errors import PixmendError

INDEX = "index.json"
FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """A picture that was not packed."""

    name: str
    why: str
    after: int
    """Members packed before it."""
    size: tuple[int, int] | None
    """(H, W) where the header was sound: such a picture keeps its place among the members, as a gap."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """An archive."""

    file: str
    members: int
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """One packing of a folder, written again whenever a shard is finished."""

    format: int
    pictures: int
    """Files that were found."""
    listing: str
    """SHA-256 of their names and lengths: tells whether the folder is still the same."""
    shard_size: int
    complete: bool
    shards: tuple[Shard, ...]
    skipped: tuple[Skipped, ...]

    @property
    def members(self) -> int:
        return sum(shard.members for shard in self.shards)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Members:
    """The pictures of a shard, a column for each fact; ``000000.json`` holds those of ``000000.tar``."""

    names: list[str]
    offsets: list[int]
    """Of their first bytes in the archive."""
    sizes: list[int]
    """In bytes."""
    heights: list[int]
    widths: list[int]
    sha256: list[str]

    @property
    def columns(self) -> tuple[list[Any], ...]:
        return tuple(getattr(self, field.name) for field in fields(self))

    def to_json(self) -> str:
        return json.dumps(asdict(self)) + "\n"


def is_packed(folder: str | Path) -> bool:
    """Whether a folder holds shards rather than pictures."""
    return (Path(folder) / INDEX).is_file()


def read_index(folder: Path) -> Index:
    """What a folder of shards holds.

    Raises:
        PixmendError: no index, or one that is damaged or of a later version.
    """
    path = folder / INDEX
    plain = _read_json(path)
    if plain.get("format") != FORMAT:
        raise PixmendError(f"{path}: expected format {FORMAT}, got {plain.get('format')!r}: update pixmend")
    for name, kind in (("shards", Shard), ("skipped", Skipped)):
        if not isinstance(plain.get(name), list):
            raise PixmendError(f"{path}: damaged: expected a list of {name}: delete the folder and pack again")
        plain[name] = tuple(from_plain(kind, item, where=f"{path}: {name}") for item in plain[name])
    return from_plain(Index, plain, where=str(path))


def read_members(archive: Path) -> Members:
    """The pictures of a shard.

    Raises:
        PixmendError: the list beside it is missing or damaged.
    """
    path = archive.with_suffix(".json")
    plain = _read_json(path)
    names = {field.name for field in fields(Members)}
    if plain.keys() != names or len({len(column) for column in plain.values()}) != 1:
        raise PixmendError(f"{path}: damaged: expected equally long lists of {', '.join(sorted(names))}")
    return Members(**plain)


def check_length(archive: Path, length: int) -> None:
    """Raise PixmendError for a shard that is gone or was cut short."""
    try:
        found = archive.stat().st_size
    except OSError as error:
        raise PixmendError(f"{archive}: cannot be read: {error.strerror or error}: copy it again") from error
    if found != length:
        raise PixmendError(f"{archive}: expected {length} bytes, got {found}: copy it again")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PixmendError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise PixmendError(f"{path}: damaged: {error}") from error
    if not isinstance(plain, dict):
        raise PixmendError(f"{path}: damaged: expected fields, got {type(plain).__name__}")
    return plain
