"""Benchmarks by name: where they are looked for, what is known of them, and what a report has to say."""

import hashlib
import importlib.util
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from pixmend.errors import PixmendError
from pixmend.evaluate.benchmarks import KNOWN, find, known, locate, same_set
from pixmend.tasks import Kind

ROOT = Path(__file__).parent.parent


def pictures(folder: Path, count: int, *, size: tuple[int, int] = (500, 500), mode: str = "RGB") -> None:
    """One picture under many names."""
    folder.mkdir(parents=True, exist_ok=True)
    first = folder / "1.png"
    Image.new(mode, size).save(first)
    for number in range(2, count + 1):
        (folder / f"{number}.png").hardlink_to(first)


@pytest.mark.parametrize(
    ("name", "expected", "pictures"),
    [
        ("set5", "Set5", 5),
        ("b100", "BSD100", 100),
        ("BSDS100", "BSD100", 100),
        ("kodak", "Kodak24", 24),
        ("realblur_j", "RealBlur-J", 980),
        ("RealBlur-R", "RealBlur-R", 980),
        ("test100", "Test100", 98),
        ("gopro", "GoPro", 1111),
        ("sidd", "SIDD", 1280),
        ("div2k valid", "DIV2K", 100),
    ],
)
def test_sets_are_known_by_the_names_people_use(name: str, expected: str, pictures: int):
    entry = known(name)
    assert entry is not None and (entry.name, entry.pictures) == (expected, pictures)


def test_no_name_means_two_sets_and_every_use_is_a_kind_of_task():
    names = [name for entry in KNOWN.values() for name in entry.keys]
    assert len(names) == len(set(names))
    assert {kind for entry in KNOWN.values() for kind in entry.kinds} == set(get_args(Kind))


def test_names_of_one_set_are_the_same_and_of_two_or_none_are_not():
    assert same_set("B100", "bsd-100") and same_set("mine", "Mine")
    assert not same_set("BSD68", "CBSD68") and not same_set("mine", "Set5") and not same_set("mine", "yours")


@pytest.mark.parametrize(
    ("folder", "name", "task"),
    [
        ("Set5", "set5", "sr_x2"),
        ("SR_testing_datasets/B100", "bsd100", "sr_x4"),
        ("a/b/urban-100/HR", "Urban100", "sr_x2"),
        ("testsets/classic5", "CLASSIC5", "jpeg_q10"),
        ("Kodak", "kodak24", "dn_g25"),
    ],
)
def test_a_set_is_found_by_name_wherever_it_lies(tmp_path, folder: str, name: str, task: str):
    pictures(tmp_path / folder, 1)
    pictures(tmp_path / "train", 1)
    found = locate(name, root=tmp_path, task=task)
    assert found.name == known(name).name and found.pairs[0].high == tmp_path / folder / "1.png"


@pytest.mark.parametrize("split", ["", "test/", "val/"])
def test_a_set_may_lie_in_a_folder_of_test_pictures_of_its_own(tmp_path, split: str):
    for side in ("input", "target"):
        pictures(tmp_path / "Rain100L" / split / side, 2)
    pictures(tmp_path / "Rain100L/train/input", 3)
    found = locate("rain100l", root=tmp_path, task="dr_L")
    assert (found.name, len(found.pairs)) == ("Rain100L", 2)


def test_the_root_itself_may_be_the_set_and_a_set_of_ones_own_needs_no_known_name(tmp_path):
    pictures(tmp_path / "Set5", 1)
    pictures(tmp_path / "cats", 1)
    assert locate("set5", root=tmp_path / "Set5", task="sr_x2").name == "Set5"
    assert locate("cats", root=tmp_path, task="sr_x2").name == "cats"


def test_a_set_packed_in_a_folder_of_its_own_name_is_found(tmp_path):
    for side in ("input", "target"):
        pictures(tmp_path / "GoPro/GoPro/test" / side, 1)
    for root in (tmp_path, tmp_path / "GoPro"):
        assert locate("gopro", root=root, task="deblur").folder == tmp_path / "GoPro/GoPro/test"


def test_two_folders_of_one_set_are_both_named_and_one_that_does_not_serve_the_task_is_no_candidate(tmp_path):
    pictures(tmp_path / "sr/Urban100/HR", 1)
    pictures(tmp_path / "dn/Urban100", 1)
    with pytest.raises(PixmendError, match=r"Urban100 is there 2 times \(.*dn.Urban100; .*sr.Urban100\)"):
        locate("urban100", root=tmp_path, task="sr_x2")
    (tmp_path / "dn/Urban100/1.png").unlink()
    assert locate("urban100", root=tmp_path, task="sr_x2").folder == tmp_path / "sr/Urban100"


def test_a_set_that_two_links_lead_to_is_there_once(tmp_path):
    pictures(tmp_path / "real/Set5", 1)
    (tmp_path / "Set5").symlink_to(tmp_path / "real/Set5", target_is_directory=True)
    assert len(locate("set5", root=tmp_path, task="sr_x2").pairs) == 1


def test_an_unknown_name_a_missing_set_and_a_missing_root_are_told_apart(tmp_path):
    with pytest.raises(PixmendError, match=r"no benchmark is called 'urbn100', .*: did you mean urban100\?"):
        locate("urbn100", root=tmp_path, task="sr_x2")
    with pytest.raises(PixmendError, match=r"no folder is called BSD100 or B100, BSDS100"):
        locate("b100", root=tmp_path, task="sr_x2")
    with pytest.raises(PixmendError, match=r"expected the folder your benchmarks are in"):
        locate("set5", root=tmp_path / "nowhere", task="sr_x2")
    with pytest.raises(PixmendError, match=r"no task is called"):
        locate("set5", root=tmp_path, task="sr_x9")


def test_what_is_wrong_with_the_only_folder_of_a_set_is_said(tmp_path):
    pictures(tmp_path / "Set5/HR", 2)
    pictures(tmp_path / "Set5/LR/x2", 1)
    with pytest.raises(PixmendError, match=r"Set5.LR.x2 belongs to 2\.png"):
        locate("set5", root=tmp_path, task="sr_x2")


@pytest.mark.parametrize("folder", ["Set5", "Set5/HR", "set5/test/HR/x2"])
def test_a_folder_inside_a_set_is_called_by_its_name(tmp_path, folder: str):
    pictures(tmp_path / folder, 1)
    assert find(tmp_path / folder, task="dn_g15").name == "Set5"


def test_a_whole_set_of_the_published_sizes_has_no_problems_and_a_part_or_more_of_it_has(tmp_path):
    folder = tmp_path / "McMaster"
    pictures(folder, 18)
    assert find(folder, task="dn_g25").problems() == ()
    (folder / "3.png").unlink()
    assert find(folder, task="dn_g25").problems() == ("17 of the 18 pictures of McMaster",)
    pictures(tmp_path / "mcm", 19)
    assert find(tmp_path / "mcm", task="dn_g25").problems() == ("19 pictures, where McMaster has 18",)


def test_sizes_that_were_never_published_are_problems_but_for_the_usual_crop_of_super_resolution(tmp_path):
    pictures(tmp_path / "bsd100", 100, size=(320, 480))
    assert find(tmp_path / "bsd100", task="sr_x4").problems() == ()
    assert find(tmp_path / "bsd100", task="dn_g25").problems() == (
        "1, 2, 3 and 97 more: not of a published size, BSD100 has none of 320 x 480",
    )


def test_colours_in_a_grey_set_are_a_problem(tmp_path):
    pictures(tmp_path / "Set12", 12, size=(256, 256))
    assert find(tmp_path / "Set12", task="dn_g25").problems() == ("12 pictures in colour, where Set12 is grey",)
    pictures(tmp_path / "grey/Set12", 12, size=(512, 512), mode="L")
    assert find(tmp_path / "grey/Set12", task="dn_g25").problems() == ()


def test_natural_order_puts_2_before_10_and_the_order_of_names_does_not(tmp_path):
    pictures(tmp_path, 11)
    found = find(tmp_path, task="dn_g25")
    names = [pair.name for pair in found.ordered("name").pairs]
    assert names == [str(n) for n in (1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9)]
    assert found.ordered("name").ordered("natural") == found


def test_hashes_are_of_every_file_by_its_name_and_the_digest_is_that_of_sha256sum(tmp_path):
    pictures(tmp_path / "HR", 2)
    pictures(tmp_path / "LR/x2", 2, size=(250, 250))
    found = find(tmp_path, task="sr_x2")
    hashes = found.hashes()
    assert sorted(hashes) == ["HR/1.png", "HR/2.png", "LR/x2/1.png", "LR/x2/2.png"]
    assert hashes["HR/1.png"] == hashlib.sha256((tmp_path / "HR/1.png").read_bytes()).hexdigest()
    lines = "".join(f"{value}  {name}\n" for name, value in sorted(hashes.items()))
    assert found.digest() == hashlib.sha256(lines.encode()).hexdigest()[:16]
    assert found.ordered("name").digest() == found.digest()


def test_the_digest_changes_with_a_byte_and_with_a_name(tmp_path):
    pictures(tmp_path, 2)
    before = find(tmp_path, task="dn_g25").digest()
    (tmp_path / "2.png").rename(tmp_path / "3.png")
    renamed = find(tmp_path, task="dn_g25").digest()
    (tmp_path / "3.png").unlink()
    Image.new("RGB", (500, 500), "white").save(tmp_path / "3.png")
    assert len({before, renamed, find(tmp_path, task="dn_g25").digest()}) == 3


def deep(path: Path, value: int) -> None:
    """A picture of 16 bits per channel, (2, 3) pixels of one value."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((2, 3, 3), value, np.uint16))


def test_two_views_are_read_in_full_as_six_channels_left_first_and_one_view_by_its_upper_byte(tmp_path):
    for folder, value in (("test_l/source", 1000), ("test_r/source", 2000), ("test_c/source", 1500)):
        deep(tmp_path / folder / "1.png", value)
    deep(tmp_path / "test_c/target/1.png", 3001)
    dual = find(tmp_path, task="defocus_dual")
    low, high = dual.read(dual.pairs[0])
    assert low is not None and low.shape == (6, 2, 3) and high.shape == (3, 2, 3)
    assert torch.allclose(low[:, 0, 0] * 65535, torch.tensor([1000.0] * 3 + [2000.0] * 3))
    assert torch.allclose(high * 65535, torch.tensor(3001.0))
    single = find(tmp_path, task="defocus")
    low, high = single.read(single.pairs[0])
    assert low is not None and low.mul(255).unique().tolist() == [1500 // 256]
    assert high.mul(255).round().unique().tolist() == [3001 // 256]


def test_views_of_different_sizes_are_refused(tmp_path):
    for folder in ("target", "inputL", "inputR"):
        pictures(tmp_path / folder, 1, size=(5, 4) if folder == "inputR" else (4, 4))
    found = find(tmp_path, task="defocus_dual")
    with pytest.raises(PixmendError, match=r"inputR.1\.png: 5 x 4 is not 4 x 4, the size of .*inputL"):
        found.read(found.pairs[0])


def test_dpdd_is_paired_in_order_only_where_its_release_names_files_differently_and_says_so(tmp_path):
    for folder, first in (("test_c/source", 10), ("test_l/source", 10), ("test_r/source", 10), ("test_c/target", 9)):
        for number in (first, first + 90):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / f"1P0A{number}.png").touch()
    found = find(tmp_path, task="defocus_dual")
    assert [(pair.high.name, pair.low.name, pair.right.name) for pair in found.pairs] == [
        ("1P0A9.png", "1P0A10.png", "1P0A10.png"),
        ("1P0A99.png", "1P0A100.png", "1P0A100.png"),
    ]
    assert found.layout.endswith(", in the order of the files")
    (tmp_path / "test_c/target/1P0A99.png").unlink()
    with pytest.raises(PixmendError, match=r"names differ, and so do the numbers of pictures: 1 in .*target, 2 in"):
        find(tmp_path, task="defocus_dual")


def test_indoor_and_outdoor_are_told_by_labels_that_cover_every_picture_and_by_no_others(tmp_path):
    for folder in ("target", "inputC"):
        pictures(tmp_path / "DPDD/test" / folder, 11)
    np.save(tmp_path / "DPDD/indoor_labels.npy", [1, 2, 11])
    np.save(tmp_path / "DPDD/outdoor_labels.npy", [3, 4, 5, 6, 7, 8, 9, 10])
    groups = {pair.name: pair.group for pair in locate("dpdd", root=tmp_path, task="defocus").pairs}
    assert [name for name, group in groups.items() if group == "indoor"] == ["1", "2", "11"]
    assert groups["10"] == "outdoor"
    np.save(tmp_path / "DPDD/outdoor_labels.npy", [3])
    assert {pair.group for pair in locate("dpdd", root=tmp_path, task="defocus").pairs} == {None}
    (tmp_path / "DPDD/outdoor_labels.npy").write_text("3 4 5")
    with pytest.raises(PixmendError, match=r"indoor_labels\.npy and outdoor_labels\.npy are no lists of numbers"):
        locate("dpdd", root=tmp_path, task="defocus")


def test_the_page_lists_what_the_code_knows():
    path = ROOT / "tools" / "benchmarks_page.py"
    spec = importlib.util.spec_from_file_location("benchmarks_page", path)
    assert spec is not None and spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = (ROOT / "docs/reference/benchmarks.md").read_text(encoding="utf-8")
    assert tool.page(text) == text, "run python tools/benchmarks_page.py"
    assert tool.page(text.replace("| 1280 |", "| 1281 |")) == text
