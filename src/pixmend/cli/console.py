"""Where commands print."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

_WIDE = 1000
"""Columns of what is no terminal: there nothing is cut or broken, and each row of a table is one line."""


def plain() -> "Console":
    """The result: paths and cards are printed as they are, whatever brackets and colons they hold."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDE
    return Console(markup=False, emoji=False, highlight=False, width=width)


def notes(*, quiet: bool = False) -> "Console":
    """Where all goes that is not the result: the error output."""
    from rich.console import Console

    return Console(stderr=True, quiet=quiet, highlight=False, markup=False, soft_wrap=True)


def printable(text: str) -> str:
    """One line that a terminal prints and does not obey, whatever a stranger's file is called."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def make_folder(folder: "Path") -> None:
    """The folder of the results, made and tried before hours of work.

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
        raise PixmendError(f"{folder}: cannot write here: {error.strerror}: choose another folder") from error


def rows_table(*headings: str, numbers: int = 0) -> "Table":
    """A table of few lines and little space; the last ``numbers`` columns are to the right. Nothing is cut short."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for index, heading in enumerate(headings):
        right = index >= len(headings) - numbers
        table.add_column(heading, justify="right" if right else "left", overflow="fold", no_wrap=index == 0 or right)
    return table


def print_facts(console: "Console", title: str, facts: Mapping[str, str]) -> None:
    """A fact in each line, beside its name; the terminal itself breaks long ones, so that addresses can be copied."""
    console.print(title, style="bold", soft_wrap=True)
    width = max(map(len, facts))
    for name, fact in facts.items():
        lines = fact.split("\n")
        console.print(f"{name:<{width}}  {lines[0]}", soft_wrap=True)
        for line in lines[1:]:
            console.print(f"{'':<{width}}  {line}", soft_wrap=True)
