"""``pixmend analyze attention``: how far the heads of a transformer look, and where they look from a place."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixmend.cli.analyze.attention_tables import padded, plain_map, plain_reach, print_distances, print_maps
from pixmend.cli.analyze.opening import (
    CHAIN_HELP,
    CROP_HELP,
    CROP_METAVAR,
    MODELS_HELP,
    OUT_HELP,
    Asked,
    crop_of,
    figure_path,
    open_networks,
    open_picture,
    pixel_of,
)
from pixmend.cli.analyze.telling import bar, print_files, print_json
from pixmend.cli.console import notes, printable

if TYPE_CHECKING:
    from torch import Tensor

    from pixmend.analyze.attention import Call, Reach

_MOST = 128
"""Sides up to this are asked whole."""
_PART = 96
"""Of a larger picture a part is asked whose sides are at least this."""


def attention(
    picture: Annotated[Path, typer.Argument(help="The picture that the network sees.")],
    models: Annotated[list[str] | None, typer.Option("--model", metavar="NAME", help=MODELS_HELP)] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option(
            "--layer", metavar="NAME", help="Draw where this attention, or all in a block, look from a place."
        ),
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="ROW,COLUMN", help="That place, in pixels; else the most textured one.")
    ] = None,
    chain: Annotated[str | None, typer.Option(help=CHAIN_HELP)] = None,
    crop: Annotated[str | None, typer.Option(metavar=CROP_METAVAR, help=CROP_HELP)] = None,
    out: Annotated[Path | None, typer.Option(metavar="PNG", help=OUT_HELP)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a figure that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers of all heads as JSON.")] = False,
) -> None:
    """How far the heads of transformers look, by depth; with `--layer`, where each looks from one place.

    Of a picture with a side above 128 pixels the most textured part of at least 96 is asked, unless `--crop` names one.

    Example: `pixmend analyze attention photo.png --model default --model edt_p`
    """
    from pixmend.analyze.attention import attentions_of, find_attentions
    from pixmend.analyze.attention.map_figure import check_number
    from pixmend.errors import PixmendError

    path = figure_path(out, of=picture, command="attention-maps" if layers else "attention", force=force)
    place = None if at is None else pixel_of(at)
    if place is not None and not layers:
        raise PixmendError("--at is where a layer looks from: name one with --layer, such as layers.0")
    asked = open_networks(models or ["default"])
    if layers and len(asked) > 1:
        raise PixmendError("--layer draws one network: give one --model")
    for each in asked:
        if layers:
            check_number(len(find_attentions(each.network, layers)))
        else:
            attentions_of(each.network)
    images = [open_picture(picture, takes=each.network.in_channels, chain=chain, crop=crop) for each in asked]
    corner = (0, 0) if crop is None else crop_of(crop)[:2]  # places are those of the picture as it was given
    inner = None if place is None else (place[0] - corner[0], place[1] - corner[1])
    images, (top, left) = _parts(images, asked, at=inner, corner=corner)
    begins = (corner[0] + top, corner[1] + left)
    facts = {
        "models": [each.name for each in asked],
        "picture": printable(picture.name),
        **({"chain": chain} if chain else {}),
        **({"crop": crop} if crop else {}),
        "part": f"{images[0].shape[2]} x {images[0].shape[1]} from row {begins[0]}, column {begins[1]}",
    }
    _say_extended(asked, images)
    if layers:
        inner = None if place is None else (place[0] - begins[0], place[1] - begins[1])
        _show_maps(asked[0], images[0], layers=layers, at=inner, begins=begins, path=path, facts=facts, as_json=as_json)
    else:
        _show_distances(asked, images, path=path, facts=facts, as_json=as_json)


def _parts(
    images: "Sequence[Tensor]", asked: Sequence[Asked], *, at: tuple[int, int] | None, corner: tuple[int, int]
) -> "tuple[list[Tensor], tuple[int, int]]":
    """The pictures, which begin at ``corner`` of what was given, or of large ones the part around ``at`` or the most
    textured place; and where in the pictures it begins.

    Parts begin on the grid of the networks' windows and are made of whole ones, as far as the picture goes.
    """
    from pixmend.analyze.place import busiest
    from pixmend.errors import PixmendError

    height, width = images[0].shape[1:]
    if at is not None and not (0 <= at[0] < height and 0 <= at[1] < width):
        given = f"--at {at[0] + corner[0]},{at[1] + corner[1]}"
        if any(corner):
            raise PixmendError(f"{given}: lies outside the part from row {corner[0]}, column {corner[1]} of --crop")
        raise PixmendError(f"{given}: the picture has {height} rows and {width} columns")
    if max(height, width) <= _MOST:
        return list(images), (0, 0)
    grid = math.lcm(*(each.network.fixed_size or each.network.multiple for each in asked))
    grid = grid if grid <= 2 * _PART else 1  # no part that could still be asked has whole windows of all
    side = -(-_PART // grid) * grid
    size = (min(side, height), min(side, width))
    if at is None:
        top, left = busiest(images[0], size=size)
        at = (top + size[0] // 2, left + size[1] // 2)
    top = _begin(height, side=size[0], grid=grid, at=at[0])
    left = _begin(width, side=size[1], grid=grid, at=at[1])
    return [image[:, top : top + size[0], left : left + size[1]].contiguous() for image in images], (top, left)


def _say_extended(asked: Sequence[Asked], images: "Sequence[Tensor]") -> None:
    """Of which networks most tokens are no picture."""
    for each, image in zip(asked, images, strict=True):
        step = each.network.multiple
        sides = [max(-(-side // step) * step, each.network.fixed_size or 0) for side in image.shape[1:]]
        share = image.shape[1] * image.shape[2] / (sides[0] * sides[1])
        if share < 0.5:
            seen = f"{image.shape[2]} x {image.shape[1]} are extended to {sides[1]} x {sides[0]}"
            note = f"note: {each.name}: {seen}: {1 - share:.1%} of the tokens are no picture"
            notes().print(printable(note))


def _begin(length: int, *, side: int, grid: int, at: int) -> int:
    """Where on the grid a part begins that has ``at`` as near to its middle as can be."""
    begins = [begin for begin in (*range(0, length - side + 1, grid), length - side) if begin <= at < begin + side]
    return min(begins, key=lambda begin: abs(begin + side // 2 - at))


def _show_distances(
    asked: Sequence[Asked], images: "Sequence[Tensor]", *, path: Path, facts: dict[str, Any], as_json: bool
) -> None:
    import numpy as np

    from pixmend.analyze.attention.figure import draw_reaches
    from pixmend.analyze.record import keep

    found: dict[str, list[Reach]] = {}
    for each, image in zip(asked, images, strict=True):
        found[each.name] = _distances(each, image)
    arrays: dict[str, Any] = {}
    for number, reaches in enumerate(found.values()):
        arrays[f"names {number}"] = np.array([reach.name for reach in reaches])
        arrays[f"uniform {number}"] = np.array([reach.uniform for reach in reaches])
        arrays[f"even entropy {number}"] = np.array([reach.most for reach in reaches])
        for name in ("distance", "entropy", "beyond"):
            arrays[f"{name} {number}"] = padded([getattr(reach, name) for reach in reaches])
    beside = keep(path, draw_reaches(found), arrays, facts={**facts, "distance": "in input pixels"})
    if as_json:
        models = {name: [plain_reach(reach) for reach in reaches] for name, reaches in found.items()}
        print_json({**facts, "models": models, "figure": str(path), "arrays": str(beside)})
        return
    print_distances(found)
    print_files(path, beside)


def _distances(asked: Asked, image: "Tensor") -> "list[Reach]":
    """The bar counts attentions, however many calls one makes."""
    from pixmend.analyze.attention import attention_distance, attentions_of

    total, seen = len(attentions_of(asked.network)), set[str]()
    with bar(asked.name) as progress:

        def watch(call: "Call") -> None:
            seen.add(call.name)
            progress(len(seen), total)

        return attention_distance(asked.network, image[None], seen=watch)


def _show_maps(
    asked: Asked,
    image: "Tensor",
    *,
    layers: Sequence[str],
    at: tuple[int, int] | None,
    begins: tuple[int, int],
    path: Path,
    facts: dict[str, Any],
    as_json: bool,
) -> None:
    import numpy as np

    from pixmend.analyze.attention import attention_maps
    from pixmend.analyze.attention.map_figure import draw_maps
    from pixmend.analyze.record import keep

    maps = attention_maps(asked.network, image, layers=layers, at=at)
    figure = draw_maps(image, maps, model=asked.name, begins=begins)
    arrays = {"picture": image, "names": np.array([each.name for each in maps])}
    arrays |= {f"weights {number}": each.weights for number, each in enumerate(maps)}
    beside = keep(path, figure, arrays, facts=facts)
    if as_json:
        rows = [plain_map(each, begins) for each in maps]
        print_json({**facts, "maps": rows, "figure": str(path), "arrays": str(beside)})
        return
    print_maps(maps)
    print_files(path, beside)
