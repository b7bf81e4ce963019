"""Frames out of a file and into one: in order, with their own times, to RGB and back by the matrix of their tags.

h and w height and width of a frame in pixels.
"""

import heapq
import math
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.infer.video.clip import FULL, LIMITED, MATRICES, Clip, library, opened, told
from pixmend.infer.video.expected import counted

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_WHITE = 255 * 256
"""Of 16 bits as libswscale has them: it shifts 8 bits, where 257 times would be full."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One frame as it is decoded."""

    time: int
    """In the clip's time base; each is later than the one before."""
    duration: int
    pixels: NDArray[np.uint16]
    """(h, w, 3) of RGB, white is ``_WHITE``."""

    @property
    def tensor(self) -> Tensor:
        """(3, h, w) in [0, 1]."""
        return torch.from_numpy(self.pixels.astype(np.float32)).permute(2, 0, 1).div_(_WHITE).clamp_(max=1)


@dataclass(kw_only=True, slots=True)
class Damage:
    """What could not be had as the file has it."""

    frames: int = 0
    """That came."""
    packets: int = 0
    """That could not be decoded."""
    corrupt: int = 0
    """Frames that the decoder has mended."""
    moved: int = 0
    """Frames whose time was not after that of the frame before."""
    ended: str | None = None
    """Why reading came to its end before that of the file."""
    end: int = 0
    """Where the last frame ends, in the clip's time base."""
    gap: int = 0
    """The longest time from a frame to the next."""

    def warnings(self, clip: Clip) -> tuple[str, ...]:
        """What a person must hear of it, a line each."""
        lines = []
        if self.packets:
            lines.append(f"{counted(self.packets, 'damaged packet')} could not be decoded: such frames are missing")
        if self.corrupt:
            lines.append(f"{counted(self.corrupt, 'frame')} damaged in the source")
        if self.moved:
            lines.append(f"{counted(self.moved, 'frame')} without a time that fits, put after the one before")
        if self.ended:
            lines.append(f"reading ended early: {self.ended}")
        if self.frames and (came := self._came(clip)):
            lines.append(f"{came} the file tells of came: it is cut short or damaged")
        return tuple(lines)

    def _came(self, clip: Clip) -> str | None:
        """How much of what, where it is clearly less; a frame may be one of two fields, or a time rounded."""
        if clip.counted is not None:
            short = clip.counted - self.frames - self.packets > 1
            return f"{self.frames} of the {clip.counted} frames" if short else None
        if clip.end is None:
            return None
        slack = float(max(2.5 / clip.rate, self.gap * clip.time_base))  # at variable rates the last may stay as long
        came = float(self.end * clip.time_base)
        if clip.end - came <= slack or clip.end - (last := _last_moment(clip.path)) <= slack:
            return None
        return f"{max(came, last):.1f} of the {clip.end:.1f} s"


def frames_of(clip: Clip, *, first: int = 0, damage: Damage) -> Generator[Frame]:
    """All frames from this number on; those before are decoded too, since no index of a file can be trusted.

    Raises:
        PixmendError: the size changes on the way, or nothing can be decoded.
    """
    colour = Colour(clip)
    last: int | None = None
    step = max(1, round(1 / (clip.rate * clip.time_base)))
    for number, (time, frame) in enumerate(_decoded(clip, damage)):
        if (frame.height, frame.width) != clip.size:
            height, width = clip.size
            raise PixmendError(
                f"{clip.path}: frame {number + 1} is {frame.width} x {frame.height}, those before {width} x {height}: "
                "cut the file where its size changes"
            )
        if time is None or (last is not None and time <= last):
            time = 0 if last is None else last + (step if time is None else 1)
            damage.moved += 1
        damage.corrupt += frame.is_corrupt
        damage.frames += 1
        damage.gap = max(damage.gap, time - (time if last is None else last))
        damage.end = time + (frame.duration or step)
        last = time
        if number >= first:
            pixels = colour.to_rgb(frame)
            yield Frame(time=time, duration=frame.duration or step, pixels=pixels)


def _decoded(clip: Clip, damage: Damage) -> "Generator[tuple[int | None, VideoFrame]]":
    """Frames as they are shown, and when.

    AVI has no times but the places of packets, of which FFmpeg makes some in the order of decoding: there a frame is
    shown at the earliest place that is left.
    """
    av = library()
    places: list[int] = []
    with opened(clip.path) as container:
        stream: Any = container.streams[clip.index]
        stream.thread_type = "AUTO"
        ordered = container.format.name == "avi"
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError) as error:
                damage.ended = told(error)
                packet = None
            if packet is None:
                return
            if packet.dts is not None:
                if not packet.size:  # a frame that was dropped; to the decoder it would be the end
                    continue
                heapq.heappush(places, packet.dts)
            try:
                found = packet.decode()
            except av.FFmpegError:
                damage.packets += 1
                if packet.dts in places:
                    places.remove(packet.dts)
                    heapq.heapify(places)
                continue
            for frame in found:
                place = heapq.heappop(places) if places else None
                yield (place if ordered else frame.pts), frame


def _last_moment(path: Path) -> float:
    """Seconds at which the last packet of any stream ends, since sound may go on without pictures."""
    last = 0.0
    with opened(path) as container, suppress(library().FFmpegError, OSError):
        for packet in container.demux():
            if packet.pts is not None and packet.time_base is not None:
                last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return last


class Colour:
    """The way of a clip's frames to RGB and back; for one thread at a time."""

    def __init__(self, clip: Clip) -> None:
        from av.video.reformatter import Interpolation as Flag
        from av.video.reformatter import VideoReformatter

        self._matrix, self._range = clip.matrix or 1, clip.range
        self._rgb = clip.matrix == 0
        self._swscale = VideoReformatter()
        self._flags = Flag.BICUBIC | Flag.ACCURATE_RND | Flag.FULL_CHR_H_INT | Flag.FULL_CHR_H_INP

    def to_rgb(self, frame: "VideoFrame") -> NDArray[np.uint16]:
        """(h, w, 3)."""
        if not self._rgb:
            frame.colorspace = self._matrix
        found = self._swscale.reformat(
            frame,
            format="rgb48le",
            src_colorspace=None if self._rgb else MATRICES[self._matrix],
            src_color_range=self._range,
            dst_color_range=FULL,
            interpolation=self._flags,
            threads=1,
        )
        return np.ascontiguousarray(found.to_ndarray())  # pyright: ignore[reportReturnType]

    def to_frame(self, pixels: Tensor, *, layout: str, depth: int) -> "VideoFrame":
        """(3, h, w), of any values, to a frame of this pixel format; RGB formats by rounding alone."""
        from av.video.frame import VideoFrame

        values = pixels.detach().clamp(0, 1).permute(1, 2, 0)
        if layout == "bgr0":
            whole = VideoFrame.from_ndarray(_rounded(values, 255).astype(np.uint8), format="rgb24")
            return whole.reformat(format=layout)
        if layout.startswith("gbrp"):
            return VideoFrame.from_ndarray(_rounded(values, 2**depth - 1), format=layout)
        whole = VideoFrame.from_ndarray(_rounded(values, _WHITE), format="rgb48le")
        return self._swscale.reformat(
            whole,
            format=layout,
            src_colorspace=MATRICES[self._matrix],
            dst_colorspace=MATRICES[self._matrix],
            src_color_range=FULL,
            dst_color_range=FULL if self._range == FULL and not self._rgb else LIMITED,
            interpolation=self._flags,
            threads=1,
        )


def _rounded(values: Tensor, white: int) -> NDArray[np.uint16]:
    return values.mul(white).round_().numpy().astype(np.uint16)


def is_even(size: tuple[int, int], chroma: tuple[int, int]) -> bool:
    """Whether samples of chroma cover whole pixels only."""
    return all(math.remainder(side, step) == 0 for side, step in zip(size, chroma, strict=True))
