"""``pixmend restore PICTURE [OUT]``: remove rain and noise, enlarge; what can fail is tried before."""

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from pixmend.image import Picture
    from pixmend.infer.pipeline import Pipeline


class Rain(StrEnum):
    """How much it rains in the picture."""

    light = "light"
    heavy = "heavy"


_RAIN_TASKS = {Rain.light: "dr_L", Rain.heavy: "dr_H"}


def restore(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="A JPEG, PNG, WebP, TIFF, BMP or GIF.")],
    output: Annotated[
        Path | None,
        typer.Argument(metavar="OUT", help="File to write; else PICTURE_x2.png and the like, beside it."),
    ] = None,
    scale: Annotated[int | None, typer.Option(min=2, max=4, help="Enlarge so many times.")] = None,
    denoise: Annotated[
        int | None, typer.Option(metavar="SIGMA", help="Remove noise of this strength, of 255: 15, 25 or 50.")
    ] = None,
    derain: Annotated[Rain | None, typer.Option(help="Remove rain streaks.")] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A task by name; repeat it for several, in order."),
    ] = None,
    model: Annotated[str, typer.Option(help="Weights: a name or a file.")] = "default",
    compare: Annotated[bool, typer.Option("--compare", help="Also write a sheet of before and after.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist, never PICTURE.")] = False,
    tile: Annotated[int | None, typer.Option(min=1, help="Side of a tile; else as memory allows.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Restore a picture: remove rain, remove noise, enlarge, in this order.

    Without any of --derain, --denoise, --scale and --task it is enlarged twice.

    Example: `pixmend restore photo.jpg --denoise 15 --scale 2 --compare`
    """
    started = time.perf_counter()
    asked = _chain(task or [], scale=scale, denoise=denoise, derain=derain)
    tasks = asked or ("sr_x2",)
    notes = _notes(quiet=quiet)
    before, pipeline = _prepare(picture, tasks, model=model, device=device, tile=tile)
    plan = pipeline.plan(before.pixels)
    target = output or _default_name(picture, tasks)
    _check_output(target, picture, size=plan.output_size, alpha=before.alpha is not None, force=force)
    sheet = _sheet_beside(target, picture, force=force) if compare else None
    if not asked:
        notes.print("nothing asked for: enlarging twice (--scale 2)")
    notes.print(str(plan))
    after = _work(pipeline, before, notes=notes)
    _write(target, sheet, before, after, title=", ".join(tasks))
    if not quiet:
        _report(target, sheet, size=plan.output_size, seconds=time.perf_counter() - started)


def _chain(named: list[str], *, scale: int | None, denoise: int | None, derain: Rain | None) -> tuple[str, ...]:
    """The tasks in the order they are done: rain lies over the noise, and enlarging would enlarge both."""
    from pixmend.errors import PixmendError

    wished = [_RAIN_TASKS[derain]] if derain is not None else []
    wished += [f"dn_g{denoise}"] if denoise is not None else []
    wished += [f"sr_x{scale}"] if scale is not None else []
    if named and wished:
        raise PixmendError("--task goes without --derain, --denoise and --scale: name every task, in order")
    return tuple(named or wished)


def _default_name(picture: Path, tasks: tuple[str, ...]) -> Path:
    """``photo_derained_dn25_x2.jpg`` beside ``photo.jpg``; PNG where its format cannot be written.

    The picture is known to be a file, and the tasks to be tasks: a folder has no name to begin with.
    """
    from pixmend.image import WRITABLE

    words = ["derained" if name.startswith("dr_") else name.removeprefix("sr_").replace("_g", "") for name in tasks]
    suffix = picture.suffix if picture.suffix.lower() in WRITABLE else ".png"
    return picture.with_name("_".join([picture.stem, *words]) + suffix)


def _prepare(
    path: Path, tasks: tuple[str, ...], *, model: str, device: str, tile: int | None
) -> tuple["Picture", "Pipeline"]:
    """The picture read, and the pipeline for it.

    Raises:
        PixmendError: not a picture, no such weights, or a task they do not have.
    """
    import pixmend
    from pixmend.errors import PixmendError
    from pixmend.image import read_picture
    from pixmend.infer.pipeline import Pipeline

    before = read_picture(path)
    network = pixmend.load(model)
    for name in tasks:
        if name not in network.tasks:
            raise PixmendError(f"the weights {model!r} have no task {name}, only {', '.join(network.tasks)}")
    return before, Pipeline(network, task=tasks, device=device, tile=tile)


def _check_output(target: Path, picture: Path, *, size: tuple[int, int], alpha: bool, force: bool) -> None:
    from pixmend.errors import PixmendError
    from pixmend.image import check_output

    if target.exists() and target.samefile(picture):
        raise PixmendError(f"{target}: is the picture itself, which is never replaced: give another name")
    check_output(target, size=size, alpha=alpha)
    if target.exists() and not force:
        raise PixmendError(f"{target}: exists already: give --force to replace it, or another name")


def _sheet_beside(target: Path, picture: Path, *, force: bool) -> Path:
    """Where the sheet goes, checked as the result is; it is small and opaque, so its size is no question."""
    sheet = target.with_name(f"{target.stem}_compare.png")
    _check_output(sheet, picture, size=(1, 1), alpha=False, force=force)
    return sheet


def _work(pipeline: "Pipeline", before: "Picture", *, notes: "Console") -> "Picture":
    from pixmend.infer.picture import restore_picture

    megapixels = before.pixels[0].numel() / 1e6
    with _bar(notes) as bar:
        shown = bar.add_task("restoring", total=megapixels)
        return restore_picture(
            pipeline,
            before,
            progress=lambda done, total: bar.update(shown, completed=megapixels * done / total),
        )


def _write(target: Path, sheet: Path | None, before: "Picture", after: "Picture", *, title: str) -> None:
    from pixmend.image import write_image, write_picture

    write_picture(target, after)
    if sheet is not None:
        from pixmend.infer.compare import compare

        write_image(sheet, compare(before, after, title=title))


def _report(target: Path, sheet: Path | None, *, size: tuple[int, int], seconds: float) -> None:
    if sheet is not None:
        typer.echo(f"{sheet}: before and after")
    typer.echo(f"{target}: {size[1]} x {size[0]}, {seconds:.1f} s")


def _notes(*, quiet: bool) -> "Console":
    """Where all goes that is not the result: the error output."""
    from rich.console import Console

    return Console(stderr=True, quiet=quiet, highlight=False, markup=False, soft_wrap=True)


def _bar(notes: "Console") -> "Progress":
    """A bar over the tiles with rate and time left, if there is a terminal to show it."""
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.3f} MP/s" if task.speed else "")

    columns = (TextColumn("restoring"), BarColumn(), Rate(), TimeRemainingColumn())
    return Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal)
