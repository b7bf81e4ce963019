"""The progress of ``pixmend restore``: megapixels, with rate and time left, if there is a terminal to show it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def bar(notes: "Console", *, told: str = "{task.completed:.1f} of {task.total:.1f} MP") -> "Progress":
    """A bar over megapixels; ``told`` may name fields of the task, as rich writes them."""
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.3f} MP/s" if task.speed else "")

    columns = (TextColumn("restoring"), BarColumn(), TextColumn(told, markup=False), Rate(), TimeRemainingColumn())
    return Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal)
