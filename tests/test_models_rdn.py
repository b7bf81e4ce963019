from dataclasses import replace

import pytest
import torch

import seeded
from pixmend.errors import PixmendError
from pixmend.models.rdn import RDN, VARIANTS, RDNConfig
from pixmend.weights.families.rdn import config_of, from_official, layout_of, to_official

FILE = "rdn/RDN_BIX2"
TINY = RDNConfig(features=6, growth=4, blocks=2, layers=3)


def empty(file: str) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in seeded.shapes(file).items()}


def test_outputs_agree_with_the_official_network():
    weights = seeded.weights(FILE)
    network = RDN(config_of(weights)).eval()
    network.load_state_dict(from_official(weights))
    for x, _, golden in seeded.vectors(FILE):
        with torch.inference_mode():
            assert seeded.error(network(x), golden) < seeded.TOLERANCE


def test_the_configuration_is_read_off_the_tensors():
    assert layout_of(seeded.shapes(FILE)) == "rdn"
    assert config_of(empty(FILE)) == VARIANTS["rdn"]


def test_names_shapes_and_counts_are_the_official_ones():
    with torch.device("meta"):
        network = RDN(config_of(empty(FILE)))
    assert sum(parameter.numel() for parameter in network.parameters()) == seeded.manifest(FILE)["params"]
    assert {name: tuple(tensor.shape) for name, tensor in to_official(network).items()} == seeded.shapes(FILE)


@pytest.mark.parametrize(("scale", "count"), [(2, 22_123_395), (3, 22_308_035), (4, 22_271_107)])
def test_parameter_counts_are_those_of_the_published_sizes(scale, count):
    with torch.device("meta"):
        network = RDN(replace(VARIANTS["rdn"], scale=scale))
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize("config", [replace(TINY, scale=scale) for scale in (2, 3, 4)])
def test_official_names_and_back_lose_nothing(config):
    network = RDN(config)
    official = to_official(network)
    assert layout_of(official) == "rdn"
    assert config_of(official) == config
    back = from_official(official)
    assert back.keys() == network.state_dict().keys()
    assert all(back[name].data_ptr() == tensor.data_ptr() for name, tensor in network.state_dict().items())


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
