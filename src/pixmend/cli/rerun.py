"""``pixmend rerun RESULT``: make a result again as it says that it was made."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pixmend.image import Picture
    from pixmend.infer.pipeline import Pipeline


_KINDS = {"picture": str, "sha256": str, "model": str, "weights": list, "tasks": list, "options": dict}
_KINDS |= {"device": str, "precision": str, "ensemble": int, "strength": int | float}
_KINDS |= {"tile": int | None, "size": list | None, "crop": dict | None}


def rerun(
    result: Annotated[Path, typer.Argument(help="What `pixmend restore` wrote.", show_default=False)],
    picture: Annotated[
        Path | None, typer.Argument(help="What it was made of; by itself the file of that name beside it.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The weights, where they are a file; by itself those of that name.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the new result; by itself it is compared and dropped.")
    ] = None,
) -> None:
    """Make a result again from the picture, the weights and the options that its file names, and compare.

    Exits with 1 if the picture or the weights are not those, or the results differ.

    Example: `pixmend rerun photo_x2.png`
    """
    import tempfile

    from pixmend.cli.restore.video import wanted
    from pixmend.errors import PixmendError
    from pixmend.image import WriteOptions, check_output, read_picture, read_provenance, write_picture

    if wanted(result):
        raise PixmendError(f"{result}: a video, which does not say how it was made: only pictures are made again")
    facts = _checked(read_provenance(result), result)
    source = picture or result.with_name(facts["picture"])
    if picture is None and source.is_file() and source.samefile(result):
        raise PixmendError(f"{result}: was made of another file of that name: say where it is, behind the result")
    before = _source(source, facts)
    options = WriteOptions(**facts["options"])
    if out is not None:
        if out.exists():
            raise PixmendError(f"{out}: exists already: give another name")
        check_output(out, size=(1, 1), alpha=before.alpha is not None, options=options)
    after = _made(facts, before, model=model)
    old = read_picture(result)
    with tempfile.TemporaryDirectory() as spare:
        target = out or Path(spare) / result.name
        write_picture(target, after, options=options, provenance=facts)
        difference = _difference(old, read_picture(target))
    if difference > 0:
        raise PixmendError(f"{result}: made again it differs, by {difference:.3g} levels at most")
    typer.echo(f"{result}: made again from {source.name} by {facts['model']}, and it is the same")


def _checked(facts: dict[str, Any] | None, result: Path) -> dict[str, Any]:
    """What the file says, which anybody may have written.

    Raises:
        PixmendError: it says nothing, or not what ``restore`` writes.
    """
    from pixmend.errors import PixmendError

    if facts is None:
        raise PixmendError(f"{result}: does not say how it was made: only what pixmend restore wrote can be made again")
    facts = dict.fromkeys(("ensemble", "strength"), 1) | dict.fromkeys(("tile", "size", "crop")) | facts
    wrong = [name for name, kind in _KINDS.items() if not isinstance(facts.get(name), kind)]
    if wrong or Path(facts["picture"]).name != facts["picture"] or not _fit(facts):
        raise PixmendError(f"{result}: what it says of how it was made is damaged: {', '.join(wrong) or 'its values'}")
    return facts


def _fit(facts: dict[str, Any]) -> bool:
    """Whether what is in the lists and tables is what should be."""
    from dataclasses import fields

    from pixmend.image import WriteOptions
    from pixmend.infer.part import Box

    size, crop, options = facts["size"], facts["crop"], facts["options"]
    numbers = [*(size or ()), *(crop or {}).values()]
    return (
        all(type(name) is str for name in facts["tasks"])
        and all(type(number) is int for number in numbers)
        and (size is None or (len(size) == 2 and min(size) > 0))
        and (crop is None or set(crop) == {field.name for field in fields(Box)})
        and set(options) <= {field.name for field in fields(WriteOptions)}
        and isinstance(options.get("quality"), int | None)
    )


def _source(source: Path, facts: dict[str, Any]) -> "Picture":
    import hashlib

    from pixmend.errors import PixmendError
    from pixmend.image import read_picture

    if not source.is_file():
        raise PixmendError(f"{source}: no such file: say where {facts['picture']} is, behind the result")
    before = read_picture(source)
    if hashlib.sha256(source.read_bytes()).hexdigest() != facts["sha256"]:
        raise PixmendError(f"{source}: is not the file that the result was made of, or has changed since")
    return before


def _made(facts: dict[str, Any], before: "Picture", *, model: str | None) -> "Picture":
    """The result, made again."""
    from pixmend.infer.part import Box, restore_part
    from pixmend.infer.picture import restore_picture

    pipeline = _pipeline(facts, model=model)
    whole, size = (before.pixels.shape[1], before.pixels.shape[2]), facts["size"] and tuple(facts["size"])
    if facts["crop"] is None:
        return restore_picture(pipeline, before, size=size)
    part = Box(**facts["crop"])
    part.check(whole)
    outer = part.around(whole, pipelines=[pipeline])
    size = part.result_size(whole, scale=pipeline.scale, size=size)
    return restore_part(pipeline, outer.cut(before), part=part.within(outer), size=size)


def _pipeline(facts: dict[str, Any], *, model: str | None) -> "Pipeline":
    import pixmend
    from pixmend.cli.restore.tasks import RESIZE, overlap
    from pixmend.errors import PixmendError
    from pixmend.evaluate.baseline import Identity
    from pixmend.infer.fingerprint import fingerprint

    alone = facts["tasks"] == [RESIZE]
    pipeline = pixmend.Pipeline(
        Identity() if alone else pixmend.load(model or facts["model"]),
        task=None if alone else tuple(facts["tasks"]) or None,
        device=facts["device"],
        precision=facts["precision"],
        tile=facts["tile"],
        overlap=overlap(None if facts.get("overlap") is None else str(facts["overlap"])),
        ensemble=facts["ensemble"],
        strength=facts["strength"],
    )
    if [fingerprint(network) for network in pipeline.networks] != facts["weights"]:
        raise PixmendError(f"{model or facts['model']}: these are not the weights that the result was made with")
    return pipeline


def _difference(old: "Picture", new: "Picture") -> float:
    """The largest of colours or transparency, in levels of the file's depth."""
    if old.pixels.shape != new.pixels.shape or (old.alpha is None) != (new.alpha is None):
        return float("inf")
    difference = float((old.pixels - new.pixels).abs().max())
    if old.alpha is not None and new.alpha is not None:
        difference = max(difference, float((old.alpha - new.alpha).abs().max()))
    return difference * (2**old.depth - 1 if old.depth < 32 else 1)
