"""``pixmend restore - -``: a picture from standard input, or its result to standard output, as other programs do."""

import io
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixmend.cli.restore.request import Request

PIPE = Path("-")


def asked(request: "Request") -> bool:
    """Whether the picture or the result has no file."""
    return PIPE in (request.picture, request.output)


def restore(request: "Request", carry_out: Callable[["Request"], None]) -> None:
    """Carry a request out with files of its own, which are gone at the end; what is said goes to the error output.

    Raises:
        PixmendError: nothing comes in, a terminal is where bytes should go, or as what is carried out.
    """
    from pixmend.errors import PixmendError

    out = request.output == PIPE or (request.picture == PIPE and request.output is None)
    if out and not request.dry_run and sys.stdout.isatty():
        raise PixmendError("standard output is a terminal, which a picture would garble: send it on with > or |")
    if out and request.compare:
        raise PixmendError("--compare: the sheet needs a name: give a file instead of -")
    if out and request.as_json and not request.dry_run:
        raise PixmendError("--json: goes where the picture goes: give a file instead of -, or leave it out")
    if request.picture.is_dir():
        raise PixmendError(f"{request.picture}: the results of a folder are files: give a folder instead of -")
    with TemporaryDirectory(prefix="pixmend-") as spare:
        source = _spooled(Path(spare)) if request.picture == PIPE else _linked(request.picture, Path(spare))
        inner = replace(request, picture=source, output=None if out else request.output)

        def renamed(text: str) -> str:
            return text.replace(str(source), str(request.picture)).replace(f"{spare}/", "")

        told = io.StringIO() if out and not request.dry_run else _Renaming(sys.stdout, renamed)
        try:
            with redirect_stdout(told), redirect_stderr(_Renaming(sys.stderr, renamed)):  # type: ignore[type-var]
                carry_out(inner)
        except PixmendError as error:
            raise PixmendError(renamed(str(error))) from error
        if out and not request.dry_run:
            result = next(path for path in Path(spare).iterdir() if path != source and path.is_file())
            with result.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()


class _Renaming:
    """A stream that names the files of a pipe as people know them."""

    def __init__(self, stream: Any, renamed: Callable[[str], str]) -> None:
        self._stream, self._renamed = stream, renamed

    def write(self, text: str) -> int:
        return self._stream.write(self._renamed(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _spooled(folder: Path) -> Path:
    """What comes in, in a file that is named by what it holds; what it turns out not to be is told later."""
    from pixmend.errors import PixmendError
    from pixmend.image import suffix_of

    if sys.stdin.isatty():
        raise PixmendError("standard input is the keyboard: pipe a picture in, as in: pixmend restore - < photo.jpg")
    path = folder / "stdin"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    if not path.stat().st_size:
        raise PixmendError("standard input: nothing came: pipe a picture in, as in: pixmend restore - < photo.jpg")
    return path.rename(path.with_suffix(suffix_of(path)))


def _linked(picture: Path, folder: Path) -> Path:
    """The picture under its own name, where the result may lie beside it."""
    link = folder / picture.name
    link.symlink_to(picture.absolute())
    return link
