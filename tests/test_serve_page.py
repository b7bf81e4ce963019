"""The page on which one clicks: what it shows, answers and refuses, with a browser and without."""

import json
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pixmend.analyze.lam import local_attribution
from pixmend.errors import PixmendError
from pixmend.evaluate.baseline import BicubicEnlarge, Identity
from pixmend.image import read_image, write_image
from pixmend.models import build
from pixmend.serve.blocks import HOST, check_port, import_gradio, launch
from pixmend.serve.blocks import build as build_page
from pixmend.serve.page import MOST_PIXELS, STEPS, Page, Shown, for_screen, window_at, with_channels
from small import SMALL

pytest.importorskip("matplotlib")
EXAMPLE = Path(__file__).parent.parent / "examples" / "sign.png"


@pytest.fixture
def picture(tmp_path) -> Path:
    write_image(tmp_path / "low.png", read_image(EXAMPLE)[:, 100:124, 60:92])
    return tmp_path / "low.png"


@pytest.fixture
def page(tmp_path) -> Page:
    return Page({"bicubic": BicubicEnlarge(2), "other": BicubicEnlarge(2)}, folder=tmp_path)


def shown(height: int, width: int) -> Shown:
    return Shown(name="it", x=torch.rand(3, height, width), result=np.zeros((height, width, 3), dtype=np.uint8))


def test_the_window_lies_around_the_click():
    window = window_at(30, 20, size=16, shown=shown(48, 64))

    assert (window.top, window.left, window.size) == (12, 22, 16)


@pytest.mark.parametrize(("x", "y", "top", "left"), [(0, 0, 0, 0), (63, 47, 32, 48), (2, 46, 32, 0)])
def test_near_a_border_the_window_is_moved_inside(x, y, top, left):
    window = window_at(x, y, size=16, shown=shown(48, 64))

    assert (window.top, window.left) == (top, left)


@pytest.mark.parametrize(("x", "y"), [(-1, 3), (64, 3), (3, 48), (3, -9)])
def test_a_click_beyond_the_result_is_refused(x, y):
    with pytest.raises(PixmendError, match="beyond the result of 64 x 48"):
        window_at(x, y, size=4, shown=shown(48, 64))


def test_a_result_smaller_than_the_window_is_refused():
    with pytest.raises(PixmendError, match="do not fit into a result of 64 x 12"):
        window_at(3, 3, size=16, shown=shown(12, 64))


def test_the_result_is_that_of_the_first_network_as_a_file_would_hold_it(page, picture):
    seen = page.open(picture)

    assert seen.result.shape == (48, 64, 3) and seen.result.dtype == np.uint8
    expected = page.networks["bicubic"](seen.x[None])[0]
    assert np.array_equal(seen.result, for_screen(expected))


def test_values_beyond_black_and_white_are_cut_off_on_the_screen():
    assert for_screen(torch.tensor([[[-0.3, 0.5, 1.7]]]))[0].tolist() == [[0] * 3, [128] * 3, [255] * 3]


def test_a_click_is_answered_as_the_library_answers(page, picture):
    seen = page.open(picture)
    window = window_at(20, 20, size=8, shown=seen)

    answered = page.ask(seen, window)

    expected = local_attribution(BicubicEnlarge(2), seen.x, top=16, left=16, size=8, steps=STEPS)
    assert [row[0] for row in answered.rows] == ["bicubic", "other"]
    assert answered.rows[0][1] == f"{expected.diffusion_index:.2f}"
    with np.load(answered.arrays) as arrays:
        torch.testing.assert_close(torch.from_numpy(arrays["map_1"]), expected.map)
        assert json.loads(str(arrays["pixmend"]))["picture"] == "low.png"
    assert Image.open(answered.figure).format == "PNG"
    assert answered.told.startswith(
        "low.png: 8 x 8 pixels of the result at x 16, y 16; the networks were given 32 x 24"
    )


def test_what_was_asked_is_in_the_answer_and_in_the_files(page, picture):
    seen = page.open(picture)

    answered = page.ask(seen, window_at(30, 20, size=8, shown=seen), margin=4, steps=3)

    assert "given 12 x 12 of the input, in 3 steps" in answered.told
    with np.load(answered.arrays) as arrays:
        facts = json.loads(str(arrays["pixmend"]))
        assert arrays["map_0"].shape == (12, 12)
    assert (facts["detector"], facts["path"], facts["steps"]) == ("gradient", "blur, sigma 1.2", 3)
    assert facts["given"].startswith("12 x 12 at top ")


def test_every_answer_has_files_of_its_own(page, picture):
    seen = page.open(picture)
    window = window_at(20, 20, size=8, shown=seen)

    assert page.ask(seen, window).figure != page.ask(seen, window).figure


def test_progress_counts_the_steps_of_all_networks(page, picture):
    seen = page.open(picture)
    told: list[tuple[int, int]] = []

    page.ask(seen, window_at(9, 9, size=8, shown=seen), progress=lambda done, total: told.append((done, total)))

    assert told[-1] == (2 * STEPS, 2 * STEPS) and [done for done, _ in told] == sorted(done for done, _ in told)


def test_an_even_picture_is_refused_and_the_network_named(page, tmp_path):
    write_image(tmp_path / "even.png", torch.full((3, 20, 20), 0.5))
    seen = page.open(tmp_path / "even.png")

    with pytest.raises(PixmendError, match="bicubic: .*nothing could be attributed"):
        page.ask(seen, window_at(9, 9, size=8, shown=seen))


def test_a_file_that_is_no_picture_is_refused(page, tmp_path):
    (tmp_path / "text.png").write_text("hello")

    with pytest.raises(PixmendError, match=r"^text\.png: not a picture"):
        page.open(tmp_path / "text.png")


def test_a_picture_too_large_to_wait_for_is_refused_with_its_size(page, tmp_path):
    write_image(tmp_path / "large.png", torch.zeros(1, 1025, 1025))

    assert MOST_PIXELS < 1025**2
    with pytest.raises(PixmendError, match="1025 x 1025 is more than 1.0 megapixels"):
        page.open(tmp_path / "large.png")


def test_grey_pictures_have_the_channels_that_the_network_takes():
    grey, colours = torch.full((1, 2, 2), 0.5), torch.ones(3, 2, 2)

    assert with_channels(grey, 3).shape == (3, 2, 2)
    torch.testing.assert_close(with_channels(colours, 1), torch.ones(1, 2, 2))


@pytest.mark.parametrize(
    ("networks", "says"),
    [
        ({}, "none"),
        ({"two": BicubicEnlarge(2), "four": BicubicEnlarge(4)}, "two by 2, four by 4"),
        ({"one": Identity(3), "views": Identity(6)}, "one 3, views 6"),
        ({"views": Identity(6)}, "two views"),
    ],
)
def test_networks_that_cannot_be_asked_together_are_refused(networks, says, tmp_path):
    with pytest.raises(PixmendError, match=says):
        Page(networks, folder=tmp_path)


def test_a_network_in_half_precision_is_refused(tmp_path):
    with pytest.raises(PixmendError, match="float32"):
        Page({"half": build(SMALL["edsr_baseline"]).half()}, folder=tmp_path)


def test_a_port_that_is_taken_is_said_before_the_work():
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(PixmendError, match=f"port {port} cannot be used: .*--port"):
            check_port(port)


def test_without_gradio_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)

    with pytest.raises(PixmendError, match=r'pip install "pixmend\[page\]"'):
        import_gradio()


def test_a_click_in_the_browser_is_answered_and_a_wrong_one_is_an_error_on_the_page(page, picture):
    pytest.importorskip("gradio")
    httpx = pytest.importorskip("httpx")
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    blocks = build_page(page, page.open(picture))
    address = launch(blocks, port=port, folder=page.folder)
    try:
        with httpx.Client(base_url=address, timeout=60) as client:
            good, bad = (_click(client, x=x, y=20) for x in (20, 2000))
            told, rows, figure, *_ = good["output"]["data"]
            assert good["success"] and told.startswith("low.png: 16 x 16 pixels")
            assert [row[0] for row in rows["data"]] == ["bicubic", "other"]
            assert client.get(figure["url"]).content.startswith(b"\x89PNG")
            assert not bad["success"] and "beyond the result" in bad["output"]["error"]
    finally:
        blocks.close()


def _click(client, *, x: int, y: int) -> dict:
    """What the browser sends for a click on the result, and what it is sent at the end."""
    functions = {each["api_name"]: each["id"] for each in client.get("/config").json()["dependencies"]}
    event = {"index": [x, y], "value": None}
    session = f"session{x}"
    question = {"data": [None, 16, 10, 4], "fn_index": functions["ask"], "session_hash": session, "event_data": event}
    client.post("/gradio_api/queue/join", json=question).raise_for_status()
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as lines:
        for line in lines.iter_lines():
            if line.startswith("data:") and '"process_completed"' in line:
                return json.loads(line.removeprefix("data:"))
    raise AssertionError("the page fell silent")
