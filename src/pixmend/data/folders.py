"""Folders of pictures as sources of crops: decoded once into memory, or for each crop anew."""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from pixmend.data.crops import Place, Small, crop, enlarged, place, turned
from pixmend.data.places import Folders, check_folders, left_out_of
from pixmend.errors import PixmendError
from pixmend.image import SUFFIXES
from pixmend.image.window import Box, read_window, stored_size
from pixmend.seeding import Key

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]

TOO_SMALL = "a crop needs"
"""What is said of a picture that is."""


class Files:
    """The pictures of some folders, searched recursively in sorted order, decoded for each crop as far as it needs.

    Only headers are read now: pictures that have no good one, and with ``small`` = "skip" those with a side under
    ``smallest``, are left out and listed in ``skipped``.

    Raises:
        PixmendError: a folder that is not there, or no usable picture.
    """

    def __init__(
        self,
        folders: Folders,
        *,
        smallest: int,
        small: Small = "skip",
        without: Folders = (),
        progress: Progress = lambda done, total: None,
    ) -> None:
        self.small: Small = small
        self.skipped: list[tuple[Path, str]] = []
        self.paths: list[Path] = []
        self.pixels = 0
        """Of all pictures together."""
        found = pictures_in(folders, without=without)
        for done, path in enumerate(found, 1):
            try:
                height, width = header_size(path)
                check_size(path, height, width, smallest=smallest, small=small)
                self.paths.append(path)
                self.pixels += height * width
            except PixmendError as error:
                self.skipped.append((path, str(error)))
            progress(done, len(found))
        if not self.paths:
            raise nothing_usable(folders, skipped=self.skipped, smallest=smallest, small=small)
        tell(self.skipped)

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        return str(self.paths[index])

    def crop(self, index: int, side: int, *, key: Key) -> Tensor:
        path = self.paths[index]
        return crop_of(content_of(path), str(path), side, key=key, small=self.small)


class Pictures:
    """The same pictures as those of ``Files``, decoded once into ``items``: (3, H, W), uint8 or uint16.

    A picture that cannot be decoded keeps its place, so that crops are those of the other sources, with no pixel in
    it; it is listed in ``skipped`` as well.

    Raises:
        PixmendError: a folder that is not there, no usable picture, or more than half of the memory would be filled.
    """

    def __init__(
        self,
        folders: Folders,
        *,
        smallest: int,
        small: Small = "skip",
        without: Folders = (),
        progress: Progress = lambda done, total: None,
    ) -> None:
        files = Files(folders, smallest=smallest, small=small, without=without)
        self.small: Small = small
        self.skipped = files.skipped
        self.paths = files.paths
        self.items: list[Tensor] = []
        budget = memory() // 2
        for done, path in enumerate(files.paths, 1):
            try:
                self.items.append(read_window(content_of(path), str(path), lambda height, width: (0, 0, height, width)))
            except PixmendError as error:
                tell([(path, str(error))])
                self.skipped.append((path, str(error)))
                self.items.append(torch.empty(3, 0, 0, dtype=torch.uint8))
            budget -= self.items[-1].nbytes
            if budget < 0:
                raise PixmendError(f"the pictures fill half of the memory after {done} of {len(files)}: use fewer")
            progress(done, len(files))
        if not any(item.numel() for item in self.items):
            raise nothing_usable(folders, skipped=self.skipped, smallest=smallest, small=small)

    def __len__(self) -> int:
        return len(self.items)

    def name(self, index: int) -> str:
        return str(self.paths[index])

    def crop(self, index: int, side: int, *, key: Key) -> Tensor:
        if not self.items[index].numel():
            raise PixmendError(dict(self.skipped)[self.paths[index]])
        return crop(enlarged(self.items[index], side, small=self.small), side, key=key)


def pictures_in(folders: Folders, *, without: Folders = ()) -> list[Path]:
    """Sorted; hidden files left out, and those of ``without``, files as they are found under the folders.

    Raises:
        PixmendError: no folders, or one that is not there; one of ``without`` is not there.
    """
    named = ((path, path.relative_to(folder)) for folder in check_folders(folders) for path in folder.rglob("*"))
    found = sorted(
        path
        for path, name in named
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in name.parts)
        and not path.is_dir()
    )
    left_out = left_out_of(found, without)
    return [path for path in found if path not in left_out]


def crop_of(content: bytes, name: str, side: int, *, key: Key, small: Small) -> Tensor:
    """A crop of the picture in these bytes, by the rules of ``crop`` and ``enlarged``.

    Raises:
        PixmendError: damaged, or with ``small`` = "skip" too small.
    """
    chosen: list[Place] = []

    def choose(height: int, width: int) -> Box:
        check_size(name, height, width, smallest=side, small=small)
        if min(height, width) < side:
            return 0, 0, height, width
        where = place(height, width, side, key=key)
        chosen.append(where)
        return where.top, where.left, side, side

    square = read_window(content, name, choose)
    return turned(square, chosen[0]) if chosen else crop(enlarged(square, side, small=small), side, key=key)


def check_size(name: str | Path, height: int, width: int, *, smallest: int, small: Small) -> None:
    """Raise PixmendError for a picture that is to be skipped for its size."""
    if small == "skip" and min(height, width) < smallest:
        raise PixmendError(f"{name}: {width} x {height} pixels, {TOO_SMALL} {smallest} each way")


def nothing_usable(
    folders: Folders, *, skipped: Sequence[tuple[Path, str]], smallest: int, small: Small
) -> PixmendError:
    """What to say where all pictures were skipped, or there were none."""
    where = ", ".join(str(folder) for folder in folders)
    if not skipped:
        return PixmendError(f"{where}: no pictures in it or below: expected files ending in {', '.join(SUFFIXES)}")
    size = f" of at least {smallest} x {smallest} pixels" if small == "skip" else ""
    advice = ": give larger ones, a smaller data.patch, or data.small=reflect" if TOO_SMALL in skipped[0][1] else ""
    return PixmendError(f"{where}: no usable picture{size} among {len(skipped)} files: {skipped[0][1]}{advice}")


def header_size(path: Path) -> tuple[int, int]:
    """(H, W) as stored.

    Raises:
        PixmendError: the file cannot be read, or is no picture by its header.
    """
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise PixmendError(f"{path}: the file is empty (0 bytes)")
            return stored_size(file, str(path))
    except OSError as error:
        raise PixmendError(f"{path}: cannot be read: {error.strerror or error}") from error


def content_of(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        PixmendError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise PixmendError(f"{path}: cannot be read: {error.strerror or error}") from error


def tell(skipped: Sequence[tuple[Path, str]]) -> None:
    """Warn of skipped pictures in one line, however many there are."""
    if skipped:
        more = f" (and {len(skipped) - 1} more)" if len(skipped) > 1 else ""
        log.warning("skipped: %s%s", skipped[0][1], more)


def memory() -> int:
    """Bytes of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
