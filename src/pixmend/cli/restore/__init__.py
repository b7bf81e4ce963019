"""``pixmend restore PICTURE [OUT]``: remove rain and noise, enlarge: a picture, however large, a folder, a video."""

from importlib import import_module
from typing import TYPE_CHECKING

from pixmend.cli.restore import options as ask
from pixmend.cli.restore import pipes, planning, tasks, writing

if TYPE_CHECKING:
    from pixmend.cli.restore.request import Request

_FOR = {
    "compare": ("one picture that is not streamed", ("picture",)),
    "right": ("one picture that is not streamed", ("picture",)),
    "crop": ("one picture that is not streamed", ("picture",)),
    "skip_existing": ("a folder", ("folder", "cluster")),
    "watch": ("a folder", ("folder",)),
    "batch": ("a folder", ("folder",)),
    "stream": ("one picture", ("stream",)),
    "verify_seams": ("--stream", ("stream",)),
    "as_json": ("a folder, a video, --stream and --dry-run", ("folder", "cluster", "video", "stream")),
}
"""What an option is for, in words and by kind; those that are not here are for everything."""
_NAMES = {"as_json": "json"}


def restore(
    picture: ask.Picture,
    output: ask.Output = None,
    scale: ask.Scale = None,
    width: ask.Width = None,
    height: ask.Height = None,
    fit: ask.Fit = None,
    megapixels: ask.Megapixels = None,
    denoise: ask.Denoise = None,
    derain: ask.Derain = None,
    task: ask.Task = None,
    model: ask.Model = ["default"],  # noqa: B006
    right: ask.Right = None,
    compare: ask.Compare = False,
    crop: ask.Crop = None,
    force: ask.Force = False,
    ensemble: ask.Ensemble = 1,
    strength: ask.Strength = 1.0,
    tile: ask.Tile = None,
    overlap: ask.Overlap = None,
    device: ask.Device = "auto",
    precision: ask.Precision = "float32",
    max_memory: ask.MaxMemory = None,
    dry_run: ask.DryRun = False,
    format: ask.Format = None,
    quality: ask.Quality = None,
    lossless: ask.Lossless = False,
    depth: ask.Depth = None,
    strip: ask.Strip = False,
    skip_existing: ask.SkipExisting = False,
    watch: ask.Watch = False,
    batch: ask.Batch = None,
    cluster: ask.Cluster = None,
    stream: ask.Stream = False,
    verify_seams: ask.VerifySeams = False,
    as_json: ask.Json = False,
    quiet: ask.Quiet = False,
) -> None:
    """Restore a picture, a video, or all pictures in a folder: remove rain, remove noise, enlarge, in this order.

    Without being told what to do, weights for one task do that, and the default ones enlarge twice.

    Example: `pixmend restore photo.jpg --denoise 15 --scale 2 --compare`
    """
    from pixmend.cli.restore.request import Request

    size = tasks.size(scale=scale, width=width, height=height, fit=fit, megapixels=megapixels)
    request = Request(
        picture=picture,
        output=output,
        asked=tasks.asked(task or [], size=size, denoise=denoise, derain=derain),
        size=size,
        ensemble=ensemble,
        strength=strength,
        models=tuple(dict.fromkeys(model)),
        right=right,
        compare=compare,
        crop=writing.crop(crop),
        force=force,
        tile=tile,
        overlap=tasks.overlap(overlap),
        device=device,
        precision=precision,
        memory=planning.size_in_bytes(max_memory),
        dry_run=dry_run,
        options=writing.write_options(format, quality=quality, lossless=lossless, depth=depth, strip=strip),
        format=format,
        skip_existing=skip_existing,
        watch=watch,
        batch=batch,
        cluster=cluster,
        stream=stream,
        verify_seams=verify_seams,
        as_json=as_json,
        quiet=quiet,
    )
    if pipes.asked(request):
        pipes.restore(request, _carry_out)
    else:
        _carry_out(request)


def _carry_out(request: "Request") -> None:
    kind = _kind(request)
    _check(request, kind)
    import_module(f"pixmend.cli.restore.{kind}").restore(request)


def _kind(request: "Request") -> str:
    """Which module of this room does it."""
    from pixmend.cli.restore import video
    from pixmend.cli.restore.stream import too_large
    from pixmend.infer.stream.journal import begun

    if request.cluster is not None:
        return "cluster"
    if request.picture.is_dir():
        return "folder"
    if video.wanted(request.picture):
        return "video"
    if request.crop and not request.stream:
        return "picture"  # of which only the part need fit the memory
    if request.stream or (request.output is not None and begun(request.output)):
        return "stream"
    return (
        "stream"
        if too_large(request.picture, asked=request.asked, size=request.size, allowed=request.memory)
        else "picture"
    )


def _check(request: "Request", kind: str) -> None:
    """Refuse options that are for another kind of thing than the one given."""
    from pixmend.errors import PixmendError

    for name, (words, kinds) in _FOR.items():
        planned = name == "as_json" and request.dry_run
        if getattr(request, name) and kind not in kinds and not planned:
            raise PixmendError(f"--{_NAMES.get(name, name.replace('_', '-'))} is for {words}: leave it out")
    if len(request.models) > 1 and not request.compare:
        raise PixmendError("--model: several are for --compare, which shows them side by side: name one, or add it")
