"""``pixmend train``: train as a recipe says, and go on where a run stopped."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixmend.cli.group import RunByDefault
from pixmend.cli.train_bar import carry_out
from pixmend.cli.train_finetune import conclude, finetune
from pixmend.cli.train_recipes import show

if TYPE_CHECKING:
    from pixmend.train import Data, Run

app = typer.Typer(
    cls=RunByDefault,
    help="Train a network: as a recipe says, on from where a run stopped, or on your own pictures. "
    "`pixmend train RECIPE ...` is short for `pixmend train run RECIPE ...`.",
    no_args_is_help=True,
)

app.command()(finetune)

_Settings = Annotated[
    list[str], typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the run: optim.lr=1e-4.")
]


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(help="A recipe: default, hat.sr_x2, ...")],
    out: Annotated[Path, typer.Option("--out", help="The run's folder: weights, log, curves, previews.")],
    data: Annotated[list[Path], typer.Option("--data", help="A folder of pictures. May be given again.")] = [],  # noqa: B006
    validate: Annotated[
        list[Path], typer.Option("--validate", help="A benchmark to score on the way; the best weights are kept.")
    ] = [],  # noqa: B006
    settings: _Settings = [],  # noqa: B006
    small: Annotated[bool, typer.Option("--small", help="With a small network, 100 steps: to try a recipe.")] = False,
    _list: Annotated[
        bool, typer.Option("--list", callback=show, is_eager=True, help="Show the recipes, and end.")
    ] = False,
) -> None:
    """Train a network on folders of pictures.

    Ctrl-C finishes the step and saves; **pixmend train resume RUN** goes on from there. The folder's
    weights.safetensors is what **pixmend restore --model** takes.
    """
    from dataclasses import replace

    from pixmend.config import override
    from pixmend.errors import PixmendError
    from pixmend.recipes import find
    from pixmend.recipes import small as small_form

    found = small_form(find(recipe)) if small else find(recipe)
    if not data:
        raise PixmendError("--data: training needs a folder of pictures")
    where = "pictures in " + ", ".join(folder.resolve().name for folder in data)
    folders = tuple(str(folder) for folder in data)
    planned = override(replace(found, data=replace(found.data, folders=folders), notes=found.notes or where), *settings)
    if validate:
        planned = replace(planned, validation=tuple(str(folder) for folder in validate))
    carry_out(planned, out, resume=False)


@app.command()
def resume(
    out: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.")],
    data: Annotated[
        list[Path], typer.Option("--data", help="Where its pictures are now; again for each of its folders.")
    ] = [],  # noqa: B006
    low: Annotated[list[Path], typer.Option("--low", help="Where the degraded ones of its pairs are now.")] = [],  # noqa: B006
    settings: _Settings = [],  # noqa: B006
) -> None:
    """Go on where a run stopped, or beyond its end with `--set steps=...`.

    The result is what it would have been without the stop, on a CPU bit for bit.
    """
    from dataclasses import replace

    from pixmend.config import override

    kept = _kept(out)
    kept = replace(kept, data=_moved(kept.data, data, low))
    carry_out(override(kept, *settings), out, resume=True)
    conclude(out)


def _moved(data: "Data", folders: list[Path], low: list[Path]) -> "Data":
    """The same pictures, in folders that are somewhere else now; what was left out there is left out here."""
    from dataclasses import replace

    from pixmend.errors import PixmendError

    for option, given, had in (("--data", folders, data.folders), ("--low", low, data.low)):
        if given and len(given) != len(had):
            raise PixmendError(f"{option}: the run has {len(had)} folders ({', '.join(had)}), got {len(given)}")
    lows = tuple(str(folder) for folder in low) or data.low
    if not folders:
        return replace(data, low=lows)
    places = dict(zip(data.folders, folders, strict=True))
    without = tuple(
        str(places[folder] / Path(name).relative_to(folder))
        for name in data.without
        for folder in places
        if Path(name).is_relative_to(folder)
    )
    return replace(data, folders=tuple(str(folder) for folder in folders), low=lows, without=without)


def _kept(out: Path) -> "Run":
    """The run that a folder holds."""
    import json

    from pixmend.config import from_plain
    from pixmend.errors import PixmendError
    from pixmend.train import Run

    file = out / "run.json"
    try:
        return from_plain(Run, json.loads(file.read_text()), where=str(file))
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, PixmendError):
            raise
        why = "it is damaged" if file.is_file() else "there is no such file"
        raise PixmendError(f"{file}: not a run to resume: {why}") from error
