"""The benchmarks of the field: how many pictures each has, what it is used for, and where its copies differ.

The list is data, ``known.toml``. No picture of them is part of the package.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pixmend.tasks import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A published set of pictures."""

    name: str
    aliases: tuple[str, ...] = ()
    """Other names of it, and of its folder; capitals, hyphens and underscores do not count."""
    kinds: tuple[Kind, ...]
    """The tasks that tables print it for."""
    pictures: int
    grey: bool = False
    """Whether its pictures are grey as published."""
    sizes: tuple[tuple[int, int], ...] = ()
    """The sizes (width, height) of all its pictures, upright or lying; none where they are of many sizes."""
    note: str = ""
    """Where copies differ, in whole sentences."""
    source: str

    @property
    def keys(self) -> frozenset[str]:
        """All its names as ``key`` makes them."""
        return frozenset(map(key, (self.name, *self.aliases)))


def key(name: str) -> str:
    """A name without what people write in different ways: ``RealBlur-J`` and ``realblur_j`` are one."""
    return re.sub(r"[^0-9a-z]", "", name.lower())


def known(name: str) -> Known | None:
    """The set of a name or alias, None if there is none."""
    wanted = key(name)
    return next((entry for entry in KNOWN.values() if wanted in entry.keys), None)


def same_set(one: str, other: str) -> bool:
    """Whether two names mean one set of pictures: ``B100`` and ``BSD100`` do."""
    first, second = known(one), known(other)
    return key(one) == key(other) if first is None or second is None else first is second


def _read() -> Mapping[str, Known]:
    content = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    entries = {}
    for name, fields in content.items():
        lists = {field: tuple(fields.pop(field)) for field in ("aliases", "kinds") if field in fields}
        sizes = tuple(tuple(size) for size in fields.pop("sizes", ()))
        entries[name] = Known(name=name, sizes=sizes, **lists, **fields)
    return MappingProxyType(entries)


KNOWN = _read()
"""By their usual names."""
