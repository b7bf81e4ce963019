from dataclasses import replace

import pytest
import torch

import small
from pixmend.errors import PixmendError
from pixmend.models.rdn import RDN, RDNConfig
from pixmend.weights.families.rdn import config_of, layout_of, to_official

TINY = RDNConfig(features=6, growth=4, blocks=2, layers=3)


@pytest.mark.parametrize("config", [replace(TINY, scale=scale) for scale in (2, 3, 4)])
def test_official_names_and_back_lose_nothing(config):
    assert config_of(small.there_and_back(config)) == config


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_picture_comes_out_as_large_as_promised(scale):
    with torch.inference_mode():
        assert RDN(replace(TINY, scale=scale))(torch.rand(2, 3, 7, 5)).shape == (2, 3, 7 * scale, 5 * scale)


@pytest.mark.parametrize("missing", ["SFENet1.weight", "GFF.0.weight", "UPNet.0.weight"])
def test_what_has_no_trunk_or_no_upsampler_is_not_rdn(missing):
    assert layout_of(set(to_official(RDN(TINY))) - {missing}) is None


def test_an_upsampler_of_another_scale_is_refused():
    tensors = to_official(RDN(TINY)) | {"UPNet.0.weight": torch.zeros(4 * 25, 6, 3, 3)}
    with pytest.raises(PixmendError, match="100 channels for a growth of 4 give no scale of 2, 3 or 4"):
        config_of(tensors)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("RDBs.0.convs.0.conv.0.weight", (0, 6, 3, 3)),
        ("RDBs.0.convs.0.conv.0.weight", (9_999, 9_999, 3, 3)),
        ("RDBs.0.convs.0.conv.0.weight", (4,)),
        ("UPNet.0.weight", (4, 3, 3)),
    ],
)
def test_tensors_of_absurd_shapes_are_refused(name, shape):
    tensors = {key: tensor.to("meta") for key, tensor in to_official(RDN(TINY)).items()}
    with pytest.raises(PixmendError):
        config_of(tensors | {name: torch.empty(shape, device="meta")})


@pytest.mark.parametrize(
    "sizes", [{"features": 0}, {"growth": 10**6}, {"blocks": 65}, {"layers": 0}, {"scale": 8}, {"scale": True}]
)
def test_absurd_configurations_are_refused(sizes):
    with pytest.raises(PixmendError, match="RDN"):
        replace(TINY, **sizes)
