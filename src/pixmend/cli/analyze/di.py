"""``pixmend analyze di``: the diffusion index over a folder of pictures, and whether models differ in it."""

import json
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
from pixmend.cli.analyze.opening import CHAIN_HELP, MODELS_HELP, OUT_HELP
from pixmend.cli.analyze.telling import bar, print_json

if TYPE_CHECKING:
    import numpy as np

    from pixmend.analyze.lam import Diffusion


def di(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Pictures the networks see, or with --chain clean ones.")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=f"May be given more than once: {MODELS_HELP}", show_default="default"),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N pictures by name.")] = None,
    size: Annotated[int, typer.Option(min=1, max=4096, help="Side of the window, in pixels of the result.")] = 16,
    detector: DetectorOption = DetectorName.gradient,
    path: PathOption = PathName.blur,
    steps: StepsOption = 50,
    sigma: SigmaOption = None,
    around: AroundOption = "64",
    chain: Annotated[str | None, typer.Option(metavar="STEPS", help=CHAIN_HELP)] = None,
    out: Annotated[Path | None, typer.Option(metavar="PNG", help=OUT_HELP)] = None,
    force: ForceOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """How widely do they look? The diffusion index of every model at the most detailed window of every picture.

    Prints the mean with a 95 % bootstrap interval over pictures, and the difference of each model from the first on
    the same windows. Writes a chart, and the numbers beside it as .npz and .json. A picture that cannot be asked
    about is named, and the others count; the exit code is then 1.

    Example: `pixmend analyze di Set14 --chain "bicubic(scale=2)" --model bicubic --model default`
    """
    from pixmend.analyze.lam import common_channels, common_scale, diffusion_over, draw_diffusion
    from pixmend.analyze.record import keep
    from pixmend.cli.analyze.opening import figure_path, open_networks, open_picture
    from pixmend.errors import PixmendError
    from pixmend.files import replace

    path_out = figure_path(out, of=folder, command="di", force=force)
    summary = path_out.with_suffix(".json")
    if summary.exists() and not force:
        raise PixmendError(f"{summary}: exists already: give --force to replace it, or another --out")
    networks = {each.name: each.network for each in open_networks(model or ["default"])}
    takes, how = common_channels(networks), how_of(detector, path, steps=steps, sigma=sigma)
    pictures = {
        name: lambda file=file: open_picture(file, takes=takes, chain=chain)
        for name, file in _files(folder, count=count).items()
    }
    with bar("attributing") as progress:
        found = diffusion_over(networks, pictures, size=size, margin=margin_of(around), progress=progress, **how)
    asked = _asked(found, folder)
    if asked[0].part and asked[0].window:
        say_grid(asked[0].part, networks, asked[0].window, scale=common_scale(networks), margin=margin_of(around))
    facts = {
        "models": list(networks),
        "pictures": f"{len(asked)} of {folder.resolve().name}",
        **({"chain": chain} if chain else {}),
        "window": f"the most detailed, {size} x {size} of the result",
        "around": around,
        **said(detector, path, how),
    }
    values = {name: [(each.indices or {})[name] for each in asked] for name in networks}
    report = _report(values)
    intervals = {row["model"]: (row["low"], row["high"]) for row in report if row["low"] is not None}
    beside = keep(path_out, draw_diffusion(values, intervals=intervals), _arrays(values, asked), facts=facts)
    whole = {**facts, "results": report, "pictures": [_plain(each) for each in found]}
    replace(summary, json.dumps(whole, indent=2) + "\n")
    if as_json:
        print_json(whole)
    else:
        _show(report)
        console.plain().print(console.printable(f"wrote {path_out}, {beside} and {summary}"))
    if len(asked) < len(found):
        raise typer.Exit(1)


def _files(folder: Path, *, count: int | None) -> dict[str, Path]:
    """By name from the folder on; the first ``count``.

    Raises:
        PixmendError: there is none.
    """
    from pixmend.data.folders import pictures_in
    from pixmend.errors import PixmendError

    if not folder.exists():
        raise PixmendError(f"{folder}: no such folder")
    if not folder.is_dir():
        raise PixmendError(f"{folder}: expected a folder of pictures: `pixmend analyze lam` asks about one picture")
    files = pictures_in([folder])[:count]
    if not files:
        raise PixmendError(f"{folder}: holds no pictures")
    return {file.relative_to(folder).as_posix(): file for file in files}


def _asked(found: "Sequence[Diffusion]", folder: Path) -> "list[Diffusion]":
    """Those without an error; the others are named.

    Raises:
        PixmendError: there is none.
    """
    from pixmend.errors import PixmendError

    for each in found:
        if each.error is not None:
            console.notes().print(console.printable(f"left out: {each.picture}: {each.error}"))
    asked = [each for each in found if each.indices is not None]
    if not asked:
        raise PixmendError(f"{folder}: none of {len(found)} pictures could be asked about")
    return asked


def _report(values: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """Mean, standard deviation and interval of every model, and its difference from the first one."""
    from statistics import fmean, stdev

    from pixmend.evaluate.statistics import difference, interval

    first, rows = next(iter(values.values())), []
    for place, (name, own) in enumerate(values.items()):
        sure, apart = interval(own), difference(own, first) if place else None
        rows.append(
            {
                "model": name,
                "mean": fmean(own),
                "standard_deviation": stdev(own) if len(own) > 1 else None,
                "low": sure and sure.low,
                "high": sure and sure.high,
                "difference_from_the_first": apart and apart.mean,
                "difference_low": apart and apart.interval and apart.interval.low,
                "difference_high": apart and apart.interval and apart.interval.high,
                "p": apart and apart.p,
                "pictures": len(own),
            }
        )
    return rows


def _arrays(values: Mapping[str, Sequence[float]], asked: "Sequence[Diffusion]") -> "dict[str, np.ndarray]":
    """(models, pictures), the pictures' names, and the windows as top, left, size in pixels of the result."""
    import numpy as np

    windows = [(each.window.top, each.window.left, each.window.size) for each in asked if each.window is not None]
    return {
        "diffusion_index": np.array(list(values.values())),
        "pictures": np.array([each.picture for each in asked]),
        "windows": np.array(windows),
    }


def _plain(each: "Diffusion") -> dict[str, Any]:
    if each.window is None or each.part is None:
        return {"picture": each.picture, "error": each.error}
    window, part = each.window, each.part
    return {
        "picture": each.picture,
        "window": [window.top, window.left, window.size],
        "given": [part.top, part.left, part.height, part.width],
        "diffusion_index": dict(each.indices or {}),
    }


def _show(report: Sequence[Mapping[str, Any]]) -> None:
    table = console.rows_table("model", "DI", "sd", "95 % of means", "from the first", "p", numbers=5)
    for row in report:
        spread = "" if row["standard_deviation"] is None else f"{row['standard_deviation']:.2f}"
        sure = "" if row["low"] is None else f"{row['low']:.2f} to {row['high']:.2f}"
        apart = "" if row["difference_from_the_first"] is None else f"{row['difference_from_the_first']:+.2f}"
        if row["difference_low"] is not None:
            apart += f" ({row['difference_low']:+.2f} to {row['difference_high']:+.2f})"
        p = "" if row["p"] is None else f"{row['p']:.3f}"
        table.add_row(console.printable(row["model"]), f"{row['mean']:.2f}", spread, sure, apart, p)
    console.plain().print(table)
