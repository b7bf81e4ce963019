from dataclasses import replace

import pytest
import torch

import pixmend as pm
import small
from pixmend.models.rcdnet import VARIANTS, RCDNet, RCDNetConfig
from pixmend.weights.families.rcdnet import config_of, from_official, layout_of, to_official

TINY = RCDNetConfig(stages=4, maps=5, dual=3, blocks=2, kernel=5)


def test_the_parameters_that_compute_are_as_many_as_published():
    with torch.device("meta"):
        network = RCDNet(VARIANTS["rcdnet"])
    idle = sum(p.numel() for name, p in network.named_parameters() if name.partition(".")[0] in RCDNet.UNUSED)
    copies = network.conv.numel() - network.conv[0].numel()
    assert sum(p.numel() for p in network.parameters()) - idle - copies == 2_975_186


def test_official_names_and_back_lose_nothing():
    assert config_of(small.there_and_back(TINY)) == TINY


def test_just_the_unused_parameters_have_no_say():
    torch.manual_seed(0)
    network = RCDNet(TINY).train()
    network(torch.rand(2, 3, 16, 16)).square().mean().backward()
    without = {name.partition(".")[0] for name, p in network.named_parameters() if p.grad is None or not p.grad.any()}
    assert without == set(RCDNet.UNUSED)
    assert network.conv.grad is not None
    assert [bool(copy.any()) for copy in network.conv.grad] == [False, True, False]


def test_batch_statistics_are_part_of_the_weights():
    torch.manual_seed(0)
    network = RCDNet(TINY).eval()
    x = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        before = network(x)
        network.xnet["resx1"][1].running_mean += 1
        assert not torch.equal(network(x), before)
    assert "xnet.resx1.1.running_mean" in to_official(network)


@pytest.mark.parametrize("missing", ["weight0", "mnet.tau", "x_stage.3.resx1.0.weight"])
def test_a_file_without_some_tensor_does_not_load(missing):
    tensors = {name: tensor for name, tensor in to_official(RCDNet(TINY)).items() if name != missing}
    with pytest.raises((pm.PixmendError, RuntimeError), match=missing.replace(".", r"\.")):
        RCDNet(config_of(tensors)).load_state_dict(from_official(tensors))


@pytest.mark.parametrize(
    "names",
    [
        ["eta1", "conv", "tau", "weight0", "w_z_f"],  # no network around the dictionary
        ["etaM_S", "etaB_S", "C0", "C", "C_z", "tau"],  # a rewrite by the authors, never released with weights
        ["body.0.rdb1.conv1.weight", "conv_first.weight"],
        ["patch_embed.proj.weight", "encoder_level1.0.attn.temperature"],
        [],
    ],
)
def test_other_networks_are_none_of_these(names):
    assert layout_of(names) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"stages": 2},
        {"stages": 0},
        {"stages": 10**6},
        {"kernel": 4},
        {"kernel": -3},
        {"maps": 10**9},
        {"dual": 0},
        {"blocks": 2.5},
        {"blocks": True},
        {"task": "sr_x2"},
        {"task": None},
    ],
)
def test_absurd_sizes_are_refused(changes):
    with pytest.raises(pm.PixmendError, match="RCDNet"):
        replace(TINY, **changes)
