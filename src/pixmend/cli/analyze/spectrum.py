"""``pixmend analyze spectrum`` and ``errors``: which frequencies the layers keep, and which the result restores."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixmend.cli import console
from pixmend.cli.analyze.opening import CHAIN_HELP, CROP_HELP, CROP_METAVAR, MODELS_HELP, OUT_HELP
from pixmend.cli.analyze.telling import bar, print_files, print_json

if TYPE_CHECKING:
    from torch import Tensor

    from pixmend.analyze.artefacts import Amplitudes, ErrorSpectrum
    from pixmend.cli.analyze.opening import Asked

FLAT = 1e-15
"""Power at its strongest frequency that rounding alone leaves of a picture without content."""


def spectrum(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="What the networks see.")],
    model: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help=f"One or more: {MODELS_HELP}", show_default="default")
    ] = None,
    chain: Annotated[str | None, typer.Option(metavar="CHAIN", help=CHAIN_HELP, show_default=False)] = None,
    crop: Annotated[str | None, typer.Option(metavar=CROP_METAVAR, help=CROP_HELP, show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(metavar="PNG", help=OUT_HELP)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Which frequencies do the layers keep? Log amplitudes of features relative to their mean, by depth.

    Example: `pixmend analyze spectrum photo.png --model default --model edsr_baseline`
    """
    from pixmend.analyze.artefacts import draw_spectra
    from pixmend.analyze.record import keep
    from pixmend.cli.analyze.opening import figure_path, open_networks
    from pixmend.cli.analyze.seeing import see

    path = figure_path(out, of=picture, command="spectrum", force=force)
    networks = open_networks(model or ["default"])
    pictures, facts = see(picture, networks, chain=chain, crop=crop)
    found: dict[str, list[Amplitudes]] = {}
    with bar("spectra") as progress:
        for done, (asked, image) in enumerate(zip(networks, pictures, strict=True)):
            progress(done, len(networks))
            found[asked.name] = _amplitudes(asked, image)
    arrays = {f"{name}/{each.name}": each.log for name, amplitudes in found.items() for each in amplitudes}
    beside = keep(path, draw_spectra(found), arrays, facts=facts)
    if as_json:
        models = {
            name: {each.name: {"at_pi": each.at_pi, "pixels": float(each.step)} for each in amplitudes}
            for name, amplitudes in found.items()
        }
        print_json({"facts": facts, "models": models, "files": [str(path), str(beside)]})
        return
    table = console.rows_table("model", "layer", "log amplitude at pi", "at pi / 2", numbers=2)
    for name, amplitudes in found.items():
        low, high = (pick(amplitudes, key=lambda each: each.at_pi) for pick in (min, max))
        for each in [each for each in amplitudes if each in (amplitudes[0], low, high, amplitudes[-1])]:
            table.add_row(name, each.name, f"{each.at_pi:.3f}", f"{each.log[len(each.log) // 2].item():.3f}")
    _print(table, files=(path, beside))


def _amplitudes(asked: "Asked", image: "Tensor") -> "list[Amplitudes]":
    """Of all layers whose maps are large enough; of the others it says so."""
    from pixmend.analyze.artefacts import amplitudes_by_depth
    from pixmend.analyze.artefacts.maps import blocks_by_depth
    from pixmend.errors import PixmendError

    try:
        found = amplitudes_by_depth(asked.network, image)
    except PixmendError as error:
        raise PixmendError(f"{asked.name}: {error}") from error
    seen = {each.name for each in found}
    small = [point.name for point in blocks_by_depth(asked.network, halves=True) if point.name not in seen]
    if small:
        console.notes().print(
            f"note: {asked.name}: {len(small)} layers, {small[0]} the first, are left out, since their maps are below "
            "8 x 8: a larger --crop shows them"
        )
    return found


def errors(
    true: Annotated[Path, typer.Argument(metavar="TRUE", help="A clean picture, or a folder of them.")],
    model: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help=f"One or more: {MODELS_HELP}", show_default="default")
    ] = None,
    chain: Annotated[
        str | None,
        typer.Option(
            metavar="CHAIN", help="Spoil TRUE like this, as in `pixmend degrade`: `bicubic(scale=2), round8`."
        ),
    ] = None,
    low: Annotated[
        Path | None,
        typer.Option(metavar="LOW", help="Or restore this one, or a folder of them.", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="PNG", help=OUT_HELP)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Which frequencies are restored? The spectrum of the error of each network, beside that of the true picture.

    What enlarging by bicubic, or leaving the picture as it is, gives is shown as well. Of a folder the mean.

    Example: `pixmend analyze errors Set5/HR --model default --chain "bicubic(scale=2), round8"`
    """
    from pixmend.analyze.artefacts import draw_errors
    from pixmend.analyze.record import keep
    from pixmend.cli.analyze.opening import figure_path, open_networks
    from pixmend.cli.analyze.restoring import Pairs, spectra
    from pixmend.errors import PixmendError

    path = figure_path(out, of=true, command="errors", force=force)
    networks = open_networks(model or ["default"])
    pairs = Pairs.find(true, low=low, chain=chain)
    found, scale = spectra(pairs, networks)
    if all(float(each.picture.max()) < FLAT for each in found.values()):
        raise PixmendError(f"{true}: is the same everywhere, so there is nothing to restore")
    facts = {"models": [each.name for each in networks], "true": true.name, "pictures": len(pairs.true)}
    facts |= {"chain": chain} if chain else {"low": low.name if low else ""}
    facts |= {"scale": scale, "window": "Hann"}
    beside = keep(path, draw_errors(found, scale=scale), _arrays(found), facts=facts)
    if as_json:
        print_json({"facts": facts, "models": _content(found), "files": [str(path), str(beside)]})
        return
    columns = ("error in dB", "of it below the limit", "beyond it") if scale > 1 else ("error in dB",)
    table = console.rows_table("model", *columns, numbers=len(columns))
    for name, each in found.items():
        powers = (each.below + each.above, each.below, each.above)
        table.add_row(name, *(f"{decibels(power):.2f}" if power > 0 else "none" for power in powers[: len(columns)]))
    _print(table, files=(path, beside))


def decibels(power: float) -> float:
    """Minus infinity of 0."""
    return 10 * math.log10(power) if power > 0 else -math.inf


def _arrays(found: "Mapping[str, ErrorSpectrum]") -> "dict[str, Tensor]":
    first = next(iter(found.values()))
    arrays = {"frequencies": first.frequencies, "true picture": first.picture}
    return arrays | {f"error/{name}": each.error for name, each in found.items()}


def _content(found: "Mapping[str, ErrorSpectrum]") -> dict[str, object]:
    return {
        name: {
            "mean_squared_error": each.below + each.above,
            "below_limit": each.below,
            "beyond_limit": each.above,
            "error_db": [decibels(power) for power in each.error.tolist()],
            "picture_db": [decibels(power) for power in each.picture.tolist()],
        }
        for name, each in found.items()
    }


def _print(table: Any, *, files: Sequence[Path]) -> None:
    console.plain().print(table)
    print_files(*files)
