"""``pixmend analyze``: what a network looked at, what its layers have in common, and where it may invent."""

import typer

app = typer.Typer(
    help="See why: attribution, similarity of layers, fields, attention, artefacts, and what may be invented.",
    no_args_is_help=True,
)
