"""The released weight files of the networks here: names, addresses, licences, published scores.

The catalog is data, ``catalog.toml``, which says where its values are from. Nothing is fetched here.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pixmend.errors import PixmendError, nearest

__all__ = ["Released", "Score", "by_sha256", "catalog", "find", "named", "select"]

CATALOG = Path(__file__).with_name("catalog.toml")
_SUFFIX = re.compile(r"\.(pth|pt|t7|safetensors)$")
_HASH = re.compile(r"-[0-9a-f]{8}$")
"""What some projects put at the end of a file's name: the first digits of its sha256."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """A published value, as the source printed it; not measured here."""

    on: str
    """The set of pictures."""
    psnr: float
    ssim: float | None
    protocol: str
    """Which channels were compared and how, without which values of two sources do not compare."""
    source: str
    named: str | None = None
    """The protocol of ``pixmend.evaluate`` that measures so; None where there is none."""
    padding: str = "needed"
    """How the paper's script fits pictures to the network's windows, as ``pixmend.evaluate`` calls it."""
    task: str | None = None
    """Which task of a network of several, or of any noise level, the value is of; None where it has one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Released:
    """A weight file that the authors of a network, or those who ported it, released.

    ``commercial`` is whether the licences of code and weights both allow commercial use. The terms of the pictures a
    network was trained on are apart, in ``data_terms``: nearly all of them are for research, and what that means for
    weights is for the user to decide.
    """

    name: str
    """Ours: ``hat.sr_x4_imagenet``."""
    file: str
    """The official file name."""
    aliases: tuple[str, ...] = ()
    """Other names the same bytes go by."""
    family: str
    tasks: tuple[str, ...]
    """In the order of the file's heads, if it has several."""
    trained_on: str
    project: str
    paper: str
    urls: tuple[str, ...] = ()
    """Plain addresses, the project's own first; copies elsewhere are only listed with a ``sha256`` to check them."""
    where: str | None = None
    """Where a person finds the file, if the project gives no plain address."""
    sha256: str | None = None
    bytes: int | None = None
    code_licence: str
    weights_licence: str
    data_terms: str
    commercial: bool
    scores: tuple[Score, ...] = ()

    @property
    def variant(self) -> str:
        """The size of network, ``hat_l``, as ``models.VARIANTS`` calls it."""
        return self.name.partition(".")[0]


@cache
def catalog() -> tuple[Released, ...]:
    """Every released file known, sorted by family."""
    listing = tomllib.loads(CATALOG.read_text(encoding="utf-8"))
    return tuple(
        _released({**listing["groups"][entry["group"]], **entry}, listing["tables"]) for entry in listing["weights"]
    )


def find(name: str) -> Released | None:
    """The file of this name, ours or the official one; suffix, hash and case of an official name do not matter."""
    return _by_name().get(_plain(name))


def named(name: str) -> Released:
    """``find``, or an error that says what is nearest.

    Raises:
        PixmendError: the catalog has no file of this name.
    """
    entry = find(name)
    if entry is None:
        hint = nearest(name, [known.name for known in catalog()])
        raise PixmendError(f"the catalog has no weights called {name!r}: {hint}")
    return entry


def by_sha256(digest: str) -> Released | None:
    """The file with these contents, if it is one of those whose hash is known."""
    return next((entry for entry in catalog() if entry.sha256 == digest.lower()), None)


def select(
    *, task: str | None = None, family: str | None = None, commercial_only: bool = False
) -> tuple[Released, ...]:
    """The files that do a task, of a family, or whose licences allow commercial use; each only if asked for.

    Raises:
        PixmendError: no released file does the task, or no family is called that; the message names the nearest.
    """
    tasks = sorted({task for entry in catalog() for task in entry.tasks})
    families = sorted({entry.family for entry in catalog()})
    if task is not None and task not in tasks:
        raise PixmendError(f"no released file does {task!r}: {nearest(task, tasks)}")
    if family is not None and family not in families:
        raise PixmendError(f"no family is called {family!r}: {nearest(family, families)}")
    return tuple(
        entry
        for entry in catalog()
        if (task is None or task in entry.tasks)
        and (family is None or family == entry.family)
        and (entry.commercial or not commercial_only)
    )


def _released(entry: dict[str, Any], tables: dict[str, dict[str, str]]) -> Released:
    """One entry of the file, its group's values filled in. Wrong keys are a ``TypeError``: the tests read them all."""
    facts: dict[str, Any] = entry | {key: tuple(entry.get(key, ())) for key in ("aliases", "tasks", "urls")}
    del facts["group"]
    if "at" in facts:
        facts["urls"] = (facts.pop("at").format(file=facts["file"]), *facts["urls"])
    facts["scores"] = tuple(
        Score(on=on, psnr=values[0], ssim=values[1] if len(values) > 1 else None, **tables[table])
        for table, cells in entry.get("scores", {}).items()
        for on, values in cells.items()
    )
    return Released(**facts)


@cache
def _by_name() -> dict[str, Released]:
    return {_plain(name): entry for entry in catalog() for name in (entry.name, entry.file, *entry.aliases)}


def _plain(name: str) -> str:
    return _HASH.sub("", _SUFFIX.sub("", name.lower()))
