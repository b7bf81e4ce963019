"""``check_folder``: what it finds in folders spoilt on purpose, and what it leaves alone."""

import json
import shutil
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from pixmend.data import check_folder
from pixmend.data.check.damage import find_damage, table_quality
from pixmend.data.check.facts import find_facts, to_luma
from pixmend.data.check.known import known_pictures
from pixmend.data.check.pairs import find_shift, match
from pixmend.data.check.sheet import draw
from pixmend.data.check.signature import ALIKE, alike, from_text, hung, signature, to_text
from pixmend.degrade import imresize, round8
from pixmend.errors import PixmendError
from pixmend.image import read_image, write_image

EXAMPLES = Path(__file__).parent.parent / "examples"


def scene(seed: int, height: int = 192, width: int = 256) -> Tensor:
    """What counts of a photograph: its spectrum, smooth places beside textured ones, three unlike channels."""
    return view(seed)[:, :height, :width].clone()


@lru_cache(maxsize=16)
def view(seed: int) -> Tensor:
    """The scene as far as it goes."""
    generator = np.random.default_rng(seed)
    frequency = np.maximum(np.hypot(np.fft.fftfreq(512)[:, None], np.fft.fftfreq(512)[None]), 1 / 512)

    def cloud(power: float) -> np.ndarray:
        plane = np.fft.ifft2(np.fft.fft2(generator.normal(size=(512, 512))) / frequency**power).real
        return (plane - plane.mean()) / plane.std()

    where = np.clip(cloud(2.5) * 4, 0, 1)
    shape, texture = cloud(1.7), cloud(0.9) * where
    planes = [0.5 + 0.11 * shape + 0.06 * cloud(2) + 0.09 * texture for _ in range(3)]
    return torch.from_numpy(np.stack(planes)).float().clamp(0.02, 0.98)


def high_resolution(count: int, folder: Path, **size: int) -> list[Tensor]:
    """Scenes written as 0.png, 1.png, ..., as they are in the files."""
    folder.mkdir()
    pictures = [round8(scene(seed, **size)) for seed in range(count)]
    for seed, picture in enumerate(pictures):
        write_image(folder / f"{seed}.png", picture)
    return pictures


def kinds(report) -> set[str]:
    return {finding.kind for finding in report.findings}


def bytes_of(picture: Tensor) -> np.ndarray:
    return round8(picture).mul(255).round().byte().numpy()


def test_good_pictures_give_no_finding(tmp_path):
    high_resolution(4, tmp_path / "good")
    report = check_folder(tmp_path / "good", patch=192)
    assert report.findings == () and report.errors == 0 and report.complete
    assert (report.pictures, report.verdict()) == (4, "nothing found")


def test_a_good_pair_of_folders_gives_no_finding_and_its_scale(tmp_path):
    pictures = high_resolution(3, tmp_path / "HR")
    (tmp_path / "LR").mkdir()
    for index, picture in enumerate(pictures):
        write_image(tmp_path / f"LR/{index}x4.png", imresize(picture, scale=1 / 4))
    report = check_folder(tmp_path / "HR", low=tmp_path / "LR")
    assert report.findings == () and report.scale == 4


def test_every_kind_of_broken_file_is_found_and_none_stops_the_check(tmp_path):
    pictures = tmp_path / "pictures"
    high_resolution(2, pictures)
    (pictures / "cut.png").write_bytes((pictures / "0.png").read_bytes()[:5000])
    (pictures / "empty.jpg").touch()
    (pictures / "text.png").write_text("not a picture")
    Image.fromarray(np.zeros((40, 40), np.uint16)).save(pictures / "deep.png")
    Image.new("CMYK", (40, 40)).save(pictures / "print.jpg")
    frames = [Image.new("L", (40, 40), shade) for shade in (0, 200)]
    frames[0].save(pictures / "film.gif", save_all=True, append_images=frames[1:])
    report = check_folder(pictures)
    reasons = {Path(case.files[0]).name: case.evidence for case in report.find("unreadable")}
    expected = {
        "cut.png": "cut short",
        "empty.jpg": "0 bytes",
        "text.png": "not a picture",
        "deep.png": "16 bits",
        "print.jpg": "CMYK",
        "film.gif": "2 frames",
    }
    assert reasons.keys() == expected.keys()
    assert all(expected[name] in reason for name, reason in reasons.items())
    assert report.complete and report.errors == 6


def test_nothing_in_the_folder_is_changed(tmp_path):
    high_resolution(2, tmp_path / "pictures")
    (tmp_path / "pictures/broken.png").write_bytes(b"\x89PNG")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*.*")}
    check_folder(tmp_path / "pictures", patch=500)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*.*")} == before


def test_copies_are_told_from_near_copies(tmp_path):
    folder = tmp_path / "pictures"
    pictures = high_resolution(5, folder)
    shutil.copy(folder / "0.png", folder / "again.png")
    write_image(folder / "stored.bmp", pictures[1])
    Image.open(folder / "2.png").resize((128, 96), Image.Resampling.BICUBIC).save(folder / "small.png")
    Image.open(folder / "3.png").save(folder / "pressed.jpg", quality=40)
    report = check_folder(folder)
    copies = {tuple(Path(name).name for name in case.files): case.evidence for case in report.find("copy")}
    assert copies == {
        ("0.png", "again.png"): "the same file",
        ("1.png", "stored.bmp"): "the same pixels in different files",
    }
    near = {tuple(Path(name).name for name in case.files) for case in report.find("near_copy")}
    assert near == {("2.png", "small.png"), ("3.png", "pressed.jpg")}


@pytest.mark.parametrize("way", range(8))
def test_a_picture_is_known_however_it_hangs(way: int):
    luma = to_luma(bytes_of(scene(1)))
    turned = np.rot90(luma, way % 4)
    turned = turned[:, ::-1] if way > 3 else turned
    other = signature(np.ascontiguousarray(turned))
    ((_, _, bits, _),) = alike(signature(luma)[None], other[None])
    assert bits <= 4


def test_the_way_a_picture_hangs_is_named_rightly():
    luma = to_luma(bytes_of(scene(1)))
    ways = [luma, luma[:, ::-1], luma[::-1], luma[::-1, ::-1]]
    found = [next(alike(signature(luma)[None], signature(np.ascontiguousarray(one))[None]))[3] for one in ways]
    assert found == [0, 1, 2, 3]


def test_a_signature_outlives_scaling_compression_and_noise_but_is_no_other_pictures(tmp_path):
    signs = np.stack([signature(to_luma(bytes_of(scene(seed)))) for seed in range(12)])
    assert list(alike(signs)) == []
    picture = scene(0)
    noisy = picture + torch.randn(picture.shape, generator=torch.Generator().manual_seed(0)) * 25 / 255
    halved = imresize(picture, scale=0.5)
    write_image(tmp_path / "whole.png", picture)
    Image.open(tmp_path / "whole.png").save(tmp_path / "pressed.jpg", quality=20)
    for copy in (noisy, halved, read_image(tmp_path / "pressed.jpg")):
        (found,) = alike(signs, signature(to_luma(bytes_of(copy)))[None])
        assert found[0] == 0 and found[2] <= ALIKE // 2


@given(st.binary(min_size=32, max_size=32))
@settings(max_examples=50, deadline=None)
def test_a_signature_is_its_text_and_hanging_it_twice_undoes_a_mirroring(content: bytes):
    signs = from_text(content.hex())
    assert to_text(signs) == content.hex()
    signs[0, 0] = False
    for way in range(5):
        assert (hung(hung(signs)[way])[way] == signs).all()


def test_all_pairs_at_once_are_those_found_one_by_one():
    generator = np.random.default_rng(0)
    signs = generator.random((40, 16, 16)) > 0.5
    signs[:, 0, 0] = False
    for copy, original in ((7, 3), (30, 12)):
        signs[copy] = hung(signs[original])[copy % 8]
        signs[copy, 15, :9] ^= True
    found = {(i, j): bits for i, j, bits, _ in alike(signs)}
    assert found == {(3, 7): 9, (12, 30): 9}


def test_a_benchmark_picture_is_found_scaled_mirrored_and_compressed(tmp_path):
    training, bench = tmp_path / "training", tmp_path / "bench"
    high_resolution(3, training)
    bench.mkdir()
    Image.open(training / "1.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((190, 144)).save(
        bench / "famous.jpg", quality=50
    )
    report = check_folder(training, against=[bench])
    (case,) = report.find("leak")
    assert case.files == (str(training / "1.png"), str(bench / "famous.jpg"))
    assert "mirrored" in case.evidence and report.errors == 1


@pytest.mark.parametrize("holds", [True, False])
def test_a_part_cut_from_a_benchmark_picture_is_found_and_the_whole_of_which_that_is_a_part(tmp_path, holds: bool):
    wholes, parts = tmp_path / "wholes", tmp_path / "parts"
    pictures = high_resolution(3, wholes)
    parts.mkdir()
    write_image(parts / "cut.png", pictures[1][:, 21:167, 45:220])
    training, bench = (wholes, parts) if holds else (parts, wholes)
    (case,) = check_folder(training, against=[bench]).find("leak")
    assert {Path(name).name for name in case.files} == {"1.png", "cut.png"}
    assert ("holds" if holds else "is a part of") in case.evidence


def test_the_bundled_benchmarks_are_always_looked_for(tmp_path):
    known = known_pictures()
    assert {name.split("/")[0] for name in known} >= {"Set5", "McMaster", "Rain100L"}
    (tmp_path / "holiday").mkdir()
    write_image(tmp_path / "holiday/beach.png", with_signature(known["Set5/baby"]))
    (case,) = check_folder(tmp_path / "holiday").find("leak")
    assert case.files == (str(tmp_path / "holiday/beach.png"), "Set5/baby")


def with_signature(signs: np.ndarray, side: int = 256) -> Tensor:
    """A picture of the 255 slowest waves, each with the sign asked for and as strong as in photographs."""
    waves = np.cos(np.pi * (np.arange(side) + 0.5) * np.arange(16)[:, None] / side)
    strength = 1 / (1 + np.add.outer(np.arange(16), np.arange(16)))
    strength[0, 0] = 0
    plane = waves.T @ (np.where(signs, 1, -1) * strength) @ waves
    return torch.from_numpy(0.5 + 0.4 * plane / np.abs(plane).max()).float().expand(3, -1, -1)


def test_pictures_without_a_partner_and_doubled_names_are_found(tmp_path):
    pictures = high_resolution(3, tmp_path / "HR")
    (tmp_path / "LR").mkdir()
    for name, picture in (("0", pictures[0]), ("1", pictures[1]), ("3", pictures[2])):
        write_image(tmp_path / f"LR/{name}.png", imresize(picture, scale=1 / 2))
    shutil.copy(tmp_path / "LR/1.png", tmp_path / "LR/1.bmp")
    report = check_folder(tmp_path / "HR", low=tmp_path / "LR")
    assert {Path(case.files[0]).name for case in report.find("unpaired")} == {"2.png", "3.png"}
    (case,) = report.find("ambiguous")
    assert {Path(name).name for name in case.files} == {"1.png", "1.bmp"}


@pytest.mark.parametrize(
    ("high", "low"),
    [("{}", "{}x2"), ("norain-{}", "rain-{}"), ("img_{}_SRF_2_HR", "img_{}_SRF_2_LR"), ("{}", "{}")],
)
def test_names_are_paired_as_they_are_found_in_the_wild(tmp_path, high: str, low: str):
    (tmp_path / "HR/sub").mkdir(parents=True)
    (tmp_path / "LR/sub").mkdir(parents=True)
    for index, number in enumerate(("001", "002", "012")):
        write_image(tmp_path / f"HR/sub/{high.format(number)}.png", scene(index, 96, 96))
        write_image(tmp_path / f"LR/sub/{low.format(number)}.png", imresize(scene(index, 96, 96), scale=1 / 2))
    assert check_folder(tmp_path / "HR", low=tmp_path / "LR").findings == ()


def test_a_wrong_scale_and_a_forgotten_crop_are_told_apart(tmp_path):
    pictures = high_resolution(4, tmp_path / "HR")
    write_image(tmp_path / "HR/0.png", torch.nn.functional.pad(pictures[0], (0, 3, 0, 1), mode="replicate"))
    (tmp_path / "LR").mkdir()
    for index, picture in enumerate(pictures):
        write_image(tmp_path / f"LR/{index}.png", imresize(picture, scale=1 / 2 if index == 1 else 1 / 4))
    report = check_folder(tmp_path / "HR", low=tmp_path / "LR")
    assert [Path(case.files[0]).name for case in report.find("scale")] == ["1.png"]
    (case,) = report.find("modcrop")
    assert "3 pixels wider" in case.evidence and "1 pixel taller" in case.evidence
    assert kinds(report) == {"scale", "modcrop"}


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.0, 0.0), (0.5, -0.5), (0.25, 0.0), (0.0, -0.25), (3.0, -2.0)])
def test_a_planted_shift_is_measured_to_a_thirtieth_of_a_low_pixel(scale: int, shift: tuple[float, float]):
    picture = scene(2, 256, 256)
    planted = moved(picture, shift)
    low = imresize(planted, scale=1 / scale) if scale > 1 else planted
    found = match(bytes_of(picture), bytes_of(low))
    assert found is not None
    for part, expected in zip(found.shift, shift, strict=True):
        assert part == pytest.approx(expected / scale, abs=1 / 30)


def moved(picture: Tensor, shift: tuple[float, float]) -> Tensor:
    """Content moved down and right by Fourier's theorem: around the border it comes in again."""
    down = torch.fft.fftfreq(picture.shape[1]).double()[:, None] * shift[0]
    right = torch.fft.rfftfreq(picture.shape[2]).double()[None] * shift[1]
    waves = torch.fft.rfft2(picture.double()) * torch.exp(-2j * torch.pi * (down + right))
    return torch.fft.irfft2(waves, s=picture.shape[1:]).float()


@given(down=st.floats(-1.5, 1.5), right=st.floats(-1.5, 1.5))
@settings(max_examples=8, deadline=None)
def test_any_shift_is_found_through_noise_and_another_brightness(down: float, right: float):
    picture = scene(3, 128, 128)
    other = moved(picture, (down, right)) * 0.8 + 0.1
    other = other + torch.randn(other.shape, generator=torch.Generator().manual_seed(1)) * 15 / 255
    found, _ = find_shift(*(to_luma(bytes_of(one)).astype(np.float64) for one in (picture, other)))
    assert found[0] == pytest.approx(down, abs=0.1) and found[1] == pytest.approx(right, abs=0.1)


@pytest.mark.parametrize(
    ("spoil", "kind", "evidence"),
    [
        (lambda low, high: high[:, ::4, ::4], "misaligned", "right"),
        (lambda low, high: imresize(torch.roll(high, 2, 2), scale=1 / 4), "misaligned", "+1.99 right"),
        (lambda low, high: low.flip(0), "swapped", "BGR"),
        (lambda low, high: low**2.2, "tone", "to the power of 2."),
        (lambda low, high: low * 219 / 255 + 16 / 255, "tone", "contrast x 0.86"),
        (lambda low, high: imresize(scene(9), scale=1 / 4), "mismatch", "correlation"),
        (lambda low, high: low.flip(2), "mismatch", "correlation"),
    ],
)
def test_a_spoilt_pair_is_named_and_only_that(tmp_path, spoil, kind: str, evidence: str):
    pictures = high_resolution(3, tmp_path / "HR")
    (tmp_path / "LR").mkdir()
    for index, picture in enumerate(pictures):
        low = imresize(picture, scale=1 / 4)
        write_image(tmp_path / f"LR/{index}.png", spoil(low, picture) if index == 1 else low)
    report = check_folder(tmp_path / "HR", low=tmp_path / "LR", scale=4)
    (case,) = report.find(kind)
    assert Path(case.files[0]).name == "1.png" and evidence in case.evidence
    assert kinds(report) == {kind}


def test_odd_pictures_are_found_by_what_is_odd(tmp_path):
    folder = tmp_path / "pictures"
    pictures = high_resolution(8, folder)
    write_image(folder / "small.png", scene(20, 100, 140))
    write_image(folder / "long.png", scene(21, 60, 300))
    write_image(folder / "flat.png", torch.full((3, 192, 192), 0.3))
    write_image(folder / "night.png", scene(22) * 0.08)
    write_image(folder / "framed.png", torch.nn.functional.pad(pictures[0][:, 30:], (0, 0, 30, 0)))
    write_image(folder / "grey.png", pictures[1].mean(0, keepdim=True).expand(3, -1, -1).flip(1) ** 1.5)
    alpha = Image.open(folder / "2.png").convert("RGBA")
    alpha.putalpha(100)
    alpha.save(folder / "glass.png")
    Image.open(folder / "3.png").save(folder / "really.png", format="BMP")
    (folder / "notes.heic").touch()
    report = check_folder(folder, patch=128)
    found = {kind: {Path(name).name for case in report.find(kind) for name in case.files} for kind in kinds(report)}
    assert found["too_small"] == {"small.png", "long.png"}
    assert found["narrow"] == {"long.png"}
    assert found["blank"] == {"flat.png"}
    assert found["exposure"] == {"night.png"}
    assert found["border"] == {"framed.png"}
    assert found["transparent"] == {"glass.png"}
    assert found["misnamed"] == {"really.png"}
    assert found["grey"] == {"grey.png"}
    assert "notes.heic" in report.find("ignored")[0].evidence


@pytest.mark.parametrize("quality", [30, 50, 75, 85, 92])
def test_the_quality_of_a_jpeg_is_read_from_its_table(tmp_path, quality: int):
    write_image(tmp_path / "picture.png", scene(4))
    Image.open(tmp_path / "picture.png").save(tmp_path / "picture.jpg", quality=quality)
    assert find_facts(tmp_path / "picture.jpg")[0].quality == quality
    with Image.open(tmp_path / "picture.jpg") as image:
        assert table_quality(list(image.quantization[0])) == quality  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("quality", [40, 60, 80])
@pytest.mark.parametrize("crop", [0, 3])
def test_a_jpeg_is_known_after_it_was_saved_as_png_and_cropped(tmp_path, quality: int, crop: int):
    write_image(tmp_path / "picture.png", scene(5, 400, 400))
    Image.open(tmp_path / "picture.png").save(tmp_path / "pressed.jpg", quality=quality)
    damage = find_damage(to_luma(bytes_of(read_image(tmp_path / "pressed.jpg")))[crop:, crop:])
    assert damage.quality == pytest.approx(quality, abs=4)
    assert damage.blocks is not None and damage.blocks > 1.05


def test_a_picture_that_was_never_compressed_shows_neither_steps_nor_blocks():
    for seed in range(4):
        damage = find_damage(to_luma(bytes_of(scene(seed, 400, 400))))
        assert damage.quality is None and damage.blocks is not None and damage.blocks < 1.03


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_an_enlarged_picture_is_found_with_about_its_factor(tmp_path, scale: int):
    picture = scene(6, 480, 480)
    high_resolution(1, tmp_path / "pictures")
    enlarged = imresize(imresize(picture, scale=1 / scale), size=(480, 480))
    write_image(tmp_path / "pictures/enlarged.png", enlarged)
    (case,) = check_folder(tmp_path / "pictures").find("enlarged")
    factor = float(case.evidence.split()[-2])
    assert Path(case.files[0]).name == "enlarged.png" and factor == pytest.approx(scale, rel=0.25)


def test_noise_is_found_and_fine_texture_is_not_taken_for_it(tmp_path):
    (tmp_path / "pictures").mkdir()
    picture = scene(7, 320, 320)
    write_image(tmp_path / "pictures/clean.png", picture)
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    write_image(tmp_path / "pictures/noisy.png", scene(8, 320, 320) + noise * 20 / 255)
    (case,) = check_folder(tmp_path / "pictures").find("noisy")
    assert Path(case.files[0]).name == "noisy.png"


def test_an_interrupted_check_reports_what_it_found(tmp_path):
    high_resolution(9, tmp_path / "pictures")
    (tmp_path / "pictures/00.png").touch()

    def interrupt(done: int, total: int) -> None:
        assert total == 10
        if done == 4:
            raise KeyboardInterrupt

    report = check_folder(tmp_path / "pictures", watch=interrupt)
    assert (report.checked, report.pictures, report.complete) == (4, 10, False)
    assert kinds(report) == {"unreadable"} and "interrupted" in report.describe()


def test_the_report_is_json_and_markdown_that_name_every_case(tmp_path):
    high_resolution(2, tmp_path / "pictures")
    (tmp_path / "pictures/broken.png").touch()
    report = check_folder(tmp_path / "pictures", patch=500)
    content = json.loads(report.to_json())
    assert content["complete"] is True and content["errors"] == 1
    assert [finding["kind"] for finding in content["findings"]] == ["unreadable", "too_small"]
    assert "broken.png" in report.to_markdown() and "| error | cannot be read | 1 |" in report.to_markdown()


def test_the_sheet_shows_suspects_and_there_is_none_without(tmp_path):
    high_resolution(2, tmp_path / "pictures")
    assert draw(check_folder(tmp_path / "pictures")) is None
    Image.open(tmp_path / "pictures/0.png").save(tmp_path / "pictures/pressed.jpg", quality=30)
    sheet = draw(check_folder(tmp_path / "pictures"))
    assert sheet is not None and len(set(sheet.convert("L").tobytes())) > 50


def test_the_tool_adds_a_benchmark_to_the_known_ones(tmp_path, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES.parent / "tools"))
    from known_pictures import main

    high_resolution(2, tmp_path / "bench")
    for name in ("One", "Two", "One"):
        main([f"{name}={tmp_path / 'bench'}"], tmp_path / "known.json")
    known = json.loads((tmp_path / "known.json").read_text())["pictures"]
    assert list(known) == ["One/0", "One/1", "Two/0", "Two/1"]
    with pytest.raises(SystemExit, match="NAME=FOLDER"):
        main(["bench"], tmp_path / "known.json")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 0}, "expected a scale of 1 or more, got 0"),
        ({"patch": -3}, "expected a patch of 1 or more, got -3"),
        ({"scale": 2}, "a scale needs the folder of low pictures"),
        ({"low": "nowhere"}, "nowhere: no such folder"),
        ({"against": ["nowhere"]}, "nowhere: no such folder"),
    ],
)
def test_what_cannot_be_checked_is_refused_with_one_line(tmp_path, options: dict, message: str):
    high_resolution(1, tmp_path / "pictures")
    with pytest.raises(PixmendError, match=message):
        check_folder(tmp_path / "pictures", **options)


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(PixmendError, match="no pictures"):
        check_folder(tmp_path)
    with pytest.raises(PixmendError, match="is not a folder"):
        check_folder(tmp_path / "notes.txt")
