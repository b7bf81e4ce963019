"""How much of a video its file tells of."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.container import InputContainer


def frames_told(container: "InputContainer", stream: Any) -> int | None:
    """Frames that are to be shown, by the index or the header; None where a container tells of a time at most.

    The header counts frames too that an edit list hides or a camera has dropped; the index knows better. That of an
    AVI is at the end of the file, so that it is missing where the file is cut.
    """
    if not stream.frames:
        return None
    entries = stream.index_entries
    if container.format.name == "avi" and (not len(entries) or entries[-1].timestamp + 2 < stream.frames):
        return stream.frames
    return sum(entry.size > 0 and not entry.is_discard for entry in entries) or stream.frames


def end_told(container: "InputContainer") -> float | None:
    """Seconds at which all streams have ended, if the header tells; others are only known by looking at the end."""
    if container.format.name not in ("matroska,webm", "flv") or container.duration is None:
        return None
    return container.duration / 1e6


def counted(number: int, what: str) -> str:
    """1 frame, 2 frames."""
    return f"{number} {what}{'' if number == 1 else 's'}"
