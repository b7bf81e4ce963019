"""``pixmend doctor``: what this machine can do, whether it does it right, and how to mend what is missing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pixmend.cli.doctor_findings import Finding

_SIGNS = {"ok": "ok", "note": "-", "fails": "FAILS"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False) -> None:
    """Say what this machine can do: devices, precisions, file formats, optional parts, memory; and try each.

    Small pictures are restored with the bundled weights and compared with stored results, on each device and in each
    precision. Ends with 1 if something fails that should work.

    Example: `pixmend doctor`
    """
    from pixmend.cli import console

    with console.notes().status("looking"):  # shown in a terminal alone
        found = list(_findings())
    failed = sum(finding.state == "fails" for finding in found)
    if as_json:
        _print_json(found)
    else:
        _print_table(found)
        missing = sum(finding.state == "note" for finding in found)
        typer.echo(f"{failed} of {len(found)} fail{_and_missing(missing)}")
    if failed:
        raise typer.Exit(1)


def _and_missing(count: int) -> str:
    return f"; {count} missing that one can do without" if count else ""


def _findings() -> "Iterator[Finding]":
    import pixmend as pm
    from pixmend.cli import doctor_findings as look

    yield from look.versions()
    devices = look.devices()
    for device, told in devices:
        yield look.Finding(group="devices", name=str(device), state="ok", told=told)
    yield from look.idle_gpus()
    for device, _ in devices:
        yield from look.precisions(device)
    network = pm.load("default").select("sr_x2")
    for device, _ in devices:
        for precision in ("float32", "bfloat16"):
            yield look.conformance(network, device, precision)
    yield from look.codecs()
    yield from look.extras()
    yield from look.places()


def _print_json(found: "list[Finding]") -> None:
    import json
    from dataclasses import asdict

    ok = all(finding.state != "fails" for finding in found)
    typer.echo(json.dumps({"ok": ok, "findings": [asdict(finding) for finding in found]}, indent=2))


def _print_table(found: "list[Finding]") -> None:
    from itertools import groupby

    from pixmend.cli.console import plain, printable, rows_table

    console = plain()
    table = rows_table("what", "", "found", "to mend it")
    for group, findings in groupby(found, key=lambda finding: finding.group):
        table.add_row(group, style="bold")
        for finding in findings:
            table.add_row(f"  {finding.name}", _SIGNS[finding.state], printable(finding.told), finding.fix)
    console.print(table)
