"""Beginning with the weights of another run."""

from dataclasses import replace

import pytest
import torch

import pixmend as pm
from pixmend.models import build
from pixmend.models.edsr import EDSRConfig
from pixmend.models.edt import EDTConfig
from pixmend.models.han import HANConfig
from pixmend.models.ipt import IPTConfig
from pixmend.models.rcan import RCANConfig
from pixmend.train.start import begin_with
from pixmend.weights import write_weights

EDSR = EDSRConfig(features=8, blocks=2, res_scale=1.0, scale=2)
SEVERAL = EDTConfig(tasks=("sr_x2", "sr_x3", "dn_g25"), features=4, dim=8, depths=(2,), num_heads=2)
IPT = IPTConfig(tasks=("sr_x2", "sr_x4", "dn_g30"), features=4, size=6, num_heads=4, num_layers=1)


def kept(path, config) -> dict[str, torch.Tensor]:
    network = build(config)
    write_weights(path, network.state_dict(), config=config, card={"name": "before"})
    return network.state_dict()


def test_the_same_network_is_taken_whole(tmp_path):
    before = kept(tmp_path / "a.safetensors", EDSR)
    network = build(EDSR)
    assert begin_with(network, str(tmp_path / "a.safetensors")) == []
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_another_scale_keeps_all_but_what_enlarges(tmp_path):
    before = kept(tmp_path / "a.safetensors", EDSR)
    network = build(replace(EDSR, scale=3))
    drawn = begin_with(network, str(tmp_path / "a.safetensors"))
    assert drawn and all(name.startswith("upsample.") for name in drawn)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items() if name not in drawn)


def test_fine_tuning_drops_the_heads_and_tails_of_other_tasks(tmp_path):
    before = kept(tmp_path / "a.safetensors", SEVERAL)
    network = build(replace(SEVERAL, tasks=("sr_x3",)))
    assert begin_with(network, str(tmp_path / "a.safetensors")) == []
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_ipt_keeps_the_query_of_the_task(tmp_path):
    before = kept(tmp_path / "a.safetensors", IPT)
    network = build(replace(IPT, tasks=("dn_g30",)))
    begin_with(network, str(tmp_path / "a.safetensors"))
    assert torch.equal(network.state_dict()["body.query_embed.weight"], before["body.query_embed.weight"][2:])


def test_a_new_task_beside_known_ones_is_drawn_and_named(tmp_path):
    kept(tmp_path / "a.safetensors", SEVERAL)
    drawn = begin_with(build(replace(SEVERAL, tasks=("sr_x2", "dn_g50"))), str(tmp_path / "a.safetensors"))
    assert drawn and all(".dn_g50." in name for name in drawn)


def test_another_family_or_size_is_refused(tmp_path):
    kept(tmp_path / "a.safetensors", EDSR)
    with pytest.raises(pm.PixmendError, match=r"start: only 0 of the .* tensors of EDT are in .*, a EDSR"):
        begin_with(build(SEVERAL), str(tmp_path / "a.safetensors"))
    with pytest.raises(pm.PixmendError, match="start: only .* tensors of EDSR are in"):
        begin_with(build(replace(EDSR, features=16)), str(tmp_path / "a.safetensors"))


def test_han_begins_with_rcan(tmp_path):
    before = kept(tmp_path / "a.safetensors", RCANConfig(groups=2, blocks=2, features=8, reduction=2))
    network = build(HANConfig(groups=2, blocks=2, features=8, reduction=2))
    drawn = begin_with(network, str(tmp_path / "a.safetensors"))
    taken = {name: tensor for name, tensor in network.state_dict().items() if name not in drawn}
    assert len(taken) > 30 and all(torch.equal(before[name], tensor) for name, tensor in taken.items())
