"""``pixmend models fetch``, ``import`` and ``convert``: weight files onto this machine, and into other forms."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixmend.cli.console import notes

if TYPE_CHECKING:
    from pixmend.weights.catalog import Released


def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of pixmend models.")],
    offline: Annotated[bool, typer.Option("--offline", help="Never open a connection; say what is missing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Fetch again, unless what is here is checked to be it.")
    ] = False,
) -> None:
    """Download released weights, whole and checked; what a broken connection left is gone on with.

    Example: `pixmend models fetch swinir.sr_x4_df2k`
    """
    from pixmend.weights import catalog

    for entry in [catalog.named(name) for name in names]:  # all of them, before the first is fetched
        _fetch(entry, offline=offline, force=force)


def _fetch(entry: "Released", *, offline: bool, force: bool) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from pixmend.errors import PixmendError
    from pixmend.weights.fetch import fetch as download
    from pixmend.weights.fetch import folder

    target = folder() / entry.file
    if not entry.urls and (force or not target.is_file()):
        raise PixmendError(
            f"{entry.name}: has no address to fetch from, only {entry.where}: get {entry.file} there, "
            f"then pixmend models import {entry.file}"
        )
    console = notes()
    console.print(f"{entry.name}: weights {entry.weights_licence}; data {entry.data_terms}")
    columns = (TextColumn(entry.file), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        shown = bar.add_task(entry.file, total=entry.bytes)
        fetched = download(
            entry.urls,
            target,
            sha256=entry.sha256,
            size=entry.bytes,
            offline=offline,
            replace=force,
            progress=lambda done, total: bar.update(shown, completed=done, total=total),
        )
    how = "checked" if fetched.verified else f"no checksum is published; this one has sha256 {fetched.sha256}"
    typer.echo(f"{fetched.path}: {how}")


def import_file(
    file: Annotated[Path, typer.Argument(help="A released weight file that you have.")],
    name: Annotated[str | None, typer.Option("--as", help="Which weights it is, where its name does not tell.")] = None,
) -> None:
    """Recognise a released file, check it, and keep a copy under its catalog name, so that the name loads it.

    Example: `pixmend models import ~/Downloads/HAT_SRx4.pth`
    """
    from pixmend import weights
    from pixmend.errors import PixmendError
    from pixmend.weights import catalog
    from pixmend.weights.fetch import folder
    from pixmend.weights.importing import identify, keep

    if not file.is_file():
        raise PixmendError(f"{file}: no such file")
    opened = weights.open_weights(file)
    entry = catalog.named(name) if name is not None else None
    entry = identify(file, opened, entry)
    kept = keep(file, folder() / entry.file)
    typer.echo(f"{kept}: {entry.name}; weights {entry.weights_licence}; data {entry.data_terms}")


def convert(
    source: Annotated[str, typer.Argument(metavar="FILE", help="A weight file, or the name of weights.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="A .safetensors; with --to-official also a .pth.")],
    to_official: Annotated[
        bool, typer.Option("--to-official", help="With the names that the paper's own code reads.")
    ] = False,
    layout: Annotated[
        str | None, typer.Option(help="Which of the official layouts, where a family has several.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")] = False,
) -> None:
    """Write weights as safetensors with the configuration inside, or in the form that other tools read.

    Example: `pixmend models convert HAT_SRx4.pth hat_x4.safetensors`
    """
    from pixmend import weights
    from pixmend.errors import PixmendError
    from pixmend.weights.convert import write_official, write_ours

    if output.exists() and not force:
        raise PixmendError(f"{output}: exists already: give --force to replace it, or another name")
    if layout is not None and not to_official:
        raise PixmendError("--layout goes with --to-official")
    opened = weights.open_weights(source)
    if to_official:
        held = write_official(output, opened, layout=layout)
    else:
        held = write_ours(output, opened)
    typer.echo(f"{output}: {held}")
