"""Pictures in memory, in files and in shards: the same crops of each, and what becomes of small and broken ones."""

import logging

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import pixmend as pm
from pixmend.data import Batches, Files, Pictures, Shards, degradation, open_pictures, pack
from pixmend.data.crops import enlarged
from pixmend.data.loader import degrade
from pixmend.degrade import GaussianBlur
from pixmend.seeding import child


def save(path, height, width, *, seed=0, **options):
    pixels = torch.randint(256, (height, width, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.numpy()).save(path, **options)


@pytest.fixture(scope="module")
def loose(tmp_path_factory):
    """Eight pictures: six of use, of several kinds, one cut short and one too small."""
    folder = tmp_path_factory.mktemp("loose")
    save(folder / "a/1.png", 70, 90, seed=1)
    save(folder / "a.b/2.jpg", 64, 80, seed=2, quality=80)
    save(folder / "b/3.v2.jpeg", 120, 50, seed=3, progressive=True)
    save(folder / "b/small.png", 47, 200, seed=4)
    save(folder / "cut.jpg", 90, 90, seed=5)
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:-30])
    save(folder / "d.webp", 80, 80, seed=6)
    turned = Image.Exif()
    turned[0x0112] = 8
    save(folder / "e.jpg", 60, 100, seed=7, exif=turned)
    save(folder / "f.png", 50, 50, seed=8)
    return folder


@pytest.fixture(scope="module")
def packed(loose, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "shards"
    pack(loose, out, shard_size=30_000)
    return out


@pytest.fixture(params=["Files", "Pictures", "Shards"])
def kind(request):
    return {"Files": Files, "Pictures": Pictures, "Shards": Shards}[request.param]


def opened(kind, loose, packed, *, smallest=48, **options):
    return kind([packed if kind is Shards else loose], smallest=smallest, **options)


def batches(source, **changes):
    given = {"patches": {"sr_x2": 24, "dn_g25": 48}, "batch": 6, "every_task": True, "candidates": 2, "seed": 3}
    return Batches(source, **(given | changes))


def equal(a, b):
    assert a.keys() == b.keys()
    return all(torch.equal(x, y) for task in a for x, y in zip(a[task], b[task], strict=True))


def test_pictures_without_a_use_are_left_out_and_the_damaged_ones_keep_their_places(kind, loose, packed):
    source = opened(kind, loose, packed)
    assert len(source) == 7
    assert any("200 x 47 pixels, a crop needs 48 each way" in why for _, why in source.skipped)
    assert source.name(3).endswith("cut.jpg")
    with pytest.raises(pm.PixmendError, match=r"cut\.jpg: damaged or cut short"):
        source.crop(3, 48, key=0)


@settings(max_examples=30, deadline=None)
@given(key=st.integers(0, 2**40), side=st.integers(1, 60), small=st.sampled_from(["stretch", "reflect"]))
def test_every_kind_of_source_gives_the_same_crops(loose, packed, key, side, small):
    sources = [opened(kind, loose, packed, smallest=side, small=small) for kind in (Files, Pictures, Shards)]
    assert {len(source) for source in sources} == {8}
    for index in (i for i in range(8) if "cut" not in sources[0].name(i)):
        first, *others = (source.crop(index, side, key=key) for source in sources)
        assert first.shape == (3, side, side) and first.dtype == torch.uint8
        assert all(torch.equal(first, other) for other in others)


@settings(max_examples=20, deadline=None)
@given(step=st.integers(0, 10**6), seed=st.integers(0, 10**6), rank=st.integers(0, 2))
def test_a_batch_follows_from_seed_step_and_index_alone(loose, packed, step, seed, rank):
    """Of whatever source, with a damaged picture among them, and of any process's share."""
    one, *others = (batches(opened(kind, loose, packed), seed=seed)[step] for kind in (Files, Pictures, Shards))
    assert all(equal(one, other) for other in others)
    part = batches(opened(Shards, loose, packed), seed=seed, share=(rank, 3))[step]
    share = slice(2 * rank, 2 * rank + 2)
    assert equal(part, {task: type(pair)(*(side[share] for side in pair)) for task, pair in one.items()})


def test_workers_change_nothing_and_reading_on_in_the_middle_neither(kind, loose, packed):
    source = opened(kind, loose, packed)
    whole = list(batches(source).from_step(0, 5))
    helped = list(batches(source).from_step(2, 5, workers=2))
    assert len(helped) == 3
    assert all(equal(a, b) for a, b in zip(whole[2:], helped, strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_damaged_pictures_are_counted_and_listed_whoever_meets_them(loose, packed, workers, caplog):
    drawn = batches(opened(Files, loose, packed))
    for step in range(4):
        drawn[step]
    made = batches(opened(Files, loose, packed))
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert len(list(made.from_step(0, 4, workers=workers))) == 4
    assert made.redrawn == drawn.redrawn > 4
    (why,) = (why for name, why in made.skipped.items() if name.endswith("cut.jpg"))
    assert "damaged or cut short" in why
    assert sum("cut.jpg" in line for line in caplog.messages) == 1


@pytest.mark.parametrize("workers", [0, 1])
def test_a_folder_that_goes_away_ends_in_one_line_and_not_in_a_search_without_end(tmp_path, workers):
    save(tmp_path / "a.png", 60, 60)
    source = Files([tmp_path], smallest=48)
    (tmp_path / "a.png").unlink()
    with pytest.raises(pm.PixmendError, match="100 pictures in a row could not be used") as error:
        next(batches(source).from_step(0, 1, workers=workers))
    assert "a.png: cannot be read: No such file" in str(error.value) and "\n" not in str(error.value)


def test_stretching_lengthens_the_short_side_alone():
    tall = torch.arange(40, dtype=torch.uint8).repeat(3, 100, 1)
    wide = enlarged(tall, 80, small="stretch")
    assert wide.shape == (3, 100, 80)
    assert wide[0, 0, :5].tolist() == [0, 0, 1, 1, 2]  # of 0, 0.25, 0.75, 1.25 and 1.75
    assert torch.equal(enlarged(tall, 30, small="stretch"), tall)


def test_stretching_is_what_opencv_does():
    cv2 = pytest.importorskip("cv2")
    picture = torch.randint(256, (3, 31, 57), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    expected = cv2.resize(picture.permute(1, 2, 0).float().numpy(), (64, 64))
    found = enlarged(picture, 64, small="stretch").permute(1, 2, 0)
    assert (found - torch.from_numpy(expected)).abs().max() <= 0.501


def test_reflecting_repeats_the_border_pixel_as_often_as_it_takes():
    picture = torch.tensor([[1, 2, 3]], dtype=torch.uint8).expand(3, 1, 3)
    assert enlarged(picture, 8, small="reflect")[0, 5].tolist() == [1, 2, 3, 3, 2, 1, 1, 2]


@pytest.mark.parametrize("task", ["sr_x2", "sr_x3", "sr_x4", "dn_g25", "dr_L", "jpeg_q40"])
def test_pictures_degraded_together_are_those_degraded_alone(task):
    images = torch.randint(256, (7, 3, 48, 48), generator=torch.Generator().manual_seed(2)).float() / 255
    keys = [child(5, index) for index in range(7)]
    how = degradation(task)
    assert torch.equal(
        degrade(how, images, keys=keys), torch.stack([how(x, k) for x, k in zip(images, keys, strict=True)])
    )


@pytest.mark.slow
def test_a_device_gets_what_the_workers_would_have_made(loose, packed):
    source = opened(Files, loose, packed)
    there = batches(source).from_step(0, 3, device=torch.device("cpu"))
    assert all(equal(a, b) for a, b in zip(batches(source).from_step(0, 3), there, strict=True))


def test_a_degradation_of_ones_own_takes_the_place_of_the_task_s(loose, packed):
    blur = GaussianBlur(sigma=2.0)
    pair = batches(opened(Files, loose, packed), patches={"deblur": 24}, degradations={"deblur": blur})[0]["deblur"]
    assert torch.equal(pair.low, torch.stack([blur(high, 0) for high in pair.high]))


def test_the_folders_decide_what_they_are_opened_as(loose, packed):
    assert isinstance(open_pictures([loose], smallest=48), Pictures)
    assert isinstance(open_pictures([loose], smallest=48, budget=100_000), Files)
    assert isinstance(open_pictures([packed], smallest=48), Shards)
    with pytest.raises(pm.PixmendError, match="holds shards, .* pictures: pack both or neither"):
        open_pictures([loose, packed], smallest=48)


def test_hidden_files_are_no_pictures(tmp_path):
    save(tmp_path / "a.png", 60, 60)
    save(tmp_path / ".b.png", 60, 60)
    save(tmp_path / ".thumbnails/c.png", 60, 60)
    assert len(Files([tmp_path], smallest=48)) == 1


def test_a_folder_of_small_pictures_is_refused_unless_they_are_enlarged(tmp_path):
    save(tmp_path / "a.png", 20, 20)
    with pytest.raises(pm.PixmendError, match="no usable picture of at least 48 x 48 pixels among 1 files"):
        Files([tmp_path], smallest=48)
    assert Files([tmp_path], smallest=48, small="reflect").crop(0, 48, key=1).shape == (3, 48, 48)


def test_a_link_to_nowhere_is_a_broken_picture_to_every_source(tmp_path):
    save(tmp_path / "in/a.png", 60, 60)
    (tmp_path / "in/b.png").symlink_to(tmp_path / "gone.png")
    pack(tmp_path / "in", tmp_path / "out")
    for kind in (Files, Pictures, Shards):
        source = opened(kind, tmp_path / "in", tmp_path / "out")
        assert len(source) == 1
        (skipped,) = source.skipped
        assert "b.png: cannot be read: No such file" in skipped[1]


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """A picture of 16 bits in colour, a grey one, and one of 8 bits."""
    folder = tmp_path_factory.mktemp("deep")
    values = torch.randint(65536, (60, 70, 3), generator=torch.Generator().manual_seed(0)).numpy().astype(np.uint16)
    assert cv2.imwrite(str(folder / "colour.png"), values)
    assert cv2.imwrite(str(folder / "grey.tif"), values[..., 0])
    save(folder / "shallow.png", 64, 64)
    return folder


def test_pictures_of_16_bits_are_cut_at_their_full_depth_by_every_kind_of_source(deep, tmp_path):
    pack(deep, tmp_path / "shards")
    sources = [Files([deep], smallest=48), Pictures([deep], smallest=48), Shards([tmp_path / "shards"], smallest=48)]
    for index, name in enumerate(["colour.png", "grey.tif", "shallow.png"]):
        crops = [source.crop(index, 48, key=index) for source in sources]
        assert all(torch.equal(crops[0], other) for other in crops[1:])
        whole = pm.image.read_deep(deep / name).double().mul(65535 if index < 2 else 255).round().expand(3, -1, -1)
        assert crops[0].dtype == (torch.uint16 if index < 2 else torch.uint8)
        assert torch.isin(crops[0].double(), whole).all()
        assert crops[0].shape == (3, 48, 48)


def test_a_batch_of_pictures_of_8_and_16_bits_has_values_between_the_levels_of_8(deep):
    high = batches(Files([deep], smallest=48), batch=12)[0]["dn_g25"].high
    levels = high * 255
    deeper = [(each - each.round()).abs().max() > 0.4 for each in levels]
    assert 0 < sum(deeper) < len(deeper)


@pytest.mark.parametrize("small", ["stretch", "reflect"])
def test_a_small_picture_of_16_bits_is_enlarged_within_its_depth(deep, small):
    crop = Files([deep], smallest=96, small=small).crop(0, 96, key=1)
    assert crop.dtype == torch.uint16 and crop.shape == (3, 96, 96)
    assert crop.int().max() > 60_000


def test_a_picture_to_be_left_out_that_is_not_there_is_refused_as_it_may_be_there_under_another_name(loose):
    with pytest.raises(pm.PixmendError, match="9.png is to be left out and not among the pictures"):
        Files([loose], smallest=48, without=[loose / "d.webp", loose / "9.png"])
