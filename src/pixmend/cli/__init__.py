"""The command ``pixmend``: one module per command, each importing torch only when it runs."""

import sys
import warnings

import typer

from pixmend.cli import analyze, data, degrade, doctor, evaluate, models, rerun, restore, study, train
from pixmend.errors import PixmendError

_INTERRUPTED = 130
_LONGEST = 2000

app = typer.Typer(
    name="pixmend",
    help="Restore pictures with image-restoration transformers; train, score and inspect them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("restore")(restore.restore)
app.command("rerun")(rerun.rerun)
app.command("degrade")(degrade.degrade)
app.command("doctor")(doctor.doctor)
app.command("study")(study.study)
app.add_typer(train.app, name="train")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(analyze.app, name="analyze")
app.add_typer(models.app, name="models")
app.add_typer(data.app, name="data")


@app.callback()
def _options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error; goes anywhere."),
) -> None:
    del debug  # run() has taken it out of the arguments; it stands here for --help


def main() -> None:
    """Run the command; exits with the code of ``run``."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run these arguments: 0 done, 1 an error the user can mend, 2 wrong usage, 70 a bug, 130 interrupted.

    Whatever goes wrong is one line on the error output; with ``--debug`` among the arguments it is raised.
    """
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"] or ["--help"]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")  # of odd metadata, which it then skips
            code = app(arguments, prog_name="pixmend", standalone_mode=False)
        if code == _INTERRUPTED:  # typer's answer to Ctrl-C
            raise KeyboardInterrupt
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        code, message = _explain(error)
        typer.echo(f"pixmend: {_plain(message)}", err=True)
    return code if isinstance(code, int) else 0


def _plain(message: str) -> str:
    """One line of ordinary length that a terminal prints and does not obey, whatever a stranger's file is called."""
    line = " ".join(message.split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _explain(error: Exception | KeyboardInterrupt) -> tuple[int, str]:
    """The exit code of an error and what to say about it."""
    text = str(error)
    usage = getattr(error, "format_message", None)  # only typer's have it; their class moves between versions
    if usage is not None:
        context = getattr(error, "ctx", None)
        return 2, f"error: {usage()} (see {context.command_path if context else 'pixmend'} --help)"
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return _INTERRUPTED, text or "interrupted, nothing half-written"
    if isinstance(error, PixmendError):
        return 1, f"error: {text}"
    if isinstance(error, OSError):
        return 1, f"error: {error.filename}: {error.strerror}" if error.filename else f"error: {text}"
    if _is_out_of_memory(error):
        return 1, "error: out of memory: close other programs, or give a smaller picture"
    return 70, f"internal error: {type(error).__name__}: {text} (run with --debug for the traceback)"


def _is_out_of_memory(error: Exception) -> bool:
    """Only torch has more ways than one to say so; where it is not loaded, it need not be asked."""
    if "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from pixmend.infer.device import is_out_of_memory

    return is_out_of_memory(error)
