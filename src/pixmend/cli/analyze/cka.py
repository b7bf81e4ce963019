"""``pixmend analyze cka``: which layers hold the same of their pictures."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixmend.cli.analyze.opening import MODELS_HELP, OUT_HELP
from pixmend.cli.analyze.telling import bar, print_json

if TYPE_CHECKING:
    from pixmend.analyze.cka import Inputs, Layer, Similarity
    from pixmend.cli.analyze.opening import Asked
    from pixmend.degrade import Degradation
    from pixmend.models.base import Restorer


class What(StrEnum):
    """The features that are compared."""

    stream = "stream"
    branches = "branches"


def cka(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Clean pictures; patches are cut from all of them.")],
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=f"One, or two to compare: {MODELS_HELP}", show_default="default"),
    ] = None,
    patches: Annotated[int, typer.Option(min=4, max=65536, help="How many examples.")] = 512,
    size: Annotated[
        int,
        typer.Option(min=1, max=1024, help="Side of what a network sees, in pixels; of two, the one that sees less."),
    ] = 48,
    batch: Annotated[int, typer.Option(min=4, max=1024, help="Examples compared at a time; costs memory.")] = 16,
    what: Annotated[
        What, typer.Option(help="What flows from layer to layer, or what each part of a block adds to it.")
    ] = What.stream,
    chain: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHAIN",
            help="How patches are spoiled, as in `pixmend degrade`: once for all, or once for each model. By itself as "
            "the task says; `round8` leaves pictures as they are.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides where patches are cut, and noise.")] = 0,
    out: Annotated[Path | None, typer.Option(metavar="PNG", help=OUT_HELP)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Which layers hold the same? Centred kernel alignment of every layer with every other, of a network or of two.

    Each network is given what its task is for, made of the same clean patches. Writes a heat map, and the numbers
    beside it as .npz.

    Examples: `pixmend analyze cka Set5 --model default:sr_x2 --model default:dn_g25`,
    `pixmend analyze cka DIV2K --model scratch.safetensors --model pretrained.safetensors`
    """
    from pixmend.analyze.cka import draw
    from pixmend.analyze.cka.summary import summaries
    from pixmend.analyze.record import keep
    from pixmend.cli.analyze.cka_result import arrays_of, content_of, facts_of, print_lines
    from pixmend.cli.analyze.opening import figure_path, open_networks

    path = figure_path(out, of=folder, command="cka", force=force)
    models = model or ["default"]
    if len(models) > 2:
        raise typer.BadParameter("expected one network or two", param_hint="--model")
    networks = open_networks(models)
    chains = _chains(networks, chain or [])
    layers = [_layers(each.network, what) for each in networks]
    inputs = _inputs(folder, networks, chains, count=patches, size=size, batch=batch, seed=seed)
    _tell_padding(networks, inputs)
    found = _compare(networks, inputs, layers)
    names = [each.name for each in networks]
    facts = facts_of(folder, networks, inputs, found, what=what.value, seed=seed)
    arrays = arrays_of(found, names)
    beside = keep(path, draw(found, names=names), arrays, facts=facts)
    if as_json:
        print_json(content_of(found, names, facts, files=(path, beside)), indent=None)  # matrices
    else:
        print_lines(found, summaries(found, names=names), files=(path, beside))


def _chains(networks: "Sequence[Asked]", texts: Sequence[str]) -> "list[Degradation | None]":
    """What each network's input is made by.

    Raises:
        PixmendError: no such chain, or a task that does not say.
    """
    from pixmend.analyze.cka import task_degradation
    from pixmend.degrade import parse_chain
    from pixmend.errors import PixmendError

    if len(texts) not in (0, 1, len(networks)):
        raise typer.BadParameter(f"expected one, or {len(networks)}, got {len(texts)}", param_hint="--chain")
    if texts:
        spoiled = [parse_chain(text) for text in texts]
        return [*spoiled] * (len(networks) if len(spoiled) == 1 else 1)
    chains = []
    for each in networks:
        try:
            chains.append(task_degradation(each.network))
        except PixmendError as error:
            raise PixmendError(
                f"{each.name}: its task {each.network.tasks[0]} does not say how pictures are spoiled: give --chain, "
                "such as rain_light(), or round8 for pictures that are spoiled already"
            ) from error
    return chains


def _layers(network: "Restorer", what: What) -> "list[Layer]":
    from pixmend.analyze.cka import branches, stream

    return branches(network) if what is What.branches else stream(network)


def _inputs(
    folder: Path,
    networks: "Sequence[Asked]",
    chains: "Sequence[Degradation | None]",
    *,
    count: int,
    size: int,
    batch: int,
    seed: int,
) -> "list[Inputs]":
    from pixmend.analyze.cka import Inputs, clean_patches, clean_side

    with bar("cutting patches") as progress:
        clean = clean_patches(folder, count=count, side=clean_side(size, chains), seed=seed, progress=progress)
    return [
        Inputs(clean=clean, network=each.network, chain=chain, batch=batch, seed=seed)
        for each, chain in zip(networks, chains, strict=True)
    ]


def _tell_padding(networks: "Sequence[Asked]", inputs: "Sequence[Inputs]") -> None:
    """Mirrored borders are features too, and not those of a larger picture."""
    from pixmend.cli.console import notes

    for each, given in zip(networks, inputs, strict=True):
        multiple = each.network.fixed_size or each.network.multiple
        height, width = given.size
        if height % multiple or width % multiple:
            notes().print(
                f"note: {each.name} sees {width} x {height} pixels and mirrors them to multiples of {multiple}: "
                "another --size avoids that"
            )


def _compare(networks: "Sequence[Asked]", inputs: "Sequence[Inputs]", layers: "Sequence[list[Layer]]") -> "Similarity":
    from pixmend.analyze.cka import similarity

    two = len(networks) > 1
    with bar("comparing batches") as progress:
        return similarity(
            networks[0].network,
            inputs[0],
            layers=layers[0],
            other=networks[1].network if two else None,
            other_patches=inputs[1] if two else None,
            other_layers=layers[1] if two else None,
            progress=progress,
        )
