"""Clean pictures given as files and folders, each with the name that its degraded picture will have."""

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pixmend.errors import PixmendError
from pixmend.image import SUFFIXES
from pixmend.seeding import child


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A clean picture."""

    path: Path
    name: str
    """Its path from the folder that was given, with slashes; of a file given by itself its name."""

    @property
    def output(self) -> str:
        """The name of what is made of it: the same, but PNG."""
        return str(PurePosixPath(self.name).with_suffix(".png"))


def gather(given: Iterable[str | Path]) -> list[Source]:
    """The pictures of these files and folders, folders searched recursively, sorted by name; hidden files left out.

    Raises:
        PixmendError: a path that is not there, no picture, or two pictures whose degraded ones would share a name
            (``a.jpg`` and ``a.png``; also ``a.png`` and ``A.png``, which many file systems take for the same).
    """
    given = [Path(path) for path in given]
    sources = sorted((source for path in given for source in _sources(path)), key=lambda source: source.name)
    if not sources:
        raise PixmendError(f"{', '.join(map(str, given)) or 'sources'}: no pictures: expected {', '.join(SUFFIXES)}")
    seen: dict[str, Source] = {}
    for source in sources:
        twin = seen.setdefault(unicodedata.normalize("NFC", source.output).casefold(), source)
        if twin is not source:
            raise PixmendError(f"{twin.path} and {source.path} would both become {source.output}: rename or move one")
    return sources


def key_of(seed: int, output: str) -> tuple[int, ...]:
    """The key of a picture: of its seed and of its name, and so of no other picture.

    The name is that of the degraded picture, without the suffix and in Unicode's composed form, so that neither the
    format of the clean picture nor the file system changes what is drawn.
    """
    name = unicodedata.normalize("NFC", str(PurePosixPath(output).with_suffix("")))
    number = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=6).digest()
    return child(seed, int.from_bytes(number, "little"))  # 48 bits, which every reader of JSON keeps exactly


def _sources(given: Path) -> list[Source]:
    if given.is_dir():
        named = [(path, path.relative_to(given)) for path in given.rglob("*") if path.suffix.lower() in SUFFIXES]
        return [
            Source(path=path, name=name.as_posix())
            for path, name in named
            if not path.is_dir() and not any(part.startswith(".") for part in name.parts)
        ]
    if not given.exists():
        raise PixmendError(f"{given}: no such file or folder")
    return [Source(path=given, name=given.name)]
