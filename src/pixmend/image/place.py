"""Where on the map the pixels of a GeoTIFF lie, kept true when they become more or fewer.

H and W are height and width in pixels. Raster space counts from the left upper corner, x across and y down; of files
whose pixels are points it counts from the middle of the first pixel (GeoTIFF 1.1, section 7.1.2).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pixmend.image.metadata import ORIENTATION
from pixmend.image.tiff import Layout

_SCALE, _TIEPOINTS, _MATRIX, _KEYS, _CAMERA = 33550, 33922, 34264, 34735, 50844
_LENGTHS = {_SCALE: 3, _TIEPOINTS: 6, _MATRIX: 16, _KEYS: 4}
"""So many numbers, or a multiple of that."""
_TAGS = (_SCALE, _TIEPOINTS, _MATRIX, _KEYS, 34736, 34737, 42112, 42113)
"""And what the keys refer to, numbers and texts, and what GDAL says of bands and of the value that stands for none."""
_OF_VALUES = (42112, 42113)
"""Those that hold for the numbers in the file, so no longer once they are stored with another depth."""
_RASTER_TYPE, _POINTS = 1025, 2

Tag = tuple[int, int, Any]
"""Number, kind and value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The tags of a GeoTIFF, true for a picture of one size."""

    size: tuple[int, int]
    """(H, W)."""
    tags: tuple[Tag, ...]

    def fitted(self, size: tuple[int, int]) -> "Place":
        """Of the same part of the world in (H, W) pixels."""
        return self._moved((0.0, 0.0), (self.size[1] / size[1], self.size[0] / size[0]), size)

    def cut(self, *, left: int, top: int, size: tuple[int, int]) -> "Place":
        """Of the part of (H, W) pixels that begins there."""
        return self._moved((left, top), (1.0, 1.0), size)

    def without_values(self) -> "Place":
        """Of a picture whose values have another range: without what is said of them."""
        return replace(self, tags=tuple(tag for tag in self.tags if tag[0] not in _OF_VALUES))

    def _moved(self, start: tuple[float, float], step: tuple[float, float], size: tuple[int, int]) -> "Place":
        """In a raster that begins at ``start`` of this one, its pixels so many of these wide and high."""
        if self._are_points:
            start = start[0] + step[0] / 2 - 0.5, start[1] + step[1] / 2 - 0.5
        tags = tuple((tag, kind, _value(tag, value, start, step)) for tag, kind, value in self.tags)
        return replace(self, size=size, tags=tags)

    @property
    def _are_points(self) -> bool:
        keys = next((value for tag, _, value in self.tags if tag == _KEYS), ())
        return any(tuple(keys[at : at + 4]) == (_RASTER_TYPE, 0, 1, _POINTS) for at in range(4, len(keys), 4))


def place_of(layout: Layout) -> Place | None:
    """None of a TIFF that is not on any map, is to be turned, or says it in numbers that cannot be right."""
    if _KEYS not in layout.tags or layout.tag(ORIENTATION) != 1 or not _is_sound(layout.tags):
        return None
    tags = tuple((tag, layout.tags.tagtype[tag], layout.tags[tag]) for tag in _TAGS if tag in layout.tags)
    return Place(size=layout.size, tags=tags)


def notes_of(layout: Layout) -> tuple[str, ...]:
    """What of this file is left behind."""
    place = _KEYS in layout.tags and place_of(layout) is None
    left = {"its place on the map (GeoTIFF), turned or malformed,": place, "its camera (RPC)": _CAMERA in layout.tags}
    return tuple(f"{what} is not carried over" for what, is_left in left.items() if is_left)


def _is_sound(tags: Mapping[int, Any]) -> bool:
    lengths = {tag: len(tags[tag]) if isinstance(tags[tag], tuple) else 1 for tag in _LENGTHS if tag in tags}
    return all(length and length % _LENGTHS[tag] == 0 for tag, length in lengths.items())


def _value(tag: int, value: Any, start: tuple[float, ...], step: tuple[float, float]) -> Any:
    if tag == _SCALE:
        return (value[0] * step[0], value[1] * step[1], *value[2:])
    if tag == _TIEPOINTS:  # x, y and z of the raster, then of the map, again and again
        return tuple(
            (number - start[at % 6]) / step[at % 6] if at % 6 < 2 else number for at, number in enumerate(value)
        )
    if tag == _MATRIX:
        rows = (value[at : at + 4] for at in range(0, len(value), 4))
        return tuple(
            number for a, b, c, d in rows for number in (a * step[0], b * step[1], c, d + a * start[0] + b * start[1])
        )
    return value
