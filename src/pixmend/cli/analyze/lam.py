"""``pixmend analyze lam``: which pixels of the input a network used for a small part of its result."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixmend.cli import console
from pixmend.cli.analyze.lam_settings import (
    AroundOption,
    DetectorName,
    DetectorOption,
    ForceOption,
    PathName,
    PathOption,
    SigmaOption,
    StepsOption,
    how_of,
    margin_of,
    said,
    say_grid,
)
from pixmend.cli.analyze.opening import CHAIN_HELP, CROP_HELP, CROP_METAVAR, MODELS_HELP, OUT_HELP
from pixmend.cli.analyze.telling import bar, print_json

if TYPE_CHECKING:
    from torch import Tensor

    from pixmend.analyze import lam as room

_FAR = 0.01
"""Share of a map at the border of the part from which on the rest is worth a word."""
_COMPLETE = (0.5, 2.0)
"""Sums of the attributions over the detector's difference between which the path has steps enough."""


def lam(
    picture: Annotated[
        Path, typer.Argument(metavar="PICTURE", help="What the networks see, or with --chain a clean one.")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=f"May be given more than once: {MODELS_HELP}", show_default="default"),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(metavar="TOP,LEFT[,SIZE]", help="The window, in pixels of the result; SIZE is 16 by itself."),
    ] = None,
    auto: Annotated[bool, typer.Option("--auto", help="The most detailed window; so without --window.")] = False,
    detector: DetectorOption = DetectorName.gradient,
    path: PathOption = PathName.blur,
    steps: StepsOption = 50,
    sigma: SigmaOption = None,
    around: AroundOption = "64",
    chain: Annotated[str | None, typer.Option(metavar="STEPS", help=CHAIN_HELP)] = None,
    crop: Annotated[str | None, typer.Option(metavar=CROP_METAVAR, help=CROP_HELP)] = None,
    out: Annotated[Path | None, typer.Option(metavar="PNG", help=OUT_HELP)] = None,
    force: ForceOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Which pixels did it use? The local attribution map of a window of the result, and its diffusion index.

    Every model is asked about the same window of the same part of the picture. Writes a figure, and the numbers
    beside it as .npz.

    Examples: `pixmend analyze lam low.png --model default --model swinir_light:sr_x2`,
    `pixmend analyze lam clean.png --chain "bicubic(scale=4)" --model hat_s:sr_x4 --window 120,96`
    """
    from pixmend.analyze.lam import (
        arrays_of,
        attributions,
        common_channels,
        common_multiple,
        common_scale,
        draw_attributions,
        part_around,
    )
    from pixmend.analyze.record import keep
    from pixmend.cli.analyze.opening import figure_path, open_networks, open_picture

    if window is not None and auto:
        raise typer.BadParameter("expected --window or --auto, not both", param_hint="--window")
    path_out = figure_path(out, of=picture, command="lam", force=force)
    asked_of = {each.name: each.network for each in open_networks(model or ["default"])}
    scale, how = common_scale(asked_of), how_of(detector, path, steps=steps, sigma=sigma)
    x = open_picture(picture, takes=common_channels(asked_of), chain=chain, crop=crop)
    place = _window(window, x, scale=scale)
    multiple = common_multiple(asked_of.values())
    part = part_around(x, place, scale=scale, margin=margin_of(around), multiple=multiple)
    with bar("attributing") as progress:
        found = attributions(asked_of, part.of(x), part.window, progress=progress, **how)
    facts = {
        "models": list(found),
        "picture": picture.name,
        **({"chain": chain} if chain else {}),
        **({"crop": crop} if crop else {}),
        "window of the result": f"{place.size} x {place.size} at top {place.top}, left {place.left}",
        "given": f"{part.width} x {part.height} at top {part.top}, left {part.left} of {x.shape[2]} x {x.shape[1]}",
        **said(detector, path, how),
    }
    beside = keep(path_out, draw_attributions(found, x, part=part), arrays_of(found, x), facts=facts)
    _warn(found, part, whole=(x.shape[1], x.shape[2]))
    say_grid(part, asked_of, place, scale=scale, margin=margin_of(around))
    if as_json:
        files = {"figure": str(path_out), "arrays": str(beside)}
        print_json({**facts, "results": [_row(*item) for item in found.items()], **files})
        return
    _show(found)
    console.plain().print(console.printable(f"wrote {path_out} and {beside}"))


def _window(text: str | None, x: "Tensor", *, scale: int) -> "room.Window":
    from pixmend.analyze.lam import Window, busiest_window

    if text is None:
        return busiest_window(x, scale=scale)
    parts = text.split(",")
    if len(parts) not in (2, 3) or not all(part.strip().isdecimal() and len(part) < 9 for part in parts):
        raise typer.BadParameter(
            f"expected TOP,LEFT or TOP,LEFT,SIZE such as 120,96,16, got {text!r}", param_hint="--window"
        )
    top, left, *size = map(int, parts)
    return Window(top=top, left=left, size=size[0]) if size else Window(top=top, left=left)


def _row(name: str, each: "room.Attribution") -> dict[str, Any]:
    return {
        "model": name,
        "diffusion_index": each.diffusion_index,
        "pixels_with_90_percent": each.area,
        "sum_of_attributions": each.total,
        "difference_of_the_detector": each.difference,
        "steps_with_undefined_gradient": each.undefined,
    }


def _show(found: "Mapping[str, room.Attribution]") -> None:
    table = console.rows_table("model", "DI", "pixels with 90 %", "sum / difference", numbers=3)
    for name, each in found.items():
        complete = f"{each.completeness:.3f}"
        table.add_row(console.printable(name), f"{each.diffusion_index:.2f}", f"{each.area:,}", complete)
    console.plain().print(table)


def _warn(found: "Mapping[str, room.Attribution]", part: "room.Part", *, whole: tuple[int, int]) -> None:
    """Of what makes a map less than it seems."""
    notes: Sequence[str] = [
        f"{name}: {share:.0%} of its attribution lies where the input was cut: give a larger --around"
        for name, each in found.items()
        if (share := part.share_at_cut(each.map, whole=whole)) >= _FAR
    ]
    notes += [
        f"{name}: the gradient was undefined in places at {each.undefined} of {each.steps} steps, since the result has "
        "flat places; it counts as 0 there (--detector edges is without that)"
        for name, each in found.items()
        if each.undefined
    ]
    notes += [_incomplete(name, each) for name, each in found.items() if not _is_complete(each)]
    for note in notes:
        console.notes().print(console.printable(f"note: {note}"))


def _is_complete(each: "room.Attribution") -> bool:
    return _COMPLETE[0] <= each.completeness <= _COMPLETE[1]


def _incomplete(name: str, each: "room.Attribution") -> str:
    """What would mend it: where gradients are undefined, more steps would not."""
    if each.undefined:
        remedy = "--detector edges"
    else:
        remedy = "a window with more in it, or more --steps"
    if not each.difference:
        return f"{name}: the detector finds the same at both ends of the path: {remedy}"
    return f"{name}: the sum is {each.completeness:.2g} of the difference, where 1 would be right: {remedy}"
