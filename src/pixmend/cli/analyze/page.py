"""``pixmend analyze page``: a local page where one clicks on a result and sees what the networks used for it."""

from pathlib import Path
from typing import Annotated

import typer

from pixmend.cli.analyze.opening import MODELS_HELP


def page(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="What the networks see.")],
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=f"May be given more than once: {MODELS_HELP}", show_default="default"),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the address on this machine.")] = 7860,
) -> None:
    """Click on a result and see what it was made of: attribution, contour and diffusion index of every model.

    Serves a page on this machine alone, until Ctrl-C. Needs gradio: `pip install "pixmend[page]"`.

    Example: `pixmend analyze page photo.jpg --model default:sr_x4 --model hat_s:sr_x4`
    """
    import os
    import signal
    import tempfile
    import threading

    from pixmend.analyze.record import new_figure
    from pixmend.cli.analyze.opening import open_networks
    from pixmend.cli.console import notes
    from pixmend.serve.blocks import build, check_port, import_gradio, launch
    from pixmend.serve.page import Page

    check_port(port)
    import_gradio()
    new_figure(1, 1)  # of what is missing the page is to tell before it is open
    networks = {each.name: each.network for each in open_networks(model or ["default"])}
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the folder goes, too
    with tempfile.TemporaryDirectory(prefix="pixmend-page-") as name:
        os.environ["GRADIO_TEMP_DIR"] = str(Path(name) / "uploads")  # goes with the folder
        asked = Page(networks, folder=Path(name))
        notes().print(f"restoring {picture.name}")
        blocks = build(asked, asked.open(picture))
        try:
            typer.echo(f"{launch(blocks, port=port, folder=Path(name))} : open it in a browser; Ctrl-C ends it")
            threading.Event().wait()
        except KeyboardInterrupt:
            notes().print("the page is closed")
        finally:
            blocks.close(verbose=False)
