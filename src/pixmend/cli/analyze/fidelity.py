"""``pixmend analyze fidelity``: where a result may be invented."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixmend.cli.analyze.opening import CHAIN_HELP, CROP_HELP, CROP_METAVAR, MODELS_HELP, OUT_HELP
from pixmend.cli.analyze.telling import bar, print_files, print_json

if TYPE_CHECKING:
    from torch import Tensor

    from pixmend.analyze.fidelity import Answer, DoubtMap, Fidelity
    from pixmend.cli.analyze.opening import Asked

CLOSING = (
    "levels of 255; a place is a mean over a window, and the outer 8 pixels of a large enough input are left out. "
    "Large numbers are reasons to doubt a place; small ones prove nothing."
)


def fidelity(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="What is to be restored.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help=f"Repeat it to see where they disagree: {MODELS_HELP}", show_default="default"
        ),
    ] = None,
    chain: Annotated[str | None, typer.Option(metavar="CHAIN", help=f"{CHAIN_HELP} It is then the true one.")] = None,
    again: Annotated[
        str | None,
        typer.Option(
            metavar="CHAIN",
            help="How results are degraded again; by itself what the task undoes, MATLAB's bicubic reduction or JPEG.",
        ),
    ] = None,
    crop: Annotated[str | None, typer.Option(metavar=CROP_METAVAR, help=CROP_HELP)] = None,
    true: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The true picture: shows the error, and whether the maps tell it."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help=OUT_HELP),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Where may the picture be invented? What contradicts the input, what is unsure, what models do not agree on.

    Degrades each result again and compares it with PICTURE, restores PICTURE in eight flips and turns, and compares
    models. Small numbers are no proof: what the input does not hold can be invented without a trace.

    Examples: `pixmend analyze fidelity photo.jpg --model default:sr_x4`,
    `pixmend analyze fidelity clean.png --chain "bicubic(scale=4), round8" --model hat_s --model bicubic`
    """
    from pixmend.analyze import fidelity_of
    from pixmend.analyze.fidelity.figure import draw
    from pixmend.analyze.record import keep
    from pixmend.cli.analyze.opening import figure_path, open_networks
    from pixmend.degrade import parse_chain

    path = figure_path(out, of=picture, command="fidelity", force=force)
    if chain is not None and true is not None:
        raise typer.BadParameter("has no effect with --chain, where PICTURE is the true one", param_hint="--true")
    by = parse_chain(again) if again is not None else None
    networks = open_networks(model or ["default"])
    image, truth = _open(picture, networks, chain=chain, crop=crop, true=true)
    with bar("restoring, 8 turns each") as progress:
        found = fidelity_of([each.network for each in networks], image, again=by, true=truth, progress=progress)
    names = [each.name for each in networks]
    facts: dict[str, Any] = {
        "fidelity of": " and ".join(names),
        "picture": picture.name + (f", spoiled by {chain}" if chain else ""),
        "size": f"{image.shape[2]} x {image.shape[1]}",
    }
    residual = found.answers[0].residual
    facts |= {"degraded again by": residual.chain} if residual.chain else {}
    facts |= {"outer pixels left out of its numbers": residual.map.border} if residual.map.border else {}
    facts |= {"crop": crop} if crop else {}
    facts |= {"true": true.name} if true else {}
    beside = keep(path, draw(names, found, given=image, true=truth), _arrays(found, names, image), facts=facts)
    if as_json:
        scale = networks[0].network.scale
        print_json(_content(found, names, facts, scale=scale, files=(path, beside)))
    else:
        _print(found, names, scale=networks[0].network.scale, files=(path, beside))


def _open(
    picture: Path, networks: "Sequence[Asked]", *, chain: str | None, crop: str | None, true: Path | None
) -> "tuple[Tensor, Tensor | None]":
    """What the networks see, and the true picture of it if there is one."""
    from pixmend.analyze.fidelity.report import check_true
    from pixmend.cli.analyze.opening import open_picture, part_of, trimmed

    takes = max(each.network.in_channels for each in networks)
    scale = networks[0].network.scale
    image, truth = open_picture(picture, takes=takes, chain=chain), None
    if chain is not None:
        truth = trimmed(open_picture(picture, takes=takes), chain)
    elif true is not None:
        truth = open_picture(true, takes=takes)
    if truth is not None:
        check_true(truth, image, scale=scale)
    if crop is None:
        return image, truth
    return part_of(image, crop), None if truth is None else part_of(truth, crop, scale=scale)


def _arrays(found: "Fidelity", names: "Sequence[str]", image: "Tensor") -> "dict[str, Any]":
    """By network, in the order given: 0, 1, ..."""
    import numpy as np

    arrays: dict[str, Any] = {"models": np.array(names), "picture": image}
    for index, answer in enumerate(found.answers):
        arrays[f"result_{index}"] = answer.result
        arrays[f"residual_{index}"] = answer.residual.signed
        for each in answer.maps:
            arrays[f"{each.name}_{index}"] = each.values
    if found.disagreement is not None:
        arrays["disagreement"] = found.disagreement.map.values
    return arrays


def _print(found: "Fidelity", names: "Sequence[str]", *, scale: int, files: Sequence[Path]) -> None:
    from pixmend.analyze.fidelity.figure import places_of
    from pixmend.cli.console import plain, printable, rows_table

    console = plain()
    console.print(_map_table(found, names, scale=scale))
    for name, answer in zip(names, found.answers, strict=True):
        console.print(f"{printable(name)}: {_said(answer)}", soft_wrap=True)
    if found.disagreement is not None:
        pairs = zip(names, found.disagreement.biases, strict=True)
        told = ", ".join(f"{printable(name)} {bias:+.2f}" for name, bias in pairs)
        console.print(f"brighter than the mean of all, in levels: {told}", soft_wrap=True)
    seen = found.answers[0].ensemble if found.disagreement is None else found.disagreement.map
    places = places_of(seen, found.answers[0].result, scale=scale)
    table = rows_table(f"look here ({seen.name})", "x", "y", "width", "height", "mean levels", numbers=5)
    for rank, place in enumerate(places, 1):
        sides = (place.left, place.top, place.width, place.height)
        table.add_row(str(rank), *map(str, sides), f"{place.value:.2f}")
    if places:
        console.print(table)
    else:
        console.print(f"look here ({seen.name}): nothing above half a level")
    console.print(CLOSING, soft_wrap=True)
    print_files(*files)


def _map_table(found: "Fidelity", names: "Sequence[str]", *, scale: int) -> "Any":
    """A line for each map; of the true picture, what each has to do with the error."""
    from pixmend.analyze.fidelity.figure import places_of
    from pixmend.cli.console import printable, rows_table

    known = bool(found.answers[0].agreements)
    more = ("rank corr.", "beyond edges", "error in 5 %") if known else ()
    table = rows_table("model", "map", "mean", "99 %", "worst place", "at x, y", *more, numbers=4 + len(more))
    for name, answer in zip(names, found.answers, strict=True):
        maps = answer.maps + ([] if found.disagreement is None else [found.disagreement.map])
        for each in maps:
            place = next(iter(places_of(each, answer.result, scale=scale)), None)
            where = (f"{place.value:.2f}", f"{place.left}, {place.top}") if place else ("below 0.5", "")
            told = answer.agreements.get(each.name)
            numbers = (told.spearman, told.beyond_edges, told.share) if told else ()
            last = ["-" if number != number else f"{number:.2f}" for number in numbers] or [""] * len(more)
            table.add_row(printable(name), each.name, f"{each.mean:.2f}", f"{each.high:.2f}", *where, *last)
        if known:
            told = answer.agreements["edges"]
            table.add_row(printable(name), "its edges", "", "", "", "", f"{told.spearman:.2f}", "", f"{told.share:.2f}")
    return table


def _said(answer: "Answer") -> str:
    """The residual in words."""
    residual, noise = answer.residual, answer.residual.noise
    if residual.chain is not None:
        return (
            f"degraded again by {residual.chain}, rms {residual.rms:.2f} levels from the input, {residual.psnr:.2f} dB"
        )
    if noise is None:
        return f"took away {residual.rms:.2f} levels rms; what rain or blur did is not known"
    told = f"removed noise of {noise.deviation:.1f} levels"
    told += f" ({noise.sigma} are expected)" if noise.sigma is not None else ""
    return f"{told}, neighbours {noise.neighbours:+.3f}, edges {noise.edges:+.2f} (0 is white noise)"


def _content(
    found: "Fidelity", names: "Sequence[str]", facts: dict[str, Any], *, scale: int, files: Sequence[Path]
) -> dict[str, Any]:
    from dataclasses import asdict

    from pixmend.analyze.fidelity.figure import places_of

    def of_map(each: "DoubtMap") -> dict[str, Any]:
        places = places_of(each, found.answers[0].result, scale=scale)
        return {"mean": each.mean, "high": each.high, "worst": [asdict(place) for place in places]}

    models = []
    for index, (name, answer) in enumerate(zip(names, found.answers, strict=True)):
        residual = answer.residual
        one = {
            "model": name,
            "degraded_again_by": residual.chain,
            "rms": residual.rms,
            "psnr": residual.psnr,
            "noise": asdict(residual.noise) if residual.noise else None,
            "maps": {each.name: of_map(each) for each in answer.maps},
            "agreement_with_error": {name: asdict(each) for name, each in answer.agreements.items()},
        }
        if found.disagreement is not None:
            one["bias"] = found.disagreement.biases[index]
        models.append(one)
    content: dict[str, Any] = {"facts": facts, "models": models}
    if found.disagreement is not None:
        content["disagreement"] = of_map(found.disagreement.map)
    content["files"] = [str(path) for path in files]
    return content
