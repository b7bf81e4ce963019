"""``pixmend restore PICTURE [OUT]``: one picture, as a whole; what can fail is tried before."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pixmend.cli import console
from pixmend.cli.restore import planning, tasks, writing
from pixmend.cli.restore.bar import bar

if TYPE_CHECKING:
    from torch import Tensor

    from pixmend.cli.restore.request import Request
    from pixmend.image import Picture
    from pixmend.infer.pipeline import Pipeline


def restore(request: "Request") -> None:
    """Restore one picture.

    Raises:
        PixmendError: before the work, where it cannot be done; or what comes out is damaged.
    """
    from pixmend.image import read_picture, write_image, write_picture
    from pixmend.infer.compare import compare

    started = time.perf_counter()
    before = read_picture(request.picture)
    network, names = tasks.network(request.model, request.asked)
    pipeline = request.pipeline(network, names)
    _check_views(pipeline, request)
    pixels = before.pixels if request.right is None else _views(before, request.right, request.picture)
    plan = pipeline.plan(pixels)
    words = tasks.words(names, scale=pipeline.scale)
    target = request.output or writing.default_name(request.picture, words, before, request.options)
    _check_output(request, target, size=plan.output_size, before=before)
    sheet = _sheet_beside(request, target, before) if request.compare else None
    if not request.asked:
        request.notes.print(f"nothing asked for: {tasks.said(names, request.model)}")
    for note in before.notes:
        request.notes.print(console.printable(f"{request.picture}: {note}"))
    if request.dry_run:
        planning.print_plan(plan, request=request, target=target)
        return
    request.notes.print(str(plan))
    after = _work(pipeline, replace(before, pixels=pixels), request)
    if request.overlap == "measured" and plan.tile_count > len(plan.steps):
        request.notes.print(f"measured: {pipeline.plan(pixels)}")
    made = request.provenance(pipeline, tasks=names, tile=planning.tile_of(plan, request.tile))
    write_picture(target, after, options=request.options, provenance=made)
    if sheet is not None:
        title = ", ".join(names) or f"by {Path(request.model).name}"
        write_image(sheet, compare(before, after, title=title))
    if not request.quiet:
        _report(target, sheet, size=plan.output_size, seconds=time.perf_counter() - started)


def _check_views(pipeline: "Pipeline", request: "Request") -> None:
    """Refuse a view that is missing or too many."""
    from pixmend.errors import PixmendError

    views = pipeline.networks[0].in_channels // 3
    if (views == 2) != (request.right is not None):
        wanted = "takes two views: give the other one with --right" if views == 2 else "takes one view, no --right"
        raise PixmendError(f"the network of {request.model} {wanted}")


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


def _check_output(request: "Request", target: Path, *, size: tuple[int, int], before: "Picture") -> None:
    from pixmend.image import check_output

    request.check_target(target)
    alpha, channels = before.alpha is not None, len(before.pixels)
    check_output(target, size=size, alpha=alpha, channels=channels, depth=before.depth, options=request.options)


def _sheet_beside(request: "Request", target: Path, before: "Picture") -> Path:
    """Where the sheet goes, checked as the result is; it is small and opaque, so its size is no question."""
    from pixmend.errors import PixmendError
    from pixmend.image import check_output

    if len(before.pixels) not in (1, 3):
        raise PixmendError("--compare is for grey and colour: leave it out")
    sheet = target.with_name(f"{target.stem}_compare.png")
    request.check_target(sheet)
    check_output(sheet, size=(1, 1), alpha=False)
    return sheet


def _work(pipeline: "Pipeline", before: "Picture", request: "Request") -> "Picture":
    from pixmend.errors import PixmendError
    from pixmend.infer.picture import restore_picture
    from pixmend.infer.pipeline import Damaged

    megapixels = before.pixels[0].numel() / 1e6
    with bar(request.notes) as drawn:
        shown = drawn.add_task("restoring", total=megapixels)
        try:
            return restore_picture(
                pipeline,
                before,
                progress=lambda done, total: drawn.update(shown, completed=megapixels * done / total),
            )
        except Damaged as error:
            raise PixmendError(f"{request.model}: {error}") from error


def _report(target: Path, sheet: Path | None, *, size: tuple[int, int], seconds: float) -> None:
    if sheet is not None:
        typer.echo(f"{sheet}: before and after")
    typer.echo(f"{target}: {size[1]} x {size[0]}, {seconds:.1f} s")
