"""What became of each file of a folder, and the list of what failed that stays in the folder of the results."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pixmend.files import replace

FAILURES = "failures.json"

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One file."""

    path: Path
    """The picture, relative to the folder that was searched."""
    target: Path
    """Its result, relative to the folder of the results."""
    status: Status
    """Skipped is one whose result was there, whole, and made from these bytes by this job."""
    seconds: float
    """From reading to writing, during which other files are read, restored and written as well."""
    pixels: int
    """Of the picture; 0 where its header cannot be read."""
    reason: str | None = None
    """Of a failure, in one line."""
    warnings: tuple[str, ...] = ()

    def plain(self) -> dict[str, object]:
        """As JSON has it."""
        content = asdict(self) | {"path": self.path.as_posix(), "target": self.target.as_posix()}
        return content | {"seconds": round(self.seconds, 3), "warnings": list(self.warnings)}


_HEAD = {"pixmend": "failures of a folder"}


def owns_failures(folder: Path) -> bool:
    """Whether ``failures.json`` there is missing or of an earlier run, and not another program's."""
    path = folder / FAILURES
    if not path.exists():
        return True
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.items() >= _HEAD.items()


def write_failures(folder: Path, records: Sequence[Record]) -> None:
    """``failures.json`` of those that failed in the last run; where none did, an older list is taken away.

    Raises:
        PixmendError: it cannot be written.
    """
    failed = [record.plain() for record in records if record.status == "failed"]
    if failed:
        replace(folder / FAILURES, json.dumps({**_HEAD, "failed": failed}, indent=2) + "\n")
    else:
        (folder / FAILURES).unlink(missing_ok=True)
