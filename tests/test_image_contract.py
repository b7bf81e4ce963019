"""What goes into a file comes out of it: format x depth x channels x transparency x metadata."""

import io
import itertools
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixmend.errors import PixmendError
from pixmend.image import Picture, WriteOptions, read_picture, write_picture
from pixmend.image import strips as tiff_writing
from pixmend.seeding import generator

XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4" '
    b'tiff:Orientation="6" tiff:ImageWidth="5"><xmp:Thumbnails>AAAA</xmp:Thumbnails>'
    b"<tiff:ImageLength>7</tiff:ImageLength></rdf:Description></rdf:RDF></x:xmpmeta>"
    b'<?xpacket end="w"?>'
)
PROFILE = b"a profile is carried byte by byte" * 9
LOSSLESS = (
    (".png", {}, (8, 16), True),
    (".tif", {}, (8, 16, 32), True),
    (".tif", {"compression": "none"}, (8, 16, 32), True),
    (".webp", {"lossless": True}, (8,), True),
    (".avif", {"lossless": True}, (8,), True),
    (".bmp", {}, (8,), False),
    (".pnm", {}, (8, 16), False),
)
EXACT = [
    (suffix, options, depth, channels, alpha)
    for suffix, options, depths, has_alpha in LOSSLESS
    for depth, channels, alpha in itertools.product(depths, (1, 3), (False, True))
    if has_alpha or not alpha
]


def levels(channels: int, depth: int, *, size: tuple[int, int] = (17, 23)) -> torch.Tensor:
    """Random values that a file of this depth can hold."""
    if depth == 32:
        return torch.rand(channels, *size, generator=generator(channels))
    highest = 2**depth - 1
    return torch.randint(0, highest + 1, (channels, *size), generator=generator(channels)) / highest


def camera() -> bytes:
    exif = Image.Exif()
    exif[271], exif[274], exif[33432] = "Camera", 6, "Somebody"
    exif[34665] = {36867: "2020:02:03 04:05:06", 40962: 5, 40963: 7}
    exif[34853] = {1: "N", 2: (1.0, 2.0, 3.0)}
    return exif.tobytes()


@pytest.mark.parametrize(("suffix", "options", "depth", "channels", "alpha"), EXACT)
def test_every_value_comes_back(suffix, options, depth, channels, alpha, tmp_path: Path):
    pixels = levels(channels, depth)
    clear = levels(1, depth) if alpha else None
    written = Picture(pixels=pixels, alpha=clear, depth=depth)
    write_picture(tmp_path / f"a{suffix}", written, options=WriteOptions(**options))
    read = read_picture(tmp_path / f"a{suffix}")
    in_colour = suffix in (".webp", ".avif")  # which know no grey
    assert torch.equal(read.pixels, pixels.expand(3, -1, -1) if in_colour else pixels)
    assert read.depth == depth and read.notes == ()
    assert (read.alpha is None) if clear is None else (read.alpha is not None and torch.equal(read.alpha, clear))


@pytest.mark.parametrize(("suffix", "worst", "typical"), [(".jpg", 12, 2.5), (".webp", 16, 3), (".avif", 16, 3)])
def test_formats_that_lose_something_lose_little(suffix: str, worst: int, typical: float, tmp_path: Path):
    across = torch.linspace(0, 1, 64)
    pixels = torch.stack([across.expand(48, 64), across.flip(0).expand(48, 64), torch.full((48, 64), 0.4)])
    write_picture(tmp_path / f"a{suffix}", Picture(pixels=pixels))
    difference = (read_picture(tmp_path / f"a{suffix}").pixels - pixels).abs() * 255
    assert difference.max() <= worst and difference.mean() <= typical


@pytest.mark.parametrize("depth", [8, 16, 32])
@pytest.mark.parametrize("channels", [2, 4, 5, 13])
def test_any_number_of_channels_comes_back_from_tiff_each_in_its_range(channels: int, depth: int, tmp_path: Path):
    pixels = levels(channels, depth)
    ranges = tuple((float(10 + n), float(200 - 9 * n)) for n in range(channels))
    write_picture(tmp_path / "a.tif", Picture(pixels=pixels, depth=depth, ranges=ranges))
    first = read_picture(tmp_path / "a.tif")
    write_picture(tmp_path / "b.tif", first)
    second = read_picture(tmp_path / "b.tif")
    assert first.pixels.shape == pixels.shape and first.alpha is None and first.ranges is not None
    assert all(
        low >= ours[0] - 1 and high <= ours[1] + 1 for (low, high), ours in zip(first.ranges, ranges, strict=True)
    )
    tolerance = 0 if depth != 32 else 1e-6
    assert (second.pixels - first.pixels).abs().max() <= tolerance
    assert np.allclose(second.ranges, first.ranges, rtol=1e-6)


def test_floats_beyond_white_come_back(tmp_path: Path):
    values = np.linspace(-3, 900, 3 * 8 * 9, dtype=np.float32).reshape(8, 9, 3)
    assert cv2.imwrite(str(tmp_path / "a.tif"), values[..., ::-1])
    picture = read_picture(tmp_path / "a.tif")
    assert picture.depth == 32 and picture.ranges == ((-3.0, 900.0),) * 3
    assert picture.pixels.min() == 0 and picture.pixels.max() == 1
    write_picture(tmp_path / "b.tif", picture)
    back = cv2.imread(str(tmp_path / "b.tif"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert back.dtype == np.float32 and np.abs(back - values).max() < 1e-3


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_floats_that_are_none_are_refused(bad: float, tmp_path: Path):
    values = np.zeros((4, 4), np.float32)
    values[2, 1] = bad
    assert cv2.imwrite(str(tmp_path / "a.tif"), values)
    with pytest.raises(PixmendError, match=r"a\.tif: holds values that are not finite"):
        read_picture(tmp_path / "a.tif")


HOLDING = [(".png", 8), (".png", 16), (".jpg", 8), (".webp", 8), (".tif", 8), (".tif", 16), (".tif", 32), (".avif", 8)]


@pytest.mark.parametrize(("suffix", "depth"), HOLDING)
def test_profile_exif_xmp_and_resolution_come_back_upright_and_with_the_new_size(suffix, depth, tmp_path: Path):
    picture = Picture(pixels=levels(3, depth), depth=depth, icc=PROFILE, exif=camera(), xmp=XMP, dpi=(300.0, 144.0))
    write_picture(tmp_path / f"a{suffix}", picture)
    read = read_picture(tmp_path / f"a{suffix}")
    assert read.icc == PROFILE and read.pixels.shape == picture.pixels.shape
    assert read.dpi == pytest.approx((300, 144), abs=0.02)
    exif = Image.Exif()
    exif.load(read.exif)
    assert exif.get(274, 1) == 1 and (exif[271], exif[33432]) == ("Camera", "Somebody")
    assert exif.get_ifd(34665) == {36867: "2020:02:03 04:05:06", 40962: 23, 40963: 17}
    assert exif.get_ifd(34853) == {1: "N", 2: (1.0, 2.0, 3.0)}
    assert read.xmp is not None and b'xmp:Rating="4"' in read.xmp and b"Thumbnails" not in read.xmp
    assert b'tiff:Orientation="1"' in read.xmp
    assert b'tiff:ImageWidth="23"' in read.xmp and b"<tiff:ImageLength>17<" in read.xmp


@pytest.mark.parametrize(("suffix", "depth"), HOLDING)
@pytest.mark.parametrize("name", ["Jürgen".encode(), "José".encode("latin-1")])
def test_names_in_exif_keep_their_letters(suffix: str, depth: int, name: bytes, tmp_path: Path):
    exif = Image.Exif()
    exif[315], exif[34665] = name, {42032: "x" * len(name)}
    content = exif.tobytes().replace(b"x" * len(name), name)
    Image.new("RGB", (4, 4)).save(tmp_path / "a.jpg", exif=content)
    write_picture(tmp_path / f"b{suffix}", read_picture(tmp_path / "a.jpg"), options=WriteOptions(depth=depth))
    found = Image.Exif()
    found.load(read_picture(tmp_path / f"b{suffix}").exif)
    assert found[315].encode("latin-1") == found.get_ifd(34665)[42032].encode("latin-1") == name


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_deep_picture_with_malformed_exif_is_read(suffix: str, tmp_path: Path):
    write_picture(tmp_path / f"a{suffix}", Picture(pixels=levels(3, 16), depth=16, exif=camera()))
    content = bytearray((tmp_path / f"a{suffix}").read_bytes())
    start = content.index(b"eXIf") if suffix == ".png" else 0
    at = content.index(bytes((0x69, 0x87)) if suffix == ".tif" else bytes((0x87, 0x69)), start)
    content[at + 8 : at + 12] = b"\0\1\0\0"  # where the camera's folder is said to be
    if suffix == ".png":
        end = start + 4 + int.from_bytes(content[start - 4 : start])
        content[start - 4 : end + 4] = chunk(b"eXIf", bytes(content[start + 4 : end]))
    (tmp_path / f"a{suffix}").write_bytes(content)
    assert torch.equal(read_picture(tmp_path / f"a{suffix}").pixels, levels(3, 16))


@pytest.mark.parametrize(("suffix", "depth"), HOLDING)
def test_stripping_leaves_the_profile_alone(suffix: str, depth: int, tmp_path: Path):
    picture = Picture(pixels=levels(3, depth), depth=depth, icc=PROFILE, exif=camera(), xmp=XMP)
    write_picture(tmp_path / f"a{suffix}", picture, options=WriteOptions(strip=True))
    read = read_picture(tmp_path / f"a{suffix}")
    assert (read.icc, read.exif, read.xmp) == (PROFILE, None, None)


@pytest.mark.parametrize("suffix", [".bmp", ".pnm"])
def test_what_a_format_cannot_hold_is_told(suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    write_picture(tmp_path / f"a{suffix}", Picture(pixels=levels(3, 8), icc=PROFILE, exif=camera()))
    assert f"a{suffix}: written without its colour profile, EXIF, which" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        write_picture(tmp_path / f"a{suffix}", Picture(pixels=levels(3, 8)))
    assert "written without" not in caplog.text


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_deep_picture_is_turned_as_a_shallow_one(orientation: int, suffix: str, tmp_path: Path):
    shallow = torch.randint(0, 256, (3, 5, 9), generator=generator(1)) / 255
    exif = Image.Exif()
    exif[274], exif[282], exif[283], exif[296] = orientation, 100.0, 200.0, 2
    pictures = []
    for depth in (8, 16):
        path = tmp_path / f"{depth}{suffix}"
        write_picture(path, Picture(pixels=shallow, depth=depth))
        if suffix == ".png":
            content = path.read_bytes()
            body = exif.tobytes().removeprefix(b"Exif\0\0")
            path.write_bytes(content[:33] + chunk(b"eXIf", body) + content[33:])
        else:
            turn_tiff(path, orientation)
        pictures.append(read_picture(path))
    assert torch.equal(pictures[0].pixels, pictures[1].pixels)
    assert pictures[0].pixels.shape == ((3, 9, 5) if orientation >= 5 else (3, 5, 9))
    assert pictures[0].dpi == pictures[1].dpi
    if suffix == ".png":
        assert pictures[0].dpi == ((200, 100) if orientation >= 5 else (100, 200))


def chunk(name: bytes, body: bytes) -> bytes:
    import zlib

    return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)


def turn_tiff(path: Path, orientation: int) -> None:
    """Its tag of the resolution's unit, which nobody reads without a resolution, becomes the orientation."""
    content = bytearray(path.read_bytes())
    count = int.from_bytes(content[8:10], "little")
    entries = [content[10 + 12 * n : 22 + 12 * n] for n in range(count)]
    entries = [entry for entry in entries if int.from_bytes(entry[:2], "little") != 339]  # sample format: the default
    entries.append(b"".join(n.to_bytes(size, "little") for n, size in ((274, 2), (3, 2), (1, 4), (orientation, 4))))
    entries.sort(key=lambda entry: int.from_bytes(entry[:2], "little"))
    assert len(entries) == count
    content[10 : 10 + 12 * count] = b"".join(entries)
    path.write_bytes(content)


def test_xmp_alone_can_turn_a_picture_but_not_twice(tmp_path: Path):
    info = Image.new("RGB", (4, 4)).info
    assert info == {}
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    image = Image.fromarray((levels(3, 8) * 255).round().byte().permute(1, 2, 0).numpy())
    image.save(tmp_path / "a.png", pnginfo=text)
    first = read_picture(tmp_path / "a.png")
    assert first.pixels.shape == (3, 23, 17)
    write_picture(tmp_path / "b.png", first)
    assert torch.equal(read_picture(tmp_path / "b.png").pixels, first.pixels)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_file_is_written_the_same_twice(depth: int, tmp_path: Path):
    for suffix in (".png", ".tif", ".webp", ".avif") if depth == 8 else (".png", ".tif"):
        picture = Picture(pixels=levels(3, depth), depth=depth, icc=PROFILE, exif=camera(), xmp=XMP)
        for name in "ab":
            write_picture(tmp_path / f"{name}{suffix}", picture)
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_another_reader_sees_the_same_16_bits(suffix: str, channels: int, alpha: bool, tmp_path: Path):
    if (channels, alpha) == (1, True):
        pytest.skip("OpenCV knows no grey with transparency")
    planes = levels(channels + alpha, 16)
    picture = Picture(pixels=planes[:channels], alpha=planes[channels:] if alpha else None, depth=16)
    write_picture(tmp_path / f"a{suffix}", picture)
    theirs = cv2.imread(str(tmp_path / f"a{suffix}"), cv2.IMREAD_UNCHANGED)
    ours = planes.permute(1, 2, 0).mul(65535).round().numpy().astype(np.uint16)
    assert np.array_equal(theirs, ours[..., 0] if channels == 1 else ours[..., [2, 1, 0, 3][: ours.shape[2]]])


def test_a_tiff_of_more_than_4_gigabytes_is_a_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tiff_writing, "_BIG", 100)
    monkeypatch.setattr(tiff_writing, "_STRIP", 300)
    for depth in (8, 16):
        picture = Picture(pixels=levels(3, depth), depth=depth, icc=PROFILE, exif=camera(), xmp=XMP)
        write_picture(tmp_path / "a.tif", picture)
        assert (tmp_path / "a.tif").read_bytes()[:4] == b"II+\0"
        read = read_picture(tmp_path / "a.tif")
        assert torch.equal(read.pixels, picture.pixels) and read.icc == PROFILE and read.exif is not None


@settings(deadline=None, max_examples=40)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    samples=st.sampled_from([1, 2, 3, 4]),
    seed=st.integers(0, 1000),
    smooth=st.booleans(),
)
def test_png_of_16_bits_is_the_same_whatever_its_rows_look_like(size, samples, seed, smooth):
    from pixmend.image import png

    random = np.random.default_rng(seed)
    values = random.integers(0, 65536, (*size, samples)).astype(np.uint16)
    if smooth:
        values = np.cumsum(np.cumsum(values % 7, axis=0), axis=1).astype(np.uint16)
    content = png.write_levels((values[i : i + 3] for i in range(0, size[0], 3)), size=size, chunks=())
    assert np.array_equal(png.read_levels(content)[0], values)
    theirs = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples in (1, 3):
        assert np.array_equal(theirs, values[..., 0] if samples == 1 else values[..., ::-1])


def test_a_transparent_colour_of_16_bits_is_told_from_its_neighbours(tmp_path: Path):
    values = np.array([[[4096, 7, 9], [4096, 7, 8], [4097, 7, 9]]], np.uint16)
    ok, content = cv2.imencode(".png", values[..., ::-1])
    assert ok
    with_key = content.tobytes()
    key = np.array([4096, 7, 9], ">u2").tobytes()
    (tmp_path / "a.png").write_bytes(with_key[:33] + chunk(b"tRNS", key) + with_key[33:])
    alpha = read_picture(tmp_path / "a.png").alpha
    assert alpha is not None and alpha.flatten().tolist() == [0, 1, 1]


def test_an_interlaced_png_of_16_bits_is_read_in_full(tmp_path: Path):
    import pyvips

    values = np.random.default_rng(0).integers(0, 65536, (19, 21, 3)).astype(np.uint16)
    image = pyvips.Image.new_from_memory(values.tobytes(), 21, 19, 3, "ushort").copy(interpretation="rgb16")
    (tmp_path / "a.png").write_bytes(image.pngsave_buffer(interlace=True, bitdepth=16))
    read = read_picture(tmp_path / "a.png").pixels.mul(65535).round().permute(1, 2, 0).numpy()
    assert np.array_equal(read, values)


@pytest.mark.parametrize("highest", [1, 100, 255, 1000, 65535])
@pytest.mark.parametrize("kind", [2, 3, 5, 6])
def test_ppm_and_pgm_are_read_up_to_their_own_white(kind: int, highest: int, tmp_path: Path):
    channels = 3 if kind in (3, 6) else 1
    values = np.random.default_rng(1).integers(0, highest + 1, (4, 5, channels))
    header = f"P{kind}\n# a comment\n5 4 # another\n{highest}\n".encode()
    words = b" ".join(b"%d" % value for value in values.flatten())
    body = words if kind in (2, 3) else values.astype(">u2" if highest > 255 else np.uint8).tobytes()
    (tmp_path / "a.ppm").write_bytes(header + body)
    picture = read_picture(tmp_path / "a.ppm")
    assert torch.equal(picture.pixels, torch.from_numpy(values).permute(2, 0, 1).float() / highest)
    assert picture.depth == (16 if highest > 255 else 8) and picture.format == "PPM"


@pytest.mark.parametrize(
    ("suffix", "told"), [(".jpg", "is a PNG whatever its name says"), (".png", None), (".x", None)]
)
def test_a_wrong_ending_is_tolerated_and_told(suffix: str, told: str | None, tmp_path: Path):
    write_picture(tmp_path / "a.png", Picture(pixels=levels(3, 8)))
    (tmp_path / "a.png").rename(tmp_path / f"b{suffix}")
    picture = read_picture(tmp_path / f"b{suffix}")
    assert picture.format == "PNG" and picture.notes == ((told,) if told else ())


def test_a_palette_with_transparency_keeps_both(tmp_path: Path):
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    image.save(tmp_path / "a.png", transparency=bytes([0, 128, 255]))
    picture = read_picture(tmp_path / "a.png")
    assert picture.pixels.permute(1, 2, 0).tolist() == [[[1, 0, 0], [0, 1, 0], [0, 0, 1]]]
    assert picture.alpha is not None and picture.alpha.mul(255).round().flatten().tolist() == [0, 128, 255]


def test_an_avif_is_read_as_pillow_reads_it(tmp_path: Path):
    image = Image.fromarray((levels(4, 8) * 255).byte().permute(1, 2, 0).numpy(), "RGBA")
    image.save(tmp_path / "a.avif")
    picture = read_picture(tmp_path / "a.avif")
    theirs = np.array(Image.open(io.BytesIO((tmp_path / "a.avif").read_bytes())))
    assert picture.alpha is not None
    ours = torch.cat([picture.pixels, picture.alpha]).mul(255).round().byte().permute(1, 2, 0).numpy()
    assert np.array_equal(ours, theirs)
