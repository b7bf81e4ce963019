"""``pixmend restore FOLDER --dry-run``: what a folder would take, in words or in JSON."""

import json
from typing import TYPE_CHECKING, Any

import typer

from pixmend.cli import console

if TYPE_CHECKING:
    from pixmend.cli.restore.request import Request
    from pixmend.cli.restore.ways import Ways
    from pixmend.infer.folder import Job, JobForecast

_ROWS = 20


def tell(job: "Job", ways: "Ways", request: "Request") -> None:
    """Print it; nothing is written."""
    from pixmend.infer.folder import forecast_job

    forecast = forecast_job(job, ways.pipelines, choose=ways)
    if request.as_json:
        typer.echo(json.dumps(_plain(forecast, job, ways), indent=2))
        return
    out = console.plain()
    heading = console.printable(f"{job.source} to {job.out}: nothing is done yet")
    console.print_facts(out, heading, _facts(forecast, job, ways, request=request))
    if forecast.failing:
        table = console.rows_table("would fail", "why")
        for path, reason in forecast.failing[:_ROWS]:
            table.add_row(console.printable(str(path)), console.printable(reason))
        out.print(table)
        if len(forecast.failing) > _ROWS:
            typer.echo(f"and {len(forecast.failing) - _ROWS} more")


def _facts(forecast: "JobForecast", job: "Job", ways: "Ways", *, request: "Request") -> dict[str, str]:
    from pixmend.infer.forecast import memory_words, time_words
    from pixmend.infer.memory import free

    found, pipelines = job.found, ways.pipelines
    counts = [
        (len(forecast.todo), "to do"),
        (len(forecast.skipped), "done already"),
        (len(forecast.failing), "to fail"),
    ]
    ignored = [
        (found.hidden, "hidden left out"),
        (found.others, "no pictures by name"),
        (found.results, "folders of results"),
    ]
    limit = f"{memory_words(request.memory)} allowed" if request.memory else f"{memory_words(free())} free"
    return {
        "pictures": ", ".join(f"{count} {what}" for count, what in (*counts, *ignored) if count) or "none",
        "size": f"{forecast.pixels / 1e6:.2f} megapixels, the results {forecast.output_pixels / 1e6:.2f}: "
        f"{memory_words(forecast.output_bytes)} in 8 bits before compression",
        "tasks": "\n".join(", ".join(chain) or "the network's own" for chain in ways.chains),
        "on": f"{' and '.join(str(pipeline.device) for pipeline in pipelines)}, in {pipelines[0].precision}",
        "memory": f"about {memory_words(forecast.peak_bytes)} for the whole program, {limit}",
        "time": f"about {time_words(forecast.seconds / len(pipelines))}, {forecast.tiles} tiles",
    }


def _plain(forecast: "JobForecast", job: "Job", ways: "Ways") -> dict[str, Any]:
    return {
        "source": str(job.source),
        "out": str(job.out),
        "todo": [path.as_posix() for path in forecast.todo],
        "skipped": [path.as_posix() for path in forecast.skipped],
        "failing": [{"path": path.as_posix(), "reason": reason} for path, reason in forecast.failing],
        "ignored": {
            "hidden": job.found.hidden,
            "no pictures": job.found.others,
            "folders of results": job.found.results,
        },
        "tasks": ways.chains,
        "pixels": forecast.pixels,
        "output_pixels": forecast.output_pixels,
        "bytes": forecast.output_bytes,
        "devices": [str(pipeline.device) for pipeline in ways.pipelines],
        "precision": ways.pipelines[0].precision,
        "peak_bytes": forecast.peak_bytes,
        "tiles": forecast.tiles,
        "seconds": round(forecast.seconds / len(ways.pipelines), 1),
    }
