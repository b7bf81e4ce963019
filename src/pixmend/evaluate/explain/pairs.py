"""Which restored picture belongs to which true one, and the pictures as they are compared.

C channels, H and W height and width in pixels, s scale.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.evaluate.benchmarks.pairing import natural
from pixmend.image import SUFFIXES, read_image

_ENDINGS = re.compile(r"[-_.]?(HR|GT|gt|high|target|clean|original)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trio:
    """One picture restored and true, both (3, H, W) in [0, 1], and where given its low resolution (3, H / s, W / s)."""

    name: str
    restored: Tensor
    true: Tensor
    low: Tensor | None = None
    notes: tuple[str, ...] = ()


Reader = Callable[[], Trio]
"""Reads a picture when it is its turn, so that a folder need not fit into memory."""


def readers(restored: Path, true: Path, *, low: Path | None, scale: int | None) -> list[Reader]:
    """One per pair of two files, or of two folders paired by name; nothing is guessed or left out.

    Raises:
        PixmendError: a path is missing, a file stands against a folder, a picture has no or more than one partner.
    """
    given = [path for path in (restored, true, low) if path is not None]
    for path in given:
        if not path.exists():
            raise PixmendError(f"{path}: no such file or folder")
        if path.is_dir() != restored.is_dir():
            raise PixmendError(f"{restored} and {path}: expected two pictures or two folders, got one of each")
    if not restored.is_dir():
        return [_reader(restored.stem, restored, true, low, scale)]
    ours, theirs = _pictures(restored), _pictures(true)
    partners = pair(ours, theirs, where=f"{restored} and {true}")
    lows: Mapping[str, Path] = {}
    if low is not None:
        small = _pictures(low)
        lows = {high: small[name] for name, high in pair(small, theirs, where=f"{low} and {true}").items()}
    return [
        _reader(high, ours[name], theirs[high], lows.get(high), scale)
        for name, high in sorted(partners.items(), key=lambda item: natural(Path(item[1])))
    ]


def pair(ours: Collection[str], theirs: Collection[str], *, where: str) -> dict[str, str]:
    """From each of our names to one of theirs: ``baby_x2_SwinIR`` to ``baby``; each of both exactly once.

    Equal names first; else the one name that the other begins with, ends with or contains as a whole word; else what
    is left of the names without what all in the folder share (``rain-001`` and ``norain-001``).

    Raises:
        PixmendError: one is left without a partner, or has several; the message names them.
    """
    found, problem = _by_words(ours, theirs)
    if found is None:
        found = _by_rest(ours, theirs)
    if found is None:
        raise PixmendError(f"{where}: {problem}")
    return found


def _by_words(ours: Collection[str], theirs: Collection[str]) -> tuple[dict[str, str] | None, str]:
    """All pairs, or none and why."""
    found: dict[str, str] = {}
    taken: dict[str, str] = {}
    for name in ours:
        partners = _candidates(name, theirs)
        if len(partners) != 1:
            several = f"{name} may belong to {' or '.join(partners[:3])}: rename it to one of them"
            return None, several if partners else f"nothing belongs to {name}: give it the name of its true picture"
        if partners[0] in taken:
            return None, f"{taken[partners[0]]} and {name} both belong to {partners[0]}: keep one of them"
        found[name], taken[partners[0]] = partners[0], name
    alone = [name for name in theirs if name not in taken]
    return (None, f"nothing belongs to {', '.join(alone[:3])}: expected one picture for each") if alone else (found, "")


def _candidates(name: str, theirs: Collection[str]) -> list[str]:
    if name in theirs:
        return [name]
    cores = {other: _ENDINGS.sub("", other) or other for other in theirs}
    for place in (r"^{}{}", r"{}{}$", r"{}{}"):
        found = [
            other
            for other, core in cores.items()
            if re.search(place.format(_before(core) if place[0] != "^" else "", re.escape(core) + _after(core)), name)
        ]
        if found:
            return found
    return []


def _before(core: str) -> str:
    """No letter before a letter, no digit before a digit: a name inside is a whole word."""
    return r"(?<!\d)" if core[0].isdigit() else r"(?<![^\W\d_])"


def _after(core: str) -> str:
    """The same behind it, but that ``babyx2`` is ``baby``."""
    return r"(?!\d)" if core[-1].isdigit() else r"(?=[xX]\d|[\W\d_]|$)"


def _by_rest(ours: Collection[str], theirs: Collection[str]) -> dict[str, str] | None:
    if len(ours) < 2:
        return None
    first, second = ({_rest(name, list(names)): name for name in names} for names in (ours, theirs))
    return {first[rest]: second[rest] for rest in first} if first.keys() == second.keys() else None


def _rest(name: str, names: list[str]) -> str:
    """Without the beginning and the end that all names share, which never cut a number."""
    begin = re.sub(r"\d+$", "", _beginning(names))
    end = re.sub(r"\d+$", "", _beginning([other[len(begin) :][::-1] for other in names]))
    return name[len(begin) : len(name) - len(end)]


def _beginning(names: list[str]) -> str:
    """What all names begin with."""
    first, last = min(names), max(names)
    length = next((index for index, letter in enumerate(first) if last[index : index + 1] != letter), len(first))
    return first[:length]


def _pictures(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        if path.stem in found:
            raise PixmendError(f"{folder}: {found[path.stem].name} and {path.name} share a name: keep one of them")
        found[path.stem] = path
    if not found:
        raise PixmendError(f"{folder}: no pictures ({', '.join(SUFFIXES)})")
    return found


def _reader(name: str, restored: Path, true: Path, low: Path | None, scale: int | None) -> Reader:
    def read() -> Trio:
        small = None if low is None else read_image(low)
        return trio(read_image(restored), read_image(true), small, scale=scale, name=name)

    return read


def trio(restored: Tensor, true: Tensor, low: Tensor | None, *, scale: int | None, name: str) -> Trio:
    """Pictures (C, H, W) of 1 or 3 channels, brought to one size and three channels where that is the field's custom.

    A true picture whose sides are no multiples of the scale is cropped at the right and bottom to the restored one; a
    grey true picture counts as three equal channels.

    Raises:
        PixmendError: no pictures, sizes that differ in another way, a grey picture restored from a coloured one.
    """
    notes = []
    for image in (restored, true, *([] if low is None else [low])):
        if image.dim() != 3 or image.shape[0] not in (1, 3) or not image.is_floating_point():
            raise PixmendError(
                f"explain: expected pictures of floats (3, H, W) or (1, H, W), got {image.dtype} {tuple(image.shape)}"
            )
    if restored.shape[0] == 1 and true.shape[0] == 3 and (true - true.mean(0)).abs().max() > 0.01:
        raise PixmendError(f"{name}: RESTORED is grey and TRUE in colour: save it in colour, or compare grey pictures")
    if restored.shape[0] != true.shape[0]:
        notes.append("a grey picture counts as three equal channels")
    if restored.shape[1:] != true.shape[1:]:
        true = _cropped(restored, true, scale, name)
        notes.append("TRUE was cropped at the right and bottom to the size of RESTORED")
    three = [image.expand(3, -1, -1) for image in (restored, true)]
    small = None if low is None else low.expand(3, -1, -1)
    return Trio(name=name, restored=three[0], true=three[1], low=small, notes=tuple(notes))


def _cropped(restored: Tensor, true: Tensor, scale: int | None, name: str) -> Tensor:
    """The true picture without the remainder that a network of this scale cannot give."""
    height, width = restored.shape[1:]
    over = (true.shape[1] - height, true.shape[2] - width)
    sides = height % scale == 0 and width % scale == 0 if scale else False
    if scale and sides and min(over) >= 0 and max(over) < scale:
        return true[:, :height, :width]
    sizes = f"{name}: RESTORED is {_size(restored)} and TRUE is {_size(true)}"
    if restored.shape[1:] == (true.shape[2], true.shape[1]):
        raise PixmendError(f"{sizes}: width and height are exchanged: turn one of them")
    if (over[0] > 0) != (over[1] > 0) and 0 not in over:
        raise PixmendError(f"{sizes}: one is wider and the other higher: are these one picture?")
    for factor in (2, 3, 4, 8):
        for small, large, word in ((restored, true, "RESTORED"), (true, restored, "TRUE")):
            if all(0 <= b - a * factor < factor for a, b in zip(small.shape[1:], large.shape[1:], strict=True)):
                raise PixmendError(f"{sizes}: {word} is {factor} times smaller: is it the low-resolution picture?")
    if max(map(abs, over)) < 16:
        corner = _corner(restored, true)
        raise PixmendError(
            f"{sizes}, {abs(over[1])} pixels more or less across and {abs(over[0])} down: {corner} "
            "crop both to one size, or name the scale if only TRUE has a remainder of it"
        )
    raise PixmendError(f"{sizes}: expected one size: are these one picture?")


def _corner(restored: Tensor, true: Tensor) -> str:
    """Which corner the two have in common."""
    height, width = (min(a, b) for a, b in zip(restored.shape[1:], true.shape[1:], strict=True))
    rows = {"top": slice(0, height), "bottom": slice(-height, None)}
    columns = {"left": slice(0, width), "right": slice(-width, None)}
    costs = {
        f"{row} {column}": torch.nn.functional.mse_loss(
            restored.mean(0)[rows[row], columns[column]], true.mean(0)[rows[row], columns[column]]
        ).item()
        for row in rows
        for column in columns
    }
    return f"they agree best with their {min(costs, key=costs.__getitem__)} corners laid together;"


def _size(image: Tensor) -> str:
    return f"{image.shape[2]} x {image.shape[1]}"
