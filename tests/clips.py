"""Small videos of every kind, made with PyAV, and what is in such a file."""

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

SIZE = (32, 48)


def picture(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """(h, w, 3): a smooth one that moves."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    waves = [np.sin((x + 2 * number) / 9 + shift) + np.cos(y / 7 - shift) for shift in (0, 1, 2)]
    return np.stack([128 + 45 * wave for wave in waves], axis=-1).round().astype(np.uint8)


def make(
    path: Path,
    *,
    frames: int = 12,
    size: tuple[int, int] = SIZE,
    codec: str = "libx264",
    layout: str = "yuv420p",
    time_base: Fraction = Fraction(1, 12800),
    times: list[int] | None = None,
    options: dict[str, str] | None = None,
    audio: tuple[str, ...] = (),
    subtitles: bool = False,
    matrix: int = 1,
    full: bool = False,
    tags: tuple[int, int] = (1, 1),
    aspect: Fraction | None = None,
    display: list[int] | None = None,
    metadata: dict[str, str] | None = None,
    still: bool = False,
    container: str | None = None,
) -> Path:
    """A clip at 25 frames a second, unless ``times`` are told; ``tags`` are primaries and transfer."""
    times = times or [512 * number for number in range(frames)]
    with av.open(str(path), "w", format=container) as made:
        made.metadata.update(metadata or {})
        video: Any = made.add_stream(codec, 25, options={"crf": "4", **(options or {})} if "x26" in codec else {})
        context = video.codec_context
        context.height, context.width, context.pix_fmt = *size, layout
        context.time_base = video.time_base = time_base
        context.colorspace, context.color_range = matrix, 2 if full else 1
        context.color_primaries, context.color_trc = tags
        if aspect is not None:
            context.sample_aspect_ratio = aspect
        if display is not None:
            video.set_display_matrix(display)
        sounds: list[Any] = [made.add_stream(name, 48000) for name in audio]
        for number, sound in enumerate(sounds):
            sound.metadata["language"] = ("deu", "fra", "eng")[number]
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(0 if still else number, size), format="rgb24")
            frame = frame.reformat(
                format=layout,
                dst_colorspace={1: 1, 6: 5, 9: 9}.get(matrix),
                dst_color_range=2 if full else 1,
                interpolation=4 | 0x40000 | 0x2000,
            )
            frame.pts, frame.time_base, frame.pict_type = time, time_base, 0
            made.mux(video.encode(frame))
        made.mux(video.encode(None))
        for number, sound in enumerate(sounds):
            _sound(made, sound, pitch=220 * (number + 1), seconds=float((times[-1] + 512) * time_base))
    return path


def _sound(made: Any, stream: Any, *, pitch: int, seconds: float) -> None:
    count = stream.codec_context.frame_size or 1024
    layout = stream.codec_context.format.name
    for start in range(0, int(seconds * 48000), count):
        wave = np.sin(2 * np.pi * pitch / 48000 * np.arange(start, start + count)).astype(np.float32) * 0.3
        frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        if layout != "fltp":
            (frame,) = av.AudioResampler(format=layout, layout="stereo", rate=48000).resample(frame)
        made.mux(stream.encode(frame))
    made.mux(stream.encode(None))


@dataclass(kw_only=True)
class Found:
    """What a player finds in a file."""

    times: list[Fraction]
    """Of its frames, in seconds."""
    pixels: list[NDArray[Any]]
    """(h, w, 3) of 8 bits."""
    layout: str
    tags: tuple[int, int, int, int]
    """Matrix, range, primaries, transfer."""
    rotation: int
    matrix: tuple[int, ...] | None
    aspect: Fraction | None
    others: dict[int, list[tuple[Fraction, bytes]]]
    """Packets of each other stream: when, and what."""
    languages: list[str | None]
    metadata: dict[str, str]
    codec: str


def look(path: Path) -> Found:
    """All of it, decoded."""
    with av.open(str(path)) as file:
        stream: Any = file.streams.video[0]
        frames = list(file.decode(stream))
        first = frames[0]
        data = first.side_data.get("DISPLAYMATRIX")
        found = Found(
            times=[Fraction(frame.pts) * frame.time_base for frame in frames],
            pixels=[frame.to_ndarray(format="rgb24") for frame in frames],
            layout=first.format.name,
            tags=(first.colorspace, first.color_range, first.color_primaries, first.color_trc),
            rotation=first.rotation,
            matrix=None if data is None else struct.unpack("9i", bytes(data)[:36]),
            aspect=stream.sample_aspect_ratio,
            others={},
            languages=[each.language for each in file.streams.audio],
            metadata=dict(file.metadata),
            codec=stream.codec_context.name,
        )
    with av.open(str(path)) as file:
        others = [each for each in file.streams if each.type in ("audio", "subtitle")]
        for packet in file.demux(*others) if others else ():
            if packet.pts is not None:
                when = Fraction(packet.pts) * packet.time_base
                found.others.setdefault(packet.stream_index, []).append((when, bytes(packet)))
    return found
