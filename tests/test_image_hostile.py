"""Files that are broken or meant to break: one line or the picture, never a crash, a wrong size or gigabytes."""

import io
import random
import struct
import sys
import tracemalloc
import zlib
from pathlib import Path

import pytest
import torch
from PIL import Image

from pixmend.errors import PixmendError
from pixmend.image import Picture, WriteOptions, read_image, read_picture, write_picture
from pixmend.seeding import generator

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
DATA = Path(__file__).parent / "data/image"
CASES = {
    "8.png": {},
    "16.png": {"depth": 16},
    "16grey.png": {"depth": 16, "channels": 1, "alpha": True},
    "a.jpg": {"alpha": False},
    "a.webp": {},
    "lossless.webp": {"options": WriteOptions(lossless=True)},
    "8.tif": {},
    "16.tif": {"depth": 16},
    "bands.tif": {"depth": 32, "channels": 5, "alpha": False, "options": WriteOptions(compression="none")},
    "a.avif": {},
    "a.bmp": {"alpha": False},
    "16.ppm": {"depth": 16, "alpha": False},
    "8.pgm": {"channels": 1, "alpha": False},
}
FOREIGN = ("tiles_lzw_big.tif", "planar_5_bands.tif", "floats_pyramid.tif", "bits_10.avif")


def content_of(name: str, folder: Path) -> bytes:
    if name in FOREIGN:
        return (DATA / name).read_bytes()
    if name == "a.gif":
        file = io.BytesIO()
        Image.linear_gradient("L").resize((30, 20)).convert("P").save(file, "GIF")
        return file.getvalue()
    case = {"channels": 3, "depth": 8, "alpha": True, "options": WriteOptions(), **CASES[name]}
    pixels = torch.rand(case["channels"] + 1, 20, 30, generator=generator(1))
    alpha = pixels[-1:] if case["alpha"] else None
    picture = Picture(pixels=pixels[:-1], alpha=alpha, depth=case["depth"], icc=b"icc" * 99 if "p" in name else None)
    write_picture(folder / name, picture, options=case["options"])
    return (folder / name).read_bytes()


def outcome(path: Path) -> Picture | str:
    """The picture, sound in itself, or the line."""
    for read in (read_image, read_picture):
        try:
            found = read(path)
        except PixmendError as error:
            found = str(error)
            assert "\n" not in found and found.startswith(f"{path}: ")
    if isinstance(found, Picture):
        assert found.pixels.isfinite().all() and found.pixels.min() >= 0 and found.pixels.max() <= 1
        assert found.alpha is None or found.alpha.shape[1:] == found.pixels.shape[1:]
    return found


@pytest.mark.parametrize("name", [*CASES, *FOREIGN, "a.gif"])
def test_a_file_cut_anywhere_is_refused_or_whole(name: str, tmp_path: Path):
    content = content_of(name, tmp_path)
    path = tmp_path / f"cut-{name}"
    path.write_bytes(content)
    whole = outcome(path)
    assert isinstance(whole, Picture)
    for part in range(20):
        path.write_bytes(content[: len(content) * part // 20])
        found = outcome(path)
        if isinstance(found, Picture):  # what follows the pixels may be missing
            assert torch.equal(found.pixels, whole.pixels)
    path.write_bytes(content[:-1])
    found = outcome(path)
    assert isinstance(found, str) or found.pixels.shape == whole.pixels.shape


@pytest.mark.parametrize("name", [*CASES, *FOREIGN, "a.gif"])
def test_a_file_with_bytes_changed_is_refused_or_a_sound_picture(name: str, tmp_path: Path):
    content = content_of(name, tmp_path)
    path = tmp_path / f"changed-{name}"
    dice = random.Random(name)
    for number in range(40):
        damaged = bytearray(content)
        reach = min(160, len(content)) if number % 2 else len(content)
        for _ in range(dice.choice((1, 2, 8))):
            damaged[dice.randrange(reach)] = dice.choice((0, 255, dice.randrange(256)))
        path.write_bytes(damaged)
        outcome(path)


def chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)


def png(width: int, height: int, *, bits: int = 8, colour: int = 2, chunks: bytes = b"", rows: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunks + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(entries: dict[int, tuple[int, int, int]]) -> bytes:
    """Tags by number: type, count, value; nothing behind them."""
    body = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in sorted(entries.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4)


def plain_tiff(**changed: tuple[int, int, int]) -> bytes:
    tags = {"width": 256, "height": 257, "bits": 258, "packed": 259, "light": 262, "offsets": 273, "samples": 277}
    tags |= {
        "rows": 278,
        "lengths": 279,
        "planes": 284,
        "tile": 322,
        "tall": 323,
        "places": 324,
        "weights": 325,
        "kind": 339,
        "icc": 34675,
    }
    usual = {"width": (4, 1, 4), "height": (4, 1, 4), "bits": (3, 1, 16), "packed": (3, 1, 1), "light": (3, 1, 1)}
    usual |= {"offsets": (4, 1, 8), "samples": (3, 1, 1), "rows": (4, 1, 4), "lengths": (4, 1, 32)}
    return tiff({tags[name]: entry for name, entry in (usual | changed).items()})


BOMBS = {
    "no width.png": png(0, 5),
    "no height 16.png": png(5, 0, bits=16),
    "huge 16.png": png(200_000, 200_000, bits=16),
    "17 bits.png": png(2, 2, bits=17),
    "profile.png": png(1, 1, rows=bytes(4), chunks=chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(300_000_000)))),
    "text.png": png(1, 1, rows=bytes(4), chunks=chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(300_000_000)))),
    "huge.ppm": b"P6\n100000 100000\n65535\n",
    "spaces.ppm": b"P6" + b" " * 5000 + b"1 1 255\n",
    "comments.ppm": b"P6" + b"#\n" * 2000 + b"#",
    "digits.ppm": b"P5 " + b"9" * 3000 + b" 1 255\n",
    "words.pgm": b"P2 2 2 300\n1 2 x 4",
    "above white.pgm": b"P2 2 2 300\n1 2 301 4",
    "no white.pgm": b"P5 2 2 0\n    ",
    "nothing.pgm": b"P5 0 0 255\n",
    "empty.tif": tiff({}),
    "huge.tif": plain_tiff(width=(4, 1, 2**31), height=(4, 1, 2**31)),
    "huge channels.tif": plain_tiff(samples=(3, 1, 60_000), width=(4, 1, 60_000), height=(4, 1, 9_000)),
    "no rows.tif": plain_tiff(rows=(4, 1, 0)),
    "strip outside.tif": plain_tiff(offsets=(4, 1, 2**31)),
    "no strip.tif": plain_tiff(lengths=(4, 1, 0)),
    "tile.tif": plain_tiff(tile=(4, 1, 2**30), tall=(4, 1, 2**30)),
    "tiles.tif": plain_tiff(tile=(4, 1, 2**30), tall=(4, 1, 2**30), places=(4, 1, 8), weights=(4, 1, 32)),
    "flat tiles.tif": plain_tiff(tile=(4, 1, 4), tall=(4, 1, 0), places=(4, 1, 8), weights=(4, 1, 32)),
    "dense.tif": plain_tiff(width=(4, 1, 20_000), height=(4, 1, 20_000), rows=(4, 1, 20_000), packed=(3, 1, 8)),
    "profile.tif": plain_tiff(icc=(7, 2**31, 8)),
    "no samples.tif": plain_tiff(samples=(3, 1, 0)),
    "text as width.tif": plain_tiff(width=(2, 4, 0x41424344)),
    "float width.tif": plain_tiff(width=(11, 1, 0x7FC00000)),
    "odd bits.tif": plain_tiff(bits=(3, 1, 13)),
    "loop.tif": plain_tiff()[:-4] + struct.pack("<I", 8),
    "unknown packing.tif": plain_tiff(packed=(3, 1, 5)),
    "no box.avif": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
    "box.avif": b"\0\0\0\x1cftypavif" + b"av1C\x81\x04\x4c" * 9,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_one_line_and_little_memory(name: str, tmp_path: Path):
    path = tmp_path / name
    path.write_bytes(BOMBS[name])
    tracemalloc.start()
    try:
        found = outcome(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(found, str) or name in ("profile.tif", "loop.tif", "profile.png", "no rows.tif"), found
    assert peak < 100_000_000


@pytest.mark.skipif(sys.platform == "win32", reason="measures the peak of the process")
def test_xmp_of_nothing_but_openings_takes_no_time(tmp_path: Path):
    import time

    from pixmend.image.metadata import lasting_xmp

    started = time.perf_counter()
    for piece in (b"<xmp:Thumbnails>", b"tiff:Orientation", b"xmpNote:HasExtendedXMP='", b" ", b"pixmend:provenance>"):
        lasting_xmp(piece * (4_000_000 // len(piece)))
    assert time.perf_counter() - started < 5


def test_a_huge_profile_is_carried_or_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    pixels = torch.zeros(3, 4, 4)
    for suffix in (".jpg", ".tif", ".webp", ".avif"):
        write_picture(tmp_path / f"a{suffix}", Picture(pixels=pixels, icc=b"i" * 3_000_000))
        assert read_picture(tmp_path / f"a{suffix}").icc == b"i" * 3_000_000
