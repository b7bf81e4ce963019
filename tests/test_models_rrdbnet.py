from dataclasses import replace

import pytest
import torch

import small
from pixmend.errors import PixmendError
from pixmend.models.rrdbnet import RRDBNet, RRDBNetConfig
from pixmend.weights.families.rrdbnet import LAYOUTS, config_of, from_official, layout_of, to_official

TINY = RRDBNetConfig(features=4, growth=2, blocks=2)
SIZES = {
    "x4": TINY,
    "x2": replace(TINY, scale=2),
    "x1": replace(TINY, scale=1),
    "old x8": replace(TINY, scale=8, steps=3),
    "old x2": replace(TINY, scale=2, steps=1),
    "old x1": replace(TINY, scale=1, steps=0),
    "gray": replace(TINY, channels=1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("config", SIZES.values(), ids=SIZES)
def test_official_names_and_back_lose_nothing(config, layout):
    assert config_of(small.there_and_back(config, layout=layout)) == config


@pytest.mark.parametrize(
    ("size", "last"),
    [
        ("x4", ["model.3", "model.6", "model.8", "model.10"]),
        ("old x2", ["model.3", "model.5", "model.7"]),
        ("old x1", ["model.2", "model.4"]),
    ],
)
def test_the_old_numbers_are_those_of_the_first_releases(size, last):
    modules = dict.fromkeys(name.rpartition(".")[0] for name in to_official(RRDBNet(SIZES[size]), "esrgan_old"))
    outside = [module for module in modules if "RDB" not in module]
    assert outside == ["model.0", "model.1.sub.2", *last]
    assert "model.1.sub.0.RDB3.conv5.0" in modules


def test_the_names_of_bsrgan_are_those_of_its_code():
    modules = dict.fromkeys(name.rpartition(".")[0] for name in to_official(RRDBNet(TINY), "rrdb_trunk"))
    outside = [module for module in modules if "RDB1" not in module and "RDB2" not in module and "RDB3" not in module]
    assert outside == ["conv_first", "trunk_conv", "upconv1", "upconv2", "HRconv", "conv_last"]
    assert "RRDB_trunk.1.RDB3.conv5" in modules


def test_old_files_that_lost_their_prefix_are_read():
    network = RRDBNet(TINY)
    official = {name.removeprefix("model."): t for name, t in to_official(network, "esrgan_old").items()}
    assert layout_of(official) == "esrgan_old"
    assert config_of(official) == TINY
    assert from_official(official).keys() == network.state_dict().keys()


def test_a_tensor_by_two_names_is_refused():
    official = to_official(RRDBNet(TINY), "esrgan_old")
    with pytest.raises(PixmendError, match="twice, by two names"):
        from_official(official | {"0.weight": official["model.0.weight"]})


def test_esrgan_plus_is_refused_by_name():
    official = to_official(RRDBNet(TINY), "esrgan_old") | {"model.1.sub.0.RDB1.conv1x1.weight": torch.zeros(2, 4, 1, 1)}
    assert layout_of(official) == "esrgan_old"
    with pytest.raises(PixmendError, match=r"ESRGAN\+"):
        config_of(official)


def test_mm_realsr_is_not_rrdbnet():
    assert layout_of({*to_official(RRDBNet(TINY)), "am_list.0.fc.0.weight", "de_net.conv_first.0.weight"}) is None


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_comes_out_as_large_as_promised(size):
    config = SIZES[size]
    with torch.inference_mode():
        shape = RRDBNet(config)(torch.rand(2, config.channels, 7, 5)).shape
    assert shape == (2, config.channels, 7 * config.scale, 5 * config.scale)


def test_the_task_is_plain_enlargement_unless_somebody_says_another():
    assert RRDBNet(TINY).tasks == ("sr_x4",)
    assert RRDBNet(replace(TINY, task="sr_real_x4")).tasks == ("sr_real_x4",)
    assert RRDBNet(SIZES["x1"]).tasks == ()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("conv_first.weight", (4, 7, 3, 3)),
        ("conv_first.weight", (4, 3)),
        ("conv_first.weight", (99_999, 3, 3, 3)),
        ("conv_last.weight", (0, 4, 3, 3)),
        ("conv_up9.weight", (4, 4, 3, 3)),
    ],
)
def test_tensors_of_absurd_shapes_are_refused(name, shape):
    tensors = {key: tensor.to("meta") for key, tensor in to_official(RRDBNet(TINY)).items()}
    extra = {f"conv_up{step}.weight": torch.empty(4, 4, 3, 3, device="meta") for step in (3, 4)} if "up" in name else {}
    with pytest.raises(PixmendError):
        config_of(tensors | extra | {name: torch.empty(shape, device="meta")})


@pytest.mark.parametrize(
    "sizes",
    [
        {"features": 0},
        {"growth": 10**6},
        {"blocks": 65},
        {"scale": 3},
        {"scale": 8},
        {"scale": True},
        {"steps": -1},
        {"steps": 1, "scale": 4},
        {"steps": "2"},
        {"channels": 0},
        {"task": ""},
        {"task": 4},
    ],
)
def test_absurd_configurations_are_refused(sizes):
    with pytest.raises(PixmendError, match="RRDBNet"):
        replace(TINY, **sizes)
