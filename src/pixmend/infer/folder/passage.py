"""One picture of a folder on its way: skipped if its result is there, or read, restored and put in place."""

import errno
import hashlib
import json
import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pixmend.errors import PixmendError
from pixmend.files import not_writable, replace
from pixmend.image import Picture, check_output, write_picture
from pixmend.infer.fingerprint import fingerprint
from pixmend.infer.folder.job import Item, Job
from pixmend.infer.folder.journal import PLACE, Journal
from pixmend.infer.folder.way import Way
from pixmend.infer.forecast import Plan
from pixmend.infer.picture import restore_picture
from pixmend.infer.pipeline import Pipeline, Progress

logger = logging.getLogger(__name__)

Facts = Callable[[Pipeline], Mapping[str, Any]]
"""What is written into the results that a pipeline makes of how they are made, besides what is each picture's own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """What all pictures of a job have in common on their way."""

    job: Job
    journal: Journal
    facts: Facts | None
    _known: dict[Pipeline, tuple[list[str], Mapping[str, Any]]] = field(default_factory=dict)
    """Fingerprints, which take a while, and facts, of pipelines that were met before."""

    def skips(self, item: Item, picture: str, *, way: Way) -> bool:
        """Whether the result is there, whole, made from the picture of this digest by such a job.

        Raises:
            PixmendError: something is there that no such job has made.
        """
        target = self.job.out / item.target
        if not self.job.skip_existing or not target.exists():
            return False
        made_of = self.journal.made_of(item.target, result=digest(target)) if target.is_file() else None
        if made_of is None and not self.job.force:
            raise PixmendError(f"{target}: exists and is none of this command's results: move it away, or give --force")
        return made_of == (picture, self.identity(way))

    def restore(
        self, item: Item, before: Picture, *, picture: str, way: Way, through: Pipeline, progress: Progress
    ) -> None:
        """The result in its place; ``through`` is the pipeline of the way as it is run here.

        Raises:
            PixmendError: the picture cannot be restored, or the result not be written.
        """
        target = self.job.out / item.target
        options = self.job.options.fitting(target.suffix)
        # A name of the same ending in the job's own folder, where nothing is left of a job that is killed.
        part = self.job.out / PLACE / f"{secrets.token_hex(6)}{target.suffix}"
        try:
            plan = through.plan(before.pixels, size=way.size)
            check_output(
                part,
                size=plan.output_size,
                alpha=before.alpha is not None,
                channels=len(before.pixels),
                depth=before.depth,
                options=options,
            )
            after = restore_picture(through, before, size=way.size, progress=progress)
            if way.told is not None:
                logger.warning("%s", way.told)
            made = self._made(item, picture=picture, way=way, plan=plan)
            write_picture(part, after, options=options, provenance=made)
            self._place(part, item=item, picture=picture, identity=self.identity(way))
        except PixmendError as error:
            raise PixmendError(str(error).replace(str(part), str(target))) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _place(self, part: Path, *, item: Item, picture: str, identity: str) -> None:
        target = self.job.out / item.target
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.journal.add(item.target, picture=picture, job=identity, result=digest(part))
            part.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:  # a folder of the tree may be a link to another disk
                raise not_writable(target, error) from error
            replace(target, part.read_bytes())

    def _made(self, item: Item, *, picture: str, way: Way, plan: Plan) -> Mapping[str, Any] | None:
        """What is written into a result of how it was made; the tile is what makes it again in another memory."""
        if self.facts is None:
            return None
        cut = {step.tile for step in plan.steps if len(step.tiles) > 1}
        tile = way.pipeline.tile or (cut.pop() if len(cut) == 1 else None)
        stored = asdict(self.job.options.fitting(item.target.suffix))
        own = {"picture": item.name.name, "sha256": picture, "tile": tile}
        own["options"] = {name: value for name, value in stored.items() if value}
        return {**self._about(way.pipeline)[1], **own, **({"size": list(way.size)} if way.size else {})}

    def identity(self, way: Way) -> str:
        """Digest of all that decides what a result is: networks, precision, size, options and version.

        Tiles, memory and device are left out, with which results differ by less than a level: a job may go on
        elsewhere.
        """
        facts = {
            "networks": self._about(way.pipeline)[0],
            "precision": way.pipeline.precision,
            "ensemble": way.pipeline.ensemble,
            "strength": way.pipeline.strength,
            "size": way.size,
            "version": version("pixmend"),
            "options": asdict(self.job.options),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _about(self, pipeline: Pipeline) -> tuple[list[str], Mapping[str, Any]]:
        if pipeline not in self._known:
            networks = [fingerprint(network) for network in pipeline.networks]
            self._known[pipeline] = networks, self.facts(pipeline) if self.facts is not None else {}
        return self._known[pipeline]


def digest(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        PixmendError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PixmendError(f"{path}: cannot be read: {error.strerror or error}") from error


def is_full(error: BaseException | None) -> bool:
    """Whether it is, in the end, that a disk or a quota is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False
