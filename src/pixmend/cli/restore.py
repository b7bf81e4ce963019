"""``pixmend restore PICTURE [OUT]``: remove rain and noise, enlarge; what can fail is tried before. Also of folders."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pixmend.cli import console, restore_folder, restore_planning, restore_stream, restore_tasks, restore_writing
from pixmend.cli.restore_planning import DryRunOption, MemoryOption, PrecisionOption
from pixmend.cli.restore_tasks import Rain
from pixmend.cli.restore_writing import DepthOption, FormatOption, LosslessOption, QualityOption, StripOption

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from torch import Tensor

    from pixmend.image import Picture, WriteOptions
    from pixmend.infer.pipeline import Pipeline


def restore(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="A picture file, or a folder of them.")],
    output: Annotated[
        Path | None,
        typer.Argument(metavar="OUT", help="File to write, or folder; else PICTURE_x2.png and the like, beside it."),
    ] = None,
    scale: Annotated[int | None, typer.Option(min=2, max=8, help="Enlarge so many times.")] = None,
    denoise: Annotated[
        int | None, typer.Option(metavar="SIGMA", help="Remove noise of this strength, of 255: 15, 25 or 50.")
    ] = None,
    derain: Annotated[Rain | None, typer.Option(help="Remove rain streaks.")] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A task by name; repeat it for several, in order."),
    ] = None,
    model: Annotated[str, typer.Option(help="Weights: a name of pixmend models, or any released file.")] = "default",
    right: Annotated[
        Path | None, typer.Option(help="The right view, for networks of two views; PICTURE is the left one.")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Also write a sheet of before and after.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist, never PICTURE.")] = False,
    tile: Annotated[int | None, typer.Option(min=1, help="Side of a tile; else as memory allows.")] = None,
    overlap: Annotated[
        str | None,
        typer.Option(metavar="N|measured", help="Pixels that tiles overlap by, or as the picture needs; else 32."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...; for a folder also several.")] = "auto",
    precision: PrecisionOption = "float32",
    max_memory: MemoryOption = None,
    dry_run: DryRunOption = False,
    format: FormatOption = None,
    quality: QualityOption = None,
    lossless: LosslessOption = False,
    depth: DepthOption = None,
    strip: StripOption = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="For a folder: go on with what is missing or has changed.")
    ] = False,
    batch: Annotated[
        int | None, typer.Option(min=1, help="For a folder: tiles of several pictures computed at once.")
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Row by row, as what is larger than memory; goes on after a kill.")
    ] = False,
    verify_seams: Annotated[
        bool, typer.Option("--verify-seams", help="With --stream: what the tiles have changed where they meet.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="For a folder or --stream: print what became of each file.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Restore a picture, or all in a folder: remove rain, remove noise, enlarge, in this order.

    Without any of --derain, --denoise, --scale and --task, weights for one task do that, and the default ones
    enlarge twice.

    Example: `pixmend restore photo.jpg --denoise 15 --scale 2 --compare`
    """
    from pixmend.image import write_image, write_picture
    from pixmend.infer.compare import compare as compare_sheet

    started = time.perf_counter()
    options = restore_writing.write_options(format, quality=quality, lossless=lossless, depth=depth, strip=strip)
    asked = restore_tasks.chain(task or [], scale=scale, denoise=denoise, derain=derain)
    allowed, lower = restore_planning.size_in_bytes(max_memory), precision != "float32"
    if picture.is_dir():
        _refuse("one picture", {"--max-memory": allowed, "--dry-run": dry_run, "--precision": lower})
        _refuse("one picture", {"--compare": compare, "--right": right, "--stream": stream or verify_seams})
        restore_folder.restore(
            picture,
            output,
            asked=asked,
            model=model,
            devices=device,
            tile=tile,
            overlap=overlap,
            options=options,
            format=format,
            skip_existing=skip_existing,
            force=force,
            batch=batch,
            as_json=as_json,
            quiet=quiet,
        )
        return
    _refuse("a folder", {"--skip-existing": skip_existing, "--batch": batch})
    if stream or restore_stream.wanted(picture, output, asked=asked, allowed=allowed):
        _refuse("a picture that is not streamed", {"--compare": compare, "--right": right})
        restore_stream.restore(
            picture,
            output,
            asked=asked,
            model=model,
            device=device,
            precision=precision,
            tile=tile,
            overlap=overlap,
            options=options,
            force=force,
            verify_seams=verify_seams,
            max_memory=allowed,
            dry_run=dry_run,
            as_json=as_json,
            quiet=quiet,
        )
        return
    _refuse("a folder, --stream and --dry-run", {"--json": as_json and not dry_run})
    _refuse("--stream", {"--verify-seams": verify_seams})
    notes = console.notes(quiet=quiet)
    before, pipeline, tasks = _prepare(
        picture,
        asked,
        right=right,
        model=model,
        device=device,
        precision=precision,
        tile=tile,
        overlap=overlap,
        max_memory=allowed,
    )
    pixels = before.pixels if right is None else _views(before, right, picture)
    plan = pipeline.plan(pixels)
    words = restore_tasks.words(tasks, scale=pipeline.scale)
    target = output or restore_writing.default_name(picture, words, before, options)
    _check_output(target, picture, size=plan.output_size, before=before, options=options, force=force)
    _refuse("grey and colour", {"--compare": compare and len(before.pixels) not in (1, 3)})
    sheet = _sheet_beside(target, picture, force=force) if compare else None
    if not asked:
        notes.print(f"nothing asked for: {restore_tasks.said(tasks, model)}")
    for note in before.notes:
        notes.print(console.printable(f"{picture}: {note}"))
    if dry_run:
        restore_planning.print_plan(plan, picture=picture, target=target, allowed=allowed, as_json=as_json)
        return
    notes.print(str(plan))
    after = _work(pipeline, replace(before, pixels=pixels), model=model, notes=notes)
    if overlap == "measured" and plan.tile_count > len(plan.steps):
        notes.print(f"measured: {pipeline.plan(pixels)}")
    made = restore_writing.provenance(
        picture,
        pipeline,
        model=model,
        tasks=tasks,
        tile=restore_planning.tile_of(plan, tile),
        overlap=overlap,
        options=options,
    )
    write_picture(target, after, options=options, provenance=made)
    if sheet is not None:
        write_image(sheet, compare_sheet(before, after, title=", ".join(tasks) or f"by {Path(model).name}"))
    if not quiet:
        _report(target, sheet, size=plan.output_size, seconds=time.perf_counter() - started)


def _prepare(
    path: Path,
    asked: tuple[str, ...],
    *,
    right: Path | None,
    model: str,
    device: str,
    precision: Literal["float32", "bfloat16"],
    tile: int | None,
    overlap: str | None,
    max_memory: int | None,
) -> tuple["Picture", "Pipeline", tuple[str, ...]]:
    """The picture read, the pipeline for it, and the names of its tasks, none where nobody knows the only one.

    Raises:
        PixmendError: not a picture, no such weights, a task they do not have, or a view missing or too many.
    """
    from pixmend.errors import PixmendError
    from pixmend.image import read_picture
    from pixmend.infer.pipeline import Pipeline

    before = read_picture(path)
    network, tasks = restore_tasks.network(model, asked)
    pipeline = Pipeline(
        network,
        task=tasks or None,
        device=device,
        precision=precision,
        tile=tile,
        max_memory=max_memory,
        overlap=restore_tasks.overlap(overlap),
    )
    views = pipeline.networks[0].in_channels // 3
    if (views == 2) != (right is not None):
        told = "takes two views: give the other one with --right" if right is None else "takes one view, no --right"
        raise PixmendError(f"the network of {model} {told}")
    return before, pipeline, tasks


def _refuse(kind: str, options: dict[str, object]) -> None:
    """Options that are for another kind of thing than the one given."""
    from pixmend.errors import PixmendError

    for name, value in options.items():
        if value:
            raise PixmendError(f"{name} is for {kind}: leave it out")


def _views(left: "Picture", right: Path, path: Path) -> "Tensor":
    """Both views, the left one's channels first."""
    import torch

    from pixmend.errors import PixmendError
    from pixmend.image import read_picture

    other = read_picture(right).pixels
    if other.shape != left.pixels.shape:
        sizes = f"{tuple(left.pixels.shape)} and {tuple(other.shape)}"
        raise PixmendError(f"{path} and {right}: two views of one size and kind are needed, got {sizes}")
    return torch.cat([left.pixels, other])


def _check_output(
    target: Path, picture: Path, *, size: tuple[int, int], before: "Picture", options: "WriteOptions", force: bool
) -> None:
    from pixmend.image import check_output

    _check_free(target, picture, force=force)
    alpha, channels = before.alpha is not None, len(before.pixels)
    check_output(target, size=size, alpha=alpha, channels=channels, depth=before.depth, options=options)


def _check_free(target: Path, picture: Path, *, force: bool) -> None:
    from pixmend.errors import PixmendError

    if target.exists() and target.samefile(picture):
        raise PixmendError(f"{target}: is the picture itself, which is never replaced: give another name")
    if target.exists() and not target.is_dir() and not force:
        raise PixmendError(f"{target}: exists already: give --force to replace it, or another name")


def _sheet_beside(target: Path, picture: Path, *, force: bool) -> Path:
    """Where the sheet goes, checked as the result is; it is small and opaque, so its size is no question."""
    from pixmend.image import check_output

    sheet = target.with_name(f"{target.stem}_compare.png")
    _check_free(sheet, picture, force=force)
    check_output(sheet, size=(1, 1), alpha=False)
    return sheet


def _work(pipeline: "Pipeline", before: "Picture", *, model: str, notes: "Console") -> "Picture":
    from pixmend.errors import PixmendError
    from pixmend.infer.picture import restore_picture
    from pixmend.infer.pipeline import Damaged

    megapixels = before.pixels[0].numel() / 1e6
    with _bar(notes) as bar:
        shown = bar.add_task("restoring", total=megapixels)
        try:
            return restore_picture(
                pipeline,
                before,
                progress=lambda done, total: bar.update(shown, completed=megapixels * done / total),
            )
        except Damaged as error:
            raise PixmendError(f"{model}: {error}") from error


def _report(target: Path, sheet: Path | None, *, size: tuple[int, int], seconds: float) -> None:
    if sheet is not None:
        typer.echo(f"{sheet}: before and after")
    typer.echo(f"{target}: {size[1]} x {size[0]}, {seconds:.1f} s")


def _bar(notes: "Console") -> "Progress":
    """A bar over the tiles with rate and time left, if there is a terminal to show it."""
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.3f} MP/s" if task.speed else "")

    columns = (TextColumn("restoring"), BarColumn(), Rate(), TimeRemainingColumn())
    return Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal)
