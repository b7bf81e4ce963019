"""``pixmend data``: what can be said of training pictures before a network sees them, and how they travel."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pixmend.data.check import CheckReport

app = typer.Typer(no_args_is_help=True, help="Look after training pictures.")

_EXAMPLES = 3


@app.callback()
def _data() -> None:
    """Look after training pictures."""


@app.command("check")
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Training pictures: the clean, large ones.")],
    low: Annotated[
        Path | None, typer.Argument(metavar="LOW_DIR", help="Their degraded or small partners, of the same names.")
    ] = None,
    scale: Annotated[
        int | None, typer.Option(min=1, help="How many times smaller LOW_DIR is; by itself what most pairs say.")
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(metavar="BENCH_DIR", help="A benchmark whose pictures must not be in DIR; may be repeated."),
    ] = None,
    patch: Annotated[
        int | None, typer.Option(min=1, help="Training patch in pixels of DIR: name what is smaller.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="REPORT_DIR", help="Write check.json, check.md and check.png here."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Find what spoils training, before a network is trained: broken and odd files, pairs that do not fit or lie
    shifted by parts of a pixel, copies, pictures of benchmarks, and truth damaged by JPEG, enlarging or noise.

    Nothing in the folders is changed. Ends with 0 if there are no errors (warnings and notes may be), with 1 if there
    are, with 2 on wrong usage. Interrupted, it prints what it found so far.

    Example: `pixmend data check DIV2K/HR DIV2K/LR_bicubic/X4 --scale 4 --against Urban100 --out report`
    """
    from pixmend.data.check import check_folder

    if out is not None:
        _make(out, folder)
    with _progress() as watch:
        report = check_folder(folder, low=low, scale=scale, against=against or (), patch=patch, watch=watch)
    if out is not None:
        _write(report, out)
    if as_json:
        typer.echo(report.to_json())
    else:
        _show(report, out)
    if not report.complete:
        raise KeyboardInterrupt
    if report.errors:
        raise typer.Exit(1)


@app.command("pack")
def pack_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Training pictures, searched recursively.")],
    out: Annotated[Path, typer.Option(metavar="OUT_DIR", help="Where the shards and their index go.")],
    shard_size: Annotated[str, typer.Option(metavar="SIZE", help="Largest shard: 500MB, 1GB.")] = "1GB",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Copy a folder of pictures into a few large tar files, which network disks like better than a million small ones.

    The pictures stay what they are, byte for byte, and training draws the same crops from either. Every picture is
    decoded once; broken ones are left out and listed. Interrupted, the same command goes on after the last finished
    file. WebDataset and tar read the result.

    Example: `pixmend data pack imagenet/train --out shards && pixmend train RECIPE --data shards`
    """
    from pixmend.data import pack

    with _progress("packing") as watch:
        index = pack(folder, out, shard_size=_bytes(shard_size), progress=watch)
    if as_json:
        typer.echo(index.to_json(), nl=False)
        return
    from pixmend.cli.console import plain, printable

    console = plain()
    total = sum(shard.bytes for shard in index.shards)
    count = "1 shard" if len(index.shards) == 1 else f"{len(index.shards)} shards"
    console.print(f"{printable(str(out))}: {index.members} pictures in {count}, {total / 1e9:.3g} GB", soft_wrap=True)
    if index.skipped:
        console.print(f"{len(index.skipped)} left out, all of them listed in index.json")
        for skipped in index.skipped[:_EXAMPLES]:
            console.print(f"- {printable(skipped.why)}", soft_wrap=True)


def _bytes(text: str) -> int:
    """1GB is a thousand million bytes, as disks count."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", text.strip(), re.ASCII | re.IGNORECASE)
    if found is None or not float(found[1]):
        raise typer.BadParameter(f"expected a size such as 500MB or 1GB, got {text!r}", param_hint="--shard-size")
    return int(float(found[1]) * 1000 ** " kmgt".index(found[2].lower() or " "))


@contextmanager
def _progress(doing: str = "checking") -> "Iterator[Callable[[int, int], None]]":
    """A bar on standard error with rate and time left, if there is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(doing, total=None, rate="")

        def watch(done: int, total: int) -> None:
            speed = progress.tasks[0].speed
            progress.update(bar, completed=done, total=total, rate=f"{speed:.0f} pictures/s" if speed else "")

        yield watch


def _show(report: "CheckReport", out: Path | None) -> None:
    from pixmend.cli.console import plain, printable, rows_table

    console = plain()
    console.print(printable(report.describe()))
    if report.findings:
        table = rows_table("", "finding", "cases", "first of them")
        for found in report.findings:
            first = [f"{_named(report, case.files)}: {case.evidence}" for case in found.cases[:_EXAMPLES]]
            table.add_row(found.severity, found.title, str(len(found.cases)), "\n".join(map(printable, first)))
        console.print(table)
        console.print("What to do", style="bold")
        for found in report.findings:
            console.print(f"- {found.title}: {found.advice}")
    console.print(report.verdict(), style="bold")
    if out is not None:
        console.print(f"{out}: all cases in check.json, suspects in check.png", soft_wrap=True)
    elif any(len(found.cases) > _EXAMPLES for found in report.findings):
        console.print("Give --out to see all of them.")


def _named(report: "CheckReport", files: tuple[str, ...]) -> str:
    """Files as seen from the folder checked, where they lie in it."""
    shown = []
    for name in files[:_EXAMPLES]:
        path = Path(name)
        inside = path.is_relative_to(report.folder) and path != Path(report.folder)
        shown.append(str(path.relative_to(report.folder)) if inside else name)
    return ", ".join(shown)


def _write(report: "CheckReport", folder: Path) -> None:
    import io

    from pixmend.data.check.sheet import draw
    from pixmend.files import replace

    replace(folder / "check.json", report.to_json() + "\n")
    replace(folder / "check.md", report.to_markdown())
    sheet = draw(report)
    if sheet is None:
        (folder / "check.png").unlink(missing_ok=True)  # of an earlier check: its suspects are gone
        return
    content = io.BytesIO()
    sheet.save(content, format="PNG")
    replace(folder / "check.png", content.getbuffer())


def _make(folder: Path, checked: Path) -> None:
    """The folder of the report, made before the work.

    Raises:
        PixmendError: it cannot be made or written to, or lies among the pictures, where it would be one of them.
    """
    from pixmend.cli.console import make_folder
    from pixmend.errors import PixmendError

    if folder.resolve().is_relative_to(checked.resolve()):
        raise PixmendError(f"{folder}: lies in {checked}, which is never changed: write the report elsewhere")
    make_folder(folder)
