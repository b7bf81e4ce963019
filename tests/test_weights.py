import zipfile
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import save_file

import pixmend as pm
import seeded
from pixmend.models import VARIANTS, build
from pixmend.weights import card, read, write_weights
from pixmend.weights.families.edt import to_official
from pixmend.weights.write import write_tensors

TINY = replace(VARIANTS["edt_t"], tasks=("sr_x2", "dn_g25"), features=4, depths=(2,))


@pytest.fixture
def ours(tmp_path):
    network = build(TINY).eval()
    path = tmp_path / "tiny.safetensors"
    write_weights(path, network.state_dict(), config=TINY, card={"name": "tiny", "licence": "Apache-2.0"})
    return path, network


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".safetensors"])
def test_an_official_file_loads_and_agrees_with_the_official_network(tmp_path, suffix):
    file = "edt/SRx2_EDTT_Div2kFlickr2K"
    path = tmp_path / f"SRx2_EDTT_Div2kFlickr2K{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(seeded.weights(file), path)
    network = pm.load(path)
    for x, task, golden in seeded.vectors(file):
        with torch.inference_mode():
            assert seeded.error(network(x, task=task), golden) < seeded.TOLERANCE


def test_what_pixmend_writes_it_reads_back_with_its_card(ours):
    path, network = ours
    loaded = pm.load(path)
    assert loaded.config == TINY
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in network.state_dict().items())
    assert card(path) == {"name": "tiny", "licence": "Apache-2.0"}
    assert not loaded.training


def test_some_tasks_of_a_file_can_be_kept(ours):
    path, network = ours
    kept = pm.load(path, tasks=("dn_g25",))
    assert kept.tasks == ("dn_g25",)
    x = torch.rand(1, 3, 9, 9)
    with torch.inference_mode():
        assert torch.equal(kept(x), network(x, task="dn_g25"))


def test_a_task_that_the_file_has_not_is_refused(ours):
    with pytest.raises(pm.PixmendError, match="no task 'sr_x3': it has sr_x2, dn_g25"):
        pm.load(ours[0], tasks=("sr_x3",))


def _empty(path):
    path.write_bytes(b"")


def _text(path):
    path.write_text("not weights")


def _truncated(path):
    torch.save(to_official(build(TINY)), path)
    path.write_bytes(path.read_bytes()[:5000])


def _zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "hello")


def _number(path):
    torch.save({"params": 3}, path)


@pytest.mark.parametrize("make", [_empty, _text, _truncated, _zip, _number])
@pytest.mark.parametrize("name", ["bad.pth", "bad.safetensors"])
def test_a_damaged_file_is_one_line_with_its_name(tmp_path, make, name):
    make(tmp_path / name)
    with pytest.raises(pm.PixmendError) as error:
        pm.load(tmp_path / name)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_another_family_is_refused(tmp_path):
    save_file({"conv_first.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(pm.PixmendError, match=r"not a file of a family pixmend knows .*conv_first.weight"):
        pm.load(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("body.norm.weight"), r"body.norm.weight: expected \(60,\), got nothing"),
        (lambda t: t.update(extra=torch.zeros(1)), r"extra: expected nothing, got \(1,\)"),
        (
            lambda t: t.update({"body.norm.bias": torch.zeros(5)}),
            r"body.norm.bias: expected \(60,\), got \(5,\)",
        ),
    ],
)
def test_loading_is_strict_and_names_the_first_difference(tmp_path, change, message):
    tensors = {name: tensor.clone() for name, tensor in to_official(build(TINY)).items()}
    change(tensors)
    torch.save(tensors, tmp_path / "odd.pth")
    with pytest.raises(pm.PixmendError, match=message):
        pm.load(tmp_path / "odd.pth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": 10**9}, "dim: expected whole numbers from 1 to 4096, got 1000000000"),
        ({"dim": "60"}, "dim: expected whole numbers"),
        ({"dim": 61}, "dim 61 does not divide"),
        ({"depths": [10**7]}, "depths: expected whole numbers from 1 to 64"),
        ({"depths": 3}, "does not fit this version"),
        ({"depths": []}, "depths: expected whole numbers from 1 to 64, got ()"),
        ({"window": [99991, 99989]}, "window: expected whole numbers from 1 to 64"),
        ({"tasks": [1]}, "EDT has tasks like sr_x2"),
        ({"tasks": None}, "does not fit this version"),
        ({"drop_path": "much"}, "drop_path: expected a number from 0 to 1, got 'much'"),
        ({"upsampler": "crystal"}, "upsampler: expected one of pixelshuffle, pixelshuffledirect, got 'crystal'"),
        ({"surprise": 1}, "does not fit this version"),
    ],
)
def test_a_hostile_configuration_is_one_line_and_builds_nothing(tmp_path, change, message):
    plain = {**asdict(TINY), **change}
    metadata = {"family": "edt", "config": plain}
    write_tensors(tmp_path / "hostile.safetensors", build(TINY).state_dict(), metadata=metadata)
    with pytest.raises(pm.PixmendError, match="hostile.safetensors") as error:
        pm.load(tmp_path / "hostile.safetensors")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("config", [None, "edt_t", [1], 5])
def test_a_configuration_that_is_none_is_one_line(tmp_path, config):
    write_tensors(tmp_path / "odd.safetensors", {}, metadata={"family": "edt", "config": config})
    with pytest.raises(pm.PixmendError, match="odd.safetensors: its configuration is "):
        pm.load(tmp_path / "odd.safetensors")


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("head_sr_x2.0.weight", None),
        ("head_sr_x2.3.weight", None),
        ("head_sr_x2.3.weight", torch.zeros(())),
        ("body.layers.0.residual_group.blocks.0.mlp.fc1.weight", None),
        ("body.layers.0.residual_group.blocks.0.mlp.fc1.weight", torch.zeros(0, 3)),
        ("body.layers.0.residual_group.blocks.1.attn_mask_h", torch.zeros(16, 64, 64)),
    ],
)
def test_a_malformed_official_file_is_one_line_with_the_tensor(tmp_path, name, tensor):
    tensors = {key: value.clone() for key, value in to_official(build(TINY)).items()}
    tensors.pop(name)
    torch.save(tensors if tensor is None else {**tensors, name: tensor}, tmp_path / "odd.pth")
    with pytest.raises(pm.PixmendError, match="odd.pth") as error:
        pm.load(tmp_path / "odd.pth")
    assert "\n" not in str(error.value)


def test_a_width_that_was_never_released_is_not_guessed_at(tmp_path):
    torch.save(to_official(build(replace(VARIANTS["edt_p"], tasks=("sr_x2",)))), tmp_path / "p.pth")
    with pytest.raises(pm.PixmendError, match="an EDT of width 48: its heads are not in the file"):
        pm.load(tmp_path / "p.pth")


def test_weights_that_are_no_floats_are_refused(tmp_path):
    tensors = to_official(build(TINY))
    torch.save({**tensors, "body.norm.bias": torch.zeros(60, dtype=torch.int8)}, tmp_path / "odd.pth")
    with pytest.raises(pm.PixmendError, match=r"body.norm.bias: expected \(60,\), got \(60,\) of torch.int8"):
        pm.load(tmp_path / "odd.pth")


def test_a_path_is_never_taken_for_another_file_beside_it(tmp_path):
    write_weights(tmp_path / "a.pth.safetensors", build(TINY).state_dict(), config=TINY, card={})
    with pytest.raises(pm.PixmendError, match="a.pth: no such file"):
        pm.load(tmp_path / "a.pth")


def test_a_name_that_is_nothing_says_what_there_is():
    with pytest.raises(pm.PixmendError, match=r"no weights are called 'defualt', and no file is: did you mean default"):
        pm.load("defualt")


def test_a_size_without_weights_points_to_create():
    with pytest.raises(pm.PixmendError, match="edt_t is a size, not weights: pixmend.create makes it"):
        pm.load("edt_t")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(pm.PixmendError, match=r"none.pth: no such file"):
        pm.load(tmp_path / "none.pth")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "kept.safetensors"
    write_tensors(path, {"a": torch.ones(1)}, metadata={})
    monkeypatch.setattr(
        "pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(pm.PixmendError, match="kept.safetensors: cannot be written: No space left on device"):
        write_tensors(path, {"a": torch.zeros(1)}, metadata={})
    assert torch.equal(read(path).tensors["a"], torch.ones(1))
    assert [file.name for file in tmp_path.iterdir()] == ["kept.safetensors"]


def test_the_default_weights_do_every_task_they_name():
    network = pm.load("default")
    assert network.tasks == ("sr_x2", "sr_x3", "sr_x4", "dn_g15", "dn_g25", "dn_g50", "dr_L", "dr_H")
    described = card("default")
    assert described["licence"]
    assert {row["task"] for rows in described["scores"].values() for row in rows} >= {
        "sr_x2",
        "dn_g25",
        "dr_L",
    }
