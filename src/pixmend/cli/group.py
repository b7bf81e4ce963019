"""A command whose first form needs no name."""

from typing import Any

from typer.core import TyperGroup


class RunByDefault(TyperGroup):
    """``pixmend evaluate MODEL ...`` is ``pixmend evaluate run MODEL ...``, and so of ``train``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args:
            args = ["--help"]
        if args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)
