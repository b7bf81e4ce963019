"""Where commands print."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def plain() -> "Console":
    """The result: paths and cards are printed as they are, whatever brackets and colons they hold."""
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False)


def notes(*, quiet: bool = False) -> "Console":
    """Where all goes that is not the result: the error output."""
    from rich.console import Console

    return Console(stderr=True, quiet=quiet, highlight=False, markup=False, soft_wrap=True)
