"""Which source suits the folders that were named."""

from pathlib import Path

from pixmend.data.crops import Small
from pixmend.data.folders import Files, Pictures, Progress, memory
from pixmend.data.places import Folders
from pixmend.data.shard_index import is_packed
from pixmend.data.shards import Shards
from pixmend.errors import PixmendError


def open_pictures(
    folders: Folders,
    *,
    smallest: int,
    small: Small = "skip",
    without: Folders = (),
    budget: int | None = None,
    progress: Progress = lambda done, total: None,
) -> Pictures | Files | Shards:
    """Shards where ``pixmend data pack`` wrote the folders; else files, decoded into memory if that takes at most
    ``budget`` bytes, a quarter of the machine's where none is given. The crops are the same in any case.

    ``progress`` hears of headers read, and of pictures decoded if they are.

    Raises:
        PixmendError: as the sources; also, folders of shards and folders of pictures at once.
    """
    folders = [Path(folder) for folder in folders]
    packed = [folder for folder in folders if is_packed(folder)]
    if packed and without:
        raise PixmendError(f"data.without: {packed[0]} holds shards, of which no picture can be left out")
    if packed and len(packed) == len(folders):
        return Shards(folders, smallest=smallest, small=small)
    if packed:
        loose = next(folder for folder in folders if folder not in packed)
        raise PixmendError(f"data.folders: {packed[0]} holds shards, {loose} pictures: pack both or neither")
    files = Files(folders, smallest=smallest, small=small, without=without, progress=progress)
    if 3 * files.pixels > (memory() // 4 if budget is None else budget):
        return files
    return Pictures(folders, smallest=smallest, small=small, without=without, progress=progress)
