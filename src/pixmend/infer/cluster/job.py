"""What a cluster job will read and write, checked before any work as far as that takes no list of all pictures."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pixmend.errors import PixmendError
from pixmend.image import WriteOptions
from pixmend.infer.cluster.listing import Naming
from pixmend.infer.cluster.place import Place
from pixmend.infer.folder import FAILURES, Record
from pixmend.infer.folder.job import ignores_case, suffix_for
from pixmend.infer.folder.record import owns_failures, write_failures


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterJob:
    """A place with pictures and the place of their results."""

    source: Place
    out: Place
    naming: Naming
    options: WriteOptions
    skip_existing: bool
    force: bool

    def keep_failures(self, records: Sequence[Record]) -> None:
        """``failures.json`` beside the results, of those that failed; where none did, an older list is taken away.

        Raises:
            PixmendError: it cannot be written.
        """
        if (local := self.out.local) is not None:
            write_failures(local, records)
            return
        with tempfile.TemporaryDirectory() as spare:
            write_failures(Path(spare), records)
            path = Path(spare) / FAILURES
            if path.exists():
                self.out.upload(path, FAILURES)
            else:
                self.out.remove(FAILURES)


def plan_cluster(
    source: str,
    out: str,
    *,
    format: str | None = None,
    options: WriteOptions | None = None,
    skip_existing: bool = False,
    force: bool = False,
) -> ClusterJob:
    """Check two places, each a path or an address of fsspec. Names and formats of results are those of a folder job.

    Unlike there pictures whose results would have one name, and results that exist, are found on the way, as failures:
    the list of all pictures is made while they are restored. Nothing is written.

    Raises:
        PixmendError: no pictures can be there, an unknown format, results among which the pictures lie, or a place for
            them that is not empty (unless ``skip_existing`` or ``force``).
    """
    suffix, pictures, results = suffix_for(format), _absolute(source), _absolute(out)
    if pictures.local is not None and pictures.local.is_file():
        raise PixmendError(f"{source}: is a file, and a cluster is for folders: leave --cluster out")
    if not pictures.is_folder():
        raise PixmendError(f"{source}: no such folder, or nothing in it")
    if results.holds(pictures):
        raise PixmendError(f"{out}: is or holds the folder of the pictures, which are never replaced: name another one")
    if not _owns_failures(results):
        raise PixmendError(f"{results.address(FAILURES)}: is not of this command, which would replace it: move it away")
    local, there = results.local, results.is_folder()
    if local is not None and local.exists() and not there:
        raise PixmendError(f"{out}: is a file, expected a folder for the results")
    shown = [each.name for each in results.entries() if not each.name.startswith(".")] if there else []
    if shown and not (skip_existing or force):
        raise PixmendError(
            f"{out}: is not empty: give --skip-existing to go on with what is missing, --force to replace, "
            "or another folder"
        )
    naming = Naming(
        suffix=suffix,
        fold=local is not None and ignores_case(local),
        without=results,
    )
    return ClusterJob(
        source=pictures,
        out=results,
        naming=naming,
        options=options or WriteOptions(),
        skip_existing=skip_existing,
        force=force,
    )


def _absolute(url: str) -> Place:
    """Workers have working folders of their own."""
    place = Place(url)
    return place if place.local is None else Place(str(place.local))


def _owns_failures(out: Place) -> bool:
    if (local := out.local) is not None:
        return owns_failures(local)
    content = out.read(FAILURES)
    if content is None:
        return True
    with tempfile.TemporaryDirectory() as spare:
        (Path(spare) / FAILURES).write_bytes(content)
        return owns_failures(Path(spare))
