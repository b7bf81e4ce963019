"""TIFF files by other programs, in tests/data/image: separate channels, tiles, white as 0, pyramids, BigTIFF.

Made with tifffile and libvips: value = 5000 y + 600 x + 37 c + 1000 at row y, column x and channel c.
"""

import sys
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from pixmend.errors import PixmendError
from pixmend.image import Picture, libvips, read_image, read_picture, write_picture

DATA = Path(__file__).parent / "data/image"
Y, X, C = np.mgrid[0:9, 0:11, 0:5]
VALUES = Y * 5000 + X * 600 + C * 37 + 1000
LARGER = np.add.outer(np.arange(33) * 5000, np.arange(40) * 600)[..., None] + 1000


def stored(path: Path) -> np.ndarray:
    """What the numbers in the file are, by what was read of it."""
    picture = read_picture(path)
    planes = picture.pixels.double()
    if picture.ranges is not None:
        lows, highs = torch.tensor(picture.ranges).double()[..., None, None].unbind(1)
        planes = planes * (highs - lows) + lows
    elif picture.depth != 32:
        planes = planes * (2**picture.depth - 1)
    return planes.permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("planar_5_bands.tif", VALUES),
        ("tiles_lzw_big.tif", VALUES[..., :3]),
        ("white_is_zero.tif", 65535 - VALUES[..., :1]),
        ("floats_pyramid.tif", (LARGER - 20000) / 7),
    ],
)
def test_every_number_is_read(name: str, values: np.ndarray):
    assert np.abs(stored(DATA / name) - values).max() < 0.01


@pytest.mark.parametrize("bits", [10, 12])
def test_an_avif_of_more_than_8_bits_is_read_in_full(bits: int):
    picture = read_picture(DATA / f"bits_{bits}.avif")
    levels = picture.pixels.mul(2**bits - 1).permute(1, 2, 0).numpy()
    assert picture.depth == 16 and np.abs(levels - (VALUES[..., :3] >> (16 - bits))).max() < 0.01
    with pytest.raises(PixmendError, match=f"{bits} bits per channel, expected 8 here"):
        read_image(DATA / f"bits_{bits}.avif")


def test_colours_multiplied_by_their_transparency_are_divided_again():
    picture = read_picture(DATA / "premultiplied.tif")
    assert picture.alpha is not None
    assert np.allclose(picture.alpha[0].mul(65535).numpy(), X[..., 0] * 6000, atol=0.01)
    seen = picture.pixels.mul(65535).permute(1, 2, 0).numpy()[:, 1:]
    assert np.abs(seen - VALUES[:, 1:, :3]).max() < 65535 / 6000 + 1, "as well as whole numbers allow"


def test_smaller_copies_of_a_picture_are_no_further_pages():
    with Image.open(DATA / "floats_pyramid.tif") as image:
        assert getattr(image, "n_frames", 1) > 1
    assert read_picture(DATA / "floats_pyramid.tif").pixels.shape == (1, 33, 40)


def test_a_plain_picture_may_have_smaller_copies_too(tmp_path: Path):
    import pyvips

    grey = pyvips.Image.new_from_memory(bytes(range(200)) * 5, 40, 25, 1, "uchar").copy(interpretation="b-w")
    content = grey.tiffsave_buffer(pyramid=True, tile=True, tile_width=16, tile_height=16)
    (tmp_path / "a.tif").write_bytes(content)
    expected = torch.tensor(list(range(200)) * 5).view(1, 25, 40) / 255
    assert torch.equal(read_picture(tmp_path / "a.tif").pixels, expected)


def test_several_deep_pages_are_refused(tmp_path: Path):
    pages = [np.zeros((4, 4), np.uint16)] * 3
    assert cv2.imwritemulti(str(tmp_path / "a.tif"), pages)
    with pytest.raises(PixmendError, match=r"a\.tif: has 3 frames or pages"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize(("dtype", "told"), [(np.int16, "16 bits with sign"), (np.float64, "64 bits floating")])
def test_other_numbers_are_refused_by_name(dtype: type, told: str, tmp_path: Path):
    assert cv2.imwrite(str(tmp_path / "a.tif"), np.zeros((4, 4), dtype))
    with pytest.raises(PixmendError, match=f"numbers of {told}, expected 8 or 16 bits without sign or 32"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("missing", [("tifffile",), ("pyvips",), ("tifffile", "pyvips")])
@pytest.mark.parametrize("compression", [1, 5, 8])
def test_without_one_library_the_next_reads_the_same(
    missing: tuple[str, ...], compression: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    values = VALUES[..., :3].astype(np.uint16)
    params = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    assert cv2.imwrite(str(tmp_path / "a.tif"), np.ascontiguousarray(values[..., ::-1]), params)
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    assert np.abs(stored(tmp_path / "a.tif") - values).max() < 0.01


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tiles_lzw_big.tif", r'libvips: pip install "pyvips\[binary\]"$'),
        ("planar_5_bands.tif", "tifffile: pip install tifffile$"),
        ("bits_10.avif", r'AVIF of 10 bits per channel needs libvips: pip install "pyvips\[binary\]"$'),
    ],
)
def test_without_any_library_one_line_says_what_to_install(name: str, told: str, monkeypatch: pytest.MonkeyPatch):
    for module in ("tifffile", "pyvips", "cv2"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(PixmendError, match=told):
        read_picture(DATA / name)


def test_a_process_forked_from_one_that_used_libvips_leaves_it_alone(monkeypatch: pytest.MonkeyPatch):
    assert libvips.imported() is not None
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert libvips.imported() is None


@pytest.mark.parametrize("depth", [8, 16])
def test_a_malformed_place_on_the_map_is_told_to_be_left_behind(depth: Literal[8, 16], tmp_path: Path):
    write_picture(tmp_path / "a.tif", Picture(pixels=torch.zeros(1, 4, 4), depth=depth))
    content = (tmp_path / "a.tif").read_bytes()
    sample_format, key = (number.to_bytes(2, "little") for number in (339, 34735))
    assert content.count(sample_format) == 1, "the last tag, and by default what it says here"
    (tmp_path / "a.tif").write_bytes(content.replace(sample_format, key))
    assert read_picture(tmp_path / "a.tif").notes == (
        "its place on the map (GeoTIFF), turned or malformed, is not carried over",
    )


def test_channels_come_out_of_a_file_of_several_as_they_went_in(tmp_path: Path):
    write_picture(tmp_path / "a.tif", read_picture(DATA / "planar_5_bands.tif"))
    assert np.abs(stored(tmp_path / "a.tif") - VALUES).max() < 0.01
