"""Colours stay what they are: wide gamuts, profiles, print colours. The profiles are made here, byte by byte."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from pixmend.errors import PixmendError
from pixmend.image import Picture, WriteOptions, read_image, read_picture, write_picture
from pixmend.image.window import read_window
from pixmend.seeding import generator

D50 = (0.9642, 1.0, 0.8249)
P3 = (2.2, ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)))
ADOBE = (563 / 256, ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)))
"""Gamma, and X, Y and Z of red, green and blue, seen at D50."""


def xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def icc(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A profile of version 2.4."""
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"made\0" + bytes(78)
    tags = {b"desc": text, b"cprt": b"text\0\0\0\0CC0\0", b"wtpt": xyz(D50), **tags}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"\0\0\0\0", 0x02400000, kind, space, connection)
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + xyz(D50)[8:]
    return head.ljust(128, b"\0") + table + body


def of_screen(gamma: float, primaries: tuple[tuple[float, ...], ...]) -> bytes:
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    names = (b"r", b"g", b"b")
    tags = {name + b"XYZ": xyz(values) for name, values in zip(names, primaries, strict=True)}
    return icc(b"mntr", b"RGB ", b"XYZ ", {**tags, **{name + b"TRC": curve for name in names}})


INKS = {(0, 0, 0, 0): (100, 0, 0), (1, 0, 0, 0): (55, -10, -30), (0, 1, 0, 0): (50, 40, 5), (0, 0, 1, 0): (85, 0, 50)}
"""Lightness, a and b of paper and of three inks; whatever has more ink is black."""


def of_print() -> bytes:
    straight = bytes(range(256))
    corners = [INKS.get(tuple(n >> bit & 1 for bit in (3, 2, 1, 0)), (0, 0, 0)) for n in range(16)]
    colours = b"".join(bytes((round(light * 2.55), 128 + a, 128 + b)) for light, a, b in corners)
    unit = struct.pack(">9i", *(65536 * (n % 4 == 0) for n in range(9)))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + unit + straight * 4 + colours + straight * 3
    return icc(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


def srgb(lab: tuple[float, float, float]) -> list[float]:
    """Of 255, by the formulas of CIE and of sRGB seen at D50."""
    y = (lab[0] + 16) / 116
    x, z = y + lab[1] / 500, y - lab[2] / 200
    linear = [t**3 if t > 6 / 29 else 3 * (6 / 29) ** 2 * (t - 4 / 29) for t in (x, y, z)]
    to_rgb = np.array(
        [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
    )
    rgb = np.clip(to_rgb @ (np.array(linear) * D50), 0, 1)
    return list(255 * np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055))


def in_srgb(picture: Picture) -> np.ndarray:
    assert picture.icc is not None
    image = Image.fromarray(picture.pixels.mul(255).round().byte().permute(1, 2, 0).numpy())
    profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.icc))
    shown = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"))
    return np.array(shown)


@pytest.mark.parametrize("space", [P3, ADOBE], ids=["Display P3", "Adobe RGB"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".avif"])
def test_wide_colours_are_kept_to_the_bit_with_their_profile(space, suffix: str, tmp_path: Path):
    values = torch.randint(0, 256, (3, 16, 16), generator=generator(5)).byte()
    image = Image.fromarray(values.permute(1, 2, 0).numpy())
    profile = of_screen(*space)
    image.save(tmp_path / "a.png", icc_profile=profile)
    before = read_picture(tmp_path / "a.png")
    options = WriteOptions(lossless=suffix in (".webp", ".avif"))
    write_picture(tmp_path / f"b{suffix}", before, options=options)
    after = read_picture(tmp_path / f"b{suffix}")
    assert torch.equal(after.pixels, values / 255) and after.icc == profile
    assert np.array_equal(in_srgb(after), in_srgb(before))


def test_the_profile_matters():
    wide = Picture(pixels=torch.tensor([1.0, 0.2, 0.2])[:, None, None], icc=of_screen(*P3))
    narrow = Picture(pixels=wide.pixels, icc=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert np.abs(in_srgb(wide).astype(int) - in_srgb(narrow)).max() > 10


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_print_colours_are_converted_by_their_profile(suffix: str, tmp_path: Path):
    blocks = Image.new("CMYK", (32, 8))
    for number, inks in enumerate(INKS):
        blocks.paste(tuple(255 * ink for ink in inks), (8 * number, 0, 8 * number + 8, 8))
    blocks.save(tmp_path / f"a{suffix}", icc_profile=of_print(), **({"quality": 100} if suffix == ".jpg" else {}))
    picture = read_picture(tmp_path / f"a{suffix}")
    assert picture.icc is None and picture.notes == ("its print colours (CMYK) were converted to sRGB by its profile",)
    found = picture.pixels[:, 4, 4::8].mul(255).T
    assert (found - torch.tensor([srgb(lab) for lab in INKS.values()])).abs().max() <= 3
    assert torch.equal(read_image(tmp_path / f"a{suffix}"), picture.pixels)
    window = read_window((tmp_path / f"a{suffix}").read_bytes(), "a", lambda height, width: (2, 10, 4, 6))
    assert torch.equal(window, picture.pixels[:, 2:6, 10:16].mul(255).round().byte())


def test_inks_are_upside_down_only_where_the_file_says_it_is_of_adobe(tmp_path: Path):
    Image.new("CMYK", (8, 8)).save(tmp_path / "a.jpg", icc_profile=of_print(), quality=100)
    content = (tmp_path / "a.jpg").read_bytes()
    assert read_picture(tmp_path / "a.jpg").pixels.min() > 0.99, "no ink is paper"
    at = content.index(b"\xff\xee")
    (tmp_path / "b.jpg").write_bytes(content[:at] + content[at + 16 :])
    assert read_picture(tmp_path / "b.jpg").pixels.max() < 0.01, "all inks are black"


@pytest.mark.parametrize("profile", [b"no profile at all", of_screen(*P3), b"\0" * 200])
def test_print_colours_with_a_profile_of_something_else_are_refused(profile: bytes, tmp_path: Path):
    Image.new("CMYK", (8, 8)).save(tmp_path / "a.jpg", icc_profile=profile)
    with pytest.raises(PixmendError, match=r"a\.jpg: is CMYK \(print colours\) with a profile that cannot be used"):
        read_picture(tmp_path / "a.jpg")


def test_print_colours_of_16_bits_are_refused(tmp_path: Path):
    import pyvips

    values = np.zeros((4, 4, 4), np.uint16)
    image = pyvips.Image.new_from_memory(values.tobytes(), 4, 4, 4, "ushort").copy(interpretation="cmyk")
    (tmp_path / "a.tif").write_bytes(image.tiffsave_buffer())
    with pytest.raises(PixmendError, match=r"a\.tif: 16 bits per channel of print or other colours: convert it"):
        read_picture(tmp_path / "a.tif")
