"""What goes from file to tensor to file, and how every bad file is refused. Pictures are made here."""

import errno
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixmend.errors import PixmendError
from pixmend.image import Picture, check_output, read_image, read_picture, write_image, write_picture
from pixmend.seeding import generator

LOSSLESS = (".png", ".tif", ".bmp")
ALL_WRITABLE = (*LOSSLESS, ".jpg", ".webp")


def noise(mode: str, *, size: tuple[int, int] = (12, 8)) -> Image.Image:
    """A picture of random bytes; ``size`` is (width, height)."""
    values = torch.randint(0, 256, (size[1], size[0], 4), generator=generator(7), dtype=torch.uint8)
    return Image.fromarray(values.numpy(), "RGBA").convert(mode)


def png(*, width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    """A PNG file by hand, for headers that Pillow would not write."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def refusal(path: Path) -> str:
    """The one line with which reading a file is refused; it names the file."""
    with pytest.raises(PixmendError) as caught:
        read_picture(path)
    line = str(caught.value)
    assert "\n" not in line and line.startswith(f"{path}: ")
    return line.removeprefix(f"{path}: ")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Reading


def test_rgb_is_read_as_three_channels_divided_by_255(tmp_path: Path) -> None:
    noise("RGB").save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.shape == (3, 8, 12) and image.dtype == torch.float32 and image.is_contiguous()
    expected = torch.from_numpy(np.array(noise("RGB"))).permute(2, 0, 1) / 255
    assert torch.equal(image, expected)


def test_a_path_may_be_a_string(tmp_path: Path) -> None:
    noise("RGB").save(tmp_path / "a.png")
    assert read_image(str(tmp_path / "a.png")).shape == (3, 8, 12)


@pytest.mark.parametrize(("mode", "suffix"), [("L", ".png"), ("L", ".jpg"), ("1", ".png"), ("1", ".tif")])
def test_grey_and_black_and_white_are_read_as_one_channel(mode: str, suffix: str, tmp_path: Path) -> None:
    noise(mode).save(tmp_path / f"a{suffix}")
    assert read_image(tmp_path / f"a{suffix}").shape == (1, 8, 12)


def test_black_and_white_reaches_both_ends_of_the_range(tmp_path: Path) -> None:
    noise("1").save(tmp_path / "a.png")
    assert set(read_image(tmp_path / "a.png").unique().tolist()) == {0.0, 1.0}


def test_a_palette_is_read_as_its_colours(tmp_path: Path) -> None:
    palette = noise("RGB").quantize(17)
    palette.save(tmp_path / "a.gif")
    expected = torch.from_numpy(np.array(palette.convert("RGB"))).permute(2, 0, 1) / 255
    assert torch.equal(read_image(tmp_path / "a.gif"), expected)


@pytest.mark.parametrize(("mode", "channels"), [("RGBA", 3), ("LA", 1)])
def test_an_alpha_channel_is_read_apart_from_the_colours(mode: str, channels: int, tmp_path: Path) -> None:
    noise(mode).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert picture.pixels.shape == (channels, 8, 12) and picture.alpha is not None
    assert torch.equal(picture.alpha[0], torch.from_numpy(np.array(noise(mode))[..., -1]) / 255)


@pytest.mark.parametrize(("mode", "transparent"), [("P", 3), ("L", 5), ("RGB", (1, 2, 3))])
def test_a_transparent_colour_becomes_an_alpha_channel(
    mode: str, transparent: int | tuple[int, int, int], tmp_path: Path
) -> None:
    noise(mode).save(tmp_path / "a.png", transparency=transparent)
    alpha = read_picture(tmp_path / "a.png").alpha
    assert alpha is not None and set(alpha.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_a_turned_picture_is_read_upright(orientation: int, suffix: str, mode: str, tmp_path: Path) -> None:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # what the camera did to the picture, by the EXIF standard: the inverse of what a reader has to do
    stored = noise(mode).transpose(turns[orientation]) if orientation in turns else noise(mode)
    exif = Image.Exif()
    exif[274] = orientation
    stored.save(tmp_path / f"turned{suffix}", exif=exif)
    noise(mode).save(tmp_path / "upright.png")
    assert torch.equal(read_image(tmp_path / f"turned{suffix}"), read_image(tmp_path / "upright.png"))


def test_the_further_frames_of_a_phone_picture_do_not_make_it_animated(tmp_path: Path) -> None:
    noise("RGB").save(tmp_path / "a.mpo", save_all=True, append_images=[noise("RGB", size=(6, 4))])
    (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.pixels.shape == (3, 8, 12) and picture.format == "JPEG"


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000)])
def test_thin_pictures_are_read(size: tuple[int, int], tmp_path: Path) -> None:
    noise("RGB", size=size).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").shape == (3, size[1], size[0])


# Refusing to read


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.png") == "no such file"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "is a folder, expected one picture file"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    assert "empty" in refusal(tmp_path / "a.png")


def test_a_file_that_is_no_picture_is_refused_with_the_formats_there_are(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("Not a picture at all, but long enough to have a header.")
    assert "not a picture" in refusal(tmp_path / "a.png") and "JPEG" in refusal(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [*ALL_WRITABLE, ".gif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_short_is_refused(suffix: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    noise("RGB", size=(200, 200)).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "damaged or cut short" in refusal(path)


def test_a_corrupt_file_is_refused(tmp_path: Path) -> None:
    noise("RGB", size=(64, 64)).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[200:220] = bytes(20)
    (tmp_path / "a.png").write_bytes(content)
    assert "damaged" in refusal(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_without_a_profile_is_refused(suffix: str, tmp_path: Path) -> None:
    noise("RGB").convert("CMYK").save(tmp_path / f"a{suffix}")
    line = "is CMYK (print colours) without a colour profile: convert it to RGB first"
    assert refusal(tmp_path / f"a{suffix}") == line


def test_another_colour_space_is_refused_by_name(tmp_path: Path) -> None:
    noise("RGB").convert("LAB").save(tmp_path / "a.tif")
    assert "colour mode LAB" in refusal(tmp_path / "a.tif")


@pytest.mark.parametrize(("colour", "samples"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_colours_alone_of_16_bits_are_refused_rather_than_reduced(colour: int, samples: int, tmp_path: Path) -> None:
    content = png(width=2, height=1, bits=16, colour=colour, rows=bytes(1 + 2 * 2 * samples))
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(
        PixmendError, match=r"a\.png: 16 bits per channel, expected 8 here: convert it to 8 bits first$"
    ):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize(("mode", "bits"), [("I;16", 16), ("I", 32), ("F", 32)])
def test_colours_alone_of_a_deep_tiff_are_refused(mode: str, bits: int, tmp_path: Path) -> None:
    Image.new(mode, (3, 3)).save(tmp_path / "a.tif")
    with pytest.raises(PixmendError, match=rf"a\.tif: {bits} bits per channel, expected 8 here"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_several_frames_or_pages_are_refused(suffix: str, tmp_path: Path) -> None:
    noise("RGB").save(tmp_path / f"a{suffix}", save_all=True, append_images=[noise("RGB").rotate(90)])
    assert refusal(tmp_path / f"a{suffix}").startswith("has 2 frames or pages")


def test_a_header_that_promises_too_many_pixels_is_refused_before_decoding(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(width=60_000, height=50_000, bits=8, colour=2, rows=b""))
    assert refusal(tmp_path / "a.png").startswith("60000 x 50000 is 3000 megapixels, the limit is 500")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".gif"])
def test_the_smaller_limit_of_pillow_does_not_apply(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise("RGB").save(tmp_path / f"a{suffix}")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read_image(tmp_path / f"a{suffix}").shape == (3, 8, 12)


@pytest.mark.parametrize("suffix", [".tif", ".webp"])
def test_a_picture_too_large_for_its_decoder_is_refused_as_that(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise("RGB").save(tmp_path / f"a{suffix}")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert refusal(tmp_path / f"a{suffix}").startswith("too large for the decoder of its format")


# Writing


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_formats_give_back_what_was_written(suffix: str, channels: int, tmp_path: Path) -> None:
    image = torch.randint(0, 256, (channels, 300, 5), generator=generator(1)) / 255
    write_image(tmp_path / f"a{suffix}", image)
    assert torch.equal(read_image(tmp_path / f"a{suffix}"), image)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_comes_back_as_it_was_written(suffix: str, channels: int, tmp_path: Path) -> None:
    values = torch.randint(0, 256, (channels + 1, 6, 5), generator=generator(2)) / 255
    write_picture(tmp_path / f"a{suffix}", Picture(pixels=values[:-1], alpha=values[-1:]))
    read = read_picture(tmp_path / f"a{suffix}")
    assert read.alpha is not None and torch.equal(torch.cat([read.pixels, read.alpha]), values)


def test_grey_stays_grey_in_jpeg(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg", torch.rand(1, 8, 8, generator=generator(3)))
    assert Image.open(tmp_path / "a.jpg").mode == "L"


def test_jpeg_is_written_without_chroma_subsampling(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg", torch.rand(3, 16, 16, generator=generator(3)))
    with Image.open(tmp_path / "a.jpg") as image:
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]


@settings(deadline=None)
@given(st.floats(-0.5, 1.5, width=32))
def test_values_are_clamped_and_rounded_half_up(value: float) -> None:
    from pixmend.image.write import _Bands

    (band,) = _Bands(Picture(pixels=torch.full((1, 1, 1), value)), "x")(1)
    written = band.item()
    assert written == int(np.floor(np.float32(np.clip(np.float32(value), 0, 1) * np.float32(255)) + np.float32(0.5)))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_is_never_written(bad: float, tmp_path: Path) -> None:
    image = torch.zeros(3, 300, 4)
    image[1, 299, 2] = bad
    with pytest.raises(PixmendError, match="not finite"):
        write_image(tmp_path / "a.png", image)
    assert files(tmp_path) == []


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_the_colour_profile_is_carried(suffix: str, tmp_path: Path) -> None:
    profile = b"a profile is carried byte by byte" * 9
    write_picture(tmp_path / f"a{suffix}", Picture(pixels=torch.zeros(3, 4, 4), icc=profile))
    assert read_picture(tmp_path / f"a{suffix}").icc == profile


def camera_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[271], exif[274], exif[33432] = "Camera", 6, "Somebody"
    exif[34665] = {36867: "2020:02:03 04:05:06", 40962: 12, 40963: 8}
    exif[34853] = {1: "N", 2: (1.0, 2.0, 3.0)}
    return exif


@pytest.mark.parametrize("source", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_exif_is_carried_upright_and_with_the_new_size(source: str, suffix: str, tmp_path: Path) -> None:
    noise("RGB").save(tmp_path / f"a{source}", exif=camera_exif().tobytes())
    picture = read_picture(tmp_path / f"a{source}")
    write_picture(tmp_path / f"b{suffix}", Picture(pixels=torch.zeros(3, 24, 16), exif=picture.exif))
    exif = Image.open(tmp_path / f"b{suffix}").getexif()
    assert (exif[271], exif[33432]) == ("Camera", "Somebody") and exif.get(274, 1) == 1
    assert exif.get_ifd(34665) == {36867: "2020:02:03 04:05:06", 40962: 16, 40963: 24}
    assert exif.get_ifd(34853) == {1: "N", 2: (1.0, 2.0, 3.0)}


def test_exif_too_long_for_jpeg_is_left_out_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    exif = camera_exif()
    exif[305] = "x" * 70_000
    write_picture(tmp_path / "a.jpg", Picture(pixels=torch.zeros(3, 24, 16), exif=exif.tobytes()))
    assert read_picture(tmp_path / "a.jpg").exif is None
    assert len(caplog.messages) == 1 and "a.jpg: written without its EXIF, which JPEG cannot hold" in caplog.text


def test_what_the_encoder_refuses_is_told_in_one_line_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError("encoder error -2")

    monkeypatch.setattr("PIL.Image.Image.save", refuse)
    with pytest.raises(PixmendError, match="a.png: cannot be encoded as PNG: encoder error -2"):
        write_picture(tmp_path / "a.png", Picture(pixels=torch.zeros(3, 4, 4), exif=camera_exif().tobytes()))
    assert files(tmp_path) == []


@pytest.mark.parametrize("shape", [(1, 4, 5), (3, 4, 4), (4, 4)])
def test_transparency_of_another_size_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(PixmendError, match=r"a.png: expected transparency of \(1, 4, 4\), got shape"):
        write_picture(tmp_path / "a.png", Picture(pixels=torch.zeros(3, 4, 4), alpha=torch.ones(shape)))


def test_malformed_exif_does_not_keep_a_picture_from_being_read(tmp_path: Path) -> None:
    noise("RGB").save(tmp_path / "a.jpg", exif=camera_exif().tobytes())
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content.replace(b"MM\0*", b"MM\0\xff"))
    assert read_picture(tmp_path / "a.jpg").pixels.shape == (3, 8, 12)


# Refusing to write


def unwritable(path: Path, *, size: tuple[int, int] = (4, 4), alpha: bool = False) -> str:
    with pytest.raises(PixmendError) as caught:
        check_output(path, size=size, alpha=alpha)
    line = str(caught.value)
    assert "\n" not in line and line.startswith(f"{path}: ")
    return line


@pytest.mark.parametrize("name", ["a", "a.xyz", ".png"])
def test_a_name_that_tells_no_format_is_refused(name: str, tmp_path: Path) -> None:
    assert "cannot tell the output format" in unwritable(tmp_path / name)


def test_the_ending_of_a_name_may_be_in_capitals(tmp_path: Path) -> None:
    assert check_output(tmp_path / "A.JPG", size=(4, 4), alpha=False) == "JPEG"


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_transparency_is_refused_where_it_cannot_be_stored(suffix: str, tmp_path: Path) -> None:
    assert "cannot store transparency: use .png" in unwritable(tmp_path / f"a{suffix}", alpha=True)


@pytest.mark.parametrize(("suffix", "limit"), [(".jpg", 65_535), (".webp", 16_383)])
def test_a_side_too_long_for_the_format_is_refused(suffix: str, limit: int, tmp_path: Path) -> None:
    check_output(tmp_path / f"a{suffix}", size=(1, limit), alpha=False)
    assert f"at most {limit} pixels a side" in unwritable(tmp_path / f"a{suffix}", size=(1, limit + 1))


def test_a_missing_output_folder_is_refused(tmp_path: Path) -> None:
    assert "is not an existing folder" in unwritable(tmp_path / "none" / "a.png")


def test_an_output_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is not an existing folder" in unwritable(tmp_path / "file" / "a.png")


def test_an_output_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    assert "is a folder" in unwritable(tmp_path / "a.png")


def test_a_folder_that_refuses_new_files_is_found_out_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "touch", refuse)
    assert "cannot be written: Read-only file system" in unwritable(tmp_path / "a.png")


def test_asking_whether_an_output_can_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    check_output(tmp_path / "a.png", size=(4, 4), alpha=True)
    assert files(tmp_path) == []


@pytest.mark.parametrize("shape", [(2, 4, 4), (4, 4, 4), (4, 4), (3, 0, 4)])
def test_a_tensor_that_is_no_picture_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(PixmendError, match=r"expected a picture \(1 or 3, H, W\)"):
        write_image(tmp_path / "a.png", torch.zeros(shape))


def test_a_full_disk_leaves_the_old_file_and_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(PixmendError, match=r"a\.png: cannot be written: No space left on device: free space"):
        write_image(tmp_path / "a.png", torch.zeros(3, 4, 4))
    assert files(tmp_path) == ["a.png"] and (tmp_path / "a.png").read_bytes() == b"old"


def test_an_interruption_while_writing_leaves_the_old_file_and_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(b"old")

    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_image(tmp_path / "a.png", torch.zeros(3, 4, 4))
    assert files(tmp_path) == ["a.png"] and (tmp_path / "a.png").read_bytes() == b"old"


def test_a_written_file_has_ordinary_permissions(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", torch.zeros(3, 4, 4))
    (tmp_path / "ordinary").touch()
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "ordinary").stat().st_mode
