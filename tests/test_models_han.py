from dataclasses import replace

import pytest
import torch

import pixmend as pm
import seeded
from pixmend.models.han import HAN, VARIANTS, HANConfig, LayerAttention
from pixmend.weights.families.han import config_of, from_official, layout_of, to_official

TINY = HANConfig(groups=2, blocks=3, features=8, reduction=4, scale=4)
FILE = "han/HAN_BIX2"


def on_meta(config: HANConfig) -> HAN:
    with torch.device("meta"):
        return HAN(config)


def test_outputs_agree_with_the_official_network():
    weights = seeded.weights(FILE)
    network = HAN(config_of(weights)).eval()
    network.load_state_dict(from_official(weights))
    for x, _, golden in seeded.vectors(FILE):
        with torch.inference_mode():
            assert seeded.error(network(x), golden) < seeded.TOLERANCE


def test_layout_and_configuration_are_read_off_the_tensors():
    tensors = {name: torch.empty(shape, device="meta") for name, shape in seeded.shapes(FILE).items()}
    assert layout_of(tensors) == "han"
    assert config_of(tensors) == VARIANTS["han"]


def test_names_shapes_and_counts_are_the_official_ones():
    ours = to_official(on_meta(VARIANTS["han"]))
    assert {name: tuple(tensor.shape) for name, tensor in ours.items()} == seeded.shapes(FILE)
    assert sum(tensor.numel() for tensor in ours.values()) == seeded.manifest(FILE)["params"]


@pytest.mark.parametrize(("scale", "count"), [(2, 15_924_033), (3, 16_108_673), (4, 16_071_745)])
def test_parameter_counts_are_those_of_the_published_sizes(scale, count):
    network = on_meta(replace(VARIANTS["han"], scale=scale))
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_official_names_and_back_lose_nothing(scale):
    network = HAN(replace(TINY, scale=scale, mean=(0.469, 0.449, 0.4036)))
    official = to_official(network)
    back = from_official(official)
    assert layout_of(official) == "han"
    assert config_of(official) == network.config
    assert back.keys() == network.state_dict().keys()
    assert all(back[name].data_ptr() == tensor.data_ptr() for name, tensor in network.state_dict().items())


def test_files_without_the_mean_shift_load():
    official = to_official(HAN(TINY))
    shortened = {name: tensor for name, tensor in official.items() if "_mean" not in name}
    assert from_official(shortened).keys() == from_official(official).keys()


def test_what_is_no_mean_shift_is_refused():
    official = to_official(HAN(TINY))
    official["add_mean.weight"] = 2 * official["add_mean.weight"]
    with pytest.raises(pm.PixmendError, match=r"^add_mean: is neither the constant of this network nor one trained"):
        from_official(official)


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": 65}, "groups"),
        ({"blocks": 0}, "blocks"),
        ({"features": 10**6}, "features"),
        ({"reduction": 9}, "reduction"),
        ({"scale": 5}, "2, 3, 4 or 8 times, not 5"),
        ({"mean": (2.0, 0.4, 0.4)}, "mean"),
    ],
)
def test_configurations_that_cannot_be_are_refused(change, message):
    with pytest.raises(pm.PixmendError, match=f"HAN.*{message}"):
        replace(TINY, **change)
