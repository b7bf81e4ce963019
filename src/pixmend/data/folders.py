"""Folders of pictures, decoded once into memory."""

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor

from pixmend.errors import PixmendError
from pixmend.image import SUFFIXES, read_image

log = logging.getLogger(__name__)


class Pictures:
    """The RGB pictures of some folders, searched recursively in sorted order, as 8-bit tensors (3, H, W).

    Unreadable pictures, and those with a side under ``smallest``, are skipped and listed in ``skipped``.

    Raises:
        PixmendError: a folder that is not there, no usable picture, or more than half of the memory would be filled.
    """

    def __init__(
        self,
        folders: Iterable[str | Path],
        *,
        smallest: int,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        folders = list(folders)
        if not folders:
            raise PixmendError("data.folders: training needs a folder of pictures")
        paths = sorted(path for folder in folders for path in _pictures_in(Path(folder)))
        self.skipped: list[tuple[Path, str]] = []
        self.items: list[Tensor] = []
        budget = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
        for done, path in enumerate(paths, 1):
            try:
                self.items.append(_decode(path, smallest))
                budget -= self.items[-1].numel()
            except PixmendError as error:
                log.warning("skipped: %s", error)
                self.skipped.append((path, str(error)))
            if budget < 0:
                raise PixmendError(f"the pictures fill half of the memory after {done} of {len(paths)}: use fewer")
            progress(done, len(paths))
        if not self.items:
            raise PixmendError(f"no usable picture of at least {smallest} x {smallest} pixels among {len(paths)} files")

    def __len__(self) -> int:
        return len(self.items)


def _pictures_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise PixmendError(f"{folder}: not a folder; training takes folders of pictures")
    return [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]


def _decode(path: Path, smallest: int) -> Tensor:
    image = read_image(path)
    if min(image.shape[1:]) < smallest:
        raise PixmendError(f"{path}: {image.shape[2]} x {image.shape[1]} pixels, a crop needs {smallest} each way")
    return (image.expand(3, -1, -1) * 255).round().to(torch.uint8)
