"""What every analysis begins with: networks by name, a picture of a size that can be asked, a place for the figure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pixmend.cli.console import make_folder

if TYPE_CHECKING:
    from torch import Tensor

    from pixmend.models import Network
    from pixmend.models.base import Restorer

_NAMED = re.compile(r"(?P<model>.+):(?P<task>[a-z][A-Za-z0-9_]{0,31})", re.ASCII)

MODELS_HELP = (
    "`default`, weights by name or file, `bicubic`, a size such as `hat_s` (untrained); `NAME:sr_x4` is a task."
)
CHAIN_HELP = "PICTURE is a clean one: spoil it like this first, as in `pixmend degrade`: `bicubic(scale=4)`."
CROP_HELP = "Only this part of what the network sees, in pixels."
CROP_METAVAR = "TOP,LEFT,HEIGHT,WIDTH"
OUT_HELP = "The figure; by itself what is asked about and the command give its name. Its arrays lie beside it."


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A network to be asked, and what it is called in tables and figures."""

    name: str
    network: "Restorer"


def open_networks(models: Sequence[str], *, task: str | None = None) -> list[Asked]:
    """The networks, on the CPU. Each may name its own task behind a colon; ``task`` is that of the others.

    A network with several tasks and none named enlarges twice if it can. ``bicubic`` enlarges like the others. A size
    without weights (``swinir_light``) gets random ones, the same every time, and its name says so.

    Raises:
        PixmendError: no such network, a task that it does not have or that is not told, or one given twice.
    """
    from pixmend.errors import PixmendError

    found: dict[str, Asked] = {}
    for text in sorted(models, key=lambda text: text == "bicubic"):  # which needs the scale of the others
        asked = _open(text, task=task, others=list(found.values()))
        if asked.name in [other.name for other in found.values()]:
            raise PixmendError(f"{asked.name} is named twice")
        found[text] = asked
    return [found[text] for text in models]


def _open(text: str, *, task: str | None, others: list[Asked]) -> Asked:
    from pixmend import weights
    from pixmend.cli.evaluate_plan import shown_name
    from pixmend.errors import PixmendError
    from pixmend.models import VARIANTS

    match = None if Path(text).exists() else _NAMED.fullmatch(text)
    name, task = (match["model"], match["task"]) if match else (text, task)
    if name == "bicubic":
        return Asked(name=name, network=_bicubic(task, others))
    if name in VARIANTS:
        network, shown = _untrained(name, task), f"{name} (untrained)"
    else:
        network, shown = weights.load(name), shown_name(name)
    if len(network.tasks) > 1:
        task = task or ("sr_x2" if "sr_x2" in network.tasks else None)
    if len(network.tasks) > 1 or match:
        shown = f"{shown}:{task}"
    try:
        return Asked(name=shown, network=network.select(task if len(network.tasks) > 1 or match else None))
    except PixmendError as error:
        raise PixmendError(f"{name}: {error}: give its task as in {name}:sr_x2") from error


def _bicubic(task: str | None, others: list[Asked]) -> "Restorer":
    """Enlargement by the scale of the task or, where none is named, of the first of the others that enlarges."""
    from pixmend.errors import PixmendError
    from pixmend.evaluate.baseline import BicubicEnlarge
    from pixmend.tasks import scale_of

    scale = scale_of(task) if task else next((each.network.scale for each in others if each.network.scale > 1), 1)
    if scale == 1:
        raise PixmendError("bicubic: by how much? give it as in bicubic:sr_x4")
    return BicubicEnlarge(scale)


def _untrained(name: str, task: str | None) -> "Network":
    """A size with random weights of seed 0, for this task; for several, or the one it has, if none is named."""
    import torch

    from pixmend.models import VARIANTS, create
    from pixmend.tasks import scale_of

    has = VARIANTS[name].__dataclass_fields__
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if task is None:
            return create(name).eval()
        if "tasks" in has:
            return create(name, tasks=(task,)).eval()
        scale = scale_of(task) if "scale" in has else None
        plain = task == f"sr_x{scale}" or "task" not in has
        return create(name, scale=scale, task=None if plain else task).eval()


def open_picture(path: Path, *, takes: int, chain: str | None = None, crop: str | None = None) -> "Tensor":
    """(C, H, W) with the channels a network takes: the picture, spoiled by ``chain``, of that the part ``crop``.

    Where the chain shrinks, the last rows and columns are cut off before, so that it divides the sides. Grey becomes
    three equal channels, colours become BT.601 luma (full range) for a grey network.

    Raises:
        PixmendError: it cannot be read, spoiled or cut so; or the network takes two views.
    """
    from pixmend.analyze.channels import with_channels
    from pixmend.degrade import parse_chain
    from pixmend.image import read_image

    image = read_image(path)
    if chain is not None:
        image = parse_chain(chain)(trimmed(image, chain), seed=0)
    if crop is not None:
        image = part_of(image, crop)
    return with_channels(image, takes)


def trimmed(image: "Tensor", chain: str) -> "Tensor":
    """The clean picture (C, H, W) without the last rows and columns that a chain which shrinks could not divide."""
    from pixmend.degrade import multiple, parse_chain

    factor = multiple(parse_chain(chain))
    height, width = (side // factor * factor for side in image.shape[1:])
    return image[:, :height, :width] if height and width else image  # of one too small the chain says what it needs


def part_of(image: "Tensor", crop: str, *, scale: int = 1) -> "Tensor":
    """The part ``crop`` of (C, H, W) or, of a picture that is so many times as large, the part over it.

    Raises:
        PixmendError: as ``crop_of``, or it goes beyond the picture.
    """
    from pixmend.errors import PixmendError

    top, left, height, width = (number * scale for number in crop_of(crop))
    if top + height > image.shape[1] or left + width > image.shape[2]:
        whole = f"{image.shape[2] // scale} x {image.shape[1] // scale}"
        raise PixmendError(f"--crop {crop}: goes beyond the picture of {whole}")
    return image[:, top : top + height, left : left + width]


def crop_of(text: str) -> tuple[int, int, int, int]:
    """Top, left, height and width.

    Raises:
        PixmendError: it says something else, or a part without pixels.
    """
    from pixmend.errors import PixmendError

    match whole_numbers(text):
        case (top, left, height, width) if height and width:
            return top, left, height, width
        case _:
            raise PixmendError(f"--crop: expected {CROP_METAVAR} such as 0,0,64,64, got {shortened(text)!r}")


def pixel_of(text: str) -> tuple[int, int]:
    """Row and column of ``--at``.

    Raises:
        PixmendError: it says something else.
    """
    from pixmend.errors import PixmendError

    match whole_numbers(text):
        case (row, column):
            return row, column
        case _:
            raise PixmendError(f"--at: expected ROW,COLUMN such as 40,32, got {shortened(text)!r}")


def whole_numbers(text: str) -> tuple[int, ...]:
    """Between commas, 0 or more and of at most nine digits; none at all where one of them is something else."""
    parts = [part.strip() for part in text.split(",")]
    return tuple(map(int, parts)) if all(part.isdecimal() and len(part) < 10 for part in parts) else ()


def shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def figure_path(out: Path | None, *, of: Path, command: str, force: bool) -> Path:
    """Where the figure goes: ``out``, else the name of what was asked about with the command's, in this folder.

    Nothing that is there is replaced without ``force``, and what would fail after minutes of work fails here.

    Raises:
        PixmendError: no PNG, no such folder or none that can be written to, the figure or its arrays exist, or
            matplotlib is not installed.
    """
    from pixmend.analyze.record import new_figure
    from pixmend.errors import PixmendError

    path = out or Path(f"{of.resolve().stem}-{command}.png")
    if path.suffix.lower() != ".png":
        raise PixmendError(f"{path}: figures are PNG: give it a name that ends in .png")
    if not path.parent.is_dir():
        raise PixmendError(f"{path}: there is no folder {path.parent}: make it first")
    for file in (path, path.with_suffix(".npz")):
        if file.exists() and of.exists() and file.samefile(of):
            raise PixmendError(f"{file}: is what is asked about, and never replaced: give another --out")
        if file.exists() and not force:
            raise PixmendError(f"{file}: exists already: give --force to replace it, or another --out")
    make_folder(path.parent)
    new_figure(1, 1)
    return path
