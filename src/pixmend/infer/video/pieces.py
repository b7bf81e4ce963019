"""Results on their way into the part file: kept one by one, encoded piece by piece.

h and w height and width of a result in pixels.
"""

import os
import zlib
from dataclasses import replace
from typing import BinaryIO

from torch import Tensor

from pixmend.infer.stream.journal import Journal
from pixmend.infer.video.encode import Encoder
from pixmend.infer.video.frames import Colour, Frame
from pixmend.infer.video.heard import Heard
from pixmend.infer.video.kept import Kept, KeptFrame
from pixmend.infer.video.plan import VideoPlan


def frames_in(journal: Journal) -> int:
    """That are encoded."""
    return sum(len(line["times"]) for line in journal.lines)


class Pieces:
    """Encodes frames and keeps them, one by one and then piece by piece; in one thread at a time."""

    def __init__(self, plan: VideoPlan, journal: Journal, part: BinaryIO) -> None:
        self._plan, self._journal, self._part = plan, journal, part
        self._colour = Colour(plan.clip)
        self._encoder: Encoder | None = None
        self._piece: list[KeptFrame] = []
        self._kept = Kept(journal.part.with_name("frames.part"), plan.coding, maker=journal.facts)
        self.frames = frames_in(journal)
        """That there are, in pieces and kept for the next one."""
        part.seek(journal.end)  # what is beyond it is written over, and never read
        for kept in self._kept.load(self.frames):
            self._encode(kept)

    def add(self, pixels: Tensor, frame: Frame, heard: Heard) -> None:
        """(3, h, w) of the result of the next frame."""
        coding = self._plan.coding
        made = self._colour.to_frame(pixels, layout=coding.layout, depth=coding.depth)
        kept = KeptFrame(number=self.frames, time=frame.time, duration=frame.duration, heard=heard, frame=made)
        self._kept.add(kept)
        self._encode(kept)
        if len(self._piece) == self._plan.piece:
            self.finish_piece()

    def _encode(self, kept: KeptFrame) -> None:
        self._encoder = self._encoder or Encoder(self._plan.clip, self._plan.coding)
        self._encoder.add(kept.frame, time=kept.time)
        self._piece.append(replace(kept, frame=None))  # pyright: ignore[reportArgumentType]
        self.frames += 1

    def finish_piece(self) -> None:
        """The piece is encoded, on the disk, and known to the journal."""
        if self._encoder is not None:
            coded = self._encoder.finish()
            assert len(coded) == len(self._piece)
            content = b"".join(each.content for each in coded)
            self._kept.clear()  # first, for the disk may have no room for both
            self._part.write(content)
            self._part.flush()
            os.fsync(self._part.fileno())
            heard = Heard()
            for kept in self._piece:
                heard.add(kept.heard)
            self._journal.add(
                {
                    "end": self._part.tell(),
                    "sum": zlib.crc32(content),
                    "times": [(kept.time, kept.duration) for kept in self._piece],
                    "packets": [(len(each.content), each.time, each.key) for each in coded],
                    "heard": heard.plain(),
                }
            )
        self._encoder, self._piece = None, []

    def close(self) -> None:
        self._kept.close()
