"""A folder of pictures to tar shards, in the order in which training numbers them."""

import hashlib
import io
import os
import tarfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from pixmend import files
from pixmend.data.folders import content_of, pictures_in
from pixmend.data.shard_index import FORMAT, INDEX, Index, Members, Shard, Skipped, check_length, is_packed, read_index
from pixmend.errors import PixmendError
from pixmend.image.window import read_window, stored_size

Progress = Callable[[int, int], None]

_AHEAD = 4
"""Pictures waiting for each worker, so that memory stays bounded."""
_END = bytes(2 * tarfile.BLOCKSIZE)


def pack(
    folder: str | Path,
    out: str | Path,
    *,
    shard_size: int = 10**9,
    progress: Progress = lambda done, total: None,
) -> Index:
    """Copy the pictures of a folder, byte for byte, into ``out``/000000.tar and so on, with an index beside them.

    Every picture is decoded once; one that cannot be is left out and listed. A shard is begun anew when it would
    exceed ``shard_size`` bytes. Interrupted, the same call goes on after the last finished shard and ends with the
    same bytes. Members are called what their files are but for dots before the last, which WebDataset takes for the
    beginning of an ending: they become underscores.

    Raises:
        PixmendError: no pictures, or all of them broken; two whose members would share a name; ``out`` inside the
            folder, or holding something else; a folder that changed since packing began; a disk that is full.
    """
    folder, out = Path(folder), Path(out)
    if shard_size < 1:
        raise PixmendError(f"pack: expected a shard size of 1 byte or more, got {shard_size}")
    if out.resolve().is_relative_to(folder.resolve()):
        raise PixmendError(f"{out}: lies in {folder}, among the pictures: choose another folder")
    paths = pictures_in([folder])
    if not paths:
        raise PixmendError(f"{folder}: no pictures to pack")
    names = _member_names(folder, paths)
    with _alone_in(out):
        index = _begun(folder, out, paths, shard_size)
        done = index.members + len(index.skipped)
        progress(done, len(paths))
        if index.complete:
            return index
        with _Writer(out, index) as writer:
            for path, name, looked in zip(paths[done:], names[done:], _look_at(paths[done:]), strict=True):
                writer.add(path, name, looked)
                done += 1
                progress(done, len(paths))
            writer.close()
            if not writer.index.members:
                raise PixmendError(f"{folder}: none of its {len(paths)} pictures can be read: {writer.skipped[0].why}")
            return writer.keep(complete=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Looked:
    """A picture as it was found; ``why`` it is left out, if it is."""

    content: bytes
    sha256: str
    size: tuple[int, int] | None
    why: str | None


def _look(path: Path) -> _Looked:
    content, size = b"", None
    try:
        content = content_of(path)
        size = stored_size(io.BytesIO(content), str(path))
        read_window(content, str(path), lambda height, width: (0, 0, height, width))
    except PixmendError as error:
        return _Looked(content=b"", sha256="", size=size, why=str(error))
    return _Looked(content=content, sha256=hashlib.sha256(content).hexdigest(), size=size, why=None)


def _look_at(paths: Sequence[Path]) -> Iterator[_Looked]:
    """In order, decoded by a thread for each core."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[_Looked]] = deque()
        try:
            for path in paths:
                waiting.append(pool.submit(_look, path))
                if len(waiting) > _AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Writer:
    """One shard at a time, under a temporary name until it is whole; then the index says that it is there."""

    def __init__(self, out: Path, index: Index) -> None:
        self.out, self.index = out, index
        self.skipped = list(index.skipped)
        self.file: BinaryIO | None = None
        self.digest = hashlib.sha256()
        self.members = _no_members()

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *unused: object) -> None:
        """Of a shard that is not whole nothing stays."""
        if self.file is not None:
            self.file.close()
            self._part.unlink(missing_ok=True)

    def add(self, path: Path, name: str, looked: _Looked) -> None:
        """The next picture of the listing."""
        if looked.why is not None or looked.size is None:
            after = self.index.members + len(self.members.names)
            self.skipped.append(Skipped(name=str(path), why=looked.why or "", after=after, size=looked.size))
            return
        header = _header(name, len(looked.content))
        padding = bytes(-len(looked.content) % tarfile.BLOCKSIZE)
        length = len(header) + len(looked.content) + len(padding)
        if self.file is not None and self.file.tell() + length + len(_END) > self.index.shard_size:
            self.close()
        if self.file is None:
            self.file = self._part.open("wb")
        row = (name, self.file.tell() + len(header), len(looked.content), *looked.size, looked.sha256)
        for column, value in zip(self.members.columns, row, strict=True):
            column.append(value)
        for part in (header, looked.content, padding):
            self._write(part)

    def close(self) -> None:
        """Finish the shard, if one was begun."""
        if self.file is None:
            return
        self._write(_END)
        self.file.flush()
        os.fsync(self.file.fileno())
        count, length = len(self.members.names), self.file.tell()
        self.file.close()
        archive = self._part.with_suffix("")
        files.replace(archive.with_suffix(".json"), self.members.to_json())
        self._part.replace(archive)
        shard = Shard(file=archive.name, members=count, bytes=length, sha256=self.digest.hexdigest())
        self.file, self.digest, self.members = None, hashlib.sha256(), _no_members()
        self.keep(shards=(*self.index.shards, shard))

    def keep(self, **changes: Any) -> Index:
        """Write the index as it is after these changes."""
        self.index = replace(self.index, skipped=tuple(self.skipped), **changes)
        files.replace(self.out / INDEX, self.index.to_json())
        return self.index

    @property
    def _part(self) -> Path:
        return self.out / f"{len(self.index.shards):06d}.tar.part"

    def _write(self, part: bytes) -> None:
        assert self.file is not None
        self.file.write(part)
        self.digest.update(part)


def _no_members() -> Members:
    return Members(names=[], offsets=[], sizes=[], heights=[], widths=[], sha256=[])


def _header(name: str, length: int) -> bytes:
    """Of a member that has no owner and no date, so that the same pictures make the same archive."""
    info = tarfile.TarInfo(name)
    info.size = length
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _member_names(folder: Path, paths: Sequence[Path]) -> list[str]:
    names, seen = [], dict[str, Path]()
    for path in paths:
        relative = PurePosixPath(path.relative_to(folder).as_posix())
        key = str(relative.with_name(relative.stem.replace(".", "_")))
        twin = seen.setdefault(key, path)
        if twin is not path:
            raise PixmendError(f"{twin} and {path} would both be the sample {key}: rename or move one")
        names.append(key + relative.suffix.lower())
    return names


def _begun(folder: Path, out: Path, paths: Sequence[Path], shard_size: int) -> Index:
    """The index to go on from: of nothing yet, or of what an earlier call finished."""
    listing = hashlib.sha256()
    for path in paths:
        length = path.stat().st_size if path.exists() else None  # a link to nowhere, which will be left out
        listing.update(f"{path.relative_to(folder).as_posix()}\0{length}\n".encode("utf-8", "surrogateescape"))
    fresh = Index(
        format=FORMAT,
        pictures=len(paths),
        listing=listing.hexdigest(),
        shard_size=shard_size,
        complete=False,
        shards=(),
        skipped=(),
    )
    if not is_packed(out):
        files.replace(out / INDEX, fresh.to_json())
        return fresh
    index = read_index(out)
    if (index.listing, index.pictures) != (fresh.listing, fresh.pictures):
        raise PixmendError(f"{out}: holds shards of other pictures than are in {folder} now: choose another folder")
    if index.shard_size != shard_size:
        raise PixmendError(
            f"{out}: was begun with a shard size of {index.shard_size}: keep it, or choose another folder"
        )
    for shard in index.shards:
        check_length(out / shard.file, shard.bytes)
    return index


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Make the folder and keep other processes from packing into it; what the system refuses is one line."""

    def busy() -> None:
        raise PixmendError(f"{out}: another process is packing into it")

    try:
        out.mkdir(parents=True, exist_ok=True)
        if not is_packed(out) and any(not path.name.startswith(".") for path in out.iterdir()):
            raise PixmendError(f"{out}: holds something else than shards: choose another folder")
        with files.locked(out / ".lock", waiting=busy):
            yield
    except OSError as error:
        raise files.not_writable(out, error) from error
