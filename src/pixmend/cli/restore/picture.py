"""``pixmend restore PICTURE [OUT]``: one picture or a part of it, by one network or several; all is tried before."""

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pixmend.cli import console
from pixmend.cli.restore import planning, tasks, writing
from pixmend.cli.restore.bar import bar

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from pixmend.cli.restore.request import Request
    from pixmend.image import Picture
    from pixmend.infer.part import Box
    from pixmend.infer.pipeline import Pipeline, Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """One network, and what it is going to do."""

    model: str
    pipeline: "Pipeline"
    way: tasks.Way
    plan: "Plan"
    """Of the picture, or of the part with its neighbourhood."""
    size: tuple[int, int]
    """(height, width) of the result."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Before:
    """What was read."""

    picture: "Picture"
    """The picture, or a part with its neighbourhood; of two views both, one after the other."""
    part: "Box | None"
    """The part, in it."""
    views: int

    @property
    def shown(self) -> "Picture":
        """The picture or the part, of two views the left one."""
        shown = self.picture if self.part is None else self.part.cut(self.picture)
        return replace(shown, pixels=shown.pixels[: len(shown.pixels) // self.views])


def restore(request: "Request") -> None:
    """Restore one picture.

    Raises:
        PixmendError: before the work, where it cannot be done; or what comes out is damaged.
    """
    from pixmend.image import write_image, write_picture
    from pixmend.infer.compare import compare

    started = time.perf_counter()
    before, runs = _prepare(request)
    first, several = runs[0], len(runs) > 1
    target = None if several else _target(request, first, before.shown)
    sheet = _sheet(request, target, before.shown) if request.compare else None
    if said := tasks.said(first.way, request):
        request.notes.print(said)
    for note in before.picture.notes:
        request.notes.print(console.printable(f"{request.picture}: {note}"))
    if request.dry_run:
        planning.print_plan(first.plan, request=request, target=target or sheet or request.picture, size=first.size)
        return
    results = [_work(run, before, request) for run in runs]
    if target is not None:
        made = request.provenance(first.pipeline, first.way, tile=planning.tile_of(first.plan, request.tile))
        write_picture(target, results[0], options=request.options, provenance=made)
        if not request.quiet:
            seconds = time.perf_counter() - started
            typer.echo(f"{target}: {first.size[1]} x {first.size[0]}, {seconds:.1f} s")
    if sheet is not None:
        write_image(sheet, compare(before.shown, dict(zip(_labels(runs), results, strict=True))))
        if not request.quiet:
            typer.echo(f"{sheet}: before and after")


def _labels(runs: list[_Run]) -> list[str]:
    """What was done, and of several by which weights: by the names of their files, if these can be told apart."""
    if len(runs) == 1:
        return [f"after {', '.join(runs[0].way.names) or Path(runs[0].model).name}"]
    short = [Path(run.model).name for run in runs]
    names = short if len(set(short)) == len(short) else [run.model for run in runs]
    return [", ".join((name, *run.way.names)) for name, run in zip(names, runs, strict=True)]


def _prepare(request: "Request") -> tuple[_Before, list[_Run]]:
    """The picture, and what each network will make of it.

    Raises:
        PixmendError: not a picture, no such weights, a task they do not have, a view missing or too many, a part
            beyond the picture, or too little memory.
    """
    import pixmend

    whole, read = _open(request)
    found: list[tuple[str, tasks.Way, Pipeline]] = []
    for model in request.models:
        network = pixmend.load(model)
        way = tasks.find_way(network, request, whole, model=model)
        found.append((model, way, request.pipeline(network, way.names)))
        _check_views(found[-1][-1], request, model)
    part = request.crop
    outer = None if part is None else part.around(whole, pipelines=[pipeline for *_, pipeline in found])
    picture = read(outer)
    before = _Before(
        picture=picture, part=part.within(outer) if part and outer else None, views=1 + bool(request.right)
    )
    runs: list[_Run] = []
    for model, way, pipeline in found:
        made = part and part.result_size(whole, scale=pipeline.scale, size=way.size)
        plan = pipeline.plan(picture.pixels, size=way.size and (made or way.size))
        runs.append(_Run(model=model, pipeline=pipeline, way=way, plan=plan, size=made or plan.output_size))
    return before, runs


def _open(request: "Request") -> "tuple[tuple[int, int], Callable[[Box | None], Picture]]":
    """(height, width) of the picture, and a function that gives it, or a part of it.

    Of a picture that is too large for the memory only the part is read.
    """
    from pixmend.cli.restore.stream import too_large
    from pixmend.image import read_picture
    from pixmend.image.bands import open_bands

    path = request.picture
    if request.crop is not None and too_large(path, allowed=request.memory):
        banded = open_bands(path)
        request.crop.check(banded.size)
        return banded.size, lambda box: banded.part(**asdict(box)) if box else banded.picture
    picture = read_picture(path)
    size = (picture.pixels.shape[1], picture.pixels.shape[2])
    if request.crop is not None:
        request.crop.check(size)
    if request.right is not None:
        picture = replace(picture, pixels=_views(picture, request.right, path))
    return size, lambda box: box.cut(picture) if box else picture


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


def _check_views(pipeline: "Pipeline", request: "Request", model: str) -> None:
    """Refuse a view that is missing or too many."""
    from pixmend.errors import PixmendError

    views = pipeline.networks[0].in_channels // 3
    if (views == 2) != (request.right is not None):
        wanted = "takes two views: give the other one with --right" if views == 2 else "takes one view, no --right"
        raise PixmendError(f"the network of {model} {wanted}")


def _target(request: "Request", run: _Run, before: "Picture") -> Path:
    """Where the result goes, tried as far as that can be before it is made."""
    from pixmend.image import check_output

    words = [*run.way.words, "crop"] if request.crop else run.way.words
    target = request.output or writing.default_name(request.picture, words, before, request.options)
    request.check_target(target)
    alpha, channels = before.alpha is not None, len(before.pixels)
    check_output(target, size=run.size, alpha=alpha, channels=channels, depth=before.depth, options=request.options)
    return target


def _sheet(request: "Request", target: Path | None, before: "Picture") -> Path:
    """Where the sheet goes, tried as the result is; it is small and opaque, so its size is no question.

    With a result it lies beside that; without, it is what OUT names.
    """
    from pixmend.errors import PixmendError
    from pixmend.image import check_output

    if len(before.pixels) not in (1, 3):
        raise PixmendError("--compare is for grey and colour: leave it out")
    if target is None and request.output is not None:
        sheet = request.output
    else:
        beside = target or request.picture
        sheet = beside.with_name(f"{beside.stem}_compare.png")
    request.check_target(sheet)
    check_output(sheet, size=(1, 1), alpha=False)
    return sheet


def _work(run: _Run, before: _Before, request: "Request") -> "Picture":
    from pixmend.errors import PixmendError
    from pixmend.infer.part import restore_part
    from pixmend.infer.picture import restore_picture
    from pixmend.infer.pipeline import Damaged

    request.notes.print(f"{Path(run.model).name}: {run.plan}" if len(request.models) > 1 else str(run.plan))
    megapixels = before.picture.pixels[0].numel() / 1e6
    with bar(request.notes) as drawn:
        shown = drawn.add_task("restoring", total=megapixels)

        def progress(done: int, total: int) -> None:
            drawn.update(shown, completed=megapixels * done / total)

        try:
            if before.part is None:
                after = restore_picture(run.pipeline, before.picture, size=run.way.size, progress=progress)
            else:
                after = restore_part(run.pipeline, before.picture, part=before.part, size=run.size, progress=progress)
        except Damaged as error:
            raise PixmendError(f"{run.model}: {error}") from error
    if request.overlap == "measured" and run.plan.tile_count > len(run.plan.steps):
        request.notes.print(f"measured: {run.pipeline.plan(before.picture.pixels)}")
    return after
