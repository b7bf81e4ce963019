import math
from dataclasses import replace
from typing import get_args

import pytest
import torch
import torch.nn.functional as F

import pixmend as pm
import small
from pixmend.data import Pair
from pixmend.models import NETWORKS, build
from pixmend.models.edt import EDTConfig
from pixmend.models.ipt import IPTConfig
from pixmend.models.rcdnet import RCDNetConfig
from pixmend.models.restormer import RestormerConfig
from pixmend.train.objectives import (
    L1,
    MSE,
    Charbonnier,
    Contrastive,
    JointRain,
    Loss,
    Objective,
    SupervisedContrastive,
    check_network,
)
from pixmend.train.objectives.tokens import between_pictures, supervised

TINY_IPT = IPTConfig(tasks=("sr_x2", "dn_g30"), features=2, patch=2, num_heads=2, num_layers=1, mlp_ratio=1, size=8)
TINY_RCDNET = RCDNetConfig(stages=4, maps=4, dual=3, blocks=1, kernel=3)


def pair(*, batch=2, side=8, scale=1, seed=0):
    random = torch.Generator().manual_seed(seed)
    sizes = (batch, 3, side, side), (batch, 3, scale * side, scale * side)
    return Pair(*(torch.rand(size, generator=random) for size in sizes))


def test_a_contrastive_loss_of_bfloat16_tokens_is_computed_in_float32():
    torch.manual_seed(0)
    network = build(TINY_IPT)
    with torch.autocast("cpu", torch.bfloat16):
        terms = Loss(SupervisedContrastive(), network)({"dn_g30": pair()})
    assert {term.dtype for term in terms.values()} == {torch.float32}
    sum(terms.values()).backward()
    assert all(torch.isfinite(p.grad).all() for p in network.body.parameters() if p.grad is not None)


@pytest.mark.parametrize("kind", [Contrastive, SupervisedContrastive])
def test_the_contrastive_objectives_add_a_weighted_term_to_the_absolute_error(kind):
    torch.manual_seed(0)
    network = build(TINY_IPT)
    batch = {"sr_x2": pair(batch=3, scale=2), "dn_g30": pair(batch=3, seed=1)}
    terms = kind(weight=0.5).terms(network, batch)
    assert set(terms) == {"sr_x2", "dn_g30", "contrast"}
    plain = L1().terms(network, batch)
    torch.testing.assert_close({task: terms[task] for task in plain}, plain)
    found = [network.select(task).with_tokens(batch[task].low)[1] for task in batch]
    loss = between_pictures if kind is Contrastive else lambda tokens: supervised(tokens, temperature=0.07)
    torch.testing.assert_close(terms["contrast"], 0.5 * sum(loss(tokens) for tokens in found))


def test_the_transformer_learns_from_the_pictures_where_the_contrastive_loss_is_on():
    network = build(TINY_IPT)
    Contrastive().terms(network, {"dn_g30": pair()})["dn_g30"].backward()
    assert all(p.grad is not None and p.grad.any() for p in network.body.mlp_head.parameters())


def test_a_patch_that_ipt_does_not_take_is_refused():
    with pytest.raises(pm.PixmendError, match="data.patch: expected 8, the size this network sees, got 12"):
        Contrastive().terms(build(TINY_IPT), {"dn_g30": pair(side=12)})


@pytest.mark.parametrize(
    ("objective", "distance"),
    [
        (L1(), abs),
        (MSE(), lambda error: error**2),
        (Charbonnier(), lambda error: math.sqrt(error**2 + 1e-9)),
        (Charbonnier(eps=0.1), lambda error: math.sqrt(error**2 + 0.1)),
    ],
)
def test_a_distance_is_the_mean_over_all_values(objective, distance):
    torch.manual_seed(0)
    network = build(small.SMALL["swinir"]).eval()
    task = network.tasks[0]
    batch = {task: pair(scale=network.scale)}
    errors = (network(batch[task].low) - batch[task].high).flatten().tolist()
    (term,) = objective.terms(network, batch).values()
    assert term.item() == pytest.approx(sum(map(distance, errors)) / len(errors), rel=1e-5)


def test_charbonnier_has_a_slope_where_nothing_is_wrong():
    error = torch.zeros(3, requires_grad=True)

    class Same(torch.nn.Module):
        tasks = ()

        def select(self, task):
            return lambda low: low + error[None, :, None, None]

    low = torch.rand(1, 3, 4, 4)
    Charbonnier().terms(Same(), {"dn": Pair(low, low)})["dn"].backward()
    assert torch.equal(error.grad, torch.zeros(3))


@pytest.mark.parametrize("family", small.SMALL)
def test_every_family_can_be_trained_by_the_absolute_error(family):
    network = build(small.SMALL[family]).train()
    task = network.tasks[0] if network.tasks else "dn_real"
    which = network.select(task) if network.tasks else network
    low, high = pair(side=24, scale=which.scale)
    terms = Loss(L1(), network)({task: Pair(low, high)})
    assert list(terms) == [task]
    terms[task].backward()
    trained = [p.grad is not None and bool(p.grad.any()) for p in network.parameters()]
    assert sum(trained) > len(trained) / 2


def test_all_tasks_of_edt_share_one_pass_of_the_body():
    config = EDTConfig(tasks=("sr_x2", "dn_g25"), features=4, dim=8, depths=(2,), num_heads=2)
    network = build(config)
    passes = []
    network.body.register_forward_hook(lambda module, args, output: passes.append(args[0].shape[0]))
    batch = {"sr_x2": pair(batch=2, side=24, scale=2), "dn_g25": pair(batch=3, side=96)}
    terms = Loss(MSE(), network)(batch)
    assert passes == [5]
    assert {task: term.shape for task, term in terms.items()} == {"sr_x2": (), "dn_g25": ()}


def test_a_network_without_a_task_is_trained_on_what_it_is_given():
    network = build(RestormerConfig(dim=8, num_blocks=(1, 1, 1, 1), num_refinement_blocks=1))
    assert list(L1().terms(network, {"dn_blind": pair()})) == ["dn_blind"]


def test_a_task_that_the_network_does_not_do_is_refused():
    with pytest.raises(pm.PixmendError, match="no task 'dr_H'"):
        L1().terms(build(TINY_IPT), {"dr_H": pair()})


def test_the_stages_of_rcdnet_end_in_its_result():
    torch.manual_seed(0)
    network = build(TINY_RCDNET).eval()
    low, _ = pair()
    backgrounds, rain = network.stages(low)
    assert (len(backgrounds), len(rain)) == (TINY_RCDNET.stages + 2, TINY_RCDNET.stages)
    assert {layer.shape for layer in (*backgrounds, *rain)} == {low.shape}
    torch.testing.assert_close(backgrounds[-1], network(low))


def test_the_joint_loss_weighs_every_stage_as_rcdnet_does():
    torch.manual_seed(0)
    network = build(TINY_RCDNET).eval()
    low, high = pair()
    backgrounds, rain = network.stages(low)
    expected = F.mse_loss(backgrounds[-1], high) + 0.9 * F.mse_loss(rain[-1], low - high)
    expected = expected + 0.1 * sum(F.mse_loss(background, high) for background in backgrounds[:-1])
    expected = expected + 0.1 * sum(F.mse_loss(layer, low - high) for layer in rain)
    terms = JointRain().terms(network, {"dr": Pair(low, high)})
    assert set(terms) == {"dr", "rain", "stages"}
    torch.testing.assert_close(sum(terms.values()), expected)
    trained = [network.xnet["resx1"][0].weight, network.weight0, network.tau]
    for found, wanted in zip(
        torch.autograd.grad(sum(terms.values()), trained), torch.autograd.grad(expected, trained), strict=True
    ):
        torch.testing.assert_close(found, wanted)


def test_training_by_the_joint_loss_finds_rain():
    torch.manual_seed(0)
    network = build(TINY_RCDNET).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-2)
    _, clean = pair(batch=2, side=16)
    streaks = torch.zeros(2, 1, 16, 16)
    streaks[..., ::5] = 0.4
    batch = {"dr": Pair(0.5 * clean + streaks, 0.5 * clean)}
    losses = []
    for _ in range(60):
        loss = torch.stack(list(Loss(JointRain(), network)(batch).values())).sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("objective", "needs"), [(Contrastive(), "IPT"), (SupervisedContrastive(), "IPT"), (JointRain(), "RCDNet")]
)
def test_an_objective_for_another_network_is_refused(objective, needs):
    name = type(objective).__name__
    with pytest.raises(pm.PixmendError, match=f"objective: {name} trains {needs}, not EDSR"):
        Loss(objective, build(small.SMALL["edsr_baseline"]))


def test_every_network_has_an_objective_and_every_objective_a_network():
    for objective in (kind() for kind in get_args(Objective)):
        fitting = [kind for kind in NETWORKS.values() if issubclass(kind, objective.TRAINS)]
        assert fitting
        for kind in fitting:
            check_network(objective, kind)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (Charbonnier, {"eps": 0}, "objective.eps: expected a finite number above 0, got 0"),
        (Charbonnier, {"eps": math.inf}, "objective.eps"),
        (Contrastive, {"weight": 0}, "objective.weight: expected a finite number above 0, got 0"),
        (Contrastive, {"weight": math.nan}, "objective.weight"),
        (SupervisedContrastive, {"weight": -1}, "objective.weight"),
        (SupervisedContrastive, {"temperature": 0}, "objective.temperature: expected a finite number above 0, got 0"),
        (JointRain, {"rain": -0.9}, "objective.rain: expected a finite number, 0 or more, got -0.9"),
        (JointRain, {"stages": math.inf}, "objective.stages"),
    ],
)
def test_an_objective_that_makes_no_sense_is_refused(kind, fields, message):
    with pytest.raises(pm.PixmendError, match=message):
        kind(**fields)


def test_an_objective_is_derived_from_another():
    assert replace(SupervisedContrastive(), temperature=0.5) == SupervisedContrastive(temperature=0.5)
