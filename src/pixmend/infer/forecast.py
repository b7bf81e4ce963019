"""What restoring a picture will take: tiles, memory and time, as a plan that people read. Pure.

Sizes are (height, width) in pixels.
"""

import math
from dataclasses import dataclass

from pixmend.layers.tiles import Tiles


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One network over one picture."""

    size: tuple[int, int]
    scale: int
    tile: int
    """Side of a tile; at least the longer side of the picture if it is done whole."""
    tiles: Tiles
    batch: int
    """Tiles of a row that are computed at once."""
    overlap: int
    """Least overlap of tiles in input pixels."""
    working_bytes: int
    """Peak memory of the network on so many tiles."""
    computed: int = 0
    """Pixels that the network computes in all, those of overlaps more than once."""
    seconds: float = 0.0
    """That the network is foretold to take."""
    told: str = ""
    """What the plan says of an overlap that is not the default, and of tiles that are small for the network."""

    @property
    def output_size(self) -> tuple[int, int]:
        return self.size[0] * self.scale, self.size[1] * self.scale

    def __str__(self) -> str:
        sizes = (self.size, self.output_size) if self.scale > 1 else (self.size,)
        what = " to ".join(f"{width} x {height}" for height, width in sizes)
        together = f", {self.batch} at once" if self.batch > 1 else ""
        tiles = f"{len(self.tiles)} tiles of {self.tile}{self.told}{together}"
        return f"{what}, {tiles if len(self.tiles) > 1 else 'whole'}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The steps of a chain. ``str(plan)`` is the line people read."""

    steps: tuple[Step, ...]
    channels: int
    device: str
    precision: str
    base_bytes: int = 0
    """What the process holds anyway: the program, its libraries, the weights. No picture."""
    resampled: tuple[int, int] | None = None
    """The size that the last network's result is brought to; None where it has it already."""

    @property
    def output_size(self) -> tuple[int, int]:
        return self.resampled or self.steps[-1].output_size

    @property
    def tile_count(self) -> int:
        return sum(len(step.tiles) for step in self.steps)

    @property
    def seconds(self) -> float:
        """The networks' alone, as far as a small picture tells: a tile of another size takes a third more or less."""
        return sum(step.seconds for step in self.steps)

    @property
    def peak_bytes(self) -> int:
        """Resident memory of the process at the worst moment, without what writing the file takes afterwards.

        The program and its weights, the pictures in float32, rows of finished tiles, and the network at work unless it
        works on a device of its own.
        """
        peaks = []
        for index, step in enumerate(self.steps):
            original = self.steps[0].size if index else None
            pictures = picture_bytes(step.size, scale=step.scale, original=original, channels=self.channels)
            rows = min(step.tile, step.size[0]) * row_bytes(step.size, scale=step.scale, channels=self.channels)
            peaks.append(pictures + worst(step.working_bytes * (self.device == "cpu"), rows))
        if self.resampled is not None:
            sizes = (self.steps[0].size, self.steps[-1].output_size, self.resampled)
            peaks.append(4 * self.channels * sum(map(math.prod, sizes)))
        return self.base_bytes + max(peaks)

    @property
    def device_bytes(self) -> int:
        """Memory of a device of its own at the worst moment, without the weights; 0 on the CPU."""
        return 0 if self.device == "cpu" else max(step.working_bytes for step in self.steps)

    @property
    def steps_words(self) -> str:
        steps = "; then ".join(map(str, self.steps))
        return steps if self.resampled is None else f"{steps}; to {self.resampled[1]} x {self.resampled[0]}"

    @property
    def words(self) -> str:
        """All but the time."""
        steps = self.steps_words
        memory = f"about {memory_words(self.peak_bytes)}"
        if self.device_bytes:
            memory += f" and {memory_words(self.device_bytes)} of the device"
        return f"{steps}; {self.device}, {self.precision}, {memory}"

    def __str__(self) -> str:
        return f"{self.words}, {time_words(self.seconds)}"


def picture_bytes(size: tuple[int, int], *, scale: int, original: tuple[int, int] | None, channels: int) -> int:
    """Of the pictures there are while a step is at work: its own before and after, and the first of all if another."""
    before = math.prod(original) if original else 0
    return 4 * channels * (before + math.prod(size) * (1 + scale**2))


def row_bytes(size: tuple[int, int], *, scale: int, channels: int) -> int:
    """Of finished tiles, for each row of input pixels."""
    return 4 * channels * size[1] * scale**2


def worst(working: int, rows: int) -> int:
    """Bytes while a network is at work beside a row of finished tiles, or while that is there twice, to be blended."""
    return max(working + rows, 2 * rows)


def memory_words(count: int) -> str:
    if count < 950_000:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e9:.1f} GB" if count >= 950_000_000 else f"{count / 1e6:.0f} MB"


def time_words(seconds: float) -> str:
    """Roughly, for people."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    if seconds < 6000:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h" if seconds < 360_000 else f"{round(seconds / 86_400)} days"
