"""``pixmend analyze features``: what the layers hold of a picture, and what windows have left in them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixmend.cli import console
from pixmend.cli.analyze.opening import CHAIN_HELP, CROP_HELP, CROP_METAVAR, MODELS_HELP, OUT_HELP
from pixmend.cli.analyze.telling import bar, print_files, print_json

if TYPE_CHECKING:
    from torch import Tensor

    from pixmend.analyze.artefacts import Features, Trace
    from pixmend.cli.analyze.opening import Asked

NOTED = 0.02
"""Spread of the picture itself that is too much to tell what windows leave."""


def features(
    picture: Annotated[
        Path | None, typer.Argument(metavar="PICTURE", help="What the networks see.", show_default=False)
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help=f"One or more: {MODELS_HELP}", show_default="default")
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Show these instead, by the names of --list.", show_default=False),
    ] = None,
    list_layers: Annotated[bool, typer.Option("--list", help="Print the names of layers, and do no more.")] = False,
    period: Annotated[
        int | None,
        typer.Option(
            min=2, max=1024, metavar="N", help="Look for borders every N pixels, not at windows.", show_default=False
        ),
    ] = None,
    offsets: Annotated[
        int,
        typer.Option(min=1, max=256, help="Ask so often, cut differently: what the picture has averages out."),
    ] = 16,
    chain: Annotated[str | None, typer.Option(metavar="CHAIN", help=CHAIN_HELP, show_default=False)] = None,
    crop: Annotated[str | None, typer.Option(metavar=CROP_METAVAR, help=CROP_HELP, show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(metavar="PNG", help=OUT_HELP)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """What do the layers hold, and do windows show? Features as pictures, and how much more neighbours differ across
    the borders of windows than elsewhere, by depth: 1 is no trace.

    Example: `pixmend analyze features photo.png --model default --model swinir_light --crop 0,0,96,96`
    """
    from pixmend.analyze.artefacts import draw_features, features_of
    from pixmend.analyze.points import find_points
    from pixmend.analyze.record import keep
    from pixmend.cli.analyze.opening import figure_path, open_networks
    from pixmend.cli.analyze.seeing import see
    from pixmend.errors import PixmendError

    networks = open_networks(model or ["default"])
    if list_layers:
        _print_layers(networks, as_json=as_json)
        return
    if picture is None:
        raise typer.BadParameter("expected a picture", param_hint="PICTURE")
    path = figure_path(out, of=picture, command="features", force=force)
    pictures, facts = see(picture, networks, chain=chain, crop=crop)
    found: dict[str, Features] = {}
    with bar("features") as progress:
        for asked, image in zip(networks, pictures, strict=True):
            try:
                points = find_points(asked.network, layer) if layer else None
                found[asked.name] = features_of(
                    asked.network, image, points=points, period=period, offsets=offsets, progress=progress
                )
            except PixmendError as error:
                raise PixmendError(f"{asked.name}: {error}") from error
    if any(each.traces for each in found.values()):
        facts |= {"borders": "windows" if period is None else f"every {period} pixels", "offsets": offsets}
    _print_notes(networks, found, period=period)
    beside = keep(path, draw_features(found), _arrays(found), facts=facts)
    if as_json:
        print_json({"facts": facts, "models": _content(found), "files": [str(path), str(beside)]})
    else:
        _print(found, files=(path, beside))


def _print_layers(networks: "Sequence[Asked]", *, as_json: bool) -> None:
    from pixmend.analyze.artefacts import milestones
    from pixmend.analyze.points import points_of

    table = console.rows_table("layer", "kind", "shown")
    listed = {}
    for asked in networks:
        shown = milestones(asked.network)
        points = points_of(asked.network)
        points += [point for point in shown if point not in points]
        listed[asked.name] = [{"layer": point.name, "kind": point.kind, "shown": point in shown} for point in points]
        for point in points:
            table.add_row(point.name, point.kind, "yes" if point in shown else "")
    if as_json:
        print_json(listed)
    else:
        console.plain().print(table)


def _print(found: "Mapping[str, Features]", *, files: Sequence[Path]) -> None:
    traced = {name: features.traces for name, features in found.items() if features.traces}
    if traced:
        headings = ("borders", "shifted", "spread", "most at", "")
        table = console.rows_table("model", "layer", *headings, numbers=len(headings))
        for name, traces in traced.items():
            for layer in _telling(traces):
                table.add_row(name, layer, *_numbers(traces[layer]))
        console.plain().print(table)
    print_files(*files)


def _print_notes(networks: "Sequence[Asked]", found: "Mapping[str, Features]", *, period: int | None) -> None:
    """Why there is no trace, or why it is not to be believed."""
    from pixmend.analyze.artefacts import plain_grid, windows_of

    for asked in networks:
        traces = found[asked.name].traces
        if traces:
            most = _of_itself(traces["input"])
            if most > NOTED:
                told = f"the picture itself has traces of up to {most * 100:.0f} %: more --offsets or a larger --crop"
                console.notes().print(f"note: {asked.name}: {told}, or believe less")
        elif period is not None:
            least = plain_grid(period).least
            told = f"{least} pixels along a side are needed to look for borders every {period}"
            console.notes().print(f"note: {asked.name}: no traces: {told}: a larger --crop, or a shorter --period")
        elif windows_of(asked.network) is None:
            console.notes().print(f"note: {asked.name}: no windows, and so no traces: --period looks for other borders")
        else:
            console.notes().print(f"note: {asked.name}: too few windows in the picture for traces: a larger --crop")


def _of_itself(trace: "Trace") -> float:
    """How far neighbours of the picture that nobody has touched differ by place in the window."""
    phases = range(0, trace.grid.period, trace.grid.token)
    return max((abs(trace.both[phase].item() - 1) for phase in phases), default=0.0) if trace.spread > NOTED else 0.0


def _telling(traces: "Mapping[str, Trace]") -> list[str]:
    """The picture, the block that differs most at borders, that at shifted ones, the last one, and the result."""
    blocks = [name for name in traces if name not in ("input", "result")]
    most = [max(blocks, key=lambda name: getattr(traces[name], side), default="") for side in ("unshifted", "shifted")]
    told = {"input", *most, *blocks[-1:], "result"}
    return [name for name in traces if name in told]


def _numbers(trace: "Trace") -> tuple[str, ...]:
    if trace.both.isnan().all():
        return ("flat", "-", "-", "-", "-")
    place = f"{trace.strongest} of {trace.grid.period}"
    shifted = f"{trace.shifted:.3f}" if trace.grid.shifted else "-"
    strongest = trace.both[trace.strongest].item()
    return f"{trace.unshifted:.3f}", shifted, f"{trace.spread:.3f}", place, f"{strongest:.3f}"


def _arrays(found: "Mapping[str, Features]") -> "dict[str, Tensor]":
    arrays = {}
    for name, features in found.items():
        arrays[f"{name}/result"] = features.result
        arrays |= {f"{name}/map/{shown.name}": shown.picture for shown in features.shown}
        for layer, trace in features.traces.items():
            arrays |= {f"{name}/rows/{layer}": trace.rows, f"{name}/columns/{layer}": trace.columns}
    return arrays


def _content(found: "Mapping[str, Features]") -> dict[str, object]:
    return {
        name: {
            "shown": {shown.name: {"share": shown.share, "pixels": float(shown.step)} for shown in features.shown},
            "traces": {
                layer: {
                    "period": trace.grid.period,
                    "borders": trace.unshifted,
                    "shifted": trace.shifted,
                    "spread": trace.spread,
                    "by_place": trace.both.tolist(),
                }
                for layer, trace in features.traces.items()
            },
        }
        for name, features in found.items()
    }
