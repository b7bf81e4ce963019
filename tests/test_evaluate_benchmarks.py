"""Benchmarks: which layouts are understood, and that nothing is guessed."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from pixmend.degrade.resize import imresize
from pixmend.errors import PixmendError
from pixmend.evaluate import find
from pixmend.image import write_image


def write(path: Path, *, height: int = 16, width: int = 18, seed: int = 0, channels: int = 3) -> torch.Tensor:
    """Write a random picture, folders included, and return it as it is read back."""
    levels = torch.randint(0, 256, (channels, height, width), generator=torch.Generator().manual_seed(seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, levels / 255)
    return levels / 255


def test_hr_and_lr_folders_per_scale_are_paired_by_name(tmp_path):
    for name in ("baby", "bird"):
        for scale in (2, 3):
            write(tmp_path / f"HR/x{scale}/{name}.png", height=12, width=18)
            write(tmp_path / f"LR/x{scale}/{name}x{scale}.png", height=12 // scale, width=18 // scale)
    found = find(tmp_path, task="sr_x3")
    assert [(pair.name, pair.high.name, pair.low and pair.low.name) for pair in found.pairs] == [
        ("baby", "baby.png", "babyx3.png"),
        ("bird", "bird.png", "birdx3.png"),
    ]
    low, high = found.read(found.pairs[0])
    assert (low.shape, high.shape) == ((3, 4, 6), (3, 12, 18))
    assert not found.made_here


def test_one_hr_folder_and_lr_bicubic_are_paired_and_hr_is_cropped_to_fit(tmp_path):
    high_file = write(tmp_path / "HR/0001.png", height=17, width=19)
    write(tmp_path / "LR_bicubic/X2/0001x2.png", height=8, width=9)
    found = find(tmp_path, task="sr_x2")
    low, high = found.read(found.pairs[0])
    assert low.shape == (3, 8, 9)
    assert torch.equal(high, high_file[:, :16, :18])


def test_low_pictures_may_have_the_names_of_the_high_ones(tmp_path):
    write(tmp_path / "HR/a.png", height=16, width=16)
    write(tmp_path / "LR/x2/a.png", height=8, width=8)
    assert [pair.name for pair in find(tmp_path, task="sr_x2").pairs] == ["a"]


def test_low_pictures_of_a_flat_folder_are_made_by_matlab_bicubic_in_eight_bit(tmp_path):
    picture = write(tmp_path / "Set/a.png", height=17, width=13)
    found = find(tmp_path / "Set", task="sr_x2")
    low, high = found.read(found.pairs[0])
    assert found.made_here and found.name == "Set"
    assert torch.equal(high, picture[:, :16, :12])
    assert torch.equal(low * 255, (low * 255).round())
    assert torch.allclose(low, imresize(high, scale=0.5).clamp(0, 1), atol=0.5001 / 255)


def test_denoising_takes_a_flat_folder_in_natural_order(tmp_path):
    for name in ("10.png", "2.tif", "1.bmp"):
        write(tmp_path / name)
    (tmp_path / "readme.txt").write_text("not a picture")
    (tmp_path / ".3.png").write_text("hidden")
    found = find(tmp_path, task="dn_g25")
    assert [pair.name for pair in found.pairs] == ["1", "2", "10"]
    low, high = found.read(found.pairs[0])
    assert torch.equal(low, high) and not found.made_here


@pytest.mark.parametrize(
    ("clean", "rainy"), [("norain/norain-{}.png", "rain/rain-{}.png"), ("target/{}.png", "input/{}.png")]
)
def test_deraining_pairs_are_found_in_both_layouts(tmp_path, clean: str, rainy: str):
    for number in ("001", "002"):
        write(tmp_path / clean.format(number), seed=int(number))
        write(tmp_path / rainy.format(number), seed=10 + int(number))
    found = find(tmp_path, task="dr_L")
    assert [pair.name for pair in found.pairs] == ["001", "002"]
    low, high = found.read(found.pairs[1])
    assert not torch.equal(low, high)


def test_grey_files_become_three_equal_channels(tmp_path):
    write(tmp_path / "grey.png", channels=1)
    found = find(tmp_path, task="sr_x2")
    low, high = found.read(found.pairs[0])
    assert low.shape[0] == high.shape[0] == 3
    assert torch.equal(high[0], high[2])


def test_unpaired_pictures_are_named_from_both_sides(tmp_path):
    for name in ("a", "b", "c"):
        write(tmp_path / f"HR/x2/{name}.png")
    for name in ("a", "b", "d"):
        write(tmp_path / f"LR/x2/{name}x2.png", height=8, width=9)
    with pytest.raises(PixmendError, match=r"HR.x2: nothing in .*LR.x2 belongs to c\.png$"):
        find(tmp_path, task="sr_x2")
    (tmp_path / "HR/x2/c.png").unlink()
    with pytest.raises(PixmendError, match=r"LR.x2: nothing in .*HR.x2 belongs to dx2\.png$"):
        find(tmp_path, task="sr_x2")


def test_a_still_gif_is_a_picture_of_a_benchmark_too(tmp_path):
    Image.new("RGB", (18, 16)).save(tmp_path / "a.gif")
    found = find(tmp_path, task="sr_x2")
    assert found.read(found.pairs[0])[1].shape == (3, 16, 18)


def test_many_unpaired_pictures_are_counted(tmp_path):
    for number in range(9):
        write(tmp_path / f"target/{number}.png")
    write(tmp_path / "input/0.png")
    with pytest.raises(PixmendError, match=r"belongs to 1\.png, 2\.png, 3\.png and 5 more$"):
        find(tmp_path, task="dr_H")


def test_two_pictures_of_one_name_are_refused(tmp_path):
    write(tmp_path / "a.png")
    write(tmp_path / "a.tif")
    with pytest.raises(PixmendError, match=r"a\.png and a\.tif share a name"):
        find(tmp_path, task="dn_g15")


def test_a_pair_whose_sizes_do_not_belong_together_is_refused(tmp_path):
    write(tmp_path / "HR/a.png", height=20, width=20)
    write(tmp_path / "LR/x2/ax2.png", height=9, width=10)
    found = find(tmp_path, task="sr_x2")
    with pytest.raises(PixmendError, match=r"ax2\.png: 10 x 9 does not belong to .*a\.png of 20 x 20"):
        found.read(found.pairs[0])


def test_a_picture_smaller_than_the_scale_is_refused(tmp_path):
    write(tmp_path / "dot.png", height=3, width=20)
    found = find(tmp_path, task="sr_x4")
    with pytest.raises(PixmendError, match=r"dot\.png: 20 x 3 is too small"):
        found.read(found.pairs[0])


def test_hr_without_lr_of_the_scale_is_refused_and_the_way_out_named(tmp_path):
    write(tmp_path / "HR/a.png")
    with pytest.raises(PixmendError, match=r"neither LR/x2 nor LR_bicubic/X2: add one, or name .*HR itself"):
        find(tmp_path, task="sr_x2")


def test_a_missing_folder_a_file_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(PixmendError, match="no such folder"):
        find(tmp_path / "nowhere", task="sr_x2")
    write(tmp_path / "a.png")
    with pytest.raises(PixmendError, match="is not a folder"):
        find(tmp_path / "a.png", task="sr_x2")
    (tmp_path / "empty/HR_only").mkdir(parents=True)
    with pytest.raises(PixmendError, match=r"no pictures .*it holds the folders HR_only"):
        find(tmp_path / "empty", task="dn_g15")


def test_deraining_needs_two_folders(tmp_path):
    write(tmp_path / "a.png")
    with pytest.raises(PixmendError, match="expected the folders norain and rain, or target and input"):
        find(tmp_path, task="dr_L")
