"""What every network promises, asked of every variant: at full size on the meta device, in small with values."""

import json

import pytest
import torch
from torch import nn

import pinned
import pixmend as pm
from pixmend.models import VARIANTS, MultiTask, Restorer, build, family_of
from small import few

PINNED = json.loads(pinned.FILE.read_text())
NARROW = {
    "edsr": {"features": 16},
    "ipt": {"features": 16, "num_heads": 2},
    "ipt_4": {"features": 16, "num_heads": 2},
}
"""Those whose blocks are wide."""
FAMILIES = tuple({family_of(config): name for name, config in reversed(VARIANTS.items())}.values())
"""One variant of each; the full sizes of a family differ in how often a block is repeated."""


def singles(network: nn.Module) -> list[Restorer]:
    """The network of every task."""
    return [network.select(task) for task in network.tasks] if isinstance(network, MultiTask) else [network]


def stirred(name: str) -> nn.Module:
    """A small network none of whose parts is without effect, as gates that training opens are, and dead units."""
    torch.manual_seed(0)
    network = build(few(name, **NARROW.get(name, {})))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.02 * (torch.randn_like(parameter) if parameter.dim() > 1 else 1 + torch.rand_like(parameter))
    return network


def made(name: str) -> Restorer:
    return singles(stirred(name).eval())[0]


def picture(network: Restorer, *size: int, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, network.in_channels, *size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", VARIANTS)
def test_any_size_comes_out_exactly_as_large_as_promised(name):
    network = made(name)
    for height, width in ((1, 1), (1, 50), (23, 7)):
        with torch.inference_mode():
            y = network(picture(network, height, width))
        assert y.shape == (1, network.out_channels, network.scale * height, network.scale * width)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_full_size_goes_through_shapes_without_values(name):
    with torch.device("meta"):
        network = singles(build(VARIANTS[name]).eval())[-1]
    with torch.inference_mode():
        y = network(torch.empty(2, network.in_channels, 49, 31, device="meta"))
    assert y.is_meta and y.shape == (2, network.out_channels, network.scale * 49, network.scale * 31)


@pytest.mark.parametrize("name", VARIANTS)
def test_state_dict_names_are_pinned(name):
    with torch.device("meta"):
        network = build(VARIANTS[name])
    assert pinned.described(network) == PINNED[name]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_batch_is_its_pictures_one_by_one_and_forward_repeats_itself(name):
    network = made(name)
    x = picture(network, 12, 17, batch=2)
    with torch.inference_mode():
        both, second, again = network(x), network(x[1:]), network(x[1:])
    assert both.isfinite().all()
    assert torch.equal(second, again)
    torch.testing.assert_close(both[1:], second, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", VARIANTS)
def test_forward_changes_no_attribute_and_no_weight(name):
    network = made(name)
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    attributes = {key: dict(vars(module)) for key, module in network.named_modules()}
    with torch.inference_mode():
        network(picture(network, 17, 16))
    assert {key: dict(vars(module)) for key, module in network.named_modules()} == attributes
    assert all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize("name", VARIANTS)
def test_every_parameter_gets_a_gradient(name):
    network = stirred(name).train()
    for single in singles(network):
        single(picture(single, 16, 16, batch=2)).square().mean().backward()
    unused = getattr(network, "UNUSED", ())
    used = {key: p for key, p in network.named_parameters() if key.partition(".")[0] not in unused}
    assert [key for key, p in used.items() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("name", VARIANTS)
def test_bfloat16_stays_close_to_float32(name):
    network = made(name)
    x = picture(network, 16, 16)
    with torch.inference_mode():
        exact = network(x)
        rough = network.bfloat16()(x.bfloat16())
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).abs().max() < 0.1 * max(1.0, float(exact.std()))


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_of_full_size_computes(name):
    network = singles(pm.create(name).eval())[0]
    with torch.inference_mode():
        assert network(picture(network, 5, 9)).isfinite().all()
