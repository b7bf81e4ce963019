"""What a video file is, before any of it is restored: its pictures, colours and times, and what else is in it.

Colour tags are the numbers of ITU-T H.273, as FFmpeg has them. Sizes are (height, width) in pixels.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmend.errors import PixmendError
from pixmend.image.picture import FilePath
from pixmend.infer.video.expected import end_told, frames_told

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg"),
    *(".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp", ".ogv"),
)
"""Of files that are taken for videos."""
UNSPECIFIED = 2
MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
"""Colour matrices that can be undone, and libswscale's number: BT.709, FCC, BT.601 twice, SMPTE 240M, BT.2020."""
LIMITED, FULL = 1, 2

_HIGH_DEFINITION = 576  # from more rows on, players take a video without a tag for BT.709
_TRANSFERS = {16: "HDR by PQ", 18: "HDR by HLG"}
_TRIED = 200  # packets without a picture, after which there is none


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A video that can be restored."""

    path: Path
    index: int
    """Of the stream of pictures in the file."""
    size: tuple[int, int]
    """As stored, before any rotation."""
    rate: Fraction
    """Frames in a second, on average."""
    time_base: Fraction
    """Seconds that a timestamp counts."""
    frames: int
    """As the file tells, or by duration and rate: not to be relied on."""
    counted: int | None
    """Frames that must come if nothing is damaged, where the file counts them."""
    end: float | None
    """Seconds at which all streams have ended, where the file tells."""
    depth: int
    """Bits of a sample."""
    chroma: tuple[int, int]
    """Rows and columns of luma for each sample of chroma."""
    matrix: int
    """As tagged, or as players take it where it is not; 0 for RGB."""
    range: int
    primaries: int
    transfer: int
    aspect: Fraction
    """Width of a pixel by its height."""
    display: tuple[int, ...] | None
    """The nine numbers of the display matrix: rotation and mirroring."""
    copied: tuple[int, ...]
    """Streams that go into the result as they are: audio, subtitles, fonts, covers."""
    notes: tuple[str, ...]
    """What a person should hear before the work."""

    @property
    def turned(self) -> bool:
        """Whether it is shown lying on its side, so that rows are what people see as columns."""
        return self.display is not None and self.display[0] == 0 == self.display[4]


def library() -> Any:
    """PyAV.

    Raises:
        PixmendError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise PixmendError("video needs PyAV: pip install 'pixmend[video]'") from error
    return av


@contextmanager
def opened(path: Path) -> "Iterator[InputContainer]":
    """The file, open to read.

    Raises:
        PixmendError: it cannot be read, or is nothing that FFmpeg knows.
    """
    av = library()
    try:
        container = av.open(os.fspath(path), metadata_errors="replace")
    except FileNotFoundError as error:
        raise PixmendError(f"{path}: no such file") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise PixmendError(f"{path}: not a video that can be read: {told(error)}") from error
    with container:
        yield container


def told(error: Exception) -> str:
    """FFmpeg's words alone, without its numbers and the path."""
    return str(getattr(error, "strerror", None) or error)


def stream_of(container: "InputContainer") -> "VideoStream":
    """The stream of pictures that a player would show.

    Raises:
        PixmendError: there is none but a cover.
    """
    disposition = library().stream.Disposition
    still = disposition.attached_pic | disposition.still_image | disposition.timed_thumbnails
    best = container.streams.best("video")
    known = [each for each in (best, *container.streams.video) if each is not None and each.codec_context is not None]
    for stream in known:
        if not stream.disposition & still:
            return stream  # pyright: ignore[reportReturnType]
    if len(known) < len(container.streams.video):
        raise PixmendError(f"{container.name}: its pictures are protected, or of a kind that nothing here decodes")
    kinds = ", ".join(f"{each.type} {getattr(each, 'name', '')}" for each in container.streams) or "nothing"
    raise PixmendError(f"{container.name}: expected a video, got {kinds}: there is nothing to restore")


def look_at(path: FilePath) -> Clip:
    """Read the header and the first frame, whose colour tags are the ones that count.

    Raises:
        PixmendError: no video, or one picture; nothing can be decoded; a colour matrix that nobody can undo.
    """
    path = Path(path)
    with opened(path) as container:
        stream = stream_of(container)
        if container.format.name.endswith(("_pipe", "image2")):
            raise PixmendError(f"{path}: expected a video, got a picture: give its name the ending of one")
        frame = _first(container, stream, path)
        layout = frame.format
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        if stream.guessed_rate and rate > 2 * stream.guessed_rate:  # some Matroska tells the time base for a rate
            rate = stream.guessed_rate
        seconds, counted = _seconds(container, stream), frames_told(container, stream)
        assert stream.time_base is not None
        return Clip(
            path=path,
            index=stream.index,
            size=(frame.height, frame.width),
            rate=rate,
            time_base=stream.time_base,
            frames=counted or max(1, round(seconds * rate)),
            counted=counted,
            end=end_told(container),
            depth=max((component.bits for component in layout.components), default=8),
            chroma=_chroma(layout),
            matrix=_matrix(frame, path),
            range=_range(frame),
            primaries=frame.color_primaries,
            transfer=frame.color_trc,
            aspect=stream.sample_aspect_ratio or Fraction(1),
            display=_display(frame),
            copied=tuple(each.index for each in container.streams if _travels(each, stream)),
            notes=tuple(_notes(container, stream, frame)),
        )


def _first(container: "InputContainer", stream: "VideoStream", path: Path) -> "VideoFrame":
    """The first frame that can be decoded."""
    av = library()
    why = "no frame in it can be decoded"
    for packet in islice(container.demux(stream), _TRIED):
        try:
            if frames := packet.decode():
                return frames[0]
        except (av.FFmpegError, ValueError) as error:
            why = told(error)
    raise PixmendError(f"{path}: cannot be decoded: {why}: is it damaged, or protected?")


def _seconds(container: "InputContainer", stream: "VideoStream") -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6


def _chroma(layout: Any) -> tuple[int, int]:
    if layout.is_rgb:
        return 1, 1
    if len(layout.components) < 3:
        return 2, 2  # grey has none, and 4:2:0 is what all players show
    return 64 // (layout.chroma_height(64) or 64), 64 // (layout.chroma_width(64) or 64)


def _matrix(frame: "VideoFrame", path: Path) -> int:
    if frame.format.is_rgb:
        return 0
    if frame.colorspace in (0, UNSPECIFIED, 3):
        return 1 if frame.height > _HIGH_DEFINITION else 6
    if frame.colorspace not in MATRICES:
        raise PixmendError(
            f"{path}: its colour matrix is number {frame.colorspace} of H.273, and only BT.601, BT.709, BT.2020 and "
            "their like can be undone: convert it first"
        )
    return int(frame.colorspace)


def _range(frame: "VideoFrame") -> int:
    if frame.format.is_rgb:
        return FULL
    if frame.color_range in (LIMITED, FULL):
        return int(frame.color_range)
    name = frame.format.name
    return FULL if name.startswith(("yuvj", "gray")) else LIMITED


def _display(frame: "VideoFrame") -> tuple[int, ...] | None:
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return None
    matrix = struct.unpack("9i", bytes(data)[:36])
    return None if matrix[:2] + matrix[3:5] == (1 << 16, 0, 0, 1 << 16) else matrix


def _travels(other: Any, stream: "VideoStream") -> bool:
    if other.index == stream.index:
        return False
    return other.type in ("audio", "subtitle", "attachment") or (
        other.type == "video" and bool(other.disposition & library().stream.Disposition.attached_pic)
    )


def _notes(container: "InputContainer", stream: "VideoStream", frame: "VideoFrame") -> Iterator[str]:
    if frame.interlaced_frame:
        yield "its frames are interlaced, and are restored as they are, with their combs: deinterlace it first"
    if frame.color_trc in _TRANSFERS:
        yield (
            f"{_TRANSFERS[frame.color_trc]}: its tags are kept, networks have learnt from ordinary pictures, and "
            "what it says of the mastering display is left out"
        )
    if any(component.is_alpha for component in frame.format.components):
        yield "its transparency is left out"
    left = [each for each in container.streams if each.index != stream.index and not _travels(each, stream)]
    if left:
        yield f"left out: {', '.join(_said(each) for each in left)}"


def _said(stream: Any) -> str:
    return f"stream {stream.index} ({stream.type} {getattr(stream, 'name', '')})"
