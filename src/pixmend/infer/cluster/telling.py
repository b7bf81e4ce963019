"""What a worker tells of a chunk, as it travels: text, which Ray neither copies twice nor guesses the type of."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pixmend.infer.folder import Record


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Of one chunk."""

    records: tuple[Record, ...]
    hidden: int
    others: int
    full: str | None
    """That a disk is full, with which the others would fail as well."""

    def text(self) -> str:
        return json.dumps(asdict(self) | {"records": [record.plain() for record in self.records]})

    @classmethod
    def of(cls, text: str) -> "Told":
        content = json.loads(text)
        return cls(**content | {"records": tuple(map(record_of, content["records"]))})


def record_of(plain: Mapping[str, Any]) -> Record:
    """The record that was ``plain``."""
    content: Any = dict(plain) | {name: Path(plain[name]) for name in ("path", "target")}
    return Record(**content | {"warnings": tuple(plain["warnings"])})


def failed(
    name: str, target: str, reason: str, *, seconds: float = 0.0, pixels: int = 0, heard: Sequence[str] = ()
) -> Record:
    return Record(
        path=Path(name),
        target=Path(target),
        status="failed",
        seconds=seconds,
        pixels=pixels,
        reason=reason,
        warnings=tuple(dict.fromkeys(heard)),
    )
