"""The encoded frames, and all else that is in the source, into one file: nothing is decoded or encoded again."""

import heapq
import io
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmend.errors import PixmendError
from pixmend.infer.video.clip import Clip, library, opened
from pixmend.infer.video.encode import Coding, configure

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

_OWN = ("major_brand", "minor_version", "compatible_brands", "encoder")
"""What a container says of itself."""
_BITEXACT = 0x400
_MP4 = {"movflags": "+faststart"}


def check_copied(clip: Clip, coding: Coding, *, target: Path) -> None:
    """Try each stream that is to be copied on the container, which costs no work.

    Raises:
        PixmendError: the container cannot hold one of them.
    """
    av = library()
    with opened(clip.path) as given:
        for index in clip.copied:
            stream = given.streams[index]
            try:
                with av.open(io.BytesIO(), "w", format=coding.container) as trial:
                    _copy(stream, trial)
                    trial.start_encoding()
            except (av.FFmpegError, ValueError) as error:
                raise PixmendError(
                    f"{target}: {coding.container} cannot hold {stream.type} stream {index} ({stream.name}) of "
                    f"{clip.path}: give a name that ends in .mkv"
                ) from error


def join(
    clip: Clip,
    coding: Coding,
    *,
    part: Path,
    pieces: Sequence[Mapping[str, Any]],
    target: Path,
    strip: bool,
) -> None:
    """Write the file of these pieces of the part file: the same bytes whenever it is done.

    Timestamps of decoding are made anew, from those of showing, since pieces were encoded without each other.

    Raises:
        OSError: the disk refuses.
    """
    options = _MP4 if coding.container in ("mp4", "mov") else {}
    with (
        opened(clip.path) as given,
        library().open(str(target), "w", format=coding.container, options=options) as made,
    ):
        made.flags |= _BITEXACT
        streams: dict[int, Stream] = {}
        for stream in given.streams:
            if stream.index == clip.index:
                streams[stream.index] = _video(stream, made, clip=clip, coding=coding, strip=strip)
            elif stream.index in clip.copied:
                streams[stream.index] = _copy(stream, made)
        if not strip:
            made.metadata.update({name: value for name, value in given.metadata.items() if name not in _OWN})
        if chapters := given.chapters():
            made.set_chapters(chapters)
        made.start_encoding()
        flows = [_frames(clip, part, pieces, stream=streams[clip.index]), _others(given, clip, streams)]
        for packet in heapq.merge(*flows, key=_when):
            made.mux_one(packet)


def _video(stream: Any, made: "OutputContainer", *, clip: Clip, coding: Coding, strip: bool) -> Any:
    own: Any = made.add_stream(coding.codec, clip.rate, options=dict(coding.options))
    configure(own.codec_context, clip, coding)
    own.time_base = clip.time_base
    if coding.codec == "libx265" and coding.container in ("mp4", "mov"):
        own.codec_context.codec_tag = "hvc1"  # Apple plays no hev1
    if clip.display is not None:
        scale = Fraction(coding.size[1], clip.size[1])
        moved = [round(value * scale) if place in (6, 7) else value for place, value in enumerate(clip.display)]
        own.set_display_matrix(moved)
    _label(stream, own, strip=strip)
    return own


def _copy(stream: Any, made: "OutputContainer") -> Any:
    """A stream as it is. The muxer chooses the tag of the codec."""
    own = made.add_stream_from_template(stream, opaque=True)
    own.time_base = stream.time_base
    _label(stream, own, strip=False)
    return own


def _label(stream: "Stream", own: Any, *, strip: bool) -> None:
    kept = ("language",) if strip else tuple(stream.metadata)
    own.metadata.update({name: stream.metadata[name] for name in kept if name in stream.metadata and name != "encoder"})
    own.disposition = stream.disposition


def _when(packet: "Packet[Any]") -> Fraction:
    assert packet.time_base is not None
    return Fraction(packet.dts if packet.dts is not None else packet.pts or 0) * packet.time_base


def _frames(clip: Clip, part: Path, pieces: Sequence[Mapping[str, Any]], *, stream: Any) -> "Iterator[Packet[Any]]":
    """Of the part file. Each is decoded as late before it is shown as the worst one needs."""
    av = library()
    shown = [time for piece in pieces for time, _ in piece["times"]]
    lasting = {time: following - time for time, following in pairwise(shown)}
    lasting[shown[-1]] = pieces[-1]["times"][-1][1]
    coded = [packet for piece in pieces for packet in piece["packets"]]
    places = {time: place for place, time in enumerate(shown)}
    late = max(number - places[time] for number, (_, time, _) in enumerate(coded))
    step = min(lasting.values())
    with part.open("rb") as file:
        for number, (size, time, key) in enumerate(coded):
            packet = av.Packet(file.read(size))
            packet.stream, packet.time_base = stream, clip.time_base
            packet.pts, packet.duration = time, lasting[time]
            packet.dts = shown[number - late] if number >= late else shown[0] - (late - number) * step
            packet.is_keyframe = key
            yield packet


def _others(given: "InputContainer", clip: Clip, streams: "Mapping[int, Stream]") -> "Iterator[Packet[Any]]":
    chosen = [given.streams[index] for index in clip.copied if given.streams[index].type != "attachment"]
    if not chosen:
        return
    for packet in given.demux(*chosen):
        if packet.dts is None and packet.pts is None:  # the end of a stream
            continue
        packet.stream = streams[packet.stream_index]
        yield packet
