"""``pixmend analyze field PICTURE --model A``: how far a network looks, and how far it feels a cut."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixmend.cli import console
from pixmend.cli.analyze.opening import CHAIN_HELP, CROP_HELP, CROP_METAVAR, MODELS_HELP, OUT_HELP
from pixmend.cli.analyze.telling import bar, print_files, print_json

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
        typer.Option(metavar="ROW,COLUMN", help="The pixel of the picture, after --chain; else the middle."),
    ] = None,
    pixels: Annotated[int, typer.Option(min=2, help="How many the mean field is of.")] = 9,
    chain: Annotated[str | None, typer.Option(metavar="STEPS", help=CHAIN_HELP)] = None,
    crop: Annotated[str | None, typer.Option(metavar=CROP_METAVAR, help=CROP_HELP)] = None,
    out: Annotated[Path | None, typer.Option(metavar="PNG", help=OUT_HELP)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Draw how much each pixel moves one pixel of the result, and by how much a cut changes what lies beside it.

    Of a picture larger than 128 pixels the part around --at is asked or, without, the most detailed one, unless --crop
    names another.

    Example: `pixmend analyze field photo.png --model default:sr_x2 --model bicubic`
    """
    from pixmend.analyze.field_figure import draw_fields
    from pixmend.analyze.record import keep
    from pixmend.cli.analyze.opening import figure_path, open_networks, open_picture

    path = figure_path(out, of=picture, command="field", force=force)
    part, pixel = _place(picture, chain=chain, crop=crop, at=at)
    networks = open_networks(model or ["default"], task=task)
    cut = ",".join(map(str, part))
    images = [open_picture(picture, takes=each.network.in_channels, chain=chain, crop=cut) for each in networks]
    inside = (pixel[0] - part[0], pixel[1] - part[1])
    passes, done = len(networks) * (pixels + 2), itertools.count(1)
    with bar("asking") as progress:
        advance = lambda: progress(next(done), passes)  # noqa: E731
        seen = [
            _ask(asked, image, at=inside, pixels=pixels, advance=advance)
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
    arrays = keep(path, draw_fields(seen, images[0], corner=(part[0], part[1])), _arrays(seen, images[0]), facts=facts)
    if as_json:
        print_json({**facts, "fields": [_numbers(each) for each in seen], "figure": str(path)})
        return
    _print(seen)
    print_files(path, arrays)


def _place(
    picture: Path, *, chain: str | None, crop: str | None, at: str | None
) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """Top, left, height and width of the part that is asked; and the pixel, counted from the picture's corner.

    Raises:
        PixmendError: as ``open_picture``, or the pixel lies outside.
    """
    from pixmend.analyze.place import busiest
    from pixmend.cli.analyze.opening import crop_of, open_picture, part_of, pixel_of

    pixel = None if at is None else pixel_of(at)
    image = open_picture(picture, takes=3, chain=chain)
    height, width = image.shape[1:]
    if crop is not None:
        part_of(image, crop)
        part = crop_of(crop)
        if pixel is not None:
            _check_inside(pixel, part, of="--crop")
        return part, pixel or _middle(part)
    if pixel is not None:
        _check_inside(pixel, (0, 0, height, width), of="the picture")
    size = (min(height, PART), min(width, PART))
    if size == (height, width):
        top, left = 0, 0
    elif pixel is None:
        top, left = busiest(image, size=size)
    else:
        top, left = (
            min(max(0, place - side // 2), length - side)
            for place, side, length in zip(pixel, size, (height, width), strict=True)
        )
    part = (top, left, *size)
    if size != (height, width):
        which = "the most detailed part" if pixel is None else "the part around the pixel"
        console.notes().print(f"asked is {which} of {width} x {height}: --crop {','.join(map(str, part))}")
    return part, pixel or _middle(part)


def _middle(part: tuple[int, int, int, int]) -> tuple[int, int]:
    top, left, height, width = part
    return top + height // 2, left + width // 2


def _check_inside(pixel: tuple[int, int], part: tuple[int, int, int, int], *, of: str) -> None:
    from pixmend.errors import PixmendError

    (row, column), (top, left, height, width) = pixel, part
    if not (top <= row < top + height and left <= column < left + width):
        rows, columns = f"{top} to {top + height - 1}", f"{left} to {left + width - 1}"
        raise PixmendError(f"--at {row},{column}: lies outside {of}: expected a row of {rows}, a column of {columns}")


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
