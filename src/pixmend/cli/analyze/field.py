"""``pixmend analyze field PICTURE --model A``: how far a network looks, and how far it feels a cut."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixmend.cli import console
from pixmend.cli.analyze.opening import CHAIN_HELP, CROP_HELP, CROP_METAVAR, MODELS_HELP, OUT_HELP

if TYPE_CHECKING:
    from torch import Tensor

    from pixmend.analyze.field_figure import Seen
    from pixmend.cli.analyze.opening import Asked

PART = 128
"""Sides of what is asked of a larger picture: gradients take the memory and the time of training."""


def field(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="What the networks see.")],
    model: Annotated[list[str] | None, typer.Option(metavar="NAME", help=MODELS_HELP)] = None,
    task: Annotated[str | None, typer.Option(metavar="NAME", help="Of the models that do not name their own.")] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="ROW,COLUMN", help="The pixel, as the network sees it; else the middle."),
    ] = None,
    pixels: Annotated[int, typer.Option(min=2, help="How many the mean field is of.")] = 9,
    chain: Annotated[str | None, typer.Option(metavar="STEPS", help=CHAIN_HELP)] = None,
    crop: Annotated[str | None, typer.Option(metavar=CROP_METAVAR, help=CROP_HELP)] = None,
    out: Annotated[Path | None, typer.Option(metavar="PNG", help=OUT_HELP)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Draw how much each pixel moves one pixel of the result, and by how much a cut changes what lies beside it.

    Of a picture larger than 128 pixels the most detailed part is asked, unless --crop names another.

    Example: `pixmend analyze field photo.png --model default:sr_x2 --model bicubic`
    """
    from pixmend.analyze.field_figure import draw_fields
    from pixmend.analyze.record import keep
    from pixmend.cli.analyze.opening import figure_path, open_networks

    path = figure_path(out, of=picture, command="field", force=force)
    networks = open_networks(model or ["default"], task=task)
    images, part = _images(picture, networks, chain=chain, crop=crop)
    pixel = _pixel(at, size=(images[0].shape[1], images[0].shape[2]))
    with _bar(len(networks) * (pixels + 2)) as advance:
        seen = [
            _ask(asked, image, at=pixel, pixels=pixels, advance=advance)
            for asked, image in zip(networks, images, strict=True)
        ]
    facts = {
        "models": [each.name for each in seen],
        "picture": picture.name,
        "chain": chain or "none",
        "top, left, height, width": part,
        "row, column": list(pixel),
        "pixels in the mean": pixels,
    }
    arrays = keep(path, draw_fields(seen, images[0]), _arrays(seen, images[0]), facts=facts)
    if as_json:
        typer.echo(json.dumps({**facts, "fields": [_numbers(each) for each in seen], "figure": str(path)}, indent=2))
        return
    _print(seen)
    for file in (path, arrays):
        typer.echo(console.printable(str(file)))


def _images(
    picture: Path, networks: "list[Asked]", *, chain: str | None, crop: str | None
) -> "tuple[list[Tensor], list[int]]":
    """The part of the picture with the channels that each takes; and its top, left, height and width."""
    from pixmend.analyze.place import busiest
    from pixmend.cli.analyze.opening import open_picture

    whole = open_picture(picture, takes=networks[0].network.in_channels, chain=chain, crop=crop)
    height, width = whole.shape[1:]
    if crop is not None:
        part = [int(number) for number in crop.split(",")]
    elif max(height, width) <= PART:
        part = [0, 0, height, width]
    else:
        size = (min(height, PART), min(width, PART))
        part = [*busiest(whole, size=size), *size]
        console.notes().print(
            f"asked is the most detailed part of the picture of {width} x {height}: --crop {','.join(map(str, part))}"
        )
    text = ",".join(map(str, part))
    takes = [asked.network.in_channels for asked in networks]
    opened = {
        channels: open_picture(picture, takes=channels, chain=chain, crop=text) for channels in dict.fromkeys(takes)
    }
    return [opened[channels] for channels in takes], part


def _pixel(at: str | None, *, size: tuple[int, int]) -> tuple[int, int]:
    from pixmend.errors import PixmendError

    if at is None:
        return size[0] // 2, size[1] // 2
    parts = [part.strip() for part in at.split(",")]
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise PixmendError(f"--at: expected ROW,COLUMN such as 40,64, got {at!r}")
    row, column = map(int, parts)
    if row >= size[0] or column >= size[1]:
        raise PixmendError(f"--at {at}: lies outside the {size[1]} x {size[0]} pixels that are asked")
    return row, column


def _ask(asked: "Asked", image: "Tensor", *, at: tuple[int, int], pixels: int, advance: Callable[[], None]) -> "Seen":
    from pixmend.analyze.field import receptive_field
    from pixmend.analyze.field_figure import Seen
    from pixmend.errors import PixmendError
    from pixmend.infer.reach import measure_reach
    from pixmend.models.base import window_overlap

    network = asked.network
    scale, fixed = network.scale, network.fixed_size
    try:
        one = receptive_field(network, image, at=[(at[0] * scale + scale // 2, at[1] * scale + scale // 2)])
        advance()
        mean = receptive_field(network, image, pixels=pixels, progress=lambda done, total: advance())
        # Pictures smaller than two windows are not cut into tiles, and a network of fixed size cuts its own.
        uncut = fixed is not None or max(image.shape[1:]) < 2 * network.multiple
        reach = None if uncut else measure_reach(network, image)
    except PixmendError as error:
        raise PixmendError(f"{asked.name}: {error}") from error
    advance()
    grid = network.multiple if fixed is None else fixed - window_overlap(fixed)
    return Seen(name=asked.name, one=one, mean=mean, reach=reach, grid=grid)


def _arrays(seen: "list[Seen]", image: "Tensor") -> "dict[str, Tensor]":
    """By number of the network, in the order of the facts."""
    arrays = {"picture": image}
    for index, each in enumerate(seen):
        arrays |= {f"{index}_one": each.one.map, f"{index}_mean": each.mean.map}
        arrays |= {f"{index}_energy": each.mean.energy, f"{index}_weight": each.mean.weight}
        if each.reach is not None:
            arrays |= {f"{index}_cut_largest": each.reach.largest, f"{index}_cut_rms": each.reach.rms}
    return arrays


def _numbers(each: "Seen") -> dict[str, object]:
    """Of the mean field and of the cut; distances in input pixels, differences in levels of 255."""
    mean, reach = each.mean, each.reach
    found: dict[str, object] = {
        "model": each.name,
        "radius_50": mean.radius(0.5),
        "radius_95": mean.radius(0.95),
        "radius_99": mean.radius(0.99),
        "area": mean.area(),
        "support": mean.support,
        "touched": mean.touched,
        "beyond_32": mean.outside(32),
    }
    if reach is None:
        return {**found, "cut": None}
    blended = {overlap: reach.blended(overlap) for overlap in range(0, reach.span + 1, reach.multiple)}
    kept = {overlap: left for overlap, left in blended.items() if overlap % 8 == 0}
    cut = {"distance": reach.distance(), "span": reach.span, "plateau": reach.plateau, "independent": reach.independent}
    return {**found, "cut": {**cut, "overlap": reach.overlap(), "blended": kept}}


def _print(seen: "list[Seen]") -> None:
    from pixmend.analyze.field_figure import percent

    headings = ("50 %", "95 %", "99 %", "area", "support", "beyond 32", "cut felt", "least left")
    table = console.rows_table("model", *headings, numbers=len(headings))
    for each in seen:
        mean, reach = each.mean, each.reach
        radii = [str(mean.radius(share)) for share in (0.5, 0.95, 0.99)]
        row = [*radii, str(mean.area()), str(mean.support), percent(mean.outside(32))]
        if reach is None:
            row += ["-", "-"]
        else:
            distance = reach.distance()
            felt = f"over {reach.span}" if distance is None else f"{distance:.3g}"
            row += [felt, "none" if reach.independent else f"{reach.plateau:.3f}"]
        table.add_row(console.printable(each.name), *row)
    console.plain().print(table)
    console.plain().print(
        "radii of the energy, area above 1 %, pixels; beyond 32: of the gradient; cut felt: by half a level, to so far"
    )


@contextmanager
def _bar(total: int) -> Iterator[Callable[[], None]]:
    """A bar over the passes, if there is a terminal to show it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    notes = console.notes()
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bar:
        shown = bar.add_task("asking", total=total)
        yield lambda: bar.advance(shown)
