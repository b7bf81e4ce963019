"""What made a folder of degraded pictures: enough to make it again, and to tell whether it came out the same."""

import hashlib
import json
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path, PurePath

import torch
from torch import Tensor

from pixmend.config import from_plain
from pixmend.errors import PixmendError
from pixmend.image import SUFFIXES, read_image

MANIFEST = "manifest.json"
"""Its name in the folder of the degraded pictures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureFile:
    """A picture file and what tells it from others."""

    path: str
    """With slashes; of a clean picture from its folder, of a written one from the manifest's."""
    size: tuple[int, int]
    """Height and width in pixels, upright."""
    sha256: str
    """Of the file."""
    pixels_sha256: str
    """Of the values alone, which stay the same where another version packs the file otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """One picture of the folder."""

    source: PictureFile
    cropped: tuple[int, int]
    """Height and width that were left of the clean picture, from the top left corner."""
    key: tuple[int, ...]
    """What its randomness was drawn from."""
    output: PictureFile
    high: PictureFile | None
    """The cropped clean picture, where it was written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A clean picture that nothing could be made of."""

    source: str
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """One run over a folder."""

    versions: dict[str, str]
    """Of everything that had a hand in the values."""
    sources: tuple[str, ...]
    """Files and folders of clean pictures, as they were given."""
    chain: str
    task: str | None
    seed: int
    multiple: int
    """What sides were cropped to multiples of, at the bottom and at the right."""
    complete: bool
    """False where the run was interrupted."""
    pictures: tuple[Made, ...]
    failures: tuple[Failure, ...]

    def __post_init__(self) -> None:
        if self.multiple < 1:
            raise PixmendError(f"manifest: expected sides cropped to multiples of 1 or more, got {self.multiple}")

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A picture that is not what a manifest says."""

    picture: str
    what: str


def read_manifest(path: Path) -> Manifest:
    """The manifest of a file, or of the folder it lies in.

    Raises:
        PixmendError: no such file, or not a manifest; the field that is wrong is named.
    """
    path = path / MANIFEST if path.is_dir() else path
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PixmendError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise PixmendError(f"{path}: not a manifest: {error}") from error
    if not isinstance(plain, dict):
        raise PixmendError(f"{path}: not a manifest: expected fields, got {type(plain).__name__}")
    missing = [field.name for field in fields(Manifest) if field.name not in plain]
    if missing:
        raise PixmendError(f"{path}: not a manifest: it has no {', '.join(missing)}")
    parts = {"pictures": Made, "failures": Failure}
    for name, kind in parts.items():
        if not isinstance(plain.get(name), list):
            raise PixmendError(f"{path}: not a manifest: expected a list of {name}")
        items = enumerate(plain[name])
        plain[name] = tuple(from_plain(kind, item, where=f"{path}: {name}[{i}]") for i, item in items)
    return from_plain(Manifest, plain, where=f"{path}: manifest")


def verify(manifest: Manifest, folder: Path) -> tuple[Difference, ...]:
    """Compare the pictures in the manifest's folder with it: any that is missing, other or too many."""
    listed = {item.path for item in _written(manifest)}
    found = [Difference(picture=item.path, what=what) for item in _written(manifest) if (what := _wrong(folder, item))]
    for stray in sorted(folder.rglob("*")):
        name = stray.relative_to(folder).as_posix()
        if stray.suffix.lower() in SUFFIXES and stray.is_file() and name not in listed:
            found.append(Difference(picture=name, what="is not in the manifest"))
    return tuple(found)


def differences(before: Manifest, after: Manifest) -> tuple[Difference, ...]:
    """Where a second run over the same pictures gave something else than the first."""
    made = {item.output.path: item for item in after.pictures}
    failed = {Path(item.source).with_suffix(""): item.error for item in after.failures}
    found = []
    for item in before.pictures:
        name = item.output.path
        again = made.get(name)
        if again is None:
            what = failed.get(Path(item.source.path).with_suffix(""), "was not made: its clean picture is not there")
        elif again.source.pixels_sha256 != item.source.pixels_sha256:
            what = "its clean picture is another one than then"
        elif again.output.pixels_sha256 != item.output.pixels_sha256:
            what = "came out otherwise, of the same clean picture"
        else:
            continue
        found.append(Difference(picture=name, what=what))
    return tuple(found)


def versions() -> dict[str, str]:
    """Of what has a hand in the values."""
    from PIL import features

    found = {name: version(name) for name in ("pixmend", "numpy", "torch", "pillow")}
    found["libjpeg"] = f"{features.version('jpg')}, turbo {features.version('libjpeg_turbo')}"
    return found | {"python": platform.python_version()}


def picture_file(path: Path, values: Tensor, *, name: str) -> PictureFile:
    """The entry of a file that holds these values (C, H, W), uint8."""
    height, width = values.shape[1:]
    return PictureFile(path=name, size=(height, width), sha256=_sha256(path), pixels_sha256=pixels_sha256(values))


def pixels_sha256(values: Tensor) -> str:
    """Of uint8 values (C, H, W): of the text ``HxWxC:`` and then of the rows, channel by channel within a pixel."""
    channels, height, width = values.shape
    digest = hashlib.sha256(f"{height}x{width}x{channels}:".encode())
    digest.update(values.permute(1, 2, 0).contiguous().numpy().data)
    return digest.hexdigest()


def eight_bit(image: Tensor) -> Tensor:
    """(C, H, W) of whole 255ths as uint8."""
    return (image * 255).round_().to(torch.uint8)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _written(manifest: Manifest) -> Iterator[PictureFile]:
    for item in manifest.pictures:
        yield item.output
        if item.high is not None:
            yield item.high


def _wrong(folder: Path, item: PictureFile) -> str | None:
    """What is wrong with a file; None where its values are right, however they are packed."""
    path = folder / item.path
    if PurePath(item.path).is_absolute():
        return "is a path from the root, which no manifest of ours has"
    if not path.is_file():
        return "is missing"
    if _sha256(path) == item.sha256:
        return None
    try:
        values = eight_bit(read_image(path))
    except PixmendError as error:
        return str(error)
    if tuple(values.shape[1:]) != item.size:
        return f"is {values.shape[1]} x {values.shape[2]}, was {item.size[0]} x {item.size[1]} (height x width)"
    return None if pixels_sha256(values) == item.pixels_sha256 else "holds other values"
