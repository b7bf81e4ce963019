"""What is read of a file: its tensors, whatever is wrapped around them, and nothing that could run."""

import json
import os
from argparse import Namespace
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

import pixmend as pm
from pixmend.weights.read import EXPANDED, read

TENSORS = {"conv.weight": torch.arange(6.0).view(2, 3), "conv.bias": torch.ones(2)}


def saved(folder: Path, content: object, *, name: str = "file.pth", legacy: bool = False) -> Path:
    torch.save(content, folder / name, _use_new_zipfile_serialization=not legacy)
    return folder / name


def prefixed(prefix: str, tensors: dict[str, Tensor] = TENSORS) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def same(found: dict[str, Tensor], expected: dict[str, Tensor] = TENSORS) -> bool:
    return found.keys() == expected.keys() and all(torch.equal(found[name], t) for name, t in expected.items())


@pytest.mark.parametrize("wrapping", [("params",), ("state_dict",), ("model", "params_ema"), ("net_g",)])
def test_dictionaries_around_the_tensors_are_taken_off_and_told(tmp_path, wrapping):
    wrapped: dict = TENSORS
    for key in reversed(wrapping):
        wrapped = {key: wrapped, "iter": 3}
    checkpoint = read(saved(tmp_path, wrapped))
    assert same(checkpoint.tensors)
    assert checkpoint.wrapped == wrapping


def test_of_weights_and_their_average_the_average_is_read(tmp_path):
    worse = {name: tensor + 1 for name, tensor in TENSORS.items()}
    assert same(read(saved(tmp_path, {"params": worse, "params_ema": TENSORS})).tensors)


@pytest.mark.parametrize("prefix", ["module.", "model.", "module._orig_mod.", "net_g.", "generator."])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_all_names_begin_with_is_taken_off(tmp_path, prefix, suffix):
    path = tmp_path / f"file{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(prefixed(prefix), path)
    checkpoint = read(path)
    assert same(checkpoint.tensors)
    assert "".join(checkpoint.wrapped) == prefix


def test_what_only_some_names_begin_with_stays(tmp_path):
    mixed = prefixed("model.") | {"extra": torch.zeros(1)}
    assert same(read(saved(tmp_path, mixed)).tensors, mixed)


def test_the_average_that_torch_keeps_is_read(tmp_path):
    averaged = AveragedModel(nn.Linear(3, 2), use_buffers=True)
    tensors = dict(averaged.module.state_dict())
    assert same(read(saved(tmp_path, averaged.state_dict())).tensors, tensors)


def test_of_an_average_beside_its_network_the_average_is_read(tmp_path):
    worse = {name: tensor + 1 for name, tensor in TENSORS.items()}
    counters = {"initted": torch.tensor([True]), "step": torch.tensor([7])}
    beside = prefixed("ema_model.") | prefixed("online_model.", worse) | counters
    assert same(read(saved(tmp_path, beside)).tensors)


def test_a_lightning_checkpoint_is_read(tmp_path):
    content = {
        "epoch": 3,
        "state_dict": OrderedDict(prefixed("model.")),
        "pytorch-lightning_version": "2.4",
        "loops": {},
    }
    checkpoint = read(saved(tmp_path, content, name="last.ckpt"))
    assert same(checkpoint.tensors)
    assert checkpoint.wrapped == ("state_dict", "model.")


@pytest.mark.parametrize("name", ["old.pth", "old.safetensors"])
def test_pickles_from_before_torch_wrote_zip_files_are_read(tmp_path, name):
    assert same(read(saved(tmp_path, {"params": TENSORS}, name=name, legacy=True)).tensors)


def test_a_safetensors_file_is_read_under_any_name(tmp_path):
    save_file(TENSORS, tmp_path / "file.pth")
    assert same(read(tmp_path / "file.pth").tensors)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_bytes_are_read_as_files_are(tmp_path, suffix):
    path = tmp_path / f"file{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(TENSORS, path)
    assert same(read(path.read_bytes()).tensors)


def test_what_training_codes_keep_beside_the_tensors_does_no_harm(tmp_path):
    beside = {
        "params": TENSORS,
        "args": Namespace(lr=1e-4, name="x4"),
        "best": np.float64(32.1),
        "step": np.int64(7),
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.99)}]},
    }
    assert same(read(saved(tmp_path, beside)).tensors)


def test_metadata_of_others_is_left_alone(tmp_path):
    save_file(TENSORS, tmp_path / "file.safetensors", metadata={"config": "train.yml", "step": "last", "by": "them"})
    checkpoint = read(tmp_path / "file.safetensors")
    assert same(checkpoint.tensors)
    assert checkpoint.metadata == {}


def test_metadata_of_ours_must_be_whole(tmp_path):
    save_file(TENSORS, tmp_path / "file.safetensors", metadata={"family": json.dumps("edt"), "config": "{"})
    with pytest.raises(pm.PixmendError, match="file.safetensors: not a safetensors file, or a damaged one"):
        read(tmp_path / "file.safetensors")


class Hostile:
    """Runs a command when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("wrap", [lambda hostile: {"params": hostile}, lambda hostile: {**TENSORS, "extra": hostile}])
def test_code_in_a_file_is_refused_by_name_and_not_run(tmp_path, legacy, wrap):
    path = saved(tmp_path, wrap(Hostile(tmp_path / "ran")), name="hostile.pth", legacy=legacy)
    with pytest.raises(pm.PixmendError, match=r"hostile.pth: refused, it holds posix.system, which could") as error:
        read(path)
    assert not (tmp_path / "ran").exists()
    assert "\n" not in str(error.value)


def test_a_whole_pickled_network_is_refused_in_one_line(tmp_path):
    with pytest.raises(pm.PixmendError, match=r"refused, it holds torch.nn.modules.\S+, which could run") as error:
        read(saved(tmp_path, nn.Linear(3, 2)))
    assert "\n" not in str(error.value)
    assert "ask its maker for a safetensors file" in str(error.value)


def test_a_tensor_that_repeats_few_values_into_many_is_refused(tmp_path):
    huge = torch.zeros(1).expand(EXPANDED, 1000)
    with pytest.raises(pm.PixmendError, match="b: claims 268435 MB that the file does not hold"):
        read(saved(tmp_path, {"a": torch.zeros(1), "b": huge}))


@pytest.mark.parametrize("odd", [torch.eye(3).to_sparse(), torch.zeros(3, 10**9, device="meta")])
def test_a_tensor_that_is_no_plain_one_is_refused_by_name(tmp_path, odd):
    with pytest.raises(pm.PixmendError, match="file.pth: odd: no ordinary tensor") as error:
        read(saved(tmp_path, {"plain": torch.zeros(1), "odd": odd}))
    assert "\n" not in str(error.value)


def test_a_checkpoint_that_holds_itself_is_refused(tmp_path):
    loop: dict = {}
    loop["params"] = loop
    with pytest.raises(pm.PixmendError, match="expected a state dict of tensors"):
        read(saved(tmp_path, loop))


@pytest.mark.parametrize("content", [[], 3, {}, {"params": {}}, {"epoch": 3, "optimizer": {}}, torch.zeros(2)])
def test_a_file_without_a_state_dict_says_what_it_holds(tmp_path, content):
    with pytest.raises(pm.PixmendError, match="file.pth: expected a state dict of tensors, got"):
        read(saved(tmp_path, content))


def test_files_can_be_read_by_many_threads_at_once(tmp_path):
    path = tmp_path / "net.pth"
    torch.save({"params": {"a": torch.ones(3)}, "args": Namespace(lr=1e-4)}, path)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, [path] * 64))
    assert all(torch.equal(checkpoint.tensors["a"], torch.ones(3)) for checkpoint in found)


def test_an_empty_dictionary_is_passed_over_for_the_full_one(tmp_path):
    torch.save({"params_ema": {}, "params": {"a": torch.ones(3)}}, tmp_path / "net.pth")
    assert read(tmp_path / "net.pth").wrapped == ("params",)


def test_a_folder_is_called_one(tmp_path):
    with pytest.raises(pm.PixmendError, match="is a folder, not a file"):
        read(tmp_path)


def test_a_name_that_no_system_takes_is_one_line():
    with pytest.raises(pm.PixmendError, match="cannot be read"):
        read(Path("x" * 5000 + ".pth"))
