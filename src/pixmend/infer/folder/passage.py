"""One picture of a folder on its way: skipped if its result is there, or read, restored and put in place."""

import errno
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pixmend.errors import PixmendError
from pixmend.files import not_writable, replace
from pixmend.image import Picture, check_output, read_picture, write_picture
from pixmend.infer.fingerprint import fingerprint
from pixmend.infer.folder.guards import warnings_of
from pixmend.infer.folder.job import Item, Job
from pixmend.infer.folder.journal import PLACE, Journal
from pixmend.infer.picture import restore_picture
from pixmend.infer.pipeline import Pipeline

Share = Callable[[float], None]
"""Called with the share of a picture that is done, from 0 to 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """What all pictures of a job have in common on their way."""

    job: Job
    journal: Journal
    identity: str
    """Of the networks and options, which decide what a result is."""
    provenance: Mapping[str, Any] | None
    """What is written into each result."""

    def skips(self, item: Item, picture: str) -> bool:
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
        return made_of == (picture, self.identity)

    def restore(self, item: Item, picture: str, *, pipeline: Pipeline, share: Share) -> tuple[str, ...]:
        """The result in its place; what is to be told of it.

        Raises:
            PixmendError: the picture cannot be read or restored, or the result not be written.
        """
        source, target = self.job.source / item.name, self.job.out / item.target
        before = read_picture(source)
        if digest(source) != picture:
            raise PixmendError(f"{source}: has changed while it was read: run again")
        # A name of the same ending in the job's own folder, where nothing is left of a job that is killed.
        part = self.job.out / PLACE / f"{secrets.token_hex(6)}{target.suffix}"
        try:
            plan = pipeline.plan(before.pixels)
            check_output(
                part,
                size=plan.output_size,
                alpha=before.alpha is not None,
                channels=len(before.pixels),
                depth=before.depth,
                options=self.job.options,
            )
            after = restore_picture(pipeline, before, progress=lambda done, total: share(done / total))
            told = warnings_of(before.pixels, after.pixels, scale=pipeline.scale)
            self._place(part, after, item, picture)
        except PixmendError as error:
            raise PixmendError(str(error).replace(str(part), str(target))) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        return told

    def _place(self, part: Path, after: Picture, item: Item, picture: str) -> None:
        target = self.job.out / item.target
        write_picture(part, after, options=self.job.options, provenance=self.provenance)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.journal.add(item.target, picture=picture, job=self.identity, result=digest(part))
            part.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:  # a folder of the tree may be a link to another disk
                raise not_writable(target, error) from error
            replace(target, part.read_bytes())


def identity(job: Job, pipeline: Pipeline) -> str:
    """Digest of all that decides what a result is: networks, precision and version.

    Tiles, memory and device are left out, with which results differ by less than a level: a job may go on elsewhere.
    """
    networks = [fingerprint(network) for network in pipeline.networks]
    facts = {"networks": networks, "precision": pipeline.precision, "version": version("pixmend")}
    facts["options"] = asdict(job.options)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


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
