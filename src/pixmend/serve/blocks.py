"""The page itself, in gradio: a result to click on, and what the networks used for the place clicked."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pixmend.analyze.lam import busiest_window
from pixmend.errors import PixmendError
from pixmend.serve.page import MARGIN, STEPS, Answered, Page, Shown, window_at

HOST = "127.0.0.1"
"""Nobody else's machine reaches the page."""
SIZES, AROUND, PATH_STEPS = (4, 64), (0, 64), (10, 50)
"""Least and most that the sliders give."""
_SIZE, _HEIGHT = 16, 420


def import_gradio() -> Any:
    """gradio, which then asks nobody on the network about anything.

    Raises:
        PixmendError: it is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import gradio  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise PixmendError('the page needs gradio: pip install "pixmend[page]"') from error
    return gradio


def build(page: Page, first: Shown) -> Any:
    """The page, showing this picture and what the networks used for its most detailed window.

    Raises:
        PixmendError: gradio is not installed.
    """
    gr = import_gradio()
    with gr.Blocks(title="pixmend: what did it look at?", analytics_enabled=False) as blocks:
        shown = gr.State(first)
        gr.Markdown(f"### What did {' and '.join(page.networks)} look at?\nClick on the result.")
        with gr.Row():
            with gr.Column(scale=2):
                result = gr.Image(
                    first.result,
                    format="png",
                    interactive=False,
                    height=_HEIGHT,
                    label=f"result of {next(iter(page.networks))}: click on it",
                    elem_id="result",
                )
                size = gr.Slider(*SIZES, value=_SIZE, step=1, label="window, in pixels of the result")
                steps = gr.Slider(*PATH_STEPS, value=STEPS, step=10, label="steps: more take longer and are truer")
                around = gr.Slider(
                    *AROUND, value=MARGIN, step=4, label="around the window, in pixels of the input: what is given"
                )
                upload = gr.UploadButton("Another picture", type="filepath", file_types=["image"])
            with gr.Column(scale=1):
                told = gr.Markdown()
                rows = gr.Dataframe(
                    headers=["model", "diffusion index", "pixels with 90 %"], interactive=False, wrap=True
                )
                with gr.Row():
                    figure_file = gr.DownloadButton("Figure (PNG)", size="sm")
                    arrays_file = gr.DownloadButton("Arrays (npz)", size="sm")
        figure = gr.Image(type="filepath", format="png", interactive=False, label="attribution", elem_id="figure")
        answers = [told, rows, figure, figure_file, arrays_file]
        asked = [shown, size, steps, around]

        def ask(seen: Shown, side, many, far, event: gr.SelectData, progress=gr.Progress()):  # noqa: B008 # pyright: ignore
            x, y = event.index
            return _told(gr, page, seen, (int(x), int(y)), (side, many, far), progress)

        def open_(path: str, progress=gr.Progress()):  # noqa: B008
            seen = _errors(gr, page.open, Path(path), progress=lambda done, total: progress((done, total)))
            return seen, seen.result, "", None, None, None, None  # what was said of the picture before goes

        def begin(seen: Shown, side: float, many: float, far: float, progress=gr.Progress()):  # noqa: B008
            return _first(gr, page, seen, (side, many, far), progress)

        result.select(ask, asked, answers, api_name="ask")
        opened = upload.upload(open_, [upload], [shown, result, *answers], api_name="open")
        opened.success(begin, asked, answers, api_name="ask_first")
        blocks.load(begin, asked, answers, api_name="begin")
    return blocks.queue(default_concurrency_limit=1)


def _first(gr: Any, page: Page, seen: Shown, how: Sequence[float], progress: Any) -> tuple[Any, ...]:
    """The most detailed window, so that there is something to see before the first click."""
    side = min(int(how[0]), *seen.result.shape[:2])
    window = _errors(gr, busiest_window, seen.x, scale=page.scale, size=side)
    middle = window.left + side // 2, window.top + side // 2
    return _told(gr, page, seen, middle, (side, *how[1:]), progress)


def _told(
    gr: Any, page: Page, seen: Shown, at: tuple[int, int], how: Sequence[float], progress: Any
) -> tuple[Any, ...]:
    """``at`` is x and y of the result; ``how`` the side of the window, the steps and the pixels around it."""
    side, steps, margin = map(int, how)
    window = _errors(gr, window_at, *at, size=side, shown=seen)

    def advance(done: int, total: int) -> None:
        progress((done, total), desc="attributing")

    found: Answered = _errors(gr, page.ask, seen, window, steps=steps, margin=margin, progress=advance)
    return found.told, found.rows, str(found.figure), str(found.figure), str(found.arrays)


def _errors(gr: Any, do: Any, *given: Any, **named: Any) -> Any:
    """What the user can mend is shown on the page; all else is logged as what it is."""
    try:
        return do(*given, **named)
    except PixmendError as error:
        raise gr.Error(str(error), print_exception=False) from error


def check_port(port: int) -> None:
    """Try it before any work.

    Raises:
        PixmendError: another program has it, or may alone have it.
    """
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError as error:
            raise PixmendError(f"port {port} cannot be used: {error.strerror}: choose another with --port") from error


def launch(blocks: Any, *, port: int, folder: Path) -> str:
    """Serve the page on this machine alone, until ``blocks.close()``; returns its address.

    Raises:
        PixmendError: the port cannot be used.
    """
    check_port(port)
    _, address, _ = blocks.launch(
        server_name=HOST,
        server_port=port,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        allowed_paths=[str(folder)],
        max_file_size="100mb",
        ssr_mode=False,
        enable_monitoring=False,
        footer_links=[],
    )
    return address
