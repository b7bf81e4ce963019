"""What ``pixmend restore`` is going to do: how much memory it may take, in which precision, and the plan in print."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pixmend.cli.restore.request import Request
    from pixmend.infer.forecast import Plan


def size_in_bytes(text: str | None) -> int | None:
    """8GB is eight thousand million bytes, as everything here counts.

    Raises:
        PixmendError: it is no size.
    """
    from pixmend.errors import PixmendError

    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt])b?", text.strip(), re.ASCII | re.IGNORECASE)
    if found is None or not float(found[1]):
        raise PixmendError(f"--max-memory: expected a size such as 2GB or 800MB, got {text!r}")
    return int(float(found[1]) * 1000 ** " kmgt".index(found[2].lower()))


def tile_of(plan: "Plan", asked: int | None) -> int | None:
    """The tile that makes the same result again where more or less memory is free; None where no tile was cut.

    None as well where networks in a row cut different ones, which is made again alike only with as much memory.
    """
    cut = {step.tile for step in plan.steps if len(step.tiles) > 1}
    return asked if asked or len(cut) != 1 else cut.pop()


def print_plan(plan: "Plan", *, request: "Request", target: Path, size: tuple[int, int]) -> None:
    """On standard output, since it is all that is asked for; ``size`` (height, width) is that of the result, which of
    a part of a picture is less than the plan's."""
    import json

    from pixmend.cli.console import plain, print_facts, printable
    from pixmend.infer.forecast import memory_words, time_words
    from pixmend.infer.memory import free

    if request.as_json:
        typer.echo(json.dumps(_plain(plan, picture=request.picture, target=target, size=size), indent=2))
        return
    height, width = size
    values = plan.channels * height * width
    whole, packed = memory_words(4 * values), memory_words(values)
    limit = f"{memory_words(request.memory)} allowed" if request.memory else f"{memory_words(free())} free"
    facts = {
        "result": f"{width} x {height}, {height * width / 1e6:.1f} megapixels: {whole} in memory, "
        f"{packed} in a file of 8 bits before compression",
        "steps": "\n".join([*map(str, plan.steps), *([f"to {width} x {height}"] if plan.resampled else [])]),
        "on": f"{plan.device}, in {plan.precision}",
        "memory": f"about {memory_words(plan.peak_bytes)} for the whole program, {limit}",
        "time": f"about {time_words(plan.seconds)}",
    }
    if plan.device_bytes:
        facts["memory there"] = f"about {memory_words(plan.device_bytes)}"
    console = plain()
    print_facts(console, printable(f"{request.picture} to {target}: nothing is done yet"), facts)


def _plain(plan: "Plan", *, picture: Path, target: Path, size: tuple[int, int]) -> dict[str, Any]:
    steps = [
        {
            "size": [step.size[1], step.size[0]],
            "output_size": [step.output_size[1], step.output_size[0]],
            "tile": step.tile,
            "tiles": len(step.tiles),
            "batch": step.batch,
            "overlap": step.overlap,
        }
        for step in plan.steps
    ]
    return {
        "picture": str(picture),
        "result": str(target),
        "size": [size[1], size[0]],
        "bytes": 4 * plan.channels * size[0] * size[1],
        "device": plan.device,
        "precision": plan.precision,
        "peak_bytes": plan.peak_bytes,
        "device_bytes": plan.device_bytes,
        "seconds": round(plan.seconds, 1),
        "steps": steps,
    }
