"""Real pairs: crops of both pictures at one place, and which pictures belong together."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

import pixmend as pm
from pixmend.data import AlignedPairs, Batches


def save(path, picture: Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy()).save(path)


def picture(height: int, width: int, seed: int) -> Tensor:
    return torch.randint(256, (3, height, width), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def nearest(image: Tensor, scale: int) -> Tensor:
    """Each pixel ``scale`` times along each side: a high picture of which every crop tells its place."""
    return image.repeat_interleave(scale, 1).repeat_interleave(scale, 2)


@pytest.fixture
def deraining(tmp_path):
    """Two pairs with names like Rain100L's; the rainy picture is the negative of the clean one."""
    for number, (height, width) in enumerate([(40, 50), (60, 33)]):
        clean = picture(height, width, number)
        save(tmp_path / f"clean/norain-{number}.png", clean)
        save(tmp_path / f"rainy/rain-{number}.png", 255 - clean)
    return tmp_path


def opened(folder, *, smallest=24, **options):
    return AlignedPairs(folder / "clean", low=[folder / "rainy"], scale=1, smallest=smallest, **options)


def batches(source, task: str, patch: int, **changes) -> Batches:
    given = {"batch": 4, "every_task": True, "candidates": 2, "seed": 1, **changes}
    return Batches(source, patches={task: patch}, **given)


@settings(max_examples=25, deadline=None)
@given(key=st.integers(0, 2**40), side=st.integers(1, 12), scale=st.sampled_from([1, 2, 3]))
def test_both_crops_lie_at_one_place_and_are_turned_alike(tmp_path_factory, key, side, scale):
    folder = tmp_path_factory.mktemp("pairs")
    low = picture(12, 15, key)
    save(folder / "low/1.png", low)
    high = torch.nn.functional.pad(nearest(low, scale), (0, scale - 1, 0, scale - 1))  # not a multiple of the scale
    save(folder / "high/1.png", high)
    pairs = AlignedPairs(folder / "high", low=[folder / "low"], scale=scale, smallest=side)
    crop = pairs.crop(0, side, key=key)
    assert crop.low.shape == (3, side, side)
    assert torch.equal(crop.high, nearest(crop.low, scale))


def test_a_batch_holds_the_real_low_pictures_and_degrades_nothing(deraining):
    batch = batches(opened(deraining), "dr", 24)[0]["dr"]
    assert batch.low.shape == batch.high.shape == (4, 3, 24, 24)
    assert torch.allclose(batch.low, 1 - batch.high)


def test_workers_and_shares_change_nothing(deraining):
    whole = [batch["dr"] for batch in batches(opened(deraining), "dr", 24).from_step(0, 3)]
    helped = [batch["dr"] for batch in batches(opened(deraining), "dr", 24).from_step(0, 3, workers=2)]
    assert all(torch.equal(a.low, b.low) and torch.equal(a.high, b.high) for a, b in zip(whole, helped, strict=True))
    part = batches(opened(deraining), "dr", 24, share=(1, 2))[1]["dr"]
    assert torch.equal(part.low, whole[1].low[2:])


def test_two_views_of_one_camera_lie_one_behind_the_other(tmp_path):
    views = [picture(30, 30, seed) for seed in range(3)]
    for name, view in zip(("sharp", "left", "right"), views, strict=True):
        save(tmp_path / name / "1.png", view)
    lows = [tmp_path / "left", tmp_path / "right"]
    pairs = AlignedPairs(tmp_path / "sharp", low=lows, scale=1, smallest=30)
    crop = pairs.crop(0, 30, key=0)
    assert crop.low.shape == (6, 30, 30)
    assert batches(pairs, "defocus_dual", 30)[0]["defocus_dual"].low.shape == (4, 6, 30, 30)


def test_small_pairs_are_mirrored_together_if_asked_for(deraining):
    small = opened(deraining, smallest=64, small="reflect")
    for index in range(2):
        crop = small.crop(index, 64, key=5)
        assert crop.high.shape == (3, 64, 64)
        assert torch.equal(crop.low, 255 - crop.high)


def test_what_does_not_pair_or_fit_is_skipped_and_listed(deraining):
    save(deraining / "clean/norain-2.png", picture(40, 40, 2))
    save(deraining / "clean/norain-3.png", picture(40, 40, 3))
    save(deraining / "rainy/rain-3.png", picture(40, 39, 3))
    save(deraining / "clean/norain-4.png", picture(23, 40, 4))
    save(deraining / "rainy/rain-4.png", picture(23, 40, 4))
    found = opened(deraining)
    assert len(found) == 2
    reasons = [why.partition(": ")[2] for _, why in found.skipped]
    assert reasons[0].startswith("no picture of its name in ")
    assert reasons[1:] == [
        "39 x 40 pixels, expected 40 x 40 for the scale 1 of the task",
        "40 x 23 pixels, a crop needs 24 each way",
    ]


def test_a_pair_with_a_damaged_half_is_replaced_by_another(deraining):
    path = deraining / "rainy/rain-1.png"
    path.write_bytes(path.read_bytes()[:3000])
    made = batches(opened(deraining), "dr", 24)
    for step in range(3):
        assert torch.allclose(made[step]["dr"].low, 1 - made[step]["dr"].high)
    assert made.redrawn > 0
    assert [name for name in made.skipped if name.endswith("norain-1.png")]


def test_a_task_of_another_scale_is_refused(deraining):
    with pytest.raises(pm.PixmendError, match="task sr_x2: its pictures are not 1 times smaller"):
        batches(opened(deraining), "sr_x2", 24)


def test_folders_that_do_not_pair_at_all_are_refused(deraining):
    save(deraining / "other/landscape.png", picture(40, 40, 9))
    save(deraining / "other/portrait.png", picture(40, 40, 9))
    with pytest.raises(pm.PixmendError, match="no usable pair among 2 pictures: .*no picture of its name in"):
        AlignedPairs(deraining / "clean", low=[deraining / "other"], scale=1, smallest=24)
    with pytest.raises(pm.PixmendError, match="nowhere: no such folder"):
        AlignedPairs(deraining / "clean", low=[deraining / "nowhere"], scale=1, smallest=24)
    with pytest.raises(pm.PixmendError, match="expected a folder of low pictures, got none"):
        AlignedPairs(deraining / "clean", low=[], scale=1, smallest=24)


def save_deep(path, picture: Tensor) -> None:
    """16 bits per channel, (3, H, W)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture.flip(0).permute(1, 2, 0).numpy().astype(np.uint16))


def deep(height: int, width: int, seed: int) -> Tensor:
    return torch.randint(65536, (3, height, width), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_pairs_of_16_bits_arrive_at_their_full_depth_and_aligned(tmp_path, suffix):
    low = deep(40, 50, 1)
    save_deep(tmp_path / f"rainy/1.{suffix}", low)
    save_deep(tmp_path / f"clean/1.{suffix}", 65535 - low)
    batch = batches(opened(tmp_path), "dr", 24)[0]["dr"]
    levels = batch.low.double() * 65535
    assert torch.allclose(levels, levels.round(), atol=0.01)
    assert (batch.low * 255 - (batch.low * 255).round()).abs().max() > 0.4
    assert torch.allclose(batch.low + batch.high, torch.ones(()))
    assert torch.isin(levels.round().long(), low).all()


def test_of_files_of_8_and_16_bits_each_keeps_its_values(tmp_path):
    low = picture(40, 50, 1)
    save(tmp_path / "rainy/1.png", low)
    save_deep(tmp_path / "clean/1.png", low.long() * 257)
    save(tmp_path / "rainy/2.png", low)
    save(tmp_path / "clean/2.png", low)
    pair = batches(opened(tmp_path), "dr", 24, batch=8)[0]["dr"]
    assert torch.allclose(pair.low, pair.high, atol=1e-7)


def test_two_views_of_unlike_depth_are_brought_to_one(tmp_path):
    view = picture(30, 30, 1)
    save(tmp_path / "sharp/1.png", view)
    save(tmp_path / "left/1.png", view)
    save_deep(tmp_path / "right/1.png", view.long() * 257)
    lows = [tmp_path / "left", tmp_path / "right"]
    made = batches(AlignedPairs(tmp_path / "sharp", low=lows, scale=1, smallest=24), "defocus_dual", 24)
    low, high = made[0]["defocus_dual"]
    assert torch.allclose(low, torch.cat([high, high], dim=1), atol=1e-7)


def test_a_network_of_one_channel_gets_the_luma_of_16_bits(tmp_path):
    low = deep(30, 30, 1)
    save_deep(tmp_path / "rainy/1.png", low)
    save_deep(tmp_path / "clean/1.png", low)
    made = batches(opened(tmp_path), "dr", 24)
    grey = batches(opened(tmp_path), "dr", 24, grey=True)
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    luma = (made[0]["dr"].low * weights).sum(dim=1, keepdim=True)
    assert torch.allclose(grey[0]["dr"].low, luma, atol=1 / 65535)


def test_one_folder_cannot_be_both_sides(deraining):
    with pytest.raises(pm.PixmendError, match="is given as the folder of low pictures and of high ones"):
        AlignedPairs(deraining / "clean", low=[deraining / "rainy" / ".." / "clean"], scale=1, smallest=24)


def test_the_files_of_a_step_are_those_that_its_samples_were_cut_from(deraining):
    made = batches(opened(deraining), "dr", 24)
    for step in range(4):
        files, batch = made.files(step)["dr"], made[step]["dr"]
        for name, high in zip(files, batch.high, strict=True):
            clean = (pm.read_image(name) * 255).round()
            assert any(is_part(turned, clean) for turned in orientations((high * 255).round()))


def orientations(square: Tensor) -> list[Tensor]:
    return [torch.rot90(each, turns, (1, 2)) for each in (square, square.flip(2)) for turns in range(4)]


def is_part(square: Tensor, whole: Tensor) -> bool:
    side = square.shape[1]
    places = whole.unfold(1, side, 1).unfold(2, side, 1)
    return bool((places == square[:, None, None]).all(dim=-1).all(dim=-1).all(dim=0).any())


def test_a_pair_to_be_left_out_that_is_not_there_is_refused(deraining):
    with pytest.raises(pm.PixmendError, match="norain-7.png is to be left out and not among the pictures"):
        opened(deraining, without=[deraining / "clean" / "norain-7.png"])
