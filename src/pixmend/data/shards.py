"""Tar shards as a source of crops: members are found through an index and read where they lie.

The archives are plain ones, which WebDataset and ``tar`` read too. Only the order of training is not that of a stream:
a sample follows from (seed, step, index).
"""

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from pixmend.data.crops import Small
from pixmend.data.folders import check_size, crop_of, nothing_usable, tell
from pixmend.data.places import Folders
from pixmend.data.shard_index import Index, check_length, read_index, read_members
from pixmend.errors import PixmendError
from pixmend.seeding import Key


class Shards:
    """The pictures of folders that ``pack`` wrote, at the places that ``Files`` has them over what was packed.

    Of each picture four numbers stay in memory, in a tensor that forked workers share.

    Raises:
        PixmendError: a folder that was packed in part, a shard that is gone or cut short, a damaged index, or no
            usable picture.
    """

    def __init__(self, folders: Folders, *, smallest: int, small: Small = "skip") -> None:
        self.small: Small = small
        self.skipped: list[tuple[Path, str]] = []
        self.archives: list[Path] = []
        parts = [self._open(Path(folder), smallest) for folder in folders]
        self.places = torch.cat(parts) if parts else torch.empty(0, 4, dtype=torch.int64)
        """(N, 4), int64: archive, member, offset and length of a picture; of a gap, length 0, its place in
        ``skipped`` is the member."""
        tell(self.skipped)
        if not bool((self.places[:, 3] > 0).any()):
            raise nothing_usable(folders, skipped=self.skipped, smallest=smallest, small=small)

    def __len__(self) -> int:
        return self.places.shape[0]

    def name(self, index: int) -> str:
        archive, member, _, length = self.places[index].tolist()
        if not length:
            return str(self.skipped[member][0])
        path = self.archives[archive]
        return f"{path}/{read_members(path).names[member]}"

    def crop(self, index: int, side: int, *, key: Key) -> Tensor:
        archive, member, offset, length = self.places[index].tolist()
        if not length:
            raise PixmendError(self.skipped[member][1])
        path = self.archives[archive]
        content = _read(path, offset, length)
        try:
            return crop_of(content, str(path), side, key=key, small=self.small)
        except PixmendError as error:
            if hashlib.sha256(content).hexdigest() == read_members(path).sha256[member]:
                raise PixmendError(str(error).replace(str(path), self.name(index), 1)) from error
            raise PixmendError(f"{self.name(index)}: no longer what was packed: pack {path.parent} again") from error

    def _open(self, folder: Path, smallest: int) -> Tensor:
        """The ``places`` of one folder, in the order of the files that were packed."""
        index = read_index(folder)
        if not index.complete:
            raise PixmendError(f"{folder}: packed in part: pixmend data pack goes on where it stopped")
        rows, order = [torch.empty(0, 4, dtype=torch.int64)], [torch.empty(0, dtype=torch.int64)]
        before = 0
        for shard in index.shards:
            archive = folder / shard.file
            check_length(archive, shard.bytes)
            members = read_members(archive)
            sizes = torch.tensor([members.heights, members.widths]).min(dim=0).values
            kept = torch.arange(shard.members)[(sizes >= smallest) | (self.small != "skip")]
            columns = torch.tensor([members.offsets, members.sizes])[:, kept]
            rows.append(torch.stack([torch.full_like(kept, len(self.archives)), kept, *columns], dim=1))
            order.append(2 * (before + kept) + 1)
            for member in sorted(set(range(shard.members)) - set(kept.tolist())):
                self._skip(archive, members.names[member], members.heights[member], members.widths[member], smallest)
            self.archives.append(archive)
            before += shard.members
        gaps = self._gaps(index, smallest)
        rows += [torch.tensor([[0, gap, 0, 0]]) for _, gap in gaps]
        order += [torch.tensor([2 * after]) for after, _ in gaps]
        return torch.cat(rows)[torch.cat(order).argsort(stable=True)]

    def _skip(self, archive: Path, name: str, height: int, width: int, smallest: int) -> None:
        try:
            check_size(f"{archive}/{name}", height, width, smallest=smallest, small=self.small)
        except PixmendError as error:
            self.skipped.append((archive / name, str(error)))

    def _gaps(self, index: Index, smallest: int) -> list[tuple[int, int]]:
        """(members before it, place in ``skipped``) of each picture that was damaged, and is no smaller than others."""
        gaps = []
        for item in index.skipped:
            if item.size is not None and (self.small != "skip" or min(item.size) >= smallest):
                gaps.append((item.after, len(self.skipped)))
            self.skipped.append((Path(item.name), item.why))
        return gaps


def _read(path: Path, offset: int, length: int) -> bytes:
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(length)
    except OSError as error:
        raise PixmendError(f"{path}: cannot be read: {error.strerror or error}") from error
