"""Folders of clean pictures to folders of degraded ones, with a manifest.

C channels, H and W height and width in pixels.
"""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from pixmend.data.manifest import (
    MANIFEST,
    Failure,
    Made,
    Manifest,
    PictureFile,
    eight_bit,
    picture_file,
    versions,
)
from pixmend.data.sources import Source, gather, key_of
from pixmend.data.tasks import degradation
from pixmend.degrade import JPEG, Chain, Degradation, Round8, chain_text, multiple, parse_chain, round8
from pixmend.errors import PixmendError
from pixmend.files import not_writable
from pixmend.files import replace as replace_file
from pixmend.image import read_picture, write_image

Progress = Callable[[int, int], None]


def task_chain(task: str) -> Chain:
    """What makes the files of a benchmark: the task's degradation, then 8 bits, which is what files hold.

    Raises:
        PixmendError: no such task, or one whose input cannot be made of clean pictures.
    """
    return for_files(degradation(task))


def for_files(chain: Degradation) -> Chain:
    """The same chain, with ``Round8`` at its end unless its last step already leaves 8-bit values."""
    steps = chain.steps if isinstance(chain, Chain) else (chain,)
    return Chain(*steps) if isinstance(steps[-1], Round8 | JPEG) else Chain(*steps, Round8())


def degrade_folder(
    sources: Iterable[str | Path],
    out: Path,
    *,
    chain: Chain,
    seed: int = 0,
    crop_to: int = 1,
    high: Path | None = None,
    task: str | None = None,
    force: bool = False,
    progress: Progress = lambda done, total: None,
) -> Manifest:
    """Degrade pictures into PNG files of the same names under ``out``, with ``manifest.json`` beside them.

    Pictures are cropped at the bottom and right to multiples of ``crop_to`` and of what the chain asks for, and
    computed in float64; ``high`` is where the cropped clean ones are written too. A picture that cannot be read or
    degraded is a failure in the manifest, and the others go on. Interrupted, it leaves a manifest of what is done.

    Raises:
        PixmendError: before anything is written: no pictures, two of one name, files that exist (unless ``force``),
            folders inside each other so that a clean picture could be replaced; later: a file cannot be written.
    """
    chain = for_files(chain)
    given = tuple(str(path) for path in sources)
    manifest = Manifest(
        versions=versions(),
        sources=given,
        chain=chain_text(chain),
        task=task,
        seed=seed,
        multiple=math.lcm(crop_to, multiple(chain)),
        complete=False,
        pictures=(),
        failures=(),
    )
    found = gather(given)
    keys = {source.output: key_of(seed, source.output) for source in found}
    return _run(manifest, found, keys=keys, out=out, high=high, force=force, progress=progress)


def degrade_again(
    before: Manifest,
    out: Path,
    *,
    sources: Iterable[str | Path] | None = None,
    high: Path | None = None,
    force: bool = False,
    progress: Progress = lambda done, total: None,
) -> Manifest:
    """Make the pictures of a manifest once more, of the clean ones in ``sources`` or where they were then.

    Pictures that the manifest does not list are left alone, listed ones that are gone are not made; compare the two
    with ``pixmend.data.manifest.differences``.

    Raises:
        PixmendError: as ``degrade_folder``, or a chain that this version does not know.
    """
    given = tuple(str(path) for path in sources or before.sources)
    keys = {item.output.path: item.key for item in before.pictures}
    found = [source for source in gather(given) if source.output in keys]
    if not found:
        raise PixmendError(f"{', '.join(given)}: none of the {len(keys)} pictures of the manifest is here")
    fresh = replace(before, versions=versions(), sources=given, complete=False, pictures=(), failures=())
    return _run(fresh, found, keys=keys, out=out, high=high, force=force, progress=progress)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Targets:
    """Where the pictures of one source go."""

    low: Path
    high: Path | None


def _run(
    manifest: Manifest,
    found: list[Source],
    *,
    keys: Mapping[str, tuple[int, ...]],
    out: Path,
    high: Path | None,
    force: bool,
    progress: Progress,
) -> Manifest:
    chain = parse_chain(manifest.chain)
    targets = {source: _Targets(low=out / source.output, high=high and high / source.output) for source in found}
    _check_folders(manifest.sources, [folder for folder in (out, high) if folder is not None])
    _check_files(targets, out / MANIFEST, force=force)
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
    made: list[Made] = []
    failures: list[Failure] = []
    progress(0, len(found))
    try:
        for done, source in enumerate(found, 1):
            key = keys[source.output]
            try:
                clean = _read(source.path)
                cropped = _cropped(clean, manifest.multiple, source.path)
                low = round8(chain(cropped, key))
            except PixmendError as error:
                failures.append(Failure(source=source.name, error=str(error)))
            else:
                with _whole(targets[source]):
                    made.append(_write(source, clean, cropped, low, key=key, targets=targets[source], folder=out))
            progress(done, len(found))
        manifest = replace(manifest, complete=True)
    finally:
        manifest = replace(manifest, pictures=tuple(made), failures=tuple(failures))
        replace_file(out / MANIFEST, manifest.to_json() + "\n")
    return manifest


@contextmanager
def _whole(targets: _Targets) -> Iterator[None]:
    """Interrupted between its files and its line in the manifest, a picture leaves neither."""
    try:
        yield
    except BaseException:
        for path in (targets.low, targets.high):
            if path is not None:
                path.unlink(missing_ok=True)
        raise


def _read(path: Path) -> Tensor:
    """(C, H, W), float64: what float32 cannot tell from a half, MATLAB rounds up."""
    picture = read_picture(path, deep=False)
    if picture.alpha is not None and not bool((picture.alpha == 1).all()):
        raise PixmendError(f"{path}: has transparent pixels: flatten it first")
    return (picture.pixels.double() * 255).round_().div_(255)


def _cropped(image: Tensor, sides: int, path: Path) -> Tensor:
    """The top left of (C, H, W), its sides multiples of ``sides``."""
    height, width = (side - side % sides for side in image.shape[1:])
    if 0 in (height, width):
        got = f"{image.shape[1]} x {image.shape[2]}"
        raise PixmendError(f"{path}: expected {sides} x {sides} pixels at least, got {got}")
    return image[:, :height, :width]


def _write(
    source: Source,
    clean: Tensor,
    cropped: Tensor,
    low: Tensor,
    *,
    key: tuple[int, ...],
    targets: _Targets,
    folder: Path,
) -> Made:
    height, width = cropped.shape[1:]
    return Made(
        source=picture_file(source.path, eight_bit(clean), name=source.name),
        cropped=(height, width),
        key=key,
        high=targets.high and _written(targets.high, cropped, folder=folder),
        output=_written(targets.low, low, folder=folder),
    )


def _written(path: Path, image: Tensor, *, folder: Path) -> PictureFile:
    with _writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, image)
    return picture_file(path, eight_bit(image), name=Path(os.path.relpath(path, folder)).as_posix())


def _check_folders(given: Iterable[str], folders: list[Path]) -> None:
    """Refuse outputs among the clean pictures, where the next run would take them for such."""
    resolved = [folder.resolve() for folder in folders]
    if len(set(resolved)) < len(resolved):
        raise PixmendError(f"{folders[0]}: clean and degraded pictures need two folders")
    for root in map(Path, given):
        for folder, place in zip(folders, resolved, strict=True):
            if root.is_dir() and place.is_relative_to(root.resolve()):
                raise PixmendError(f"{folder}: lies in {root}, among the clean pictures: choose another folder")


def _check_files(targets: Mapping[Source, _Targets], manifest: Path, *, force: bool) -> None:
    """Refuse to replace a clean picture, ever, and any other file unless ``force``."""
    paths = [path for target in targets.values() for path in (target.low, target.high) if path is not None]
    if len(set(paths)) < len(paths):
        raise PixmendError("a clean and a degraded picture would be one file: choose folders that are not nested")
    clean = {source.path.resolve() for source in targets}
    for path in paths:
        if path.resolve() in clean:
            raise PixmendError(f"{path}: is a clean picture itself, which is never replaced: choose another folder")
    there = [path for path in (*paths, manifest) if path.exists()]
    if there and not force:
        more = f" and {len(there) - 1} more exist" if len(there) > 1 else " exists"
        raise PixmendError(f"{there[0]}{more} already: --force replaces them, another folder keeps them")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise not_writable(path, error) from error
