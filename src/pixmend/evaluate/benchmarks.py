"""Benchmarks: which files of a folder belong together, and the pictures in them.

C channels, H and W height and width in pixels, s scale. Layouts understood, for a task of scale 2::

    super-resolution   HR/x2/baby.png + LR/x2/babyx2.png          EDT, RCAN
                       HR/baby.png + LR_bicubic/X2/babyx2.png     EDSR
                       baby.png                                   low made here: MATLAB bicubic, 8 bit
    denoising          1.png                                      noise is the protocol's
    deraining          norain/norain-001.png + rain/rain-001.png  Rain100L and Rain100H
                       target/1.png + input/1.png                 Restormer
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from pixmend.degrade.resize import Bicubic, round8
from pixmend.errors import PixmendError
from pixmend.image import SUFFIXES, read_image
from pixmend.tasks import Task, parse_task


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two files of one picture."""

    name: str
    high: Path
    low: Path | None
    """None where the degraded picture is made from the clean one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """A set of pictures to score one task on."""

    name: str
    task: Task
    pairs: tuple[Pair, ...]

    @property
    def made_here(self) -> bool:
        """Whether the low-resolution pictures are made from the clean ones instead of read from files."""
        return self.task.kind == "sr" and all(pair.low is None for pair in self.pairs)

    def read(self, pair: Pair) -> tuple[Tensor, Tensor]:
        """The degraded and the true picture, (3, H, W) and (3, sH, sW); for denoising both are clean.

        The true picture is cropped at the right and bottom to s times the degraded one. Grey files become
        three equal channels, as the test scripts of the field load them.

        Raises:
            PixmendError: a file cannot be read, or the sizes of the two do not belong together.
        """
        scale = self.task.scale
        high = _rgb(read_image(pair.high))
        if pair.low is None:
            height, width = (side // scale for side in high.shape[1:])
            if 0 in (height, width):
                raise PixmendError(f"{pair.high}: {_size(high)} is too small to be shrunk {scale} times")
            high = high[:, : height * scale, : width * scale]
            return (round8(Bicubic(scale=scale)(high)) if self.made_here else high), high
        low = _rgb(read_image(pair.low))
        height, width = low.shape[1] * scale, low.shape[2] * scale
        if not (0 <= high.shape[1] - height < scale and 0 <= high.shape[2] - width < scale):
            raise PixmendError(
                f"{pair.low}: {_size(low)} does not belong to {pair.high} of {_size(high)}: "
                f"expected it {scale} times smaller"
            )
        return low, high[:, :height, :width]


def find(folder: str | Path, *, task: str) -> Benchmark:
    """The pictures of a folder in one of the layouts above, in the natural order of their names.

    Pairs are made by name and nothing is guessed or left out. Files that are not pictures are ignored.

    Raises:
        PixmendError: unknown task; folder missing, without pictures, or in none of the layouts of the task;
            a picture without its partner, or two of one name.
    """
    root = Path(folder)
    wanted = parse_task(task)
    if not root.is_dir():
        problem = "is not a folder" if root.exists() else "no such folder"
        raise PixmendError(f"{root}: {problem}: expected a folder of pictures")
    if wanted.kind == "sr":
        pairs = _super_resolution(root, wanted.scale)
    elif wanted.kind == "dn":
        pairs = _unpaired(root)
    else:
        pairs = _deraining(root)
    return Benchmark(name=root.resolve().name, task=wanted, pairs=pairs)


def _super_resolution(root: Path, scale: int) -> tuple[Pair, ...]:
    if not (root / "HR").is_dir():
        return _unpaired(root)
    high = _first_folder(root / "HR" / f"x{scale}", root / "HR")
    low = _first_folder(root / "LR" / f"x{scale}", root / "LR_bicubic" / f"X{scale}")
    if high is None or low is None:
        raise PixmendError(
            f"{root}: has HR but neither LR/x{scale} nor LR_bicubic/X{scale}: "
            f"add one, or name {root / 'HR'} itself to have the low-resolution pictures made"
        )
    return _paired(high, low, _pictures(high), _by_ending(_pictures(low), f"x{scale}"))


def _deraining(root: Path) -> tuple[Pair, ...]:
    for clean, rainy in (("norain", "rain"), ("target", "input")):
        high, low = root / clean, root / rainy
        if high.is_dir() and low.is_dir():
            highs = _by_beginning(_pictures(high), f"{clean}-")
            return _paired(high, low, highs, _by_beginning(_pictures(low), f"{rainy}-"))
    raise PixmendError(f"{root}: expected the folders norain and rain, or target and input{_folders(root)}")


def _unpaired(root: Path) -> tuple[Pair, ...]:
    return tuple(Pair(name=name, high=path, low=None) for name, path in _pictures(root).items())


def _paired(high: Path, low: Path, highs: Mapping[str, Path], lows: Mapping[str, Path]) -> tuple[Pair, ...]:
    """Pair equal names.

    Raises:
        PixmendError: a picture of either folder has no partner in the other.
    """
    alone = [highs[name].name for name in highs if name not in lows]
    if alone:
        raise PixmendError(f"{high}: nothing in {low} belongs to {_some(alone)}")
    alone = [lows[name].name for name in lows if name not in highs]
    if alone:
        raise PixmendError(f"{low}: nothing in {high} belongs to {_some(alone)}")
    return tuple(Pair(name=name, high=path, low=lows[name]) for name, path in highs.items())


def _pictures(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by name without ending, in natural order (2 before 10).

    Raises:
        PixmendError: there are none, or two share a name.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=_natural):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        if path.stem in found:
            raise PixmendError(f"{folder}: {found[path.stem].name} and {path.name} share a name: keep one of them")
        found[path.stem] = path
    if not found:
        raise PixmendError(f"{folder}: no pictures ({', '.join(SUFFIXES)}){_folders(folder)}")
    return found


def _by_ending(pictures: Mapping[str, Path], ending: str) -> dict[str, Path]:
    """Without the ending, if all of them have it."""
    if all(name.endswith(ending) for name in pictures):
        return {name.removesuffix(ending): path for name, path in pictures.items()}
    return dict(pictures)


def _by_beginning(pictures: Mapping[str, Path], beginning: str) -> dict[str, Path]:
    """Without the beginning, if all of them have it."""
    if all(name.startswith(beginning) for name in pictures):
        return {name.removeprefix(beginning): path for name, path in pictures.items()}
    return dict(pictures)


def _natural(path: Path) -> tuple[list[str | int], str]:
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if part.isdecimal() else part.lower() for part in parts], path.name


def _first_folder(*folders: Path) -> Path | None:
    return next((folder for folder in folders if folder.is_dir()), None)


def _folders(folder: Path) -> str:
    """A hint for a message: the folders inside."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return f"; it holds the folders {', '.join(names[:6])}" if names else ""


def _some(names: list[str]) -> str:
    rest = len(names) - 3
    return ", ".join(names[:3]) + (f" and {rest} more" if rest > 0 else "")


def _rgb(image: Tensor) -> Tensor:
    return image.expand(3, -1, -1)


def _size(image: Tensor) -> str:
    return f"{image.shape[2]} x {image.shape[1]}"
