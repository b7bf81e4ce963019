"""What restoring a video will take, and everything that would stop it, before it starts.

Sizes are (height, width) in pixels.
"""

import copy
import math
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from pixmend.errors import PixmendError
from pixmend.image.picture import FilePath
from pixmend.infer.forecast import Plan, memory_words, time_words
from pixmend.infer.pipeline import Pipeline
from pixmend.infer.video.clip import Clip, look_at
from pixmend.infer.video.encode import Coding, coding_for
from pixmend.infer.video.expected import counted
from pixmend.infer.video.join import check_copied

_PIECE = range(12, 31)
"""Frames that make a second, or as many fewer or more: what a kill costs at most, for which a key frame is paid."""
_BITS = {"libx264": 0.5, "libx265": 0.5, "libvpx-vp9": 0.5, "ffv1": 12.0}
"""For each pixel of a frame at the default quality; a guess within a factor of four, which the pictures decide."""
_SURE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoPlan:
    """A video that is to go through a pipeline. ``str(plan)`` is the lines people read."""

    clip: Clip
    target: Path
    coding: Coding
    steps: Plan
    """Of one frame."""
    tile: int | None
    """That all frames are cut in, whatever memory is free by then; None where the network knows its own."""
    strip: bool

    @property
    def piece(self) -> int:
        """Frames that are encoded, and kept, together."""
        return min(max(round(self.clip.rate), _PIECE.start), _PIECE.stop - 1)

    @property
    def seconds(self) -> float:
        return self.steps.seconds * self.clip.frames

    @property
    def result_bytes(self) -> int:
        """Of the encoded frames, roughly; while they are joined they are on the disk twice."""
        bits = _BITS[self.coding.codec]
        if "crf" in self.coding.options:  # six steps are a factor of two
            bits *= 2 ** ((16 - int(self.coding.options["crf"])) / 6)
        return round(bits / 8 * math.prod(self.coding.size) * self.clip.frames)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should hear before the work."""
        return self.clip.notes + self.coding.notes

    def __str__(self) -> str:
        clip, pieces = self.clip, counted(math.ceil(self.clip.frames / self.piece), "piece")
        rate = f"{float(clip.rate):.2f}".rstrip("0").rstrip(".")
        return "\n".join(
            (
                f"{counted(clip.frames, 'frame')} at {rate} a second, each on its own: {self.steps.words}",
                f"{pieces} of {self.piece} frames as {self.coding}, roughly {memory_words(self.result_bytes)} "
                f"and for a moment twice that; {counted(len(clip.copied), 'other stream')} copied",
                f"about {time_words(self.seconds)} in all: {self.steps.seconds:.3g} s a frame",
            )
        )


def plan_video(
    pipeline: Pipeline,
    source: FilePath,
    *,
    target: FilePath,
    size: tuple[int, int] | None = None,
    quality: int | None = None,
    lossless: bool = False,
    strip: bool = False,
) -> VideoPlan:
    """Look at the file, choose the tile, and try the codec and the container.

    ``size`` is what each result is resampled to; ``quality`` is 1 to 100, 80 if not told; ``lossless`` keeps each
    frame as FFV1 in RGB; ``strip`` leaves out titles, dates, places and the like.

    Raises:
        PixmendError: no video; the container cannot hold the result or a stream that is copied; the network takes
            other pictures; the overlap is yet to be measured; the folder is none; the memory does not suffice.
    """
    target = Path(target)
    if quality is not None and not 1 <= quality <= 100:
        raise PixmendError(f"quality: expected 1 to 100, got {quality}")
    clip = look_at(source)
    takes = pipeline.networks[0].in_channels
    if takes not in (1, 3):
        raise PixmendError(f"{clip.path}: the network takes {takes} channels: a frame has one view of 3")
    if pipeline._measures:
        raise PixmendError("overlap 'measured' looks at one picture, and a video has many: give a number of pixels")
    if not target.parent.is_dir():
        raise PixmendError(f"{target}: {target.parent} is not an existing folder: make it first")
    steps = pipeline.plan(clip.size, size=size)
    tile = pipeline.tile or _tile(pipeline, steps)
    coding = coding_for(clip, target, size=steps.output_size, quality=quality, lossless=lossless)
    check_copied(clip, coding, target=target)
    plan = VideoPlan(clip=clip, target=target, coding=coding, steps=steps, tile=tile, strip=strip)
    if plan.result_bytes > _SURE * (free := shutil.disk_usage(target.parent).free):
        raise PixmendError(
            f"{target}: takes roughly {memory_words(plan.result_bytes)}, and {memory_words(free)} are free: free space "
            "or choose another folder"
        )
    return plan


def _tile(pipeline: Pipeline, steps: Plan) -> int | None:
    """One tile for all frames, since memory comes and goes, and a result should not depend on it."""
    if any(network.fixed_size for network in pipeline.networks):
        return None
    cut = [step.tile for step in steps.steps if len(step.tiles) > 1]
    return min(cut) if cut else max(step.tile for step in steps.steps)


def with_tile(pipeline: Pipeline, tile: int | None) -> Pipeline:
    """The same pipeline with this tile."""
    fixed = copy.copy(pipeline)
    fixed.tile = tile
    return fixed


def facts_of(plan: VideoPlan, pipeline: Pipeline, *, source: str, networks: list[str]) -> Mapping[str, Any]:
    """All that decides about the bytes of the result; ``source`` and ``networks`` are digests."""
    return {
        "video": source,
        "model": [*networks, pipeline.ensemble, pipeline.strength],
        "precision": plan.steps.precision,
        "device": plan.steps.device.partition(":")[0],
        "tiles": [plan.tile, [step.overlap for step in plan.steps.steps]],
        "options": {**asdict(plan.coding), "strip": plan.strip},
        "version": [version("pixmend"), version("av"), torch.__version__],
    }
