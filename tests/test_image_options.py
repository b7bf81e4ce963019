"""How a file is to be written, what is refused before the work, and the word of how it was made."""

import json
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmend.errors import PixmendError
from pixmend.image import (
    Picture,
    WriteOptions,
    check_output,
    fitting_suffix,
    provenance_in,
    read_picture,
    read_provenance,
    write_image,
    write_picture,
)
from pixmend.image.provenance import with_provenance
from pixmend.seeding import generator

FACTS = {"model": "edt_b", "weights": "sha256:0123", "options": {"task": ["dr_L", "sr_x2"], "tile": None}, "n": 1.5}


def refusal(path: Path, **what: object) -> str:
    asked = {"size": (4, 4), "alpha": False, **what}
    with pytest.raises(PixmendError) as caught:
        check_output(path, **asked)
    line = str(caught.value)
    assert "\n" not in line and line.startswith(f"{path}: ")
    return line.removeprefix(f"{path}: ")


def smooth(*, channels: int = 3) -> torch.Tensor:
    noise = torch.rand(channels, 8, 8, generator=generator(2))
    return torch.nn.functional.interpolate(noise[None], size=(64, 64), mode="bilinear")[0]


# Options


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"format": "GIF"}, "format: expected one of PNG, TIFF"),
        ({"quality": 0}, "quality: expected 1 to 100, got 0"),
        ({"quality": 101}, "quality: expected 1 to 100, got 101"),
        ({"quality": 90, "lossless": True}, "exclude each other"),
        ({"depth": 12}, "depth: expected 8, 16 or 32"),
        ({"compression": "lzw"}, "compression: expected 'deflate' or 'none', got 'lzw'"),
    ],
)
def test_options_out_of_range_are_refused(options: dict, told: str):
    with pytest.raises(PixmendError, match=told):
        WriteOptions(**options)


@pytest.mark.parametrize(
    ("suffix", "options", "told"),
    [
        (".png", {"quality": 90}, "PNG has no setting quality, only JPEG, WEBP, AVIF: leave it out"),
        (".tif", {"lossless": True}, "TIFF has no setting lossless, only WEBP, AVIF: leave it out"),
        (".jpg", {"lossless": True}, "JPEG has no setting lossless"),
        (".png", {"compression": "none"}, "PNG has no setting compression, only TIFF"),
        (".png", {"format": "JPEG"}, "JPEG is asked for and the name says PNG: change one of them"),
        (".xyz", {}, "cannot tell the output format"),
    ],
)
def test_an_option_without_effect_is_refused(suffix: str, options: dict, told: str, tmp_path: Path):
    assert refusal(tmp_path / f"a{suffix}", options=WriteOptions(**options)).startswith(told)


def test_a_name_without_an_ending_takes_the_format_asked_for(tmp_path: Path):
    write_picture(tmp_path / "a", Picture(pixels=smooth()), options=WriteOptions(format="WEBP"))
    assert read_picture(tmp_path / "a").format == "WEBP"


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_higher_quality_is_nearer_and_larger(suffix: str, tmp_path: Path):
    sizes, errors = [], []
    for quality in (20, 60, 98):
        write_picture(tmp_path / f"a{suffix}", Picture(pixels=smooth()), options=WriteOptions(quality=quality))
        sizes.append((tmp_path / f"a{suffix}").stat().st_size)
        errors.append(float((read_picture(tmp_path / f"a{suffix}").pixels - smooth()).square().mean()))
    assert sizes == sorted(sizes) and errors == sorted(errors, reverse=True)


def test_a_tiff_is_deflated_unless_told_otherwise(tmp_path: Path):
    for name, compression in (("a", None), ("b", "deflate"), ("c", "none")):
        options = WriteOptions(compression=compression)
        write_picture(tmp_path / f"{name}.tif", Picture(pixels=smooth()), options=options)
    sizes = [(tmp_path / f"{name}.tif").stat().st_size for name in "abc"]
    assert sizes[0] == sizes[1] < 0.7 * sizes[2]


def test_colours_under_transparency_survive_lossless_webp_and_avif(tmp_path: Path):
    colours = torch.randint(0, 256, (3, 16, 16), generator=generator(1)) / 255
    hidden = Picture(pixels=colours, alpha=torch.zeros(1, 16, 16))
    for suffix in (".webp", ".avif"):
        write_picture(tmp_path / f"a{suffix}", hidden, options=WriteOptions(lossless=True))
        assert torch.equal(read_picture(tmp_path / f"a{suffix}").pixels, colours)


@pytest.mark.parametrize(
    ("wanted", "what", "found"),
    [
        (".JPG", {}, ".JPG"),
        (".gif", {}, ".png"),
        (".jpg", {"alpha": True}, ".png"),
        (".webp", {"alpha": True}, ".webp"),
        (".avif", {"depth": 16}, ".png"),
        (".tiff", {"depth": 32}, ".tiff"),
        (".png", {"depth": 32}, ".tif"),
        (".png", {"channels": 5}, ".tif"),
    ],
)
def test_an_ending_that_cannot_hold_the_picture_gives_way(wanted: str, what: dict, found: str):
    assert fitting_suffix(wanted, **{"alpha": False, "channels": 3, "depth": 8, **what}) == found


# Depth


@pytest.mark.parametrize(
    ("suffix", "depth", "told"),
    [
        (".jpg", 16, "JPEG holds 8 bits per channel, the picture has 16: use .png or .tif, or ask for a depth of 8"),
        (".webp", 16, "WEBP holds 8 bits"),
        (".avif", 16, "AVIF holds 8 bits"),
        (".png", 32, "PNG holds 8 or 16 bits per channel, the picture has 32: use .tif, or ask for a depth of 16"),
    ],
)
def test_a_format_of_less_depth_is_refused_before_the_work(suffix: str, depth: int, told: str, tmp_path: Path):
    assert refusal(tmp_path / f"a{suffix}", depth=depth).startswith(told)
    with pytest.raises(PixmendError, match=told):
        write_picture(tmp_path / f"a{suffix}", Picture(pixels=smooth(), depth=depth))


def test_less_depth_is_written_when_asked_for(tmp_path: Path):
    picture = Picture(pixels=smooth(), depth=16)
    write_picture(tmp_path / "a.png", picture, options=WriteOptions(depth=8))
    write_image(tmp_path / "b.png", smooth())
    assert read_picture(tmp_path / "a.png").depth == 8
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_more_depth_than_the_file_had_keeps_what_the_network_made(tmp_path: Path):
    write_picture(tmp_path / "a.png", Picture(pixels=smooth()), options=WriteOptions(depth=16))
    read = read_picture(tmp_path / "a.png")
    assert read.depth == 16 and (read.pixels - smooth()).abs().max() <= 0.5 / 65535 + 1e-6


@pytest.mark.parametrize(("suffix", "channels"), [(".png", 5), (".jpg", 4), (".webp", 2), (".pnm", 5)])
def test_several_channels_go_into_tiff_alone(suffix: str, channels: int, tmp_path: Path):
    assert "cannot store" in refusal(tmp_path / f"a{suffix}", channels=channels)
    assert check_output(tmp_path / "a.tif", size=(4, 4), alpha=False, channels=channels) == "TIFF"


@pytest.mark.parametrize(("name", "channels"), [("a.pgm", 3), ("a.ppm", 1)])
def test_pgm_is_grey_and_ppm_is_not(name: str, channels: int, tmp_path: Path):
    assert "use .pnm for either" in refusal(tmp_path / name, channels=channels)


def test_a_range_for_each_channel_is_needed(tmp_path: Path):
    with pytest.raises(PixmendError, match="a range for each of 3 channels, got 1"):
        write_picture(tmp_path / "a.tif", Picture(pixels=smooth(), ranges=((0.0, 1.0),)))


def test_lossless_avif_without_libvips_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyvips", None)
    with pytest.raises(PixmendError, match=r'a\.avif: lossless AVIF needs libvips: pip install "pyvips\[binary\]"$'):
        write_picture(tmp_path / "a.avif", Picture(pixels=smooth()), options=WriteOptions(lossless=True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".avif", ".bmp", ".pnm"])
@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the length of files")
def test_a_disk_that_takes_no_more_leaves_the_old_file_and_no_part(suffix: str, tmp_path: Path):
    import resource

    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"old")
    pixels = torch.rand(3, 200, 200, generator=generator(1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
        with pytest.raises(PixmendError) as caught:
            write_image(path, pixels)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"a{suffix}: cannot be written: File too large" in str(caught.value)
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == b"old"


# Provenance


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".avif"])
@pytest.mark.parametrize("before", [None, b"no XML", b"<x><rdf:RDF><a/></rdf:RDF></x>"])
def test_how_a_picture_was_made_is_read_back(suffix: str, before: bytes | None, tmp_path: Path):
    write_picture(tmp_path / f"a{suffix}", Picture(pixels=smooth(), xmp=before), provenance=FACTS)
    assert read_provenance(tmp_path / f"a{suffix}") == FACTS


def test_nothing_is_said_of_a_picture_that_was_not_made(tmp_path: Path):
    write_image(tmp_path / "a.png", smooth())
    assert read_provenance(tmp_path / "a.png") is None


def test_stripping_keeps_the_word_of_how_it_was_made(tmp_path: Path):
    picture = Picture(pixels=smooth(), xmp=b"<rdf:RDF><secret/></rdf:RDF>")
    write_picture(tmp_path / "a.png", picture, options=WriteOptions(strip=True), provenance=FACTS)
    xmp = read_picture(tmp_path / "a.png").xmp
    assert provenance_in(xmp) == FACTS and xmp is not None and b"secret" not in xmp


def test_what_was_said_before_gives_way():
    once = with_provenance(None, {"a": 1})
    twice = with_provenance(once, {"b": 2})
    assert provenance_in(twice) == {"b": 2} and twice.count(b"pixmend:provenance") == 1


def test_folders_are_left_out_for_they_may_name_a_person():
    facts = {"file": "/home/joe/in.png", "p": Path("/home/joe/x.pth"), "w": ["C:\\Users\\joe\\y.pth"], "m": "edt/b"}
    found = provenance_in(with_provenance(None, facts))
    assert found == {"file": "in.png", "p": "x.pth", "w": ["y.pth"], "m": "edt/b"}


@pytest.mark.parametrize("bad", [{"a": object()}, {"a": float("nan")}, {"a": b"bytes"}])
def test_what_json_cannot_hold_is_refused(bad: dict):
    with pytest.raises(PixmendError, match="provenance: expected what JSON can hold"):
        with_provenance(None, bad)


def test_provenance_that_another_program_wrote_anew_is_found():
    text = json.dumps(FACTS).replace('"', "&quot;")
    for xmp in (f"<pixmend:provenance>{text}</pixmend:provenance>", f"pixmend:provenance = '{text}'"):
        assert provenance_in(xmp.encode()) == FACTS


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.text(), st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=5)))
def test_any_text_survives(facts: dict):
    plain = json.loads(json.dumps(facts))
    if not any(mark in json.dumps(facts) for mark in ("/", "\\\\")):  # of which folders may be made
        assert provenance_in(with_provenance(None, facts)) == plain


@pytest.mark.parametrize("junk", [b"", b"pixmend:provenance=", b'pixmend:provenance="{"', b'pixmend:provenance="[1]"'])
def test_malformed_provenance_is_none(junk: bytes):
    assert provenance_in(junk) is None
