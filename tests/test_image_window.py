"""Parts of pictures: the same values as of the whole, whatever the file is like."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import pixmend as pm
from pixmend.image import read_image
from pixmend.image.window import read_window, stored_size

TURNED = Image.Exif()
TURNED[0x0112] = 6
KINDS = {
    "jpeg": lambda image: coded(image, "JPEG", quality=80),
    "jpeg of full colour": lambda image: coded(image, "JPEG", subsampling="4:4:4"),
    "jpeg of colour halved sideways": lambda image: coded(image, "JPEG", subsampling="4:2:2"),
    "progressive jpeg": lambda image: coded(image, "JPEG", progressive=True),
    "jpeg with restarts": lambda image: coded(image, "JPEG", restart_marker_rows=1),
    "turned jpeg": lambda image: coded(image, "JPEG", exif=TURNED),
    "grey jpeg": lambda image: coded(image.convert("L"), "JPEG"),
    "png": lambda image: coded(image, "PNG"),
    "turned png": lambda image: coded(image, "PNG", exif=TURNED),
    "png with a palette": lambda image: coded(image.quantize(16), "PNG", transparency=3),
    "transparent png": lambda image: coded(image.convert("RGBA"), "PNG"),
    "black and white png": lambda image: coded(image.convert("1"), "PNG"),
    "webp": lambda image: coded(image, "WEBP"),
    "tiff": lambda image: coded(image, "TIFF"),
}


def coded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()


def picture(height: int, width: int) -> Image.Image:
    """Waves and noise, so that neighbouring blocks differ."""
    waves = np.add.outer(np.arange(height) ** 2, 3 * np.arange(width))[..., None] * np.array([1, 2, 5])
    return Image.fromarray((waves + np.random.default_rng(height).integers(64, size=waves.shape)).astype(np.uint8))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_window_holds_what_the_whole_picture_has_there(tmp_path_factory, kind, data):
    height, width = data.draw(st.integers(1, 130)), data.draw(st.integers(1, 40))
    content = KINDS[kind](picture(height, width))
    path = tmp_path_factory.mktemp("picture") / "picture"
    path.write_bytes(content)
    whole = (read_image(path).expand(3, -1, -1) * 255).round().to(torch.uint8)
    top = data.draw(st.integers(0, whole.shape[1] - 1))
    left = data.draw(st.integers(0, whole.shape[2] - 1))
    bottom, right = (data.draw(st.integers(at + 1, end)) for at, end in zip((top, left), whole.shape[1:], strict=True))

    def choose(height: int, width: int) -> tuple[int, int, int, int]:
        assert (height, width) == whole.shape[1:]
        return top, left, bottom - top, right - left

    assert torch.equal(read_window(content, "picture", choose), whole[:, top:bottom, left:right])


@pytest.mark.parametrize("kind", ["jpeg", "progressive jpeg", "turned jpeg"])
def test_a_file_cut_short_fails_whatever_part_of_it_is_asked_for(kind):
    content = KINDS[kind](picture(120, 160))
    with pytest.raises(pm.PixmendError, match="a.jpg: damaged or cut short"):
        read_window(content[:-20], "a.jpg", lambda height, width: (0, 0, 8, 8))


def test_rows_below_the_window_are_not_decoded():
    content = bytearray(coded(picture(400, 40), "PNG", compress_level=0))
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(40)
    read_window(bytes(content), "", lambda height, width: (0, 0, 100, 40))
    content[29] ^= 1  # the checksum of the header, which is looked at first
    with pytest.raises(pm.PixmendError, match="damaged or cut short"):
        read_window(bytes(content), "a.png", lambda height, width: (0, 0, 100, 40))


def test_the_size_is_that_of_the_header_and_nothing_is_decoded():
    for kind in ("jpeg", "png"):
        content = KINDS[kind](picture(300, 200))
        assert stored_size(io.BytesIO(content[:1000]), "") == (300, 200)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a: not a picture that can be read"),
        (b"GIF89a", "a: damaged or cut short"),
        (coded(Image.new("CMYK", (4, 4)), "JPEG"), "a: is CMYK"),
        (coded(Image.new("I", (4, 4)), "TIFF"), "a: 32 bits per channel, expected 8"),
    ],
)
def test_what_cannot_be_a_picture_of_colour_is_told_from_its_header(content, message):
    with pytest.raises(pm.PixmendError, match=message):
        stored_size(io.BytesIO(content), "a")
    with pytest.raises(pm.PixmendError, match=message):
        read_window(content, "a", lambda height, width: (0, 0, 1, 1))
