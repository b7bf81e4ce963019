from dataclasses import replace

import pytest
import torch

import pixmend as pm
import seeded
import small
from pixmend.models.han import HANConfig
from pixmend.models.rcan import RCAN, RCANConfig
from pixmend.weights.families.rcan import LAYOUTS, config_of, from_official, layout_of, to_official

TINY = RCANConfig(groups=2, blocks=3, features=8, reduction=4, scale=4)
FILE = "rcan/RCAN_BIX2"


def loaded(tensors: dict[str, torch.Tensor]) -> RCAN:
    network = RCAN(config_of(tensors)).eval()
    network.load_state_dict(from_official(tensors))
    return network


def on_meta(config: RCANConfig) -> RCAN:
    with torch.device("meta"):
        return RCAN(config)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_official_names_and_back_lose_nothing(layout, scale):
    config = replace(TINY, scale=scale)
    assert config_of(small.there_and_back(config, layout=layout)) == config


def test_the_names_of_basicsr_are_those_of_its_class():
    names = set(to_official(on_meta(TINY), "basicsr"))
    assert {
        "conv_first.bias",
        "body.1.residual_group.2.rcab.0.weight",
        "body.1.residual_group.2.rcab.2.weight",
        "body.1.residual_group.2.rcab.3.attention.1.weight",
        "body.1.residual_group.2.rcab.3.attention.3.bias",
        "body.1.conv.weight",
        "conv_after_body.weight",
        "upsample.0.weight",
        "upsample.2.weight",
        "conv_last.weight",
    } <= names
    assert not any(name.startswith(("head", "tail", "sub_mean")) for name in names)


@pytest.mark.parametrize("mean", [(0.469, 0.449, 0.4036), (0.485, 0.456, 0.406)])
def test_the_mean_is_read_off_the_file(mean):
    network = RCAN(replace(TINY, mean=mean)).eval()
    again = loaded(to_official(network))
    assert again.config.mean == again.mean == mean
    x = torch.rand(1, 3, 8, 8)
    with torch.inference_mode():
        assert torch.equal(again(x), network(x))


def test_a_trained_mean_shift_counts_exactly():
    """RCAN's own training code does not freeze it: it sets ``requires_grad`` on the module, which does nothing."""
    torch.manual_seed(0)
    official = to_official(RCAN(TINY).double())
    for name in official:
        if "_mean" in name:
            official[name] = official[name].double() + 0.02 * torch.randn_like(official[name], dtype=torch.float64)
    x = torch.rand(2, 3, 9, 11, dtype=torch.float64)
    network = loaded(official).double()
    network.load_state_dict(from_official(official))
    body = RCAN(TINY).double()
    body.load_state_dict({name: tensor for name, tensor in official.items() if "_mean" not in name})
    with torch.inference_mode():
        shifted = torch.nn.functional.conv2d(255 * x, official["sub_mean.weight"], official["sub_mean.bias"])
        y = body.restore(shifted)
        y = torch.nn.functional.conv2d(y, official["add_mean.weight"], official["add_mean.bias"]) / 255
        torch.testing.assert_close(network(x), y)
    assert network.config.mean != TINY.mean


@pytest.mark.parametrize("name", ["head.0.weight", "tail.1.weight", "tail.1.bias"])
def test_a_trained_mean_shift_beside_nothing_is_refused(name):
    official = to_official(RCAN(TINY))
    official["add_mean.bias"] = official["add_mean.bias"] + 1
    del official[name]
    with pytest.raises(pm.PixmendError, match=f"{name}: expected a tensor"):
        from_official(official)


def test_the_gate_depends_on_the_whole_picture():
    torch.manual_seed(0)
    network = RCAN(replace(TINY, scale=2)).eval()
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        whole, part = network(x), network(x[..., :32])
    assert not torch.allclose(whole[..., :20], part[..., :20], atol=1e-6)


@pytest.mark.parametrize(
    "names",
    [
        ["head.1.weight", "body.0.body.0.body.0.weight", "body.0.body.0.body.3.conv_du.0.weight", "tail.1.weight"],
        [*seeded.shapes(FILE), "body.0.body.0.norm.weight"],
        *map(seeded.shapes, ["han/HAN_BIX2", "edsr/edsr_baseline_x2", "edsr/EDSR_Mx2_f64b16_DIV2K_official"]),
        # HAT, SwinIR
        ["conv_first.weight", "layers.0.residual_group.blocks.0.conv_block.cab.3.attention.1.weight"],
        [],
    ],
)
def test_what_is_another_network_is_not_taken_for_this(names):
    assert layout_of(names) is None


@pytest.mark.parametrize("shape", [(0, 8, 1, 1), (8192, 8, 1, 1), (1, 0, 1, 1), (1, 8192, 1, 1), (8,)])
def test_absurd_shapes_are_refused_or_fit_nothing(shape):
    tensors, name = to_official(RCAN(TINY)), "body.0.body.0.body.3.conv_du.0.weight"
    tensors[name] = torch.empty(shape)
    try:
        config = config_of(tensors)
    except pm.PixmendError:
        return
    assert on_meta(config).state_dict()[name].shape != shape


@pytest.mark.parametrize("family", [RCANConfig, HANConfig])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": 10**6}, "groups"),
        ({"groups": 65}, "groups"),
        ({"blocks": 65}, "blocks"),
        ({"blocks": 0}, "blocks"),
        ({"groups": 64, "blocks": 64}, "blocks_in_all"),
        ({"features": 0}, "features"),
        ({"features": 10**6}, "features"),
        ({"reduction": 65}, "reduction"),
        ({"scale": 1}, "2, 3, 4 or 8 times, not 1"),
        ({"scale": 5}, "2, 3, 4 or 8 times, not 5"),
        ({"mean": ()}, "mean"),
        ({"mean": (2.0, 0.4, 0.4)}, "mean"),
    ],
)
def test_configurations_that_cannot_be_are_refused(family, change, message):
    with pytest.raises(pm.PixmendError, match=f"{family.__name__.removesuffix('Config')}.*{message}"):
        family(**change)
