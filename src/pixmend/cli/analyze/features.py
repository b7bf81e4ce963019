"""``pixmend analyze features``: what the layers hold of a picture, and what windows have left in them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixmend.cli import console
from pixmend.cli.analyze.opening import CHAIN_HELP, CROP_HELP, CROP_METAVAR, MODELS_HELP, OUT_HELP

if TYPE_CHECKING:
    from torch import Tensor

    from pixmend.analyze.artefacts import Features, Trace
    from pixmend.cli.analyze.opening import Asked


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
    from pixmend.cli.analyze.seeing import bar, see

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
            points = find_points(asked.network, layer) if layer else None
            found[asked.name] = features_of(
                asked.network, image, points=points, period=period, offsets=offsets, progress=progress
            )
    facts |= {"borders": "windows" if period is None else f"every {period} pixels", "offsets": offsets}
    beside = keep(path, draw_features(found), _arrays(found), facts=facts)
    if as_json:
        typer.echo(json.dumps({"facts": facts, "models": _content(found), "files": [str(path), str(beside)]}, indent=2))
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
        typer.echo(json.dumps(listed, indent=2))
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
    for name in sorted(found.keys() - traced.keys()):
        console.notes().print(f"{name}: no windows, or too few in the picture; --period looks for other borders")
    for file in files:
        typer.echo(str(file))


def _telling(traces: "Mapping[str, Trace]") -> list[str]:
    """The picture, the block that differs most at borders, that at shifted ones, the last one, and the result."""
    blocks = [name for name in traces if name not in ("input", "result")]
    most = [max(blocks, key=lambda name: getattr(traces[name], side), default="") for side in ("unshifted", "shifted")]
    told = {"input", *most, *blocks[-1:], "result"}
    return [name for name in traces if name in told]


def _numbers(trace: "Trace") -> tuple[str, ...]:
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
    from pixmend.cli.analyze.seeing import finite

    return {
        name: {
            "shown": {shown.name: {"share": shown.share, "pixels": float(shown.step)} for shown in features.shown},
            "traces": {
                layer: {
                    "period": trace.grid.period,
                    "borders": finite(trace.unshifted),
                    "shifted": finite(trace.shifted),
                    "spread": finite(trace.spread),
                    "by_place": [finite(value) for value in trace.both.tolist()],
                }
                for layer, trace in features.traces.items()
            },
        }
        for name, features in found.items()
    }
