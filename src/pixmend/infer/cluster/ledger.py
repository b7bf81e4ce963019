"""What was made of which bytes, one small file for each result, so that any worker finds what another one has done.

Object stores can neither append to a file nor lock it: instead of a journal each result has a file of its own.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from pixmend.infer.cluster.place import Place
from pixmend.infer.folder.journal import PLACE

WORK = f"{PLACE}/work"
"""Of jobs that are at work: how often a chunk was begun."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A result."""

    picture: str
    """Digest of what it was made of."""
    job: str
    """Digest of networks and options."""
    result: str
    """Digest of the file. Nothing counts of a result that has another one."""
    run: str
    """The run that made it."""
    record: dict[str, Any] = field(default_factory=dict)
    """What was told of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """All that is known of the results at a place.

    An entry is written before its result is put in place, beside the one of the result that is there until then:
    killed in between, the next worker finds the old file or the new one, and knows both.
    """

    out: Place

    def read(self, target: str, *, result: str) -> Made | None:
        """What is known of the file there if it has this digest."""
        return next((made for made in self._all(target) if made.result == result), None)

    def write(self, target: str, made: Made, *, there: str | None) -> None:
        """``there`` is the digest of what is there now.

        Raises:
            PixmendError: it cannot be written.
        """
        known = [] if there is None else self._all(target)
        kept = [each for each in known if each.result == there != made.result]
        content = {"target": target, "made": [asdict(each) for each in (*kept, made)]}
        self.out.write(_name(target), json.dumps(content).encode())

    def _all(self, target: str) -> list[Made]:
        content = self.out.read(_name(target))
        try:
            return [Made(**each) for each in json.loads(content or b'{"made": []}')["made"]]
        except (ValueError, KeyError, TypeError):  # spoilt: the result is then not known to be ours
            return []


def _name(target: str) -> str:
    """Spread over folders, as stores and disks like it, and of one length."""
    name = hashlib.sha256(target.encode()).hexdigest()
    return f"{PLACE}/made/{name[:2]}/{name[2:4]}/{name[4:]}.json"


@dataclass(slots=True, kw_only=True)
class Deaths:
    """How often workers have died in the middle of a chunk of this run.

    A chunk that is begun for the second time has cost a worker. From then on every picture is counted before it is
    begun, so that one which kills its worker again and again is found, and not those beside it.
    """

    out: Place
    name: str
    begun: dict[str, int] | None = None
    """By picture; None the first time."""

    @classmethod
    def of(cls, out: Place, run: str, items: tuple[tuple[str, str], ...]) -> "Deaths":
        """Of a chunk that is being begun."""
        chunk = hashlib.sha256(json.dumps(items).encode()).hexdigest()
        name = f"{WORK}/{run}/{chunk}.json"
        content = out.read(name)
        found = cls(out=out, name=name, begun=None if content is None else json.loads(content))
        if content is None:
            out.write(name, b"{}")
        return found

    def begin(self, picture: str) -> int:
        """How often the picture has been begun before, alone with its worker; counted from now on."""
        if self.begun is None:
            return 0
        before = self.begun.get(picture, 0)
        self.begun[picture] = before + 1
        self.out.write(self.name, json.dumps(self.begun).encode())
        return before

    def end(self, picture: str) -> None:
        """It did not kill its worker: what it was begun before counts no more."""
        if self.begun is not None:
            self.begun.pop(picture, None)  # written with the next one that is begun
