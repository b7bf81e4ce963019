"""Where pictures are, where they are not, and what must stay apart from them."""

from collections.abc import Sequence
from pathlib import Path

from pixmend.errors import PixmendError

Folders = Sequence[str | Path]


def check_folders(folders: Folders) -> list[Path]:
    """Those that are named, of which there must be one.

    Raises:
        PixmendError: no folders, or one that is not there.
    """
    found = [Path(folder) for folder in folders]
    if not found:
        raise PixmendError("data.folders: training needs a folder of pictures")
    for folder in found:
        if not folder.is_dir():
            raise PixmendError(f"{folder}: not a folder; training takes folders of pictures")
    return found


def check_apart(out: Path, folders: Folders) -> None:
    """Refuse a folder for results under one of pictures, which is searched again and would give them as pictures.

    Raises:
        PixmendError: as said.
    """
    for folder in folders:
        if out.resolve().is_relative_to(Path(folder).resolve()):
            raise PixmendError(
                f"{out}: lies in {folder}, and the pictures that a run leaves there would be trained on: choose a "
                "folder outside"
            )


def left_out_of(found: Sequence[Path], without: Folders) -> set[Path]:
    """The pictures of ``without``. Under another name they would be trained on, so all of them must be there.

    Raises:
        PixmendError: one of them is not.
    """
    left_out = {Path(path) for path in without}
    if gone := sorted(left_out.difference(found)):
        raise PixmendError(
            f"data.without: {gone[0]} is to be left out and not among the pictures: name their folders as before, in "
            "the same order"
        )
    return left_out
