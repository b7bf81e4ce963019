"""Folders of clean pictures to folders of degraded ones: names, keys, files, manifests."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from pixmend.data.degrading import degrade_again, degrade_folder, for_files, task_chain
from pixmend.data.manifest import Manifest, differences, read_manifest, verify
from pixmend.degrade import JPEG, Bicubic, Chain, GaussianNoise, Round8, chain_text, parse_chain, round8
from pixmend.errors import PixmendError
from pixmend.image import read_image, write_image

NOISE = Chain(GaussianNoise(sigma=25))


def picture(number: int, height: int = 13, width: int = 18, channels: int = 3) -> Tensor:
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(number))


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """Three pictures, one in a folder within."""
    folder = tmp_path / "clean"
    (folder / "inner").mkdir(parents=True)
    write_image(folder / "a.png", picture(1))
    write_image(folder / "b.bmp", picture(2, 16, 16))
    write_image(folder / "inner/c.tif", picture(3))
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_outputs_keep_the_tree_and_the_names_as_png(clean: Path, tmp_path: Path) -> None:
    degrade_folder([clean], tmp_path / "low", chain=NOISE)
    assert set(tree(tmp_path / "low")) == {"a.png", "b.png", "inner/c.png", "manifest.json"}


def test_a_picture_is_the_chain_of_its_crop_at_the_recorded_key(clean: Path, tmp_path: Path) -> None:
    chain = Chain(Bicubic(scale=4), GaussianNoise(sigma=10), JPEG(quality=60))
    manifest = degrade_folder([clean], tmp_path / "low", chain=chain, high=tmp_path / "high", seed=5)
    for item in manifest.pictures:
        source = (read_image(clean / item.source.path).double() * 255).round() / 255
        height, width = item.cropped
        assert (height, width) == (source.shape[1] // 4 * 4, source.shape[2] // 4 * 4)
        cropped = source[:, :height, :width]
        low = read_image(tmp_path / "low" / item.output.path)
        assert torch.equal(low, round8(chain(cropped, item.key)).float())
        assert item.high is not None
        assert torch.equal(read_image(tmp_path / "low" / item.high.path), cropped.float())


def test_adding_pictures_and_another_order_change_no_other(clean: Path, tmp_path: Path) -> None:
    degrade_folder([clean], tmp_path / "three", chain=NOISE)
    write_image(clean / "Z.png", picture(9))
    write_image(clean / "a0.png", picture(8))
    degrade_folder([clean], tmp_path / "five", chain=NOISE)
    degrade_folder([clean / "b.bmp"], tmp_path / "one", chain=NOISE)
    three, five, one = (tree(tmp_path / name) for name in ("three", "five", "one"))
    assert all(five[name] == three[name] for name in ("a.png", "b.png", "inner/c.png"))
    assert one["b.png"] == three["b.png"]


def test_the_format_of_the_clean_picture_does_not_change_what_is_drawn(clean: Path, tmp_path: Path) -> None:
    degrade_folder([clean], tmp_path / "first", chain=NOISE)
    (clean / "b.bmp").unlink()
    write_image(clean / "b.tif", picture(2, 16, 16))
    degrade_folder([clean], tmp_path / "second", chain=NOISE)
    assert tree(tmp_path / "first")["b.png"] == tree(tmp_path / "second")["b.png"]


def test_equal_pictures_of_two_names_and_of_two_seeds_get_different_noise(tmp_path: Path) -> None:
    (tmp_path / "clean").mkdir()
    write_image(tmp_path / "clean/one.png", picture(1))
    write_image(tmp_path / "clean/two.png", picture(1))
    degrade_folder([tmp_path / "clean"], tmp_path / "low", chain=NOISE)
    degrade_folder([tmp_path / "clean"], tmp_path / "other", chain=NOISE, seed=1)
    low, other = tree(tmp_path / "low"), tree(tmp_path / "other")
    assert len({low["one.png"], low["two.png"], other["one.png"], other["two.png"]}) == 4


def test_grey_pictures_stay_grey(tmp_path: Path) -> None:
    write_image(tmp_path / "grey.png", picture(1, channels=1))
    degrade_folder([tmp_path / "grey.png"], tmp_path / "low", chain=task_chain("jpeg_q40"))
    assert read_image(tmp_path / "low/grey.png").shape == (1, 13, 18)


def test_set5s_butterfly_becomes_its_published_low_resolution_picture(tmp_path: Path) -> None:
    # four low pixels at the right and bottom are left out, because there the whole picture was seen
    data = Path(__file__).parent / "data"
    for scale in (3, 4):
        degrade_folder([data / "butterfly_high.png"], tmp_path / str(scale), chain=task_chain(f"sr_x{scale}"))
        got, published = (
            read_image(tmp_path / str(scale) / "butterfly_high.png"),
            read_image(data / f"butterfly_x{scale}.png"),
        )
        assert torch.equal(got[:, :-4, :-4], published[:, :-4, :-4])


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ("sr_x3", "bicubic(scale=3), round8()"),
        ("dn_g25", "gaussian_noise(sigma=25, clip=False, grey=False), round8()"),
        ("jpeg_q10", 'jpeg(quality=10, subsampling="4:2:0")'),
        ("dr_L", "rain_light(), round8()"),
        ("dr_H", "rain_heavy(), round8()"),
    ],
)
def test_a_task_has_the_chain_of_its_benchmarks(task: str, text: str) -> None:
    assert chain_text(task_chain(task)) == text


@pytest.mark.parametrize("task", ["deblur", "dn_real", "dr", "sr_x44"])
def test_a_task_whose_input_cannot_be_made_is_refused(task: str) -> None:
    with pytest.raises(PixmendError, match=task):
        task_chain(task)


def test_files_end_in_eight_bits_once() -> None:
    assert for_files(NOISE) == Chain(*NOISE.steps, Round8())
    assert for_files(for_files(NOISE)) == for_files(NOISE)
    assert for_files(JPEG(quality=4)) == Chain(JPEG(quality=4))


def test_a_broken_and_a_transparent_and_a_tiny_picture_are_listed_and_the_others_made(
    clean: Path, tmp_path: Path
) -> None:
    (clean / "broken.png").write_bytes((clean / "a.png").read_bytes()[:60])
    Image.new("RGBA", (8, 8), (1, 2, 3, 4)).save(clean / "glass.png")
    Image.new("RGBA", (8, 8), (1, 2, 3, 255)).save(clean / "opaque.png")
    write_image(clean / "tiny.png", picture(1, 3, 8))
    manifest = degrade_folder([clean], tmp_path / "low", chain=task_chain("sr_x4"))
    assert [item.output.path for item in manifest.pictures] == ["a.png", "b.png", "inner/c.png", "opaque.png"]
    errors = {failure.source: failure.error for failure in manifest.failures}
    assert "damaged or cut short" in errors["broken.png"]
    assert "transparent pixels: flatten it" in errors["glass.png"]
    assert "expected 4 x 4 pixels at least, got 3 x 8" in errors["tiny.png"]
    assert read_manifest(tmp_path / "low") == manifest and manifest.complete


def test_crop_to_and_the_chain_both_have_their_way(clean: Path, tmp_path: Path) -> None:
    manifest = degrade_folder([clean / "b.bmp"], tmp_path / "low", chain=task_chain("sr_x4"), crop_to=6)
    assert manifest.multiple == 12 and manifest.pictures[0].cropped == (12, 12)


def test_an_interrupted_run_leaves_a_manifest_of_what_is_done(clean: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        degrade_folder([clean], tmp_path / "low", chain=NOISE, progress=interrupt)
    manifest = read_manifest(tmp_path / "low")
    assert not manifest.complete and [item.output.path for item in manifest.pictures] == ["a.png", "b.png"]
    assert verify(manifest, tmp_path / "low") == ()


def refused(folder: Path, message: str, *sources: Path, **settings: object) -> None:
    """Assert that the run is refused with nothing written or changed."""
    before = tree(folder)
    with pytest.raises(PixmendError, match=message):
        degrade_folder(sources, settings.pop("out"), chain=NOISE, **settings)  # type: ignore[arg-type]
    assert tree(folder) == before


def test_two_pictures_that_would_share_a_name_are_refused(clean: Path, tmp_path: Path) -> None:
    write_image(clean / "a.jpg", picture(1))
    refused(tmp_path, r"a\.jpg and .*a\.png would both become a\.png", clean, out=tmp_path / "low")
    (clean / "a.jpg").rename(clean / "B.png")
    refused(tmp_path, "would both become", clean, out=tmp_path / "low")


def test_files_that_exist_are_replaced_by_force_alone(clean: Path, tmp_path: Path) -> None:
    out = tmp_path / "low"
    degrade_folder([clean], out, chain=NOISE)
    before = tree(out)
    refused(tmp_path, r"a\.png and 3 more exist already", clean, out=out)
    (out / "a.png").write_bytes(b"other")
    degrade_folder([clean], out, chain=NOISE, force=True)
    assert tree(out) == before


def test_clean_pictures_are_never_replaced_nor_mixed_with_degraded_ones(clean: Path, tmp_path: Path) -> None:
    for out in (clean, clean / "low"):
        refused(tmp_path, "among the clean pictures", clean, out=out, force=True)
    refused(tmp_path, "among the clean pictures", clean, out=tmp_path / "low", high=clean / "high")
    refused(tmp_path, "is a clean picture itself", clean / "a.png", out=clean, force=True)
    refused(tmp_path, "need two folders", clean, out=tmp_path / "low", high=tmp_path / "low")
    (clean / "low").mkdir()
    write_image(clean / "low/a.png", picture(1))
    refused(tmp_path, "would be one file", clean, out=tmp_path / "new", high=tmp_path / "new/low")


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/._a.png").write_bytes(b"a file system's own")
    refused(tmp_path, "no pictures", tmp_path / "empty", out=tmp_path / "low")
    refused(tmp_path, "no such file or folder", tmp_path / "gone", out=tmp_path / "low")


def test_an_output_folder_that_is_a_file_is_refused(clean: Path, tmp_path: Path) -> None:
    (tmp_path / "low").write_text("mine")
    refused(tmp_path, "low: cannot be written", clean, out=tmp_path / "low")


def test_hashes_are_those_of_the_files_and_of_the_values(clean: Path, tmp_path: Path) -> None:
    item = degrade_folder([clean / "b.bmp"], tmp_path / "low", chain=NOISE).pictures[0]
    assert item.source.sha256 == hashlib.sha256((clean / "b.bmp").read_bytes()).hexdigest()
    assert item.output.sha256 == hashlib.sha256((tmp_path / "low/b.png").read_bytes()).hexdigest()
    with Image.open(tmp_path / "low/b.png") as written:
        values = f"{written.height}x{written.width}x3:".encode() + written.tobytes()
    assert item.output.pixels_sha256 == hashlib.sha256(values).hexdigest()


def test_verify_names_what_is_missing_other_or_too_many(clean: Path, tmp_path: Path) -> None:
    out = tmp_path / "low"
    manifest = degrade_folder([clean], out, chain=NOISE, high=tmp_path / "high")
    assert verify(manifest, out) == ()
    with Image.open(out / "a.png") as packed:
        packed.save(out / "a.png", compress_level=0)
    assert verify(manifest, out) == ()
    write_image(out / "a.png", picture(4))
    (out / "b.png").unlink()
    write_image(out / "stray.png", picture(4))
    write_image(tmp_path / "high/inner/c.png", picture(4, 5, 6))
    assert [(item.picture, item.what) for item in verify(manifest, out)] == [
        ("a.png", "holds other values"),
        ("b.png", "is missing"),
        ("../high/inner/c.png", "is 5 x 6, was 13 x 18 (height x width)"),
        ("stray.png", "is not in the manifest"),
    ]


def test_a_manifest_makes_the_same_pictures_again_elsewhere(clean: Path, tmp_path: Path) -> None:
    chain = parse_chain("choice(rain_light | gaussian_noise(sigma=9)), poisson_noise")
    before = degrade_folder([clean], tmp_path / "low", chain=chain, seed=7, crop_to=4)
    write_image(clean / "later.png", picture(6))
    moved = clean.rename(tmp_path / "moved")
    after = degrade_again(read_manifest(tmp_path / "low"), tmp_path / "again", sources=[moved])
    assert differences(before, after) == ()
    first, second = tree(tmp_path / "low"), tree(tmp_path / "again")
    del first["manifest.json"], second["manifest.json"]
    assert first == second


def test_differences_tell_another_clean_picture_from_another_result(clean: Path, tmp_path: Path) -> None:
    before = degrade_folder([clean], tmp_path / "low", chain=NOISE)
    plain = json.loads(before.to_json())
    plain["pictures"][1]["key"][0] = 99
    (tmp_path / "low/manifest.json").write_text(json.dumps(plain))
    write_image(clean / "a.png", picture(4))
    (clean / "inner/c.tif").unlink()
    after = degrade_again(read_manifest(tmp_path / "low"), tmp_path / "again", sources=[clean])
    assert [(item.picture, item.what) for item in differences(before, after)] == [
        ("a.png", "its clean picture is another one than then"),
        ("b.png", "came out otherwise, of the same clean picture"),
        ("inner/c.png", "was not made: its clean picture is not there"),
    ]


def test_a_manifest_of_other_pictures_is_refused(clean: Path, tmp_path: Path) -> None:
    before = degrade_folder([clean], tmp_path / "low", chain=NOISE)
    write_image(tmp_path / "other.png", picture(1))
    with pytest.raises(PixmendError, match="none of the 3 pictures of the manifest is here"):
        degrade_again(before, tmp_path / "again", sources=[tmp_path / "other.png"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pictures": 3}, "expected a list of pictures"),
        ({"pictures": [{"sauce": 1}]}, r"pictures\[0\].sauce: Made has no field 'sauce': did you mean source"),
        ({"multiple": 0}, "multiples of 1 or more, got 0"),
        ({"seed": "x"}, "seed: Input should be a valid integer"),
        ({"tusk": "x"}, "did you mean task"),
    ],
)
def test_a_damaged_manifest_is_refused_by_its_field(clean: Path, tmp_path: Path, change: dict, message: str) -> None:
    plain = json.loads(degrade_folder([clean], tmp_path / "low", chain=NOISE).to_json()) | change
    (tmp_path / "low/manifest.json").write_text(json.dumps(plain))
    with pytest.raises(PixmendError, match=message):
        read_manifest(tmp_path / "low")


@pytest.mark.parametrize("text", ["", "{", "[]", "\udcff"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(PixmendError, match="not a manifest"):
        read_manifest(tmp_path)


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PixmendError, match=r"manifest\.json: cannot be read"):
        read_manifest(tmp_path)


def test_a_manifest_survives_the_way_through_json(clean: Path, tmp_path: Path) -> None:
    manifest = degrade_folder([clean], tmp_path / "low", chain=NOISE, task="dn_g25", high=tmp_path / "high")
    assert isinstance(manifest, Manifest) and read_manifest(tmp_path / "low/manifest.json") == manifest
