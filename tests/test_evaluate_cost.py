"""What networks cost: exact counts by hand, what papers print, and that every reason given for a difference is true."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor, nn

import pixmend as pm
import small
from pixmend.evaluate.cost import PUBLISHED, Cost, cost_of, create_for
from pixmend.models import VARIANTS, Restorer, build

ROWS = {f"{row.variant}-{row.purpose}": row for row in PUBLISHED}
HEAVY = [name for name in ROWS if not name.startswith(("edt_t", "edt_s", "hat_s", "swinir_light-sr_x4"))]


@cache
def count(name: str) -> Cost:
    row = ROWS[name]
    return cost_of(create_for(row.variant, row.purpose), row.size)


def rows(start: str = "") -> list:
    """The names of the rows that begin so; what takes more than a moment is marked slow."""
    names = [name for name in ROWS if name.startswith(start)]
    return [pytest.param(name, marks=pytest.mark.slow if name in HEAVY else ()) for name in names]


class Convolution(Restorer):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 5, padding=2)

    def restore(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Mixing(Restorer):
    """A linear layer over pixels whose channels do not lie side by side, then a product of two activations."""

    multiple = 4

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3, bias=False)

    def restore(self, x: Tensor) -> Tensor:
        y = self.linear(x.permute(0, 2, 3, 1)).flatten(1, 2)
        return ((y @ y.mT) @ y).mT.unflatten(-1, x.shape[-2:])


def test_a_convolution_is_counted_as_by_hand():
    cost = cost_of(Convolution(), (7, 9))
    assert cost == Cost(parameters=3 * 3 * 25 + 3, macs=7 * 9 * 3 * 3 * 25, attention_macs=0, size=(7, 9))
    assert cost.flops == 2 * cost.macs


def test_products_of_two_activations_are_told_apart_from_those_with_weights():
    cost = cost_of(Mixing(), (4, 8))
    assert cost.attention_macs == 2 * 32 * 32 * 3
    assert cost.macs - cost.attention_macs == 32 * 3 * 3


def test_padding_is_counted():
    assert cost_of(Mixing(), (1, 5)).macs == cost_of(Mixing(), (4, 8)).macs


def test_the_network_stays_as_it_was():
    network = build(small.SMALL["rcdnet"]).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.requires_grad_(False)
    cost_of(network, (8, 8))
    assert network.training and not any(parameter.requires_grad for parameter in network.parameters())
    assert all(tensor.device.type == "cpu" for tensor in network.state_dict().values())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_nothing_is_computed_on_the_processor():
    """A picture of a million pixels a side would need more memory than there is."""
    network = create_for("rcdnet")
    assert cost_of(network, (10**6, 10**6)).macs > 10**18


def test_counts_of_a_task_need_its_name_where_there_are_several():
    network = build(replace(small.SMALL["edt_t"], tasks=("sr_x2", "dn_g25")))
    with pytest.raises(pm.PixmendError, match="a task must be named: this network has sr_x2, dn_g25"):
        cost_of(network, (24, 24))
    assert cost_of(network, (96, 96), task="sr_x2").macs > cost_of(network, (96, 96), task="dn_g25").macs


@pytest.mark.parametrize("name", ["hat_s", "swinir_light", "restormer"])
def test_attention_is_that_of_the_windows_or_channels(name):
    """Of windows with N tokens: 2 H W N C; of channels: 2 H W C^2 / heads. At every block."""
    config = replace(VARIANTS[name], **({"depths": (2,)} if name != "restormer" else {"num_refinement_blocks": 1}))
    found = cost_of(build(config), (64, 64)).attention_macs
    if name == "restormer":
        levels = [(48, 1, 4), (96, 2, 12), (192, 4, 12), (384, 8, 8), (96, 1, 4 + 1)]
        pixels = {48: 64**2, 96: 32**2, 192: 16**2, 384: 8**2}
        expected = sum(
            2 * (64**2 if (dim, heads) == (96, 1) else pixels[dim]) * dim**2 // heads * blocks
            for dim, heads, blocks in levels
        )
    else:
        tokens, dim = {"hat_s": (256, 144), "swinir_light": (64, 60)}[name]
        expected = 2 * 2 * 64**2 * tokens * dim
        expected += 2 * 64**2 * 24**2 * dim if name == "hat_s" else 0  # the overlapping one of each group
    assert found == expected


# The papers


@pytest.mark.parametrize("name", ROWS)
def test_the_parameters_agree_with_the_printed_ones_or_a_reason_is_given(name):
    row = ROWS[name]
    parameters = sum(parameter.numel() for parameter in create_for(row.variant, row.purpose).parameters())
    parameters -= 24 * 225 * 6 if row.variant == "swinir_light" else 0  # the bias tables, as it says
    unit = {"M": 10**6, "K": 10**3}[row.parameters[-1]]
    decimals = len(row.parameters[:-1].partition(".")[2])
    assert f"{parameters / unit:.{decimals}f}{row.parameters[-1]}" == row.parameters


@pytest.mark.parametrize("name", rows())
def test_the_multiply_adds_agree_with_the_printed_ones_or_a_reason_is_given(name):
    row, cost = ROWS[name], count(name)
    if row.macs:
        printed = float(row.macs.removesuffix("G")) * 1e9
        assert abs(cost.macs - printed) < 1e-3 * printed or row.why


@pytest.mark.parametrize("name", rows("edt"))
def test_the_reasons_given_for_edt_lead_to_its_printed_figures(name):
    row, cost = ROWS[name], count(name)
    config = VARIANTS[row.variant]
    blocks, dim, f = sum(config.depths), config.dim, config.features
    tokens = (192 // 4) ** 2
    depthwise = blocks * tokens * dim * (2 * 25 + 9)
    transposed = tokens * dim * 4 * f * 4 + 4 * tokens * 4 * f * 2 * f * 4
    last = 192**2 * 2 * f * 3 * 9
    told = cost.macs - cost.attention_macs * 8 / 9 - depthwise + 3 * transposed + last
    printed = float(row.macs.removesuffix("G"))
    assert told / 1e9 == pytest.approx(printed, rel=3e-3, abs=0.05)


@pytest.mark.parametrize("name", rows("swinir_light"))
def test_the_reasons_given_for_light_swinir_are_true(name):
    cost, printed = count(name), float(ROWS[name].macs.removesuffix("G")) * 1e9
    assert 1.01 < (cost.macs - cost.attention_macs) / printed < 1.05


@pytest.mark.slow
def test_the_reason_given_for_restormer_is_true():
    cost = count("restormer-dr")
    assert round((cost.macs - cost.attention_macs) / 1e9) == 141


@pytest.mark.parametrize("name", rows("hat"))
def test_what_is_said_of_hat_is_true(name):
    printed = float(ROWS[name].macs.removesuffix("G")) * 1e9
    assert 1e-3 < abs(count(name).macs / printed - 1) < 0.02


@pytest.mark.parametrize(
    ("name", "macs", "without_attention"),
    [
        ("ipt-sr_x2", 33.32, 30.61),
        ("edt_t-dn_g15", 3.68, 2.72),
        ("edt_b-dn_g15", 40.59, 36.29),
        ("hat_s-sr_x4", 54.62, 39.67),
        ("hat-sr_x4", 103.88, 85.19),
        ("swinir-sr_x4", 53.56, 50.16),
        ("swinir_light-sr_x2", 240.91, 198.44),
        ("restormer-dr", 154.88, 140.99),
    ],
)
@pytest.mark.slow
def test_the_counts_are_these(name, macs, without_attention):
    cost = count(name)
    assert round(cost.macs / 1e9, 2) == macs
    assert round((cost.macs - cost.attention_macs) / 1e9, 2) == without_attention


# The networks to count


@pytest.mark.parametrize(
    ("variant", "task", "tasks"),
    [
        ("edt_t", "dn_g15", ("dn_g15",)),
        ("ipt", "sr_x3", ("sr_x3",)),
        ("hat_s", "sr_x4", ("sr_x4",)),
        ("hat_s", "sr_real_x4", ("sr_real_x4",)),
        ("rcan", "sr_x8", ("sr_x8",)),
        ("restormer", "deblur", ("deblur",)),
        ("rcdnet", "dr_L", ("dr_L",)),
        ("swinir_dn", "dn_g25", ("dn_g25",)),
        ("restormer", None, ()),
        ("edt_t", None, ("sr_x2",)),
    ],
)
def test_a_variant_is_made_for_the_task_that_is_named(variant, task, tasks):
    network = create_for(variant, task)
    assert network.tasks == tasks
    assert all(parameter.is_meta for parameter in network.parameters())


@pytest.mark.parametrize(
    ("variant", "task", "message"),
    [
        ("hat_t", "sr_x2", "no network is called 'hat_t': did you mean hat"),
        ("hat_s", "dn_g15", "HAT enlarges 2, 3, 4 or 8 times, not 1"),
        ("edt_t", "deblur", "deblur"),
        ("rcan", "sr_real_x4", "rcan takes no task, but scale"),
    ],
)
def test_a_task_that_a_variant_cannot_have_is_refused(variant, task, message):
    with pytest.raises(pm.PixmendError, match=message):
        create_for(variant, task)
