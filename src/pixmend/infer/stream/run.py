"""A picture larger than memory, restored: rows in, rows out, and after each row of tiles a line in the journal.

C channels, h and w height and width in pixels, s the scale.
"""

import json
import logging
import os
import zlib
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import torch

from pixmend.errors import PixmendError
from pixmend.image import Picture, WriteOptions
from pixmend.image.bands_write import Growing, growing
from pixmend.image.picture import FilePath
from pixmend.image.write import _ready
from pixmend.infer.folder.passage import digest, is_full
from pixmend.infer.guard import LEAST_CHANGE, Report
from pixmend.infer.pipeline import Pipeline, Progress
from pixmend.infer.stream.chain import Chain
from pixmend.infer.stream.journal import Journal, open_journal
from pixmend.infer.stream.plan import StreamPlan, facts_of, plan_stream

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Streamed:
    """What became of a picture."""

    target: Path
    size: tuple[int, int]
    """(H, W) of the result."""
    resumed_rows: int
    """Rows of the result that an earlier process had made."""
    warnings: tuple[str, ...]


def stream_picture(
    pipeline: Pipeline,
    source: FilePath,
    *,
    target: FilePath,
    options: WriteOptions | None = None,
    provenance: Mapping[str, Any] | None = None,
    size: tuple[int, int] | None = None,
    memory: int | None = None,
    progress: Progress | None = None,
) -> Streamed:
    """Restore a PNG, JPEG or TIFF of any size into another; the process takes ``memory`` bytes at most, or 1.5 GB.

    With a ``size`` (height, width) the result is resampled to it.

    The result has the values that ``restore_picture`` and ``write_picture`` give with the same tiles, and appears under
    its name when it is whole. Until then its rows lie in the folder ``target.parts`` with a journal: after a
    crash, a kill or a power cut the same call goes on where the last row of tiles was done, and the file is, byte for
    byte, what it would have been. Where the picture, the model, the tiles, the size, the options or the version have
    changed, a warning says so and it starts anew.

    Raises:
        PixmendError: as ``plan_stream`` and ``Pipeline``; the picture is damaged further down; the disk is full, after
            which the same call goes on.
    """
    plan = plan_stream(pipeline, source, target=target, options=options, size=size, memory=memory)
    return carry_out(pipeline, plan, provenance=provenance, progress=progress)


def carry_out(
    pipeline: Pipeline,
    plan: StreamPlan,
    *,
    provenance: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Streamed:
    """What was planned for this pipeline; ``progress`` is told of tiles.

    Raises:
        PixmendError: as ``stream_picture``.
    """
    facts = facts_of(plan, pipeline, source=digest(plan.source.path), provenance=provenance)
    facts = json.loads(json.dumps(facts))
    with open_journal(plan.target) as journal, _saying_full(plan, journal):
        resume(journal, facts)
        resumed = sum(line["rows"] for line in journal.lines)
        chain = Chain(pipeline, plan, progress, folder=journal.part.parent)
        if journal.finished is None:
            file = _growing(plan, provenance)
            _write(chain, plan, journal, file)
            journal.finish(file.finish(journal.part).name)
        assert journal.finished is not None
        whole = journal.part.with_name(journal.finished)
        if whole.exists():
            whole.replace(plan.target)
        warnings = _warnings(journal, chain.report)
    return Streamed(target=plan.target, size=plan.steps.output_size, resumed_rows=resumed, warnings=warnings)


def resume(journal: Journal, facts: Mapping[str, Any]) -> None:
    """Go on with what is there, if it was made so; else begin."""
    before = journal.facts
    if before is not None and before != facts:
        changed = ", ".join(name for name in facts if facts[name] != before.get(name))
        logger.warning("%s: begun with another %s, and is begun anew", journal.target, changed)
        before = None
    if before is None:
        journal.begin(facts)
    elif journal.finished is None:
        journal.check()
    elif not journal.part.with_name(journal.finished).exists() and not journal.target.exists():
        journal.begin(facts)


def _growing(plan: StreamPlan, provenance: Mapping[str, Any] | None) -> Growing:
    """The file of the result, with all that travels with the picture."""
    nothing, (height, width) = torch.zeros(()), plan.steps.output_size
    picture = replace(
        plan.source.picture,
        pixels=nothing.expand(plan.channels, height, width),
        alpha=None if plan.source.picture.alpha is None else nothing.expand(1, height, width),
    )
    ready: Picture = _ready(picture, depth=plan.depth, options=plan.options, provenance=provenance)
    return growing(ready, str(plan.target), file_format=plan.format, options=plan.options, rows=plan.rows)


def _write(chain: Chain, plan: StreamPlan, journal: Journal, file: Growing) -> None:
    """All rows that are missing, into the part file."""
    row = sum(line["rows"] for line in journal.lines)
    with journal.part.open("r+b" if journal.lines else "wb") as part:
        part.truncate(journal.end)
        part.seek(journal.end)
        if journal.lines:
            file.resume([note for line in journal.lines for note in line["notes"]])
        piece = _Piece(part, journal)
        if not journal.lines:
            piece.write(file.start())
        if row == plan.steps.output_size[0]:
            return
        with closing(chain.bands(row)) as bands:
            for whole, band in bands:
                content, note = file.pack(band)
                piece.write(content, note=note, rows=len(band))
                if whole:
                    piece.close(chain.heard())


class _Piece:
    """What one line of the journal stands for."""

    def __init__(self, part: BinaryIO, journal: Journal) -> None:
        self._part, self._journal = part, journal
        self._sum, self._rows, self._notes = 0, 0, []

    def write(self, content: bytes, *, note: Mapping[str, Any] | None = None, rows: int = 0) -> None:
        self._part.write(content)
        self._sum, self._rows = zlib.crc32(content, self._sum), self._rows + rows
        if note is not None:
            self._notes.append(note)

    def close(self, heard: Mapping[str, Any]) -> None:
        self._part.flush()
        os.fsync(self._part.fileno())
        line = {"rows": self._rows, "end": self._part.tell(), "sum": self._sum}
        self._journal.add({**line, **heard, "notes": self._notes})
        self._sum, self._rows, self._notes = 0, 0, []


class _saying_full:
    """Says of a full disk what is kept."""

    def __init__(self, plan: StreamPlan, journal: Journal) -> None:
        self._plan, self._journal = plan, journal

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not is_full(error):
            return
        rows, height = sum(line["rows"] for line in self._journal.lines), self._plan.steps.output_size[0]
        with suppress(OSError):
            os.truncate(self._journal.part, self._journal.end)
        raise PixmendError(
            f"{self._plan.target}: the disk is full at row {rows} of {height}, which are kept: free space, then the "
            "same command goes on"
        ) from error


def _warnings(journal: Journal, report: Report) -> tuple[str, ...]:
    """What a person must hear of the picture, of earlier processes too."""
    earlier = sum(line["odd"] for line in journal.lines) - report.again.total() - report.beyond
    changes = [line["change"] for line in journal.lines if line["change"] is not None]
    report.unchanged = max(changes) if changes and max(changes) < LEAST_CHANGE else None
    told = f"{earlier} tiles of an earlier run were computed again with care, or are out of range"
    return (*report.warnings, told) if earlier > 0 else report.warnings
