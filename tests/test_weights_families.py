"""What every family's format promises: released names are told apart, read in any precision, and written again."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

import small
from pixmend.errors import PixmendError
from pixmend.models import build, family_of
from pixmend.weights.families import FORMATS, recognise

SMALL = {family_of(config): config for config in small.SMALL.values()}
SMALL |= {"ipt": small.few("ipt"), "edt": replace(SMALL["edt"], tasks=("sr_x2", "dn_g25"))}
LAYOUTS = [(family, layout) for family, format_ in FORMATS.items() for layout in format_.LAYOUTS]


def official(family, layout):
    torch.manual_seed(0)
    network = build(SMALL[family])
    return network, FORMATS[family].to_official(network, layout)


@pytest.mark.parametrize(("family", "layout"), LAYOUTS)
def test_a_layout_is_recognised_and_read_as_what_it_was_written_from(family, layout):
    network, tensors = official(family, layout)
    assert recognise(tensors) == (family, layout)
    assert FORMATS[family].config_of(tensors) == network.config
    back = FORMATS[family].from_official(tensors)
    assert back.keys() == network.state_dict().keys()
    assert all(torch.equal(back[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("family", "layout"), LAYOUTS)
def test_a_file_of_half_precision_is_the_same_network(family, layout, dtype):
    network, tensors = official(family, layout)
    halved = {name: t.to(dtype) if t.is_floating_point() else t for name, t in tensors.items()}
    assert FORMATS[family].config_of(halved) == network.config
    assert FORMATS[family].from_official(halved).keys() == network.state_dict().keys()


@pytest.mark.parametrize(("family", "layout"), LAYOUTS)
def test_what_follows_from_the_configuration_may_be_missing_but_not_be_wrong(family, layout):
    network, tensors = official(family, layout)
    ours = FORMATS[family].from_official(tensors)
    kept = {id(tensor) for tensor in ours.values()}
    constants = [name for name, tensor in tensors.items() if id(tensor) not in kept]
    missing = {name: tensor for name, tensor in tensors.items() if name not in constants}
    assert FORMATS[family].config_of(missing) == network.config
    assert FORMATS[family].from_official(missing).keys() == ours.keys()
    for name in constants[:3]:
        with pytest.raises(PixmendError):
            FORMATS[family].from_official({**tensors, name: tensors[name] * 3 + 7})


@pytest.mark.parametrize(("family", "layout"), LAYOUTS)
def test_a_tensor_of_no_known_name_stays_for_the_strict_check(family, layout):
    _, tensors = official(family, layout)
    assert "stranger.weight" in FORMATS[family].from_official(tensors | {"stranger.weight": torch.zeros(1)})


def test_families_do_not_take_each_others_names():
    names = {family: list(official(family, FORMATS[family].LAYOUTS[0])[1]) for family in FORMATS}
    for family, listed in names.items():
        claims = [other for other, format_ in FORMATS.items() if format_.layout_of(listed) is not None]
        assert claims == [family]
    for (_, first), (_, second) in pairwise(names.items()):
        assert set(first) != set(second)


@pytest.mark.parametrize(
    ("family", "name", "again"),
    [
        ("edt", "head_sr_x2.0.weight", "heads.sr_x2.0.weight"),
        ("ipt", "head.0.0.weight", "heads.sr_x2.0.weight"),
    ],
)
def test_a_tensor_by_two_names_is_refused(family, name, again):
    _, tensors = official(family, FORMATS[family].LAYOUTS[0])
    with pytest.raises(PixmendError, match="holds this tensor twice, by two names"):
        FORMATS[family].from_official({**tensors, again: tensors[name]})


def test_only_the_bias_of_an_attention_may_be_zero_and_left_out():
    _, tensors = official("ipt", "ipt")
    bias = "body.encoder.layers.0.self_attn.out_proj.bias"
    assert bias not in FORMATS["ipt"].from_official({**tensors, bias: torch.zeros(576)})
    invented = "body.elsewhere_attn.out_proj.bias"
    assert invented in FORMATS["ipt"].from_official({**tensors, invented: torch.zeros(576)})
    with pytest.raises(PixmendError, match="is not the bias of that attention"):
        FORMATS["ipt"].from_official({**tensors, bias: torch.zeros(5)})


@pytest.mark.parametrize("shape", [(5, 144, 144), (3, 144, 144), (0, 144, 144)])
def test_a_mask_of_no_square_is_refused(shape):
    _, tensors = official("edt", "edt")
    masks = {name: torch.zeros(shape) for name in tensors if "attn_mask" in name}
    with pytest.raises(PixmendError, match="mask"):
        FORMATS["edt"].from_official({**tensors, **masks})


def test_a_mean_that_is_no_floats_is_refused():
    _, tensors = official("rcan", "rcan")
    with pytest.raises(PixmendError, match="sub_mean: expected floats, got torch.int16"):
        FORMATS["rcan"].config_of({**tensors, "sub_mean.bias": torch.zeros(3, dtype=torch.int16)})


@pytest.mark.parametrize("mean", [(0.469, 0.449, 0.4036), (0.485, 0.456, 0.406)])
@pytest.mark.parametrize("family", ["edsr", "rcan", "han"])
def test_the_mean_is_read_off_the_file(family, mean):
    config = replace(SMALL[family], mean=mean)
    assert FORMATS[family].config_of(FORMATS[family].to_official(build(config), family)) == config


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("sub_mean.weight", lambda t: 2 * t),
        ("sub_mean.bias", lambda t: -t),
        ("sub_mean.bias", lambda t: t / 255),  # a network that takes values up to 1
        ("sub_mean.bias", lambda t: t * float("nan")),
        ("add_mean.weight", lambda t: -t),
        ("add_mean.weight", lambda t: 2 * t),
        ("add_mean.weight", lambda t: t[:2]),
        ("add_mean.bias", lambda t: -t),
        ("add_mean.bias", lambda t: t[:1]),
    ],
)
@pytest.mark.parametrize("family", ["edsr", "rcan", "han"])
def test_what_is_no_mean_shift_is_refused(family, name, change):
    _, tensors = official(family, family)
    with pytest.raises(PixmendError, match=f"^{name.partition('.')[0]}: "):
        FORMATS[family].from_official(tensors | {name: change(tensors[name])})
