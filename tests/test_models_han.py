from dataclasses import replace

import pytest
import torch

import seeded
import small
from pixmend.models.han import HAN, HANConfig, LayerAttention
from pixmend.weights.families.han import config_of, layout_of

TINY = HANConfig(groups=2, blocks=3, features=8, reduction=4, scale=4)
FILE = "han/HAN_BIX2"


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_official_names_and_back_lose_nothing(scale):
    config = replace(TINY, scale=scale, mean=(0.469, 0.449, 0.4036))
    assert config_of(small.there_and_back(config)) == config


def test_a_new_network_pays_no_holistic_attention_yet():
    network = HAN(TINY)
    assert not network.la.gamma.any() and not network.csa.gamma.any()


def test_a_layer_takes_from_those_least_like_itself():
    attention = LayerAttention()
    torch.nn.init.ones_(attention.gamma)
    layers = torch.tensor([[10.0, 0.0], [10.0, 0.0], [0.0, 10.0]]).view(1, 3, 2, 1, 1)
    with torch.no_grad():
        taken = (attention(layers) - layers).view(3, 2)
    torch.testing.assert_close(taken, torch.tensor([[0.0, 10.0], [0.0, 10.0], [10.0, 0.0]]))


@pytest.mark.parametrize(
    "names",
    [
        [*seeded.shapes(FILE), "body.0.body.0.norm.weight"],
        *map(seeded.shapes, ["rcan/RCAN_BIX2", "edsr/edsr_baseline_x2"]),
        ["la.gamma", "csa.gamma", "last_conv.weight"],
        [],
    ],
)
def test_what_is_another_network_is_not_taken_for_this(names):
    assert layout_of(names) is None
