"""``pixmend restore CLIP [OUT]``: a video, frame by frame, with its sound, and continued after a kill."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pixmend.cli import console
from pixmend.cli.restore import tasks

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from pixmend.cli.restore.request import Request
    from pixmend.infer.pipeline import Pipeline
    from pixmend.infer.video import Clip, RestoredVideo, VideoPlan


def wanted(path: Path) -> bool:
    """Whether it is a video by its name; nothing is opened."""
    from pixmend.infer.video.clip import SUFFIXES

    return path.suffix.lower() in SUFFIXES and path.is_file()


def restore(request: "Request") -> None:
    """Restore a video.

    Raises:
        PixmendError: before the work, where it cannot be done; or the disk is full.
        typer.Abort: interrupted, and what goes on.
    """
    import pixmend
    from pixmend.errors import PixmendError
    from pixmend.infer.stream import begun
    from pixmend.infer.video import CONTAINERS, look_at, plan_video

    if request.format is not None or request.options.depth is not None:
        name = "--depth" if request.format is None else "--format"
        raise PixmendError(f"{name} is for pictures: a video is stored as OUT is called, as deep as it is")
    network = pixmend.load(request.model)
    clip = look_at(request.picture)
    way = tasks.find_way(network, request, _seen(clip.size, clip))
    suffix = request.picture.suffix.lower()
    name = "_".join([request.picture.stem, *way.words]) + (suffix if suffix in CONTAINERS else ".mkv")
    target = request.output or request.picture.with_name(name)
    request.check_target(target, begun=begun(target))
    pipeline = request.pipeline(network, way.names)
    plan = plan_video(
        pipeline,
        clip.path,
        target=target,
        size=way.size and _even(_seen(way.size, clip), clip.chroma),
        quality=request.options.quality,
        lossless=request.options.lossless,
        strip=request.options.strip,
    )
    for note in plan.notes:
        request.notes.print(console.printable(f"{request.picture}: {note}"))
    if said := tasks.said(way, request):
        request.notes.print(said)
    if request.dry_run and not request.as_json:
        typer.echo(console.printable(f"{target}: nothing is done yet"))
        typer.echo(str(plan))
    else:
        request.notes.print(str(plan))
    done = None if request.dry_run else _work(pipeline, plan, request=request)
    if request.as_json:
        typer.echo(json.dumps(_plain(plan, done), indent=2))
    elif done is not None and not request.quiet:
        _report(done)


def _seen(size: tuple[int, int], clip: "Clip") -> tuple[int, int]:
    """As people see it of one as stored, and back: a width that is asked for is what they see."""
    height, width = size
    return (width, height) if clip.turned else size


def _even(size: tuple[int, int], chroma: tuple[int, int]) -> tuple[int, int]:
    """A size that was not typed as such, to the next that chroma covers: players expect that of what is 4:2:0."""
    height, width = (-(-side // step) * step for side, step in zip(size, chroma, strict=True))
    return height, width


def _work(pipeline: "Pipeline", plan: "VideoPlan", *, request: "Request") -> "RestoredVideo":
    from pixmend.errors import PixmendError
    from pixmend.infer.guard import Damaged
    from pixmend.infer.video import carry_out

    with _bar(request.notes) as drawn:
        shown = drawn.add_task("restoring", total=plan.clip.frames)
        first = True

        def progress(done: int, total: int) -> None:
            nonlocal first
            if first:  # what an earlier call has done is no speed of this one
                drawn.reset(shown, total=total, completed=done - 1)
                first = False
            drawn.update(shown, completed=done, total=total)

        try:
            return carry_out(pipeline, plan, progress=progress)
        except Damaged as error:
            raise PixmendError(f"{request.model}: {error}") from error
        except KeyboardInterrupt:
            kept = f"{plan.target}: interrupted, and all finished frames are kept: the same command goes on"
            raise typer.Abort(kept) from None


def _bar(notes: "Console") -> "Progress":
    """Over the frames, with rate and time left, if there is a terminal to show it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as Left
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.3g} frames/s" if task.speed else "")

    columns = (TextColumn("restoring"), BarColumn(), MofNCompleteColumn(), TextColumn("frames"), Rate(), Left())
    return Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal)


def _report(done: "RestoredVideo") -> None:
    from pixmend.infer.video.expected import counted

    for warning in done.warnings:
        console.notes().print(console.printable(f"{done.target}: {warning}"))
    parts = [f"{counted(done.frames, 'frame')} of {done.size[1]} x {done.size[0]}"]
    parts += [f"{done.resumed} of them from an earlier run"] if done.resumed else []
    parts += [f"{done.reused} the same as the one before"] if done.reused else []
    typer.echo(console.printable(f"{done.target}: {', '.join(parts)}, {done.seconds:.1f} s"))


def _plain(plan: "VideoPlan", done: "RestoredVideo | None") -> dict[str, Any]:
    height, width = plan.coding.size
    content: dict[str, Any] = {
        "source": str(plan.clip.path),
        "target": str(plan.target),
        "width": width,
        "height": height,
        "plan": {
            "frames": plan.clip.frames,
            "rate": float(plan.clip.rate),
            "codec": plan.coding.codec,
            "pixel_format": plan.coding.layout,
            "tile": plan.tile,
            "memory_bytes": plan.steps.peak_bytes,
            "disk_bytes": 2 * plan.result_bytes,
            "seconds": round(plan.seconds, 1),
            "notes": list(plan.notes),
        },
        "status": "planned" if done is None else "done",
    }
    if done is not None:
        content |= {
            "frames": done.frames,
            "resumed_frames": done.resumed,
            "reused_frames": done.reused,
            "lost_packets": done.lost,
            "seconds": round(done.seconds, 3),
            "warnings": list(done.warnings),
        }
    return content
