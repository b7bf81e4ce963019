"""What a PNG says of its colours without a profile goes with it, and is missed where it cannot go."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from pixmend.image import Picture, WriteOptions, read_picture, write_picture
from pixmend.image.bands import open_bands
from pixmend.image.bands_write import growing
from pixmend.image.png import is_srgb

LINEAR = (b"gAMA", (100_000).to_bytes(4))
WIDE = (b"cHRM", struct.pack(">8I", 31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000))
SRGB_CORNERS = (b"cHRM", struct.pack(">8I", 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000))
PQ, AS_SRGB = (b"cICP", b"\x09\x10\x00\x01"), (b"cICP", b"\x01\x0d\x00\x01")
BRIGHTEST = (b"cLLI", struct.pack(">2I", 10_000_000, 2_000_000))


def chunk(kind, body):
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def png(path, *chunks, depth=8):
    """With these chunks behind its header."""
    values = torch.rand(3, 9, 7, generator=torch.Generator().manual_seed(0))
    write_picture(path, Picture(pixels=values, depth=depth))
    content = path.read_bytes()
    path.write_bytes(content[:33] + b"".join(chunk(*each) for each in chunks) + content[33:])
    return path


def chunks_of(path):
    """All of a file, and that each is sound."""
    content, at, found = path.read_bytes(), 8, []
    while at < len(content):
        length, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        body = content[at + 8 : at + 8 + length]
        assert content[at + 8 + length :][:4] == zlib.crc32(kind + body).to_bytes(4)
        found.append((kind, body))
        at += 12 + length
    return found


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("told", [(LINEAR, WIDE), (PQ, BRIGHTEST), ((b"sRGB", b"\1"), (b"gAMA", (45_455).to_bytes(4)))])
def test_what_is_told_of_colours_is_carried_as_it_is(tmp_path, depth, told):
    picture = read_picture(png(tmp_path / "a.png", *told, depth=depth))
    write_picture(tmp_path / "b.png", picture, options=WriteOptions(strip=True))
    written = chunks_of(tmp_path / "b.png")
    assert tuple(written[1 : 1 + len(told)]) == told
    assert [kind for kind, _ in written[-1:]] == [b"IEND"]
    again = read_picture(tmp_path / "b.png")
    assert torch.equal(again.pixels, picture.pixels) and again.colour == told


def test_written_row_by_row_it_is_told_too(tmp_path):
    pytest.importorskip("pyvips")
    picture = open_bands(png(tmp_path / "a.png", LINEAR, PQ)).picture
    file = growing(picture, "b.png", file_format="PNG", options=WriteOptions(), rows=9)
    content = file.start() + file.pack(np.zeros((9, 7, 3), np.uint8))[0]
    (tmp_path / "b.png").write_bytes(content)
    assert set(chunks_of(tmp_path / "b.png")) >= {LINEAR, PQ}
    assert Image.open(tmp_path / "b.png").info["gamma"] == 1.0


@pytest.mark.parametrize("name", ["b.jpg", "b.webp", "b.tif", "b.bmp"])
def test_a_format_that_cannot_hold_it_is_warned_of(tmp_path, caplog, name):
    write_picture(tmp_path / name, read_picture(png(tmp_path / "a.png", LINEAR, WIDE)))
    assert "will be shown as sRGB, which its colours are not: only PNG holds its gAMA, cHRM" in caplog.text


def test_where_a_profile_says_the_same_nothing_is_missed(tmp_path, caplog):
    source = png(tmp_path / "a.png", LINEAR)
    write_picture(tmp_path / "b.jpg", Picture(pixels=read_picture(source).pixels, colour=(LINEAR,), icc=b"a profile"))
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ((), True),
        ((AS_SRGB, LINEAR), True),
        (((b"sRGB", b"\0"),), True),
        (((b"gAMA", (45_455).to_bytes(4)), SRGB_CORNERS), True),
        ((LINEAR,), False),
        ((WIDE,), False),
        ((PQ, (b"sRGB", b"\0")), False),
    ],
)
def test_only_colours_that_are_not_srgb_are_missed(told, expected):
    assert is_srgb(told) is expected


def test_chunks_of_another_length_than_theirs_are_not_carried(tmp_path):
    source = png(tmp_path / "a.png", (b"cLLI", b"\0\0"), (b"cICP", b"\1"), (b"tEXt", b"Title\0x"))
    assert read_picture(source).colour == ()
