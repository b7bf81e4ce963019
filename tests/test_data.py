import pytest
import torch
from PIL import Image

import pixmend as pm
from pixmend.data import Batches, Pictures, degradation, scale
from pixmend.data.crops import crop, detail


def _save(path, height, width, *, seed=0):
    pixels = torch.randint(256, (height, width, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    Image.fromarray(pixels.numpy()).save(path)


@pytest.fixture
def folder(tmp_path):
    _save(tmp_path / "a.png", 120, 130, seed=1)
    (tmp_path / "deeper").mkdir()
    _save(tmp_path / "deeper" / "b.png", 110, 100, seed=2)
    return tmp_path


@pytest.fixture
def pictures(folder):
    return Pictures([folder], smallest=96)


def batches(pictures, **changes):
    settings = {"batch": 4, "every_task": True, "candidates": 2, "seed": 5, **changes}
    return Batches(pictures, patches={"sr_x2": 24, "dn_g25": 96, "dr_H": 96}, **settings)


def equal(a, b):
    assert a.keys() == b.keys()
    return all(torch.equal(x, y) for task in a for x, y in zip(a[task], b[task], strict=True))


def test_pictures_are_found_in_folders_of_folders_and_kept_to_the_bit(folder, pictures):
    assert len(pictures) == 2
    expected = (pm.read_image(folder / "deeper" / "b.png") * 255).to(torch.uint8)
    assert torch.equal(pictures.items[1], expected)


def test_broken_and_small_pictures_are_skipped_and_listed(folder):
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n")
    (folder / "notes.txt").write_text("not a picture")
    _save(folder / "small.png", 95, 200)
    found = Pictures([folder], smallest=96)
    assert len(found) == 2
    assert [path.name for path, _ in found.skipped] == ["broken.png", "small.png"]
    assert "200 x 95 pixels, a crop needs 96 each way" in found.skipped[1][1]


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(pm.PixmendError, match="no pictures in it or below: expected files ending in .png, .jpg"):
        Pictures([tmp_path], smallest=96)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(pm.PixmendError, match="nowhere: not a folder"):
        Pictures([tmp_path / "nowhere"], smallest=96)


def test_pictures_that_would_fill_the_memory_are_refused(folder, monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda name: 1 if name == "SC_PAGE_SIZE" else 80_000)
    with pytest.raises(pm.PixmendError, match="fill half of the memory after 1 of 2"):
        Pictures([folder], smallest=96)


def test_a_batch_has_pairs_of_the_sizes_that_each_task_needs(pictures):
    batch = batches(pictures)[0]
    assert {task: (tuple(pair.low.shape), tuple(pair.high.shape)) for task, pair in batch.items()} == {
        "sr_x2": ((4, 3, 24, 24), (4, 3, 48, 48)),
        "dn_g25": ((4, 3, 96, 96), (4, 3, 96, 96)),
        "dr_H": ((4, 3, 96, 96), (4, 3, 96, 96)),
    }


def test_the_same_step_gives_the_same_batch_and_another_step_another(pictures):
    assert equal(batches(pictures)[7], batches(pictures)[7])
    assert not equal(batches(pictures)[7], batches(pictures)[8])
    assert not equal(batches(pictures)[7], batches(pictures, seed=6)[7])


def test_reading_on_from_a_step_continues_what_was_read_from_the_start(pictures):
    whole = list(batches(pictures).from_step(0, 4))
    assert all(equal(a, b) for a, b in zip(whole[2:], batches(pictures).from_step(2, 4), strict=True))


def test_worker_processes_change_nothing(pictures):
    alone = batches(pictures).from_step(0, 3)
    helped = batches(pictures).from_step(0, 3, workers=2)
    assert all(equal(a, b) for a, b in zip(alone, helped, strict=True))


def test_processes_share_a_batch_without_changing_it(pictures):
    whole = batches(pictures)[3]
    parts = [batches(pictures, share=(rank, 3))[3] for rank in range(3)]
    joined = {
        task: type(pair)(*(torch.cat([part[task][side] for part in parts]) for side in range(2)))
        for task, pair in whole.items()
    }
    assert equal(whole, joined)


def test_one_task_per_step_visits_them_all(pictures):
    some = batches(pictures, every_task=False)
    drawn = [some.tasks_of(step) for step in range(60)]
    assert {len(tasks) for tasks in drawn} == {1}
    assert {tasks[0] for tasks in drawn} == {"sr_x2", "dn_g25", "dr_H"}
    assert list(some[0]) == list(drawn[0])


def test_the_sample_is_the_candidate_with_the_most_detail(pictures):
    flat = torch.full_like(pictures.items[0], 9)
    pictures.items[0] = flat
    many = batches(pictures, candidates=16, batch=8)[0]
    assert all(high.std() > 0.1 for pair in many.values() for high in pair.high)


def test_detail_is_nothing_in_a_flat_crop():
    assert detail(torch.full((3, 8, 8), 200, dtype=torch.uint8)) == 0
    assert detail(torch.tensor([0, 255], dtype=torch.uint8).repeat(4)[None, :, None].expand(3, 8, 8)) == 255


def test_crops_reach_every_place_and_every_orientation():
    picture = torch.arange(4 * 5).reshape(1, 4, 5).expand(3, 4, 5)
    crops = [crop(picture, 3, key=(0, i)) for i in range(400)]
    corners = {(int(c[0, 0, 0]), int(c[0, 0, 2]), int(c[0, 2, 0]), int(c[0, 2, 2])) for c in crops}
    assert len(corners) == 2 * 3 * 8


@pytest.mark.parametrize(("task", "factor"), [("sr_x2", 2), ("sr_x3", 3), ("sr_x4", 4), ("dn_g25", 1), ("dr_L", 1)])
def test_every_task_degrades_to_its_scale(task, factor):
    assert scale(task) == factor
    assert degradation(task)(torch.rand(3, 24, 24), (0,)).shape == (3, 24 // factor, 24 // factor)


def test_training_noise_is_neither_clipped_nor_rounded():
    low = degradation("dn_g50")(torch.ones(3, 64, 64), 0)
    assert low.max() > 1.2
    assert abs(float((low - 1).std()) - 50 / 255) < 0.01


def test_an_unknown_task_says_which_there_are():
    with pytest.raises(pm.PixmendError, match="no task is called 'sharpen': there is sr_x2, sr_x3"):
        degradation("sharpen")
    with pytest.raises(pm.PixmendError, match="no task is called 'sr_x5'"):
        scale("sr_x5")


def test_what_only_a_camera_makes_cannot_be_made_of_clean_pictures():
    with pytest.raises(pm.PixmendError, match="task deblur: its input cannot be made of clean pictures"):
        degradation("deblur")


def test_rain_of_no_kind_cannot_be_trained_on():
    with pytest.raises(pm.PixmendError, match="task dr: does not say how much rain to train on: use dr_L or dr_H"):
        degradation("dr")
