"""``pixmend analyze``: what a network looked at, what its layers have in common, and where it may invent."""

import typer

from pixmend.cli.analyze import attention, cka, di, features, fidelity, field, lam, page, spectrum

app = typer.Typer(
    help="See why: attribution, similarity of layers, fields, attention, artefacts, and what may be invented.",
    no_args_is_help=True,
)
app.command()(lam.lam)
app.command()(di.di)
app.command()(page.page)
app.command()(cka.cka)
app.command()(field.field)
app.command()(attention.attention)
app.command()(features.features)
app.command()(spectrum.spectrum)
app.command()(spectrum.errors)
app.command()(fidelity.fidelity)
