"""What ``pixmend analyze cka`` says of a comparison: facts, arrays, a table or JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmend.cli.analyze.telling import print_files

if TYPE_CHECKING:
    from pixmend.analyze.cka import Inputs, Similarity
    from pixmend.analyze.cka.summary import Summary
    from pixmend.analyze.record import Facts
    from pixmend.cli.analyze.opening import Asked

FEW = 8
"""Examples in a batch below which similarities are not to be believed."""


def facts_of(
    folder: Path,
    networks: "Sequence[Asked]",
    inputs: "Sequence[Inputs]",
    found: "Similarity",
    *,
    what: str,
    seed: int,
) -> "Facts":
    """Models, what each was given, examples and settings."""
    from pixmend.degrade import chain_text

    seen = []
    for each, given in zip(networks, inputs, strict=True):
        height, width = given.size
        spoiled = "as it is" if given.chain is None else chain_text(given.chain)
        seen.append(f"{each.name} {width} x {height}, {spoiled}")
    batches = "1 batch" if found.batches == 1 else f"{found.batches} batches"
    return {
        "CKA of": " and ".join(each.name for each in networks),
        "given": "; ".join(dict.fromkeys(seen)),
        "examples": f"{found.examples} patches of {folder.name or folder.resolve().name} in {batches}",
        "seed": seed,
        "features": what,
    }


def arrays_of(found: "Similarity", names: Sequence[str]) -> dict:
    """Each network's layers with one another and, of two, the first one's (rows) with the other's; their names."""
    import numpy as np

    arrays = {"first": found.own, "first_layers": np.array([layer.name for layer in found.layers])}
    if len(names) > 1:
        arrays |= {"second": found.other, "second_layers": np.array([layer.name for layer in found.other_layers])}
        arrays |= {"first_second": found.matrix}
    return arrays


def print_lines(found: "Similarity", lines: "Sequence[Summary]", *, files: Sequence[Path]) -> None:
    """A line for each panel, then the files; on the error output the layers that are constant."""
    from pixmend.cli.console import notes, plain, printable, rows_table

    console = plain()
    table = rows_table("CKA of", "layers", "mean of all pairs", "least", "least among", "at")
    for line in lines:
        layers = str(line.shape[0]) if line.among == "neighbours" else f"{line.shape[0]} x {line.shape[1]}"
        table.add_row(printable(line.name), layers, f"{line.mean:.3f}", f"{line.least:.3f}", line.among, line.where)
    console.print(table)
    print_files(*files)
    if found.examples < FEW * found.batches:
        each = found.examples // found.batches
        told = f"batches of {each} examples tell little, and give 1 and -1 by chance: more --patches, and --batch"
        notes().print(f"note: {told}")
    constant = ", ".join(found.constant[:3]) + (
        "" if len(found.constant) <= 3 else f" and {len(found.constant) - 3} more"
    )
    if constant:
        notes().print(f"note: {constant}: the same for all patches, so like no other layer (grey)")


def content_of(found: "Similarity", names: Sequence[str], facts: "Facts", *, files: Sequence[Path]) -> dict[str, Any]:
    """All of it, for JSON."""
    from dataclasses import asdict

    from pixmend.analyze.cka.summary import summaries

    return {
        "facts": dict(facts),
        "summaries": [asdict(line) for line in summaries(found, names=names)],
        "constant": list(found.constant),
        "arrays": {name: array.tolist() for name, array in arrays_of(found, names).items()},
        "files": [str(path) for path in files],
    }
