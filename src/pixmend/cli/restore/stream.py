"""``pixmend restore PICTURE OUT --stream``: a picture larger than memory, and one that was begun before."""

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pixmend.cli import console
from pixmend.cli.restore import planning, tasks, writing
from pixmend.cli.restore.bar import bar

if TYPE_CHECKING:
    from pixmend.cli.restore.request import Request
    from pixmend.infer.pipeline import Pipeline
    from pixmend.infer.sizing import Size
    from pixmend.infer.stream import Certificate, Streamed, StreamPlan

_SHARE = 0.7
_PER_PIXEL = 16
"""Bytes of a picture in memory, transparency included."""
_SMALL = 1 << 24
"""Bytes of a file whose header is not asked whether the picture is too large."""


def too_large(
    picture: Path, *, asked: tuple[str, ...] = (), size: "Size | None" = None, allowed: int | None = None
) -> bool:
    """Whether a picture with its result takes more memory than is allowed, else than a share of what is free.

    ``asked`` are the tasks and ``size`` what they are to lead to; with neither it is enlarged twice.
    """
    from pixmend.errors import PixmendError

    if not picture.is_file() or picture.stat().st_size < _SMALL:
        return False
    from pixmend.image import PIXEL_LIMIT
    from pixmend.image.bands import open_bands
    from pixmend.infer.memory import free
    from pixmend.tasks import scale_of

    try:
        given = open_bands(picture).size
    except PixmendError:  # which reading it as a whole will tell, or not
        return False
    pixels = given[0] * given[1]
    scale = math.prod(scale_of(name) for name in asked) if asked or size else 2
    more = max(scale**2, math.ceil(max(1, size.factor(given))) ** 2 if size else 1)  # at most, by whole scales
    return pixels > PIXEL_LIMIT or pixels * (1 + more) * _PER_PIXEL > (allowed or free() * _SHARE)


def restore(request: "Request") -> None:
    """Restore a picture row by row.

    Raises:
        PixmendError: before the work, where it cannot be done; or the disk is full.
        typer.Abort: interrupted, and what goes on.
    """
    import pixmend
    from pixmend.image.bands import open_bands
    from pixmend.infer.stream import begun, certify, plan_stream

    network = pixmend.load(request.model)
    banded = open_bands(request.picture)
    way = tasks.find_way(network, request, banded.size)
    pipeline = request.pipeline(network, way.names)
    target = request.output or writing.default_name(request.picture, way.words, banded.picture, request.options)
    request.check_target(target, begun=begun(target))
    plan = plan_stream(
        pipeline, request.picture, target=target, options=request.options, size=way.size, timed=request.dry_run
    )
    for note in plan.source.picture.notes:
        request.notes.print(console.printable(f"{request.picture}: {note}"))
    if said := tasks.said(way, request):
        request.notes.print(said)
    if request.dry_run and not request.as_json:
        typer.echo(f"{target}: nothing is done yet")
        typer.echo(str(plan))
    else:
        request.notes.print(str(plan))
    started = time.perf_counter()
    made = request.provenance(pipeline, way, tile=planning.tile_of(plan.steps, request.tile))
    done = None if request.dry_run else _work(pipeline, plan, made=made, request=request)
    seams = certify(pipeline, plan) if request.verify_seams else None
    seconds = time.perf_counter() - started
    if request.as_json:
        typer.echo(json.dumps(_plain(plan, done, seams, seconds=seconds), indent=2))
    elif not request.quiet:
        _report(plan, done, seams, seconds=seconds)


def _work(pipeline: "Pipeline", plan: "StreamPlan", *, made: dict[str, Any], request: "Request") -> "Streamed":
    from pixmend.errors import PixmendError
    from pixmend.infer.guard import Damaged
    from pixmend.infer.stream import carry_out

    height, width = plan.source.size
    megapixels = height * width / 1e6
    with bar(request.notes) as drawn:
        shown = drawn.add_task("restoring", total=megapixels)
        first = True

        def progress(done: int, total: int) -> None:
            nonlocal first
            if first:  # what an earlier call has done is no speed of this one
                drawn.reset(shown, total=megapixels, completed=int(megapixels * (done - 1) / total))
                first = False
            drawn.update(shown, completed=megapixels * done / total)

        try:
            return carry_out(pipeline, plan, provenance=made, progress=progress)
        except Damaged as error:
            raise PixmendError(f"{request.model}: {error}") from error
        except KeyboardInterrupt:
            kept = f"{plan.target}: interrupted, and all finished rows are kept: the same command goes on"
            raise typer.Abort(kept) from None


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
