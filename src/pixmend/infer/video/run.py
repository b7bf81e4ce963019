"""A video restored frame by frame: read, computed and encoded at once, and after each piece a line in the journal.

C channels, h and w height and width in pixels.
"""

import json
import os
import time
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.image.picture import FilePath
from pixmend.infer.fingerprint import fingerprint
from pixmend.infer.folder.passage import digest, is_full
from pixmend.infer.guard import Damaged
from pixmend.infer.pipeline import Pipeline, Progress
from pixmend.infer.resample import Resample
from pixmend.infer.stream.journal import Journal, open_journal
from pixmend.infer.stream.run import resume
from pixmend.infer.video.frames import Damage, Frame, frames_of
from pixmend.infer.video.heard import Heard
from pixmend.infer.video.join import join
from pixmend.infer.video.pieces import Pieces, frames_in
from pixmend.infer.video.plan import VideoPlan, facts_of, plan_video, with_tile

_AHEAD = 2
"""Frames that are read before they are computed, and computed before they are encoded."""
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoredVideo:
    """What became of a video."""

    target: Path
    size: tuple[int, int]
    """(h, w) of its frames."""
    frames: int
    resumed: int
    """Frames of an earlier call."""
    reused: int
    """Frames that are, bit for bit, the one before, and so is their result."""
    lost: int
    """Packets of the source that could not be decoded."""
    seconds: float
    """That this call took."""
    warnings: tuple[str, ...]


def restore_video(
    pipeline: Pipeline,
    source: FilePath,
    *,
    target: FilePath,
    size: tuple[int, int] | None = None,
    quality: int | None = None,
    lossless: bool = False,
    strip: bool = False,
    progress: Progress | None = None,
) -> RestoredVideo:
    """Restore every frame of a video, each on its own, and copy all else; ``progress`` is told of frames.

    Each frame keeps its time; audio and subtitles are copied as they are. The result appears under its name when it is
    whole. Until then it lies in pieces of a second, and the frames of the next one, in the folder ``target.parts``:
    after a crash or a kill the same call goes on with the next frame, after a power cut with the next piece, and the
    file is, byte for byte, what it would have been. Where the video, the model, the options or a version have changed,
    a warning says so and it starts anew.

    Raises:
        PixmendError: as ``plan_video`` and ``Pipeline``; the size of frames changes; the disk is full, after which
            the same call goes on.
    """
    plan = plan_video(pipeline, source, target=target, size=size, quality=quality, lossless=lossless, strip=strip)
    return carry_out(pipeline, plan, progress=progress)


def carry_out(pipeline: Pipeline, plan: VideoPlan, *, progress: Progress | None = None) -> RestoredVideo:
    """What was planned for this pipeline.

    Raises:
        PixmendError: as ``restore_video``.
    """
    started = time.perf_counter()
    networks, source = [fingerprint(network) for network in pipeline.networks], digest(plan.clip.path)
    with open_journal(plan.target) as journal, _saying_full(plan, journal):
        if pipeline.tile is None and journal.facts is not None:  # as it was begun, with more or less memory than now
            plan = replace(plan, tile=journal.facts.get("tiles", [plan.tile])[0])
        pipeline = with_tile(pipeline, plan.tile)
        plan = replace(plan, steps=pipeline.plan(plan.clip.size, size=plan.steps.resampled))
        resume(journal, json.loads(json.dumps(facts_of(plan, pipeline, source=source, networks=networks))))
        resumed, damage = frames_in(journal), Damage()
        if journal.finished is None:
            resumed += _restore(pipeline, plan, journal, damage=damage, progress=progress)
            whole = _whole(plan, journal)
            join(plan.clip, plan.coding, part=journal.part, pieces=journal.lines, target=whole, strip=plan.strip)
            _force(whole)
            journal.finish(whole.name)
        assert journal.finished is not None
        whole = journal.part.with_name(journal.finished)
        if whole.exists():
            whole.replace(plan.target)
        heard = Heard.of(journal.lines)
        return RestoredVideo(
            target=plan.target,
            size=plan.coding.size,
            frames=frames_in(journal),
            resumed=resumed,
            reused=heard.reused,
            lost=damage.packets,
            seconds=time.perf_counter() - started,
            warnings=damage.warnings(plan.clip) + heard.warnings(precision=plan.steps.precision),
        )


def _restore(
    pipeline: Pipeline, plan: VideoPlan, journal: Journal, *, damage: Damage, progress: Progress | None
) -> int:
    """All frames that are missing, into the part file; how many were there that no piece had yet."""
    with (
        journal.part.open("r+b" if journal.lines else "wb") as part,
        closing(Pieces(plan, journal, part)) as writing,
        closing(_ahead(frames_of(plan.clip, first=writing.frames, damage=damage))) as frames,
        ThreadPoolExecutor(1, thread_name_prefix="encode") as encoding,
    ):
        done = writing.frames
        kept = done - frames_in(journal)
        pending: deque[Future[None]] = deque()
        before: Frame | None = None
        after = torch.empty(0)
        for frame in frames:
            done += 1
            heard = Heard(reused=1)
            if before is None or not np.array_equal(before.pixels, frame.pixels):
                after, heard = _restored(pipeline, plan, frame, number=done)
            before = frame
            pending.append(encoding.submit(writing.add, after, frame, heard))
            while len(pending) > _AHEAD:
                pending.popleft().result()
            if progress is not None:
                progress(done, max(done, plan.clip.frames))
        for each in (*pending, encoding.submit(writing.finish_piece)):
            each.result()
    if not done:
        raise PixmendError(f"{plan.clip.path}: no frame could be decoded")
    return kept


def _restored(pipeline: Pipeline, plan: VideoPlan, frame: Frame, *, number: int) -> tuple[Tensor, Heard]:
    """(3, h, w) of the result, and what is to be told of it."""
    try:
        restored = pipeline.restore(frame.tensor)
    except Damaged as error:
        raise type(error)(f"frame {number}: {error}") from error
    made = restored.pixels
    if plan.steps.resampled is not None:
        made = Resample((made.shape[1], made.shape[2]), plan.steps.resampled).whole(made.clamp_(0, 1))
    return made.expand(3, -1, -1), Heard.of_report(restored.report)


def _ahead(items: Generator[_T]) -> Generator[_T]:
    """The same items, some of them made by a thread before they are asked for."""
    with closing(items), ThreadPoolExecutor(1, thread_name_prefix="decode") as reading:
        coming = deque(reading.submit(next, items, None) for _ in range(_AHEAD))
        while (item := coming.popleft().result()) is not None:
            coming.append(reading.submit(next, items, None))
            yield item


@contextmanager
def _saying_full(plan: VideoPlan, journal: Journal) -> Iterator[None]:
    """Says of a full disk what is kept, and gives back what is not."""
    whole = _whole(plan, journal)
    try:
        yield
    except Exception as error:
        if not is_full(error):
            raise
        with suppress(OSError):
            whole.unlink(missing_ok=True)
            os.truncate(journal.part, journal.end)
        raise PixmendError(
            f"{plan.target}: the disk is full after {frames_in(journal)} frames, which are kept: free space, then "
            "the same command goes on"
        ) from error


def _whole(plan: VideoPlan, journal: Journal) -> Path:
    """The joined file, until it is in its place."""
    return journal.part.with_name(f"whole{plan.target.suffix.lower()}")


def _force(path: Path) -> None:
    """To the disk, before the journal says that it is there."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
