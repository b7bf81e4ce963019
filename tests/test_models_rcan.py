from dataclasses import replace

import pytest
import torch

import pixmend as pm
import seeded
from pixmend.models.rcan import RCAN, VARIANTS, RCANConfig
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


def test_outputs_agree_with_the_official_network():
    network = loaded(seeded.weights(FILE))
    for x, _, golden in seeded.vectors(FILE):
        with torch.inference_mode():
            assert seeded.error(network(x), golden) < seeded.TOLERANCE


def test_layout_and_configuration_are_read_off_the_tensors():
    tensors = {name: torch.empty(shape, device="meta") for name, shape in seeded.shapes(FILE).items()}
    assert layout_of(tensors) == "rcan"
    assert config_of(tensors) == VARIANTS["rcan"]


def test_names_shapes_and_counts_are_the_official_ones():
    ours = to_official(on_meta(VARIANTS["rcan"]))
    assert {name: tuple(tensor.shape) for name, tensor in ours.items()} == seeded.shapes(FILE)
    assert sum(tensor.numel() for tensor in ours.values()) == seeded.manifest(FILE)["params"]


@pytest.mark.parametrize(("scale", "count"), [(2, 15_444_643), (3, 15_629_283), (4, 15_592_355)])
def test_parameter_counts_are_those_of_the_published_sizes(scale, count):
    network = on_meta(replace(VARIANTS["rcan"], scale=scale))
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_official_names_and_back_lose_nothing(layout, scale):
    network = RCAN(replace(TINY, scale=scale))
    official = to_official(network, layout)
    back = from_official(official)
    assert layout_of(official) == layout
    assert config_of(official) == network.config
    assert back.keys() == network.state_dict().keys()
    assert all(back[name].data_ptr() == tensor.data_ptr() for name, tensor in network.state_dict().items())


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


def test_files_without_the_mean_shift_load():
    official = to_official(RCAN(TINY))
    shortened = {name: tensor for name, tensor in official.items() if "_mean" not in name}
    assert from_official(shortened).keys() == from_official(official).keys()


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


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("sub_mean.weight", lambda t: 2 * t),
        ("sub_mean.bias", lambda t: t / 255),  # a network that takes values up to 1
        ("add_mean.bias", lambda t: -t),
        ("add_mean.weight", lambda t: t[:2]),
    ],
)
def test_what_is_no_mean_shift_is_refused(name, change):
    official = to_official(RCAN(TINY))
    official[name] = change(official[name])
    with pytest.raises(pm.PixmendError, match=f"^{name.partition('.')[0]}: "):
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": 10**6}, "groups"),
        ({"blocks": 65}, "blocks"),
        ({"features": 0}, "features"),
        ({"reduction": 9}, "reduction"),
        ({"scale": 1}, "2, 3, 4 or 8 times, not 1"),
        ({"mean": ()}, "mean"),
    ],
)
def test_configurations_that_cannot_be_are_refused(change, message):
    with pytest.raises(pm.PixmendError, match=f"RCAN.*{message}"):
        replace(TINY, **change)
