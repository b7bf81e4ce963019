"""``pixmend restore PICTURE OUT --stream``: a picture larger than memory, and one that was begun before."""

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from pixmend.cli import console, restore_planning, restore_tasks, restore_writing

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from pixmend.image import WriteOptions
    from pixmend.infer.pipeline import Pipeline
    from pixmend.infer.stream import Certificate, Streamed, StreamPlan

_SHARE = 0.7
_PER_PIXEL = 16
"""Bytes of a picture in memory, transparency included."""
_SMALL = 1 << 24
"""Bytes of a file whose header is not asked whether the picture is too large."""
_INTERRUPTED = 130


def wanted(picture: Path, output: Path | None, *, asked: tuple[str, ...], allowed: int | None = None) -> bool:
    """Whether a picture, with its result, is too large for the memory, or was begun row by row before.

    ``allowed`` are the bytes that it may take; else a share of those that are free.
    """
    from pixmend.errors import PixmendError
    from pixmend.infer.stream.journal import begun

    if output is not None and begun(output):
        return True
    if not picture.is_file() or picture.stat().st_size < _SMALL:
        return False
    from pixmend.image import PIXEL_LIMIT
    from pixmend.image.bands import open_bands
    from pixmend.infer.memory import free
    from pixmend.tasks import scale_of

    try:
        height, width = open_bands(picture).size
    except PixmendError:  # which reading it as a whole will tell, or not
        return False
    scale = math.prod(scale_of(name) for name in asked or ("sr_x2",))
    return height * width > PIXEL_LIMIT or height * width * (1 + scale**2) * _PER_PIXEL > (allowed or free() * _SHARE)


def restore(
    picture: Path,
    output: Path | None,
    *,
    asked: tuple[str, ...],
    model: str,
    device: str,
    precision: Literal["float32", "bfloat16"],
    tile: int | None,
    overlap: str | None,
    force: bool,
    quiet: bool,
    options: "WriteOptions",
    max_memory: int | None = None,
    verify_seams: bool = False,
    dry_run: bool = False,
    as_json: bool = False,
) -> None:
    """Restore a picture row by row; the options are those of the command.

    Raises:
        PixmendError: before the work, where it cannot be done; or the disk is full.
        typer.Exit: with 130 where the work was interrupted.
    """
    from pixmend.image.bands import open_bands
    from pixmend.infer.pipeline import Pipeline
    from pixmend.infer.stream import certify, plan_stream

    notes = console.notes(quiet=quiet)
    network, tasks = restore_tasks.network(model, asked)
    pixels = restore_tasks.overlap(overlap)
    pipeline = Pipeline(
        network,
        task=tasks or None,
        device=device,
        precision=precision,
        tile=tile,
        overlap=pixels,
        max_memory=max_memory,
    )
    words = restore_tasks.words(tasks, scale=pipeline.scale)
    target = output or restore_writing.default_name(picture, words, open_bands(picture).picture, options)
    _check_target(target, picture, force=force)
    plan = plan_stream(pipeline, picture, target=target, options=options, timed=dry_run)
    for note in plan.source.picture.notes:
        notes.print(console.printable(f"{picture}: {note}"))
    if not asked:
        notes.print(f"nothing asked for: {restore_tasks.said(tasks, model)}")
    if dry_run and not as_json:
        typer.echo(f"{target}: nothing is done yet")
        typer.echo(str(plan))
    else:
        notes.print(str(plan))
    started = time.perf_counter()
    made = restore_writing.provenance(
        picture,
        pipeline,
        model=model,
        tasks=tasks,
        tile=restore_planning.tile_of(plan.steps, tile),
        overlap=overlap,
        options=options,
    )
    done = None if dry_run else _work(pipeline, plan, made=made, model=model, notes=notes)
    seams = certify(pipeline, plan) if verify_seams else None
    seconds = time.perf_counter() - started
    if as_json:
        typer.echo(json.dumps(_plain(plan, done, seams, seconds=seconds), indent=2))
    elif not quiet:
        _report(plan, done, seams, seconds=seconds)


def _check_target(target: Path, picture: Path, *, force: bool) -> None:
    """Refuse to replace anything, unless that is asked for, or an earlier call put it there and was killed."""
    from pixmend.errors import PixmendError
    from pixmend.infer.stream import begun

    if target.exists() and picture.exists() and target.samefile(picture):
        raise PixmendError(f"{target}: is the picture itself, which is never replaced: give another name")
    if target.exists() and not force and not begun(target):
        raise PixmendError(f"{target}: exists already: give --force to replace it, or another name")


def _work(
    pipeline: "Pipeline", plan: "StreamPlan", *, made: dict[str, Any], model: str, notes: "Console"
) -> "Streamed":
    from pixmend.errors import PixmendError
    from pixmend.infer.guard import Damaged
    from pixmend.infer.stream import carry_out

    height, width = plan.source.size
    megapixels = height * width / 1e6
    with _bar(notes) as bar:
        shown = bar.add_task("restoring", total=megapixels)
        first = True

        def progress(done: int, total: int) -> None:
            nonlocal first
            if first:  # what an earlier call has done is no speed of this one
                bar.reset(shown, total=megapixels, completed=int(megapixels * (done - 1) / total))
                first = False
            bar.update(shown, completed=megapixels * done / total)

        try:
            return carry_out(pipeline, plan, provenance=made, progress=progress)
        except Damaged as error:
            raise PixmendError(f"{model}: {error}") from error
        except KeyboardInterrupt:
            notes.print(f"{plan.target}: interrupted, and all finished rows are kept: the same command goes on")
            raise typer.Exit(_INTERRUPTED) from None


def _report(plan: "StreamPlan", done: "Streamed | None", seams: "Certificate | None", *, seconds: float) -> None:
    if seams is not None:
        table = console.rows_table("seam at", "size", "largest, levels", "rms, levels", numbers=2)
        for seam in seams.seams:
            table.add_row(
                f"{seam.left}, {seam.top}", f"{seam.width} x {seam.height}", f"{seam.largest:.3f}", f"{seam.rms:.4f}"
            )
        console.plain().print(table)
        typer.echo(str(seams))
    if done is not None:
        for warning in done.warnings:
            console.notes().print(f"{plan.target}: {warning}")
        kept = f", {done.resumed_rows} rows of them from an earlier run" if done.resumed_rows else ""
        typer.echo(console.printable(f"{plan.target}: {done.size[1]} x {done.size[0]}{kept}, {seconds:.1f} s"))


def _plain(
    plan: "StreamPlan", done: "Streamed | None", seams: "Certificate | None", *, seconds: float
) -> dict[str, Any]:
    height, width = plan.steps.output_size
    content: dict[str, Any] = {
        "source": str(plan.source.path),
        "target": str(plan.target),
        "width": width,
        "height": height,
        "plan": {
            "tiles": plan.steps.tile_count,
            "bands": plan.bands,
            "memory_bytes": plan.peak_bytes,
            "disk_bytes": [plan.needed_bytes, plan.raw_bytes],
            "seconds": plan.seconds,
        },
        "status": "planned" if done is None else "done",
    }
    if done is not None:
        content |= {"resumed_rows": done.resumed_rows, "seconds": round(seconds, 3), "warnings": list(done.warnings)}
    if seams is not None:
        content["seams"] = {
            "around": seams.around,
            "largest_levels": seams.largest,
            "rms_levels": seams.rms,
            "at_most_db": seams.decibels,
            "places": [
                {name: getattr(seam, name) for name in ("top", "left", "height", "width", "largest", "rms")}
                for seam in seams.seams
            ],
        }
    return content


def _bar(notes: "Console") -> "Progress":
    """Over the megapixels, with rate and time left, if there is a terminal to show it."""
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.3f} MP/s" if task.speed else "")

    done = TextColumn("{task.completed:.1f} of {task.total:.1f} MP")
    columns = (TextColumn("restoring"), BarColumn(), done, Rate(), TimeRemainingColumn(elapsed_when_finished=True))
    return Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal)
