"""``pixmend degrade``: make the inputs of a benchmark from clean pictures, again and anywhere the same."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixmend.cli import console

if TYPE_CHECKING:
    from pixmend.data.manifest import Difference, Manifest
    from pixmend.degrade import Chain

_MAKING = (("PICTURES", "--out"), ("--seed", "--high", "--modcrop", "--force"))
_OPTIONS = {"--again": (("--out",), ("PICTURES", "--high", "--force")), "--check": ((), ())}
"""Options needed and allowed with one."""

_NEEDED = {"PICTURES": "clean pictures or folders of them", "--out": "a folder for the degraded ones"}

_CLIPPED = (
    "note: a file holds 8 bits, so noise is clipped and rounded here; most papers do neither, and scores on these "
    "files differ from theirs (pixmend evaluate adds the noise as they do)"
)


def degrade(
    pictures: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PICTURES", help="Clean pictures and folders of them.", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the degraded pictures, as PNG.")] = None,
    task: Annotated[
        str | None,
        typer.Option(metavar="TASK", help="As its benchmarks: `sr_x4`, `dn_g25`, `jpeg_q10`, `dr_L`; `sr_real_x4`."),
    ] = None,
    chain: Annotated[
        str | None, typer.Option(metavar="STEPS", help="Steps of your own: `bicubic(scale=4), jpeg(quality=40)`.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of all that is drawn; 0 by itself.", show_default=False)] = None,
    high: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write the clean pictures here, cropped alike.")
    ] = None,
    modcrop: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Crop to multiples of N, too.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist, never clean pictures.")] = False,
    again: Annotated[
        Path | None, typer.Option(metavar="MANIFEST", help="Make its pictures once more and compare.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="MANIFEST", help="Compare the pictures beside it with it; write nothing.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest, or the differences, as JSON.")] = False,
) -> None:
    """Degrade clean pictures as benchmarks do, or by steps of your own, with a manifest that makes them again.

    What is drawn for a picture depends on the seed and its name alone. Steps: bicubic, torch_resize, resize_to,
    decimate, gaussian_blur, elliptic_blur, sinc, sharpen, gaussian_noise, colour_noise, poisson_noise, jpeg,
    rain_light, rain_heavy, rain_streaks, real_esrgan, bsrgan, round8, choice, chain.

    Example: `pixmend degrade Set14 --task sr_x4 --out bench/LR/x4 --high bench/HR/x4`
    """
    asked = _only_one({"--task": task, "--chain": chain, "--again": again, "--check": check})
    making = {"PICTURES": pictures or None, "--out": out, "--seed": seed, "--high": high, "--modcrop": modcrop}
    _check_options(asked, {name for name, value in (making | {"--force": force or None}).items() if value is not None})
    if check is not None:
        _verify(check, as_json=as_json)
    elif again is not None:
        _repeat(again, out or Path(), pictures=pictures, high=high, force=force, as_json=as_json)
    else:
        from pixmend.data.degrading import degrade_folder

        steps, started = _chain(task, chain), time.perf_counter()
        with _bar() as progress:
            manifest = degrade_folder(
                pictures or [],
                out or Path(),
                chain=steps,
                seed=seed or 0,
                crop_to=modcrop or 1,
                high=high,
                task=task,
                force=force,
                progress=progress,
            )
        _report(manifest, out or Path(), seconds=time.perf_counter() - started, as_json=as_json)
        _exit_if(manifest.failures)


def _only_one(modes: dict[str, object]) -> str:
    """The name of the only option that is given."""
    from pixmend.errors import PixmendError

    asked = [name for name, value in modes.items() if value is not None]
    if len(asked) != 1:
        raise PixmendError(f"expected one of {', '.join(modes)}, got {' and '.join(asked) or 'none'}")
    return asked[0]


def _check_options(asked: str, given: set[str]) -> None:
    """Refuse an option that would have no effect, and ask for one that is missing."""
    from pixmend.errors import PixmendError

    needed, allowed = _OPTIONS.get(asked, _MAKING)
    for name in needed:
        if name not in given:
            raise PixmendError(f"{asked} needs {name}: {_NEEDED[name]}")
    for name in sorted(given - set(needed) - set(allowed)):
        raise PixmendError(f"{name} has no effect with {asked}: leave it out")


def _chain(task: str | None, text: str | None) -> "Chain":
    from pixmend.data.degrading import task_chain
    from pixmend.degrade import parse_chain

    return parse_chain(text) if text is not None else task_chain(task or "")


def _verify(path: Path, *, as_json: bool) -> None:
    """Exit with 1 where a picture is not what the manifest says."""
    from pixmend.data.manifest import read_manifest, verify

    manifest = read_manifest(path)
    found = verify(manifest, path if path.is_dir() else path.parent)
    if not as_json and not manifest.complete:
        console.notes().print("the run that wrote this manifest was interrupted: it lists what was done by then")
    _show(found, checked=len(manifest.pictures), as_json=as_json)
    _exit_if(found)


def _repeat(
    path: Path, out: Path, *, pictures: list[Path] | None, high: Path | None, force: bool, as_json: bool
) -> None:
    """Exit with 1 where a picture came out otherwise."""
    from pixmend.data.degrading import degrade_again
    from pixmend.data.manifest import differences, read_manifest

    before = read_manifest(path)
    with _bar() as progress:
        after = degrade_again(before, out, sources=pictures, high=high, force=force, progress=progress)
    found = differences(before, after)
    if found and not as_json:
        for name, then in before.versions.items():
            if (now := after.versions.get(name)) != then:
                console.notes().print(f"made with {name} {then}, now {now}")
    _show(found, checked=len(before.pictures), as_json=as_json)
    _exit_if(found)


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A bar over the pictures with rate and time left, if there is a terminal to show it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("degrading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    notes = console.notes()
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bar:
        shown = bar.add_task("degrading", total=None)
        yield lambda done, total: bar.update(shown, completed=done, total=total)


def _report(manifest: "Manifest", out: Path, *, seconds: float, as_json: bool) -> None:
    for failure in manifest.failures:
        console.notes().print(console.printable(f"failed: {failure.error}"))
    if "gaussian_noise(" in manifest.chain and not as_json:
        console.notes().print(_CLIPPED)
    if as_json:
        typer.echo(manifest.to_json())
        return
    done, cropped = manifest.pictures, [item for item in manifest.pictures if item.cropped != item.source.size]
    total = len(done) + len(manifest.failures)
    result = console.plain()
    result.print(f"steps   {manifest.chain}, seed {manifest.seed}")
    if manifest.multiple > 1:
        side = f"bottom and right, to multiples of {manifest.multiple}"
        result.print(f"crop    {len(cropped)} of {total} pictures, {side}")
    result.print(
        console.printable(f"wrote   {len(done)} of {total} pictures into {out}, {len(done) / seconds:.1f} a second")
    )


def _show(found: "tuple[Difference, ...]", *, checked: int, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"checked": checked, "differences": [asdict(item) for item in found]}, indent=2))
        return
    for item in found:
        console.plain().print(console.printable(f"{item.picture}: {item.what}"))
    count = f"{len(found) or 'no'} difference{'' if len(found) == 1 else 's'}"
    console.plain().print(f"{checked} pictures checked, {count}")


def _exit_if(wrong: "tuple[object, ...]") -> None:
    if wrong:
        raise typer.Exit(1)
