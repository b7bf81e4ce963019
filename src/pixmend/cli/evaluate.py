"""``pixmend evaluate``: score a model on a folder of pictures, the way the papers did."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from pixmend.evaluate import Benchmark, Protocol, Report, Score
    from pixmend.models.base import Restorer

_BASELINES = ("bicubic", "input")


def evaluate(
    model: Annotated[
        str, typer.Argument(help="`default`, a name, a weights file, or a baseline: `bicubic` or `input`.")
    ],
    on: Annotated[Path, typer.Option("--on", metavar="DIR", help="Folder of the benchmark.", show_default=False)],
    task: Annotated[
        list[str],
        typer.Option("--task", metavar="TASK", help="`sr_x2`, `dn_g25`, `dr_L`, ...; may be repeated."),
    ],
    protocol: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="`classic_sr`, `colour_denoising` or `deraining`; by itself the task's."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write JSON, a Markdown table and a chart here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Score a model on a folder: PSNR and SSIM of every picture, beside the baseline's.

    Layouts: HR/x2 + LR/x2, HR + LR_bicubic/X2, norain + rain, target + input, or just clean pictures.

    Example: `pixmend evaluate default --on Set5 --task sr_x2 --task sr_x3`
    """
    from pixmend.evaluate import find, protocol_named, protocol_of
    from pixmend.tasks import parse_task

    benchmarks = [find(on, task=name) for name in task]
    protocols = [protocol_named(protocol) if protocol else protocol_of(parse_task(name).kind) for name in task]
    restorers = _restorers(model, task)
    if out is not None:
        _make(out)
    reports = []
    for restorer, benchmark, chosen in zip(restorers, benchmarks, protocols, strict=True):
        report = _measure(restorer, benchmark, protocol=chosen, name=_shown_name(model))
        reports.append(report)
        if out is not None:
            _write(report, out)
        if not as_json:
            _show(report)
    if as_json:
        typer.echo("[" + ",\n".join(report.to_json() for report in reports) + "]")


def _restorers(model: str, tasks: list[str]) -> "list[Restorer]":
    """One Restorer per task, of a single load; all of them before anything is measured.

    Raises:
        PixmendError: no such model, it does not know a task, or the baseline is another task's.
    """
    import pixmend
    from pixmend.errors import PixmendError
    from pixmend.evaluate.baseline import baseline_for, baseline_name
    from pixmend.infer.device import find_device
    from pixmend.models.base import MultiTask
    from pixmend.tasks import parse_task

    if model not in _BASELINES:
        loaded = pixmend.load(model).to(find_device("auto"))
        return [loaded.select(task) if isinstance(loaded, MultiTask) else loaded for task in tasks]
    parsed = [parse_task(task) for task in tasks]
    for task in parsed:
        if baseline_name(task) != model:
            raise PixmendError(f"{model}: not a baseline of {task.name}: use {baseline_name(task)}")
    return [baseline_for(task) for task in parsed]


def _measure(restorer: "Restorer", benchmark: "Benchmark", *, protocol: "Protocol", name: str) -> "Report":
    """Measure behind a progress bar on standard error, so that standard output holds results only."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from pixmend.evaluate import measure

    rate = TextColumn("{task.fields[rate]}")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        rate,
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        title = f"{name} on {benchmark.name}, {benchmark.task.name}"
        bar = progress.add_task(escape(title), total=len(benchmark.pairs), rate="")
        return measure(
            restorer,
            benchmark,
            protocol=protocol,
            name=name,
            watch=lambda record: progress.update(bar, advance=1, rate=f"{record.seconds:.2f} s/picture"),
        )


def _show(report: "Report") -> None:
    from rich.console import Console

    console = Console()
    console.print(_table(report))
    console.print(report.describe(), markup=False, highlight=False)
    console.print()


def _table(report: "Report") -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(f"{report.model} on {report.benchmark}, {report.task}"), title_justify="left")
    table.add_column("picture")
    for column in (f"{report.baseline} dB", "SSIM", f"{report.model} dB", "SSIM", "gain", "seconds"):
        table.add_column(escape(column), justify="right")
    for record in report.records:
        table.add_row(escape(record.name), *_cells(record.baseline, record.model), f"{record.seconds:.2f}")
    table.add_section()
    table.add_row("mean", *_cells(report.baseline_mean, report.mean), f"{report.mean_seconds:.2f}", style="bold")
    return table


def _cells(baseline: "Score", model: "Score") -> tuple[str, ...]:
    from pixmend.evaluate.report import gain

    shown = (f"{baseline.psnr:.2f}", f"{baseline.ssim:.4f}", f"{model.psnr:.2f}", f"{model.ssim:.4f}")
    return (*shown, f"{gain(model, baseline):+.2f}")


def _shown_name(model: str) -> str:
    """A name as given; of a file, its folder too, since every run calls its file weights.safetensors."""
    path = Path(model)
    if path.name == model and not path.suffix:
        return model
    return f"{path.resolve().parent.name}_{path.stem}"


def _write(report: "Report", folder: Path) -> None:
    """Three files named after model, benchmark, task and protocol, so that no report replaces another's."""
    import io

    from pixmend.evaluate.picture import draw
    from pixmend.files import replace

    stem = "_".join((report.model, report.benchmark, report.task, report.protocol.name))
    chart = io.BytesIO()
    draw(report).save(chart, format="PNG")
    replace(folder / f"{stem}.json", report.to_json() + "\n")
    replace(folder / f"{stem}.md", report.to_markdown())
    replace(folder / f"{stem}.png", chart.getbuffer())


def _make(folder: Path) -> None:
    """The folder of the reports, made and tried before hours of measuring.

    Raises:
        PixmendError: it cannot be made or written to.
    """
    from pixmend.errors import PixmendError
    from pixmend.files import beside

    trial = beside(folder / "report")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise PixmendError(f"{folder}: cannot write reports here: {error.strerror}") from error
