"""``pixmend evaluate explain``: why a score is not the one that was expected."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from pixmend.evaluate.explain import Explanation

_SHOWN, _PICTURES = 14, 6


def explain(
    restored: Annotated[Path, typer.Argument(help="The restored picture, or a folder of them.", show_default=False)],
    true: Annotated[Path, typer.Argument(help="The true picture, or a folder of them.", show_default=False)],
    scale: Annotated[
        int | None,
        typer.Option(min=1, max=16, help="How many times RESTORED was enlarged; by itself that of --low, or 1."),
    ] = None,
    low: Annotated[
        Path | None, typer.Option(metavar="PATH", help="What was restored, to find out which resize made it.")
    ] = None,
    expected: Annotated[
        str | None, typer.Option(metavar="DB", help="The PSNR to look for, as printed: `38.27`.")
    ] = None,
    expected_ssim: Annotated[
        str | None, typer.Option(metavar="SSIM", help="The SSIM to look for, as printed: `.9614`.")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(metavar="DB", help="How close is a match; by itself half of the last digit.")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="By itself `classic_sr` for a scale above 1, else `colour_denoising`."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write explain.json, .md and .png here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Why is my PSNR not the paper's? Scores two pictures or folders in every known way and looks for mistakes.

    Example: `pixmend evaluate explain results/Set5 Set5/HR --scale 2 --expected 38.27`
    """
    from pixmend.cli.console import plain
    from pixmend.evaluate.explain import explain_files
    from pixmend.evaluate.protocols import protocol_named

    psnr, digits = _number(expected, "--expected")
    ssim, digits_ssim = _number(expected_ssim, "--expected-ssim")
    if tolerance is not None and psnr is None:
        raise typer.BadParameter("has no effect without --expected", param_hint="--tolerance")
    with _waiting() as watch:
        found = explain_files(
            restored,
            true,
            scale=scale,
            low=low,
            expected=psnr,
            expected_ssim=ssim,
            tolerance=digits if tolerance is None else tolerance,
            tolerance_ssim=digits_ssim,
            protocol=protocol_named(protocol) if protocol else None,
            watch=watch,
        )
    if out is not None:
        _write(found, out)
    if as_json:
        typer.echo(found.to_json())
    else:
        _show(found, plain())


def _number(text: str | None, option: str) -> tuple[float | None, float]:
    """A number as printed and half of its last digit."""
    if text is None:
        return None, 0.0
    try:
        value = float(text)
    except ValueError:
        raise typer.BadParameter(f"expected a number such as 38.27, got {text!r}", param_hint=option) from None
    if value <= 0 or value == float("inf") or value != value:
        raise typer.BadParameter(f"expected a number above 0, got {text}", param_hint=option)
    return value, 0.5 * 10.0 ** -len(text.partition(".")[2])


@contextmanager
def _waiting() -> "Iterator[Callable[[str], None]]":
    """A line on the error output that says what is being done, where somebody looks on."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status("reading") as status:
        yield status.update


def _show(found: "Explanation", console: "Console") -> None:
    from pixmend.cli.console import rows_table
    from pixmend.evaluate.explain.explanation import decibel, fraction

    console.print(found.verdict)
    for note in found.notes:
        console.print(f"Note: {note}.")
    console.print()
    table = rows_table("protocol", "PSNR", "SSIM", numbers=2)
    for row in found.protocols:
        own = found.protocol in row.names
        table.add_row(", ".join(row.names), decibel(row.psnr), fraction(row.ssim), style="bold" if own else None)
    console.print(table)
    table = rows_table(f"{found.protocol} but", "PSNR", "difference", numbers=2)
    for number in found.telling[:_SHOWN]:
        table.add_row(number.differences[0], decibel(number.psnr), f"{number.psnr - found.psnr:+.2f}")
    console.print(table)
    if found.findings:
        table = rows_table("mistake", "evidence", "PSNR", "undone", numbers=2)
        for finding in found.findings:
            about = "about " if finding.estimated else ""
            told = f"{finding.subject} {finding.mistake}"
            table.add_row(told, finding.evidence, decibel(finding.before), about + decibel(finding.after))
        console.print(table)
    if len(found.each) > 1:
        _show_each(found, console)
    for answer in found.answers:
        if answer.matches:
            table = rows_table(f"{answer.measure} {answer.expected:g} is", "value", numbers=1)
            for match in answer.matches:
                table.add_row(match.describe(found.protocol), f"{match.value:.4f}")
            console.print(table)


def _show_each(found: "Explanation", console: "Console") -> None:
    """A line for each picture, or for the worst of many."""
    from pixmend.cli.console import rows_table
    from pixmend.evaluate.explain.explanation import decibel, fraction

    many = len(found.each) > _PICTURES
    heading = f"worst {_PICTURES} of {len(found.each)} pictures" if many else "picture"
    table = rows_table(heading, "PSNR", "SSIM", "found", numbers=0)
    for one in found.worst[:_PICTURES]:
        table.add_row(one.name, decibel(one.psnr), fraction(one.ssim), ", ".join(one.found))
    console.print(table)


def _write(found: "Explanation", folder: Path) -> None:
    """Three files, each whole or not at all.

    Raises:
        PixmendError: the folder cannot be made or written to.
    """
    import io

    from pixmend.evaluate.explain.picture import draw
    from pixmend.files import not_writable, replace

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(folder, error) from error
    chart = io.BytesIO()
    draw(found).save(chart, format="PNG")
    replace(folder / "explain.json", found.to_json() + "\n")
    replace(folder / "explain.md", found.to_markdown())
    replace(folder / "explain.png", chart.getbuffer())
