"""Benchmarks: which layouts are understood, and that nothing is guessed."""

import random
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixmend.degrade.resize import imresize
from pixmend.errors import PixmendError
from pixmend.evaluate.benchmarks import find
from pixmend.evaluate.benchmarks.blocks import CLEAN, NOISY
from pixmend.evaluate.benchmarks.pairing import match
from pixmend.image import write_image


def write(path: Path, *, height: int = 16, width: int = 18, seed: int = 0, channels: int = 3) -> torch.Tensor:
    """Write a random picture, folders included, and return it as it is read back."""
    levels = torch.randint(0, 256, (channels, height, width), generator=torch.Generator().manual_seed(seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, levels / 255)
    return levels / 255


def touch(root: Path, *names: str) -> None:
    """Files that are found and paired but never read."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def paired(root: Path, task: str) -> list[tuple[str, str, str | None]]:
    """Names and files, from the folder on."""
    return [
        (pair.name, pair.high.relative_to(root).as_posix(), pair.low and pair.low.relative_to(root).as_posix())
        for pair in find(root, task=task).pairs
    ]


@pytest.mark.parametrize(
    ("high", "low", "layout"),
    [
        ("HR/x2/{}.png", "LR/x2/{}x2.png", "HR/x2 + LR/x2"),
        ("HR/x2/{}.png", "LR/x2/{}.png", "HR/x2 + LR/x2"),
        ("HR/x2/{}_HR_x2.png", "LRBI/x2/{}_LRBI_x2.png", "HR/x2 + LRBI/x2"),
        ("HR/{}.png", "LR_bicubic/X2/{}x2.png", "HR + LR_bicubic/X2"),
        ("hr/{}.png", "lr/X2/{}_x2.bmp", "hr + lr/X2"),
        ("HR/{}.png", "LR/{}.png", "HR + LR"),
        ("GTmod12/{}.png", "LRbicx2/{}.png", "GTmod12 + LRbicx2"),
        ("GTmod2/{}.png", "LRbicx2/{}x2.png", "GTmod2 + LRbicx2"),
        ("DIV2K_valid_HR/{}.png", "DIV2K_valid_LR_bicubic/X2/{}x2.png", "DIV2K_valid_HR + DIV2K_valid_LR_bicubic/X2"),
        ("image_SRF_2/{}_SRF_2_HR.png", "image_SRF_2/{}_SRF_2_LR.png", "SRF_2_HR + SRF_2_LR"),
        ("{}_SRF_2_HR.png", "{}_SRF_2_LR.png", "SRF_2_HR + SRF_2_LR"),
    ],
)
def test_layouts_of_super_resolution_are_paired_by_name_and_reported(tmp_path, high: str, low: str, layout: str):
    for name in ("img_001", "img_002"):
        touch(tmp_path, high.format(name), low.format(name))
    assert paired(tmp_path, "sr_x2") == [(n, high.format(n), low.format(n)) for n in ("img_001", "img_002")]
    found = find(tmp_path, task="sr_x2")
    assert found.layout == layout and not found.made_here


@pytest.mark.parametrize(
    ("task", "clean", "degraded"),
    [
        ("dr_L", "norain/norain-{}.png", "rain/rain-{}.png"),
        ("dr_L", "norain/norain-{}.png", "rain/X2/norain-{}x2.png"),
        ("dr_H", "norain-{}.png", "rain-{}.png"),
        ("dr_H", "target/{}.png", "input/{}.jpg"),
        ("dr", "GT/{}.png", "LQ/{}.png"),
        ("dr", "groundtruth/{}.png", "rain/{}.png"),
        ("deblur", "target/{}.png", "input/{}.png"),
        ("deblur", "sharp/{}.png", "blur/{}.png"),
        ("deblur", "gt/gt_{}.png", "blur/blur_{}.png"),
        ("defocus", "test_c/target/{}.png", "test_c/source/{}.png"),
        ("defocus", "target/{}.png", "inputC/{}.png"),
        ("dn_real", "target_crops/{}.png", "input_crops/{}.png"),
        ("dn_real", "gt/{}.png", "noisy/{}.png"),
    ],
)
def test_layouts_of_degraded_pictures_are_paired_by_name(tmp_path, task: str, clean: str, degraded: str):
    for name in ("1", "2", "10"):
        touch(tmp_path, clean.format(name), degraded.format(name))
    assert [files[1:] for files in paired(tmp_path, task)] == [
        (clean.format(name), degraded.format(name)) for name in ("1", "2", "10")
    ]
    assert find(tmp_path, task=task).pairs[-1].name.endswith("10")


@pytest.mark.parametrize(
    ("sharp", "blur"),
    [("{}/sharp/000001.png", "{}/blur/000001.png"), ("{}/gt/gt_000001.png", "{}/blur/blur_000001.png")],
)
def test_scenes_have_names_of_their_own_and_other_folders_are_left_out(tmp_path, sharp: str, blur: str):
    for scene in ("GOPR0384_11_00", "GOPR0385_11_01"):
        touch(tmp_path, sharp.format(scene), blur.format(scene), f"{scene}/blur_gamma/000001.png")
    touch(tmp_path, "train/sharp/1.png", "train/blur/1.png", "lists/readme.txt")
    assert [pair.name.split("/")[0] for pair in find(tmp_path, task="deblur").pairs] == [
        "GOPR0384_11_00",
        "GOPR0385_11_01",
    ]


def test_a_scene_with_one_side_only_is_refused(tmp_path):
    touch(tmp_path, "a/sharp/1.png", "a/blur/1.png", "b/sharp/1.png")
    with pytest.raises(PixmendError, match=r"b: expected the folders sharp and blur with pictures"):
        find(tmp_path, task="deblur")


@pytest.mark.parametrize("task", ["dn_g25", "jpeg_q40"])
@pytest.mark.parametrize("folder", ["", "original_png/"])
def test_clean_pictures_are_the_folders_own_or_those_of_its_only_folder(tmp_path, task: str, folder: str):
    for name in ("10.png", "2.tif", "1.bmp"):
        write(tmp_path / folder / name)
    (tmp_path / folder / "readme.txt").write_text("not a picture")
    (tmp_path / folder / ".3.png").write_text("hidden")
    found = find(tmp_path, task=task)
    assert [pair.name for pair in found.pairs] == ["1", "2", "10"]
    low, high = found.read(found.pairs[0])
    assert low is None and high.shape == (3, 16, 18) and not found.made_here


def test_several_folders_of_clean_pictures_are_not_chosen_from(tmp_path):
    touch(tmp_path, "original_png/1.png", "noisy50/1.png")
    with pytest.raises(PixmendError, match=r"2 layouts \(noisy50 alone; original_png alone\)"):
        find(tmp_path, task="dn_g50")


def test_one_hr_folder_and_lr_bicubic_are_read_and_hr_is_cropped_to_fit(tmp_path):
    high_file = write(tmp_path / "HR/0001.png", height=17, width=19)
    write(tmp_path / "LR_bicubic/X2/0001x2.png", height=8, width=9)
    found = find(tmp_path, task="sr_x2")
    low, high = found.read(found.pairs[0])
    assert low is not None and low.shape == (3, 8, 9)
    assert torch.equal(high, high_file[:, :16, :18])


@pytest.mark.parametrize("folder", ["", "HR", "HR/x2", "original"])
def test_low_pictures_of_originals_alone_are_made_by_matlab_bicubic_in_eight_bit(tmp_path, folder: str):
    picture = write(tmp_path / "Set" / folder / "a.png", height=17, width=13)
    found = find(tmp_path / "Set", task="sr_x2")
    low, high = found.read(found.pairs[0])
    assert found.made_here and found.name == "Set" and found.problems() == ()
    assert low is not None and torch.equal(high, picture[:, :16, :12])
    assert torch.equal(low * 255, (low * 255).round())
    assert torch.allclose(low, imresize(high, scale=0.5).clamp(0, 1), atol=0.5001 / 255)


def test_results_of_other_methods_beside_selfexsr_pairs_are_left_out(tmp_path):
    touch(tmp_path, *(f"image_SRF_4/img_001_SRF_4_{what}.png" for what in ("HR", "LR", "bicubic", "SRCNN")))
    assert len(find(tmp_path, task="sr_x4").pairs) == 1


def test_two_layouts_in_one_folder_are_both_named(tmp_path):
    touch(tmp_path, "HR/a.png", "LR_bicubic/X2/ax2.png", "LRbicx2/a.png")
    with pytest.raises(PixmendError, match=r"2 layouts \(HR \+ LR_bicubic/X2; HR \+ LRbicx2\): keep one"):
        find(tmp_path, task="sr_x2")
    touch(tmp_path / "rain", "norain/1.png", "rain/1.png", "target/1.png", "input/1.png")
    with pytest.raises(PixmendError, match=r"norain \+ rain; target \+ input"):
        find(tmp_path / "rain", task="dr_L")


def test_pictures_of_both_resolutions_in_a_heap_are_not_all_taken_for_originals(tmp_path):
    touch(tmp_path, "a_HR.png", "a_LR.png")
    with pytest.raises(PixmendError, match=r"pictures of high and low resolution \(a_LR\)"):
        find(tmp_path, task="sr_x2")


def test_strange_pictures_among_flat_rain_are_refused_and_rain_layers_passed_over(tmp_path):
    touch(tmp_path, "norain-1.png", "rain-1.png", "rainstreak-1.png", "rainregion-1.png")
    assert paired(tmp_path, "dr_H") == [("1", "norain-1.png", "rain-1.png")]
    touch(tmp_path, "result-1.png")
    with pytest.raises(PixmendError, match=r"result-1\.png is neither norain- nor rain-"):
        find(tmp_path, task="dr_H")


def test_grey_files_stay_grey(tmp_path):
    write(tmp_path / "HR/a.png", channels=1)
    write(tmp_path / "LR/x2/a.png", height=8, width=9, channels=1)
    write(tmp_path / "alone/a.png", channels=1)
    for folder in (tmp_path, tmp_path / "alone"):
        found = find(folder, task="sr_x2")
        low, high = found.read(found.pairs[0])
        assert low is not None and low.shape == (1, 8, 9) and high.shape == (1, 16, 18)


def test_unpaired_pictures_are_named_from_both_sides(tmp_path):
    touch(tmp_path, *(f"HR/x2/{name}.png" for name in "abc"), *(f"LR/x2/{name}x2.png" for name in "abd"))
    with pytest.raises(PixmendError, match=r"HR.x2: nothing in .*LR.x2 belongs to c\.png$"):
        find(tmp_path, task="sr_x2")
    (tmp_path / "HR/x2/c.png").unlink()
    with pytest.raises(PixmendError, match=r"LR.x2: nothing in .*HR.x2 belongs to dx2\.png$"):
        find(tmp_path, task="sr_x2")


def test_a_stray_name_among_endings_is_the_one_that_is_named(tmp_path):
    touch(tmp_path, *(f"HR/{name}.png" for name in "abc"), *(f"LR/x2/{name}x2.png" for name in "abc"))
    touch(tmp_path, "LR/x2/preview.png")
    with pytest.raises(PixmendError, match=r"LR.x2: nothing in .*HR belongs to preview\.png$"):
        find(tmp_path, task="sr_x2")


def test_many_unpaired_pictures_are_counted(tmp_path):
    touch(tmp_path, *(f"target/{number}.png" for number in range(9)), "input/0.png")
    with pytest.raises(PixmendError, match=r"belongs to 1\.png, 2\.png, 3\.png and 5 more$"):
        find(tmp_path, task="dr_H")


@given(
    names=st.sets(st.text("abx2_-", min_size=1, max_size=4), min_size=2, max_size=6),
    high=st.sampled_from(["{}", "{}_HR", "gt_{}", "norain-{}"]),
    low=st.sampled_from(["{}", "{}x2", "{}_LR", "blur_{}", "rain-{}", "norain-{}x2"]),
    seed=st.integers(0, 99),
)
def test_a_known_beginning_or_ending_of_a_whole_side_never_pairs_strangers(names, high: str, low: str, seed: int):
    shuffled = random.Random(seed).sample(sorted(names), len(names))
    highs = {high.format(name): Path("high", name) for name in names}
    lows = {low.format(name): Path("low", name) for name in shuffled}
    where = (Path("high"), Path("low"))
    pairs = match(highs, lows, where=where, scale=2 if low.startswith("{}") else 1)
    assert all(one.name == other.name for _, one, other in pairs) and len(pairs) == len(names)
    lows.popitem()
    with pytest.raises(PixmendError, match="belongs to"):
        match(highs, lows, where=where)


def test_two_pictures_of_one_name_are_refused(tmp_path):
    touch(tmp_path, "a.png", "a.tif")
    with pytest.raises(PixmendError, match=r"a\.png and a\.tif share a name"):
        find(tmp_path, task="dn_g15")


@pytest.mark.parametrize(
    ("task", "low", "size", "expected"),
    [("sr_x2", "LR/x2/ax2.png", (9, 10), "2 times smaller"), ("dr_L", "input/a.png", (20, 19), "the same size")],
)
def test_a_pair_whose_sizes_do_not_belong_together_is_refused(tmp_path, task, low, size, expected: str):
    high = "HR/a.png" if task == "sr_x2" else "target/a.png"
    write(tmp_path / high, height=20, width=20)
    write(tmp_path / low, height=size[0], width=size[1])
    found = find(tmp_path, task=task)
    message = rf"{Path(low).name}: {size[1]} x {size[0]} does not belong to .*a\.png of 20 x 20: expected .*{expected}"
    with pytest.raises(PixmendError, match=message):
        found.read(found.pairs[0])


def test_a_picture_smaller_than_the_scale_is_refused(tmp_path):
    write(tmp_path / "dot.png", height=3, width=20)
    found = find(tmp_path, task="sr_x4")
    with pytest.raises(PixmendError, match=r"dot\.png: 20 x 3 is too small"):
        found.read(found.pairs[0])


def test_a_still_gif_is_a_picture_of_a_benchmark_too(tmp_path):
    Image.new("RGB", (18, 16)).save(tmp_path / "a.gif")
    found = find(tmp_path, task="sr_x2")
    assert found.read(found.pairs[0])[1].shape == (3, 16, 18)


def test_hr_with_lr_of_other_scales_only_is_refused_and_the_way_out_named(tmp_path):
    touch(tmp_path, "HR/a.png", "LR_bicubic/X3/ax3.png")
    with pytest.raises(PixmendError, match=r"neither LR/x2 nor LR_bicubic/X2: add one, or name .*HR itself"):
        find(tmp_path, task="sr_x2")
    assert find(tmp_path / "HR", task="sr_x2").made_here


def test_a_missing_folder_a_file_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(PixmendError, match="no such folder"):
        find(tmp_path / "nowhere", task="sr_x2")
    write(tmp_path / "a.png")
    with pytest.raises(PixmendError, match="is not a folder"):
        find(tmp_path / "a.png", task="sr_x2")
    (tmp_path / "empty/HR_only").mkdir(parents=True)
    with pytest.raises(PixmendError, match=r"no pictures .*it holds the folders HR_only"):
        find(tmp_path / "empty", task="dn_g15")


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("dr_L", "norain and rain, or target and input"),
        ("deblur", "sharp and blur"),
        ("dn_real", "target_crops and input_crops"),
        ("defocus", "test_c/target and test_c/source"),
        ("defocus_dual", "target and inputL and inputR"),
    ],
)
def test_tasks_with_degraded_pictures_say_which_folders_they_need(tmp_path, task: str, expected: str):
    write(tmp_path / "a.png")
    with pytest.raises(PixmendError, match=f"expected the folders .*{expected}"):
        find(tmp_path, task=task)


def save_blocks(path: Path, name: str, values: np.ndarray) -> None:
    scipy.io.savemat(path / f"{name}.mat", {name: values}, do_compression=True)


def test_blocks_of_matlab_files_are_pairs_named_by_scene_and_block(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5, 3), dtype=np.uint8)
    save_blocks(tmp_path, CLEAN, values)
    save_blocks(tmp_path, NOISY, 255 - values)
    found = find(tmp_path, task="dn_real")
    assert [pair.name for pair in found.pairs] == ["0001_01", "0001_02", "0001_03", "0002_01", "0002_02", "0002_03"]
    low, high = found.read(found.pairs[4])
    expected = torch.from_numpy(values[1, 1]).permute(2, 0, 1) / 255
    assert low is not None and torch.equal(high, expected) and torch.allclose(low, 1 - expected)
    assert [pair.name for pair in found.ordered("name").pairs] == [pair.name for pair in found.pairs]
    assert set(found.hashes()) == {f"{CLEAN}.mat", f"{NOISY}.mat"}


def test_matlab_files_that_do_not_hold_the_blocks_are_refused(tmp_path):
    values = np.zeros((1, 2, 4, 4, 3), np.uint8)
    save_blocks(tmp_path, CLEAN, values)
    with pytest.raises(PixmendError, match=rf"{NOISY}\.mat: no such file"):
        find(tmp_path, task="dn_real")
    save_blocks(tmp_path, NOISY, values[:, :1])
    with pytest.raises(PixmendError, match=r"holds \(1, 1\) scenes and blocks, .* has \(1, 2\)"):
        find(tmp_path, task="dn_real")
    save_blocks(tmp_path, NOISY, values.astype(np.float64))
    with pytest.raises(PixmendError, match=r"uint8 .* got double"):
        find(tmp_path, task="dn_real")
    (tmp_path / f"{NOISY}.mat").write_bytes(b"not a MATLAB file")
    with pytest.raises(PixmendError, match=r"not a MATLAB file of version 5 to 7, or damaged"):
        find(tmp_path, task="dn_real")


def test_without_scipy_one_line_says_what_to_install(tmp_path, monkeypatch):
    save_blocks(tmp_path, CLEAN, np.zeros((1, 1, 4, 4, 3), np.uint8))
    save_blocks(tmp_path, NOISY, np.zeros((1, 1, 4, 4, 3), np.uint8))
    monkeypatch.setitem(__import__("sys").modules, "scipy.io", None)
    with pytest.raises(PixmendError, match=r'needs SciPy: pip install "pixmend\[evaluate\]"$'):
        find(tmp_path, task="dn_real")
