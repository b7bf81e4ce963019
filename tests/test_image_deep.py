"""Files of 16 bits: read in full, or by the upper byte, and never cut in silence."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from pixmend.errors import PixmendError
from pixmend.image import read_deep, read_image, read_upper, shape_of

EVERY = np.arange(65536, dtype=np.uint16).reshape(256, 256)
COLOURS = np.stack([EVERY, EVERY.T, EVERY[::-1]], axis=-1)
"""Red, green and blue."""


def save(path: Path, values: np.ndarray) -> Path:
    """Colours in the order red, green, blue."""
    assert cv2.imwrite(str(path), values if values.ndim == 2 else values[..., [2, 1, 0, 3][: values.shape[2]]])
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("values", [EVERY, COLOURS], ids=["grey", "colour"])
def test_sixteen_bits_are_read_without_loss_and_in_the_order_of_rgb(tmp_path, suffix: str, values: np.ndarray):
    image = read_deep(save(tmp_path / f"a{suffix}", values))
    planes = values[None] if values.ndim == 2 else values.transpose(2, 0, 1)
    assert image.dtype == torch.float32 and image.min() == 0 and image.max() == 1
    assert np.array_equal(image.double().mul(65535).round().numpy(), planes)


@pytest.mark.parametrize("values", [EVERY, COLOURS], ids=["grey", "colour"])
def test_the_upper_byte_is_what_opencv_makes_of_a_png(tmp_path, values: np.ndarray):
    path = save(tmp_path / "a.png", values)
    opencv = cv2.imread(str(path))[..., ::-1].transpose(2, 0, 1)
    assert np.array_equal(read_upper(path).expand(3, -1, -1).mul(255).round().numpy(), opencv)


def test_transparency_is_left_out(tmp_path):
    alpha = np.full((256, 256, 1), 7, np.uint16)
    path = save(tmp_path / "a.png", np.concatenate([COLOURS, alpha], axis=-1))
    assert torch.equal(read_deep(path), read_deep(save(tmp_path / "b.png", COLOURS)))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_eight_bits_are_read_as_ever_without_opencv(tmp_path, suffix: str, mode: str, monkeypatch):
    if (suffix, mode) == (".jpg", "P"):
        pytest.skip("JPEG has no palette")
    monkeypatch.setitem(sys.modules, "cv2", None)
    picture = Image.fromarray((EVERY >> 8).astype(np.uint8)).convert(mode)
    picture.save(tmp_path / f"a{suffix}")
    for read in (read_deep, read_upper):
        assert torch.equal(read(tmp_path / f"a{suffix}"), read_image(tmp_path / f"a{suffix}"))


def test_without_opencv_one_line_says_what_to_install(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", EVERY)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(PixmendError, match=r'16 bits per channel needs OpenCV: pip install "pixmend\[evaluate\]"$'):
        read_deep(path)


def test_what_cannot_be_read_is_refused_as_by_read_image(tmp_path):
    (tmp_path / "note.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    save(tmp_path / "floats.tif", COLOURS.astype(np.float32))
    (tmp_path / "torn.tif").write_bytes(b"II*\0" + bytes(40))
    for name in ("nowhere.png", "note.png", "empty.png", "floats.tif", "torn.tif", "."):
        with pytest.raises(PixmendError) as ours:
            read_deep(tmp_path / name)
        with pytest.raises(PixmendError) as theirs:
            read_image(tmp_path / name)
        assert str(ours.value) == str(theirs.value)


@pytest.mark.filterwarnings("ignore:.*(Corrupt EXIF|Truncated):UserWarning")
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("part", [0.5, 0.9, 0.999])
def test_a_file_that_was_cut_short_is_refused(tmp_path, suffix: str, part: float):
    path = save(tmp_path / f"a{suffix}", np.random.default_rng(0).integers(0, 65536, (64, 64, 3)).astype(np.uint16))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(PixmendError, match=r"damaged or cut short, nothing was decoded"):
        read_deep(path)


def test_a_header_that_promises_too_many_pixels_is_not_decoded(tmp_path):
    content = bytearray(save(tmp_path / "a.png", EVERY).read_bytes())
    content[16:24] = (100_000).to_bytes(4) * 2
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(PixmendError, match=r"a\.png"):
        read_deep(tmp_path / "a.png")


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 1), ("1", 1), ("RGB", 3), ("RGBA", 3), ("P", 3)])
def test_the_shape_in_the_header_is_that_of_the_picture(tmp_path, mode: str, channels: int):
    Image.new(mode, (7, 5)).save(tmp_path / "a.png")
    assert shape_of(tmp_path / "a.png") == (channels, 5, 7) == tuple(read_image(tmp_path / "a.png").shape)


def test_a_header_that_cannot_be_read_is_refused_in_one_line(tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    for name in ("a.png", "nowhere.png"):
        with pytest.raises(PixmendError, match=rf"{name}: the header cannot be read \(.*\)$"):
            shape_of(tmp_path / name)
