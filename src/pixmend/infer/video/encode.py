"""How the result is encoded: a codec for the container, its pixel format, and pieces that need no other.

Sizes are (height, width) in pixels.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from pixmend.errors import PixmendError
from pixmend.infer.video.clip import FULL, LIMITED, Clip, library, told
from pixmend.infer.video.frames import is_even

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""What can be written, by the end of the name."""

_THREADS = 4
"""Whatever the machine has: with another number x264 makes other bytes of the same frames."""
_GLOBAL_HEADER = 1 << 22
_SMALL = 128
"""Sides below which x265 writes beyond its memory; x264 does 10 bits as well."""
_BEST = {"libx264": 16, "libx265": 18, "libvpx-vp9": 20}
"""Constant rate factor of a quality of 80, which is the default; a step of quality is 0.4 of it."""
_WORST = {"libx264": 51, "libx265": 51, "libvpx-vp9": 63}


@dataclass(frozen=True, kw_only=True, slots=True)
class Coding:
    """A codec and all that decides about its bytes."""

    container: str
    codec: str
    layout: str
    """FFmpeg's name of the pixel format."""
    depth: int
    options: dict[str, str]
    size: tuple[int, int]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should hear of it."""
        if "444" in self.layout and self.codec != "libvpx-vp9":
            return ("stored as 4:4:4, since the source is, or its sides are odd: some players show 4:2:0 only",)
        return ()

    def __str__(self) -> str:
        quality = f", crf {self.options['crf']}" if "crf" in self.options else ", lossless"
        return f"{self.codec.removeprefix('lib')}, {self.layout}{quality}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Coded:
    """A frame as the encoder gives it."""

    content: bytes
    time: int
    key: bool


def coding_for(clip: Clip, target: Path, *, size: tuple[int, int], quality: int | None, lossless: bool) -> Coding:
    """The codec for a name, tried with this size.

    Raises:
        PixmendError: no such container; it cannot hold what is asked for; the codec refuses the size.
    """
    container = CONTAINERS.get(target.suffix.lower())
    if container is None:
        raise PixmendError(f"{target}: expected a name that ends in {', '.join(CONTAINERS)}: give one of them")
    deep = clip.depth > 8
    if lossless and (container != "matroska" or quality is not None):
        raise PixmendError(f"{target}: lossless video is FFV1 in .mkv, and has no quality: give such a name")
    if deep and container == "webm":
        raise PixmendError(f"{target}: WebM is written with 8 bits, and {clip.path} has {clip.depth}: use .mkv or .mp4")
    if lossless:
        depth = 8 if not deep else min(16, max(10, clip.depth + clip.depth % 2))
        layout = "bgr0" if depth == 8 else f"gbrp{depth}le"
        codec, options = "ffv1", {"level": "3", "slices": "16", "slicecrc": "1"}
    else:
        codec = "libvpx-vp9" if container == "webm" else "libx265" if deep and min(size) >= _SMALL else "libx264"
        depth = 10 if deep else 8
        layout = _layout(clip, size, codec=codec) + ("10le" if deep else "")
        options = _options(codec, quality)
    coding = Coding(container=container, codec=codec, layout=layout, depth=depth, options=options, size=size)
    try:
        Encoder(clip, coding)
    except (library().FFmpegError, ValueError) as error:
        height, width = size
        raise PixmendError(
            f"{target}: {codec} cannot encode {width} x {height} as {layout}: {told(error)}: use another container"
        ) from error
    return coding


def _layout(clip: Clip, size: tuple[int, int], *, codec: str) -> str:
    """As the source has it, of the kinds that all three codecs know; VP9 alone can cover half a pixel."""
    if clip.matrix == 0 or clip.chroma == (1, 1):
        name, chroma = "yuv444p", (1, 1)
    elif clip.chroma[0] == 1:
        name, chroma = "yuv422p", (1, 2)
    else:
        name, chroma = "yuv420p", (2, 2)
    return name if codec == "libvpx-vp9" or is_even(size, chroma) else "yuv444p"


def _options(codec: str, quality: int | None) -> dict[str, str]:
    crf = _BEST[codec] + 0.4 * (80 - (80 if quality is None else quality))
    options = {"crf": str(round(min(_WORST[codec], max(1, crf))))}
    if codec == "libx265":
        return options | {"x265-params": f"log-level=error:pools={_THREADS}:frame-threads=2"}
    if codec == "libvpx-vp9":
        return options | {"b": "0", "deadline": "good", "cpu-used": "3"}
    return options | {"x264-params": "mbtree=0"}  # which reads what was never written, and makes other bytes then


def configure(context: "VideoCodecContext", clip: Clip, coding: Coding) -> None:
    """The same for each piece and for the file they are joined in, so that one header fits all."""
    yuv = not coding.layout.startswith(("bgr", "gbr"))
    context.height, context.width = coding.size
    context.pix_fmt = coding.layout
    context.time_base, context.framerate = clip.time_base, clip.rate
    context.sample_aspect_ratio = clip.aspect
    context.color_primaries, context.color_trc = clip.primaries, clip.transfer
    context.colorspace = (clip.matrix or 1) if yuv else 0
    context.color_range = (LIMITED if clip.matrix == 0 else clip.range) if yuv else FULL
    context.thread_count = _THREADS
    context.flags |= _GLOBAL_HEADER
    context.options = dict(coding.options)


class Encoder:
    """One piece of the result, which begins with a key frame and refers to nothing before it."""

    def __init__(self, clip: Clip, coding: Coding) -> None:
        context = library().CodecContext.create(coding.codec, "w")
        configure(context, clip, coding)
        context.open()
        self._context: VideoCodecContext = context
        self._time_base: Fraction = clip.time_base
        self._coded: list[Coded] = []

    @property
    def header(self) -> bytes:
        """What a decoder is told before all frames."""
        return bytes(self._context.extradata or b"")

    def add(self, frame: "VideoFrame", *, time: int) -> None:
        frame.pts, frame.time_base = time, self._time_base
        self._take(frame)

    def finish(self) -> list[Coded]:
        """All that was added, in the order of decoding."""
        self._take(None)
        return self._coded

    def _take(self, frame: "VideoFrame | None") -> None:
        for packet in self._context.encode(frame):
            assert packet.pts is not None
            self._coded.append(Coded(content=bytes(packet), time=packet.pts, key=packet.is_keyframe))
